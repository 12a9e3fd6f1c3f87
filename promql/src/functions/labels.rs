//! `label_replace`, `label_join`: series with other labels.

use tsdb::model::Regex;
use tsdb::query::Sym;

use super::call::{label_arg, text_arg};
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
    let [template, source, pattern] = [2, 3, 4].map(|at| text_arg(call, at));
    let Ok(regex) = Regex::wrapped(&pattern) else {
        return Err(QueryError::execution(format!(
            "invalid regular expression in label_replace(): {pattern}"
        )));
    };
    let target = target(call, "label_replace")?;
    let (target, source) = (eval.dict.words.intern(target), eval.dict.words.intern(&source));
    let template = regex.template(&template);
    each_relabelled(eval, call, grid, sink, target, |eval, series| {
        let text = eval.dict.text(series.set, source);
        let Some(captures) = regex.captures(text) else {
            return Ok(None);
        };
        check_length(template.expanded_bytes(text, &captures))?;
        let mut value = String::new();
        template.expand(text, &captures, &mut value);
        Ok(Some(eval.dict.words.intern(&value)))
    })
}

pub(super) fn each_joined<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let separator = text_arg(call, 2);
    let mut sources = Vec::new();
    for at in 3..call.args.len() {
        let Some(source) = label_arg(call, at) else {
            let source = text_arg(call, at);
            return Err(QueryError::execution(format!(
                "invalid source label name in label_join(): {source}"
            )));
        };
        sources.push(eval.dict.words.intern(source));
    }
    let target = eval.dict.words.intern(target(call, "label_join")?);
    each_relabelled(eval, call, grid, sink, target, |eval, series| {
        let texts = sources
            .iter()
            .map(|&source| eval.dict.text(series.set, source).len());
        check_length(texts.sum::<usize>() + separator.len() * sources.len().saturating_sub(1))?;
        let mut value = String::new();
        for (i, &source) in sources.iter().enumerate() {
            if i > 0 {
                value.push_str(&separator);
            }
            value.push_str(eval.dict.text(series.set, source));
        }
        Ok(Some(eval.dict.words.intern(&value)))
    })
}

/// How long a label's value may become; Prometheus has no such limit but its memory.
const VALUE_BYTES_MAX: usize = 16 << 20;

fn check_length(bytes: usize) -> Result<(), QueryError> {
    if bytes <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(QueryError::execution(format!(
        "label value of {bytes} bytes is too long, more than {VALUE_BYTES_MAX}"
    )))
}

/// The label to be set.
fn target<'c>(call: &'c Call, function: &str) -> Result<&'c str, QueryError> {
    label_arg(call, 1).ok_or_else(|| {
        let given = text_arg(call, 1);
        QueryError::execution(format!("invalid destination label name in {function}(): {given}"))
    })
}

/// Sets label `target` of each series to what `value` says, if it says anything.
fn each_relabelled<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
    target: Sym,
    value: impl Fn(&mut Eval<'r>, &Series) -> Result<Option<Sym>, QueryError>,
) -> Result<(), QueryError> {
    let mut merged = Merger::new(eval)?;
    eval.each(&call.args[0], grid, &mut |eval, mut series| {
        if let Some(value) = value(eval, &series)? {
            series.set = eval.dict.with(series.set, target, value);
            // A name given on purpose stays.
            series.drop_name &= target != eval.dict.name;
        }
        eval.account()?;
        merged.push(series)
    })?;
    merged.finish(eval, sink)
}
