//! `count_values`: how many series have which value.

use hashbrown::HashMap;

use super::group::Grouping;
use crate::engine::QueryError;
use crate::eval::merge::Merger;
use crate::eval::series::{ABSENT, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::functions::histogram::unsupported;
use crate::plan::node::{Aggregate, Grid, Node};

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    aggregate: &Aggregate,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let label = match &aggregate.param {
        Some(Node::Text(label)) => label.as_str(),
        _ => "",
    };
    if label.is_empty() {
        return Err(QueryError::execution(format!(
            "invalid label name {}",
            crate::annotations::quoted(label)
        )));
    }
    let label = eval.dict.words.intern(label);
    let mut grouping = Grouping::new(&mut eval.dict, aggregate);
    grouping.add(label);
    let mut counts: Vec<Series> = Vec::new();
    let mut held = eval.limits.holding()?;
    let mut texts = HashMap::<u64, _, foldhash::fast::RandomState>::default();
    eval.each(&aggregate.node, grid, &mut |eval, series| {
        if !series.h.is_empty() {
            return Err(unsupported("count_values()"));
        }
        let mut last = None;
        for (step, &v) in series.v.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
            let bits = v.to_bits();
            let group = match last {
                Some((of, group)) if of == bits => group,
                _ => {
                    let words = &mut eval.dict.words;
                    let text = *texts
                        .entry(bits)
                        .or_insert_with(|| words.intern(&crate::number::plain(v)));
                    let set = eval.dict.with(series.set, label, text);
                    let group = grouping.of(&mut eval.dict, set);
                    if group == counts.len() {
                        held.add_series(grid.len(), 1)?;
                        counts.push(Series::floats(grouping.sets[group], vec![ABSENT; grid.len()]));
                    }
                    last = Some((bits, group));
                    group
                }
            };
            let count = &mut counts[group].v[step];
            *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
        }
        eval.recycle(series.v);
        Ok(())
    })?;
    let mut merged = Merger::new(eval)?;
    for series in counts {
        merged.push(series)?;
    }
    merged.finish(eval, sink)
}
