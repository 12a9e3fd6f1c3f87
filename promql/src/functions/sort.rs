//! `sort` and its like: the order of an instant query's answer.

use std::cmp::Ordering;

use super::Function;
use super::call::text_arg;
use crate::annotations::Level;
use crate::engine::QueryError;
use crate::eval::series::Series;
use crate::eval::{Eval, Sink};
use crate::go_sort;
use crate::plan::node::{Call, Grid};

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let by_value = matches!(call.function, Function::Sort | Function::SortDesc);
    if !grid.is_instant() {
        eval.each(&call.args[0], grid, &mut |eval, mut series| {
            if by_value {
                series.h.clear();
                if series.is_empty() {
                    return Ok(());
                }
            }
            sink(eval, series)
        })?;
        // Of equal texts the outermost place counts.
        let text = "sort is ineffective for range queries since results are always ordered by labels";
        eval.notes.add(Level::Warning, text, Some(call.span));
        return Ok(());
    }
    let frame = eval.all(&call.args[0], grid)?;
    let mut series = frame.series;
    if by_value {
        series.retain(|series| series.h.is_empty());
        let is_descending = call.function == Function::SortDesc;
        go_sort::sort(&mut series, |a, b| go_sort::after(a.v[0], b.v[0], is_descending));
    } else {
        let is_descending = call.function == Function::SortByLabelDesc;
        sort_by_labels(eval, call, &mut series, is_descending);
    }
    for series in series {
        sink(eval, series)?;
    }
    Ok(())
}

fn sort_by_labels(eval: &mut Eval<'_>, call: &Call, series: &mut [Series], is_descending: bool) {
    let names: Vec<_> = (1..call.args.len())
        .map(|at| eval.dict.words.intern(&text_arg(call, at)))
        .collect();
    let dict = &eval.dict;
    series.sort_by(|a, b| {
        let differing = names.iter().find_map(|&name| {
            let (a, b) = (dict.text(a.set, name), dict.text(b.set, name));
            (a != b).then(|| natural(a, b))
        });
        let order = differing.unwrap_or_else(|| dict.labels(a.set).cmp(&dict.labels(b.set)));
        if is_descending { order.reverse() } else { order }
    });
}

/// The order in which people count: `a2` before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (a_runs, b_runs) = (runs(a), runs(b));
    for (x, y) in a_runs.iter().zip(&b_runs) {
        if x == y {
            continue;
        }
        if let (Ok(m), Ok(n)) = (x.parse::<u64>(), y.parse::<u64>()) {
            // Equal numbers differ in leading zeros: the shorter text is the smaller.
            return m.cmp(&n).then(x.len().cmp(&y.len()));
        }
        return x.cmp(y);
    }
    a_runs.len().cmp(&b_runs.len())
}

/// Splits a text into runs of digits and of anything else.
fn runs(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    let bytes = text.as_bytes();
    for at in 1..=bytes.len() {
        if at == bytes.len() || bytes[at].is_ascii_digit() != bytes[at - 1].is_ascii_digit() {
            found.push(&text[from..at]);
            from = at;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_texts_are_counted() {
        assert_eq!(natural("a2", "a10"), Ordering::Less);
        assert_eq!(natural("a10b", "a10"), Ordering::Greater);
        assert_eq!(natural("1.10.0", "1.9.0"), Ordering::Greater);
    }
}
