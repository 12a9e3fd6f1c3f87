//! `absent`, `absent_over_time`: one where there is nothing.

use std::sync::Arc;

use super::range::{RangeCall, each_series};
use crate::engine::QueryError;
use crate::eval::dict::SetId;
use crate::eval::series::{ABSENT, Series};
use crate::eval::{Eval, Sink};
use crate::plan::node::{Call, Grid, Node, RangeArg, RangeSource, Selector};

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let mut missing = vec![1.0; grid.len()];
    eval.each(&call.args[0], grid, &mut |eval, series| {
        strike(&mut missing, &series);
        eval.recycle(series.v);
        Ok(())
    })?;
    let set = match &call.args[0] {
        Node::Vector(selector) => fixed_labels(eval, selector),
        _ => SetId::EMPTY,
    };
    finish(eval, set, missing, sink)
}

pub(super) fn each_over_time<'r>(
    eval: &mut Eval<'r>,
    call: &Arc<RangeCall>,
    range: &RangeArg,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let mut missing = vec![1.0; grid.len()];
    each_series(eval, call, range, grid, &mut |eval, series| {
        strike(&mut missing, &series);
        eval.recycle(series.v);
        Ok(())
    })?;
    let set = match &range.source {
        RangeSource::Selector(selector) => fixed_labels(eval, selector),
        RangeSource::Subquery { .. } => SetId::EMPTY,
    };
    finish(eval, set, missing, sink)
}

/// Strikes out the steps at which a series has a value.
fn strike(missing: &mut [f64], series: &Series) {
    for (step, missing) in missing.iter_mut().enumerate() {
        if series.is_present(step) {
            *missing = ABSENT;
        }
    }
}

fn fixed_labels(eval: &mut Eval<'_>, selector: &Selector) -> SetId {
    let labels = selector.absent_labels.iter();
    eval.dict.set_of(labels.map(|(n, v)| (n.as_str(), v.as_str())))
}

fn finish<'r>(
    eval: &mut Eval<'r>,
    set: SetId,
    missing: Vec<f64>,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let series = Series::floats(set, missing);
    if series.is_empty() {
        return Ok(());
    }
    sink(eval, series)
}
