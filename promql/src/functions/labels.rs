//! `label_replace`, `label_join`: series with other labels.

use tsdb::model::Regex;
use tsdb::query::Sym;

use super::call::text_arg;
use crate::engine::QueryError;
use crate::eval::merge::Merger;
use crate::eval::series::Series;
use crate::eval::{Eval, Sink};
use crate::plan::node::{Call, Grid};

pub(super) fn each_replaced<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let [target, template, source, pattern] = [1, 2, 3, 4].map(|at| text_arg(call, at));
    let Ok(regex) = Regex::anchored(pattern) else {
        return Err(QueryError::execution(format!(
            "invalid regular expression in label_replace(): {pattern}"
        )));
    };
    if target.is_empty() {
        return Err(QueryError::execution(format!(
            "invalid destination label name in label_replace(): {target}"
        )));
    }
    let (target, source) = (eval.dict.words.intern(target), eval.dict.words.intern(source));
    each_relabelled(eval, call, grid, sink, target, |eval, series| {
        let text = eval.dict.text(series.set, source);
        let captures = regex.captures(text)?;
        let mut value = String::new();
        regex.expand(template, text, &captures, &mut value);
        Some(eval.dict.words.intern(&value))
    })
}

pub(super) fn each_joined<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let [target, separator] = [1, 2].map(|at| text_arg(call, at));
    let mut sources = Vec::new();
    for at in 3..call.args.len() {
        let source = text_arg(call, at);
        if source.is_empty() {
            return Err(QueryError::execution(format!(
                "invalid source label name in label_join(): {source}"
            )));
        }
        sources.push(eval.dict.words.intern(source));
    }
    if target.is_empty() {
        return Err(QueryError::execution(format!(
            "invalid destination label name in label_join(): {target}"
        )));
    }
    let target = eval.dict.words.intern(target);
    each_relabelled(eval, call, grid, sink, target, |eval, series| {
        let mut value = String::new();
        for (i, &source) in sources.iter().enumerate() {
            if i > 0 {
                value.push_str(separator);
            }
            value.push_str(eval.dict.text(series.set, source));
        }
        Some(eval.dict.words.intern(&value))
    })
}

/// Sets label `target` of each series to what `value` says, if it says anything.
fn each_relabelled<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
    target: Sym,
    value: impl Fn(&mut Eval<'r>, &Series) -> Option<Sym>,
) -> Result<(), QueryError> {
    let mut merged = Merger::new(eval)?;
    eval.each(&call.args[0], grid, &mut |eval, mut series| {
        if let Some(value) = value(eval, &series) {
            series.set = eval.dict.with(series.set, target, value);
            // A name given on purpose stays.
            series.drop_name &= target != eval.dict.name;
        }
        merged.push(series)
    })?;
    merged.finish(eval, sink)
}
