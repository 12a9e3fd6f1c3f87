//! `count_values`: how many series have which value.

use hashbrown::HashMap;

use super::group::Grouping;
use crate::engine::QueryError;
use crate::eval::merge::Merger;
use crate::eval::series::{ABSENT, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::histogram;
use crate::plan::node::{Aggregate, Grid, Node};

/// Bytes in quotes, those that are no text as `\xff`.
fn quoted_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let text = crate::annotations::quoted(chunk.valid());
        out.push_str(&text[1..text.len() - 1]);
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn count_one(count: &mut f64) {
    *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
}

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    aggregate: &Aggregate,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let bytes: &[u8] = match &aggregate.param {
        Some(Node::Text(bytes)) => bytes,
        _ => b"",
    };
    let Some(label) = std::str::from_utf8(bytes).ok().filter(|label| !label.is_empty()) else {
        return Err(QueryError::execution(format!(
            "invalid label name {}",
            quoted_bytes(bytes)
        )));
    };
    let label = eval.dict.words.intern(label);
    let mut grouping = Grouping::new(&mut eval.dict, aggregate);
    grouping.add(label);
    let mut counts: Vec<Series> = Vec::new();
    let mut held = eval.limits.holding()?;
    let mut texts = HashMap::<u64, _, foldhash::fast::RandomState>::default();
    eval.each(&aggregate.node, grid, &mut |eval, series| {
        eval.account()?;
        for (step, h) in &series.h {
            let text = eval.dict.words.intern(&histogram::text(h));
            let set = eval.dict.with(series.set, label, text);
            let group = grouping.of(&mut eval.dict, set);
            if group == counts.len() {
                held.add_column(grid.len(), 1)?;
                counts.push(Series::floats(grouping.sets[group], vec![ABSENT; grid.len()]));
            }
            count_one(&mut counts[group].v[*step as usize]);
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
                        .or_insert_with(|| words.intern(&crate::format::plain(v)));
                    let set = eval.dict.with(series.set, label, text);
                    let group = grouping.of(&mut eval.dict, set);
                    if group == counts.len() {
                        held.add_column(grid.len(), 1)?;
                        counts.push(Series::floats(grouping.sets[group], vec![ABSENT; grid.len()]));
                    }
                    last = Some((bits, group));
                    group
                }
            };
            count_one(&mut counts[group].v[step]);
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
