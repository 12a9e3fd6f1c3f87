//! `quantile`: needs all values of a group at a step.

use super::group::{DropName, Grouping};
use crate::annotations::Level;
use crate::engine::QueryError;
use crate::eval::series::{Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::functions::note_quantile;
use crate::plan::node::{Aggregate, Grid};
use crate::quantile::quantile;

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    aggregate: &Aggregate,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let q = super::choose::param(eval, aggregate, grid)?;
    let mut grouping = Grouping::new(&mut eval.dict, aggregate);
    let mut groups: Vec<(DropName, Vec<Vec<f64>>)> = Vec::new();
    let mut held = eval.limits.holding()?;
    eval.each(&aggregate.node, grid, &mut |eval, series| {
        let at = grouping.of(&mut eval.dict, series.set);
        if at == groups.len() {
            groups.push((DropName::default(), Vec::new()));
        }
        if !series.h.is_empty() {
            let text = "ignored histogram in quantile aggregation";
            eval.notes.add(Level::Info, text, Some(aggregate.node_span));
        }
        held.add_series(&series)?;
        groups[at].0.take(&series);
        groups[at].1.push(series.v);
        Ok(())
    })?;
    note_range(eval, aggregate, q.values());
    let mut values = Vec::new();
    for ((drop_name, columns), &set) in groups.into_iter().zip(&grouping.sets) {
        eval.cancel.check()?;
        let mut out = eval.column(grid.len());
        for (step, out) in out.iter_mut().enumerate() {
            values.clear();
            values.extend(columns.iter().map(|v| v[step]).filter(|v| !is_absent(*v)));
            if !values.is_empty() {
                *out = quantile(q.get(step), &mut values);
            }
        }
        let mut series = Series::floats(set, out);
        series.drop_name = drop_name.get();
        if !series.is_empty() {
            sink(eval, series)?;
        }
    }
    Ok(())
}

/// Notes a φ that is none, after what is noted within: of equal texts the outermost place counts.
fn note_range(eval: &mut Eval<'_>, aggregate: &Aggregate, q: &[f64]) {
    let extremes = super::choose::Extremes::of(q);
    if extremes.has_nan {
        note_quantile(&mut eval.notes, f64::NAN, aggregate.param_span);
    }
    if extremes.max > 1.0 {
        note_quantile(&mut eval.notes, extremes.max, aggregate.param_span);
    }
    if extremes.min < 0.0 {
        note_quantile(&mut eval.notes, extremes.min, aggregate.param_span);
    }
}
