//! Which function is evaluated how: one exhaustive place.

use std::borrow::Cow;

use super::{Function, absent, clock, convert, histogram, labels, math, range, sort};
use crate::engine::QueryError;
use crate::eval::dict::SetId;
use crate::eval::selector::Take;
use crate::eval::series::{ABSENT, Scalar, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::plan::node::{Call, Grid, Node};
use crate::value::ValueType;

/// Hands on the series of a call.
pub(crate) fn each<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let function = call.function;
    if let Some(of) = math::of_one(function) {
        return each_number(eval, &call.args[0], grid, sink, |_, v| of(v));
    }
    if call.args.iter().any(|arg| matches!(arg, Node::Range(_))) {
        return range::each(eval, call, grid, sink);
    }
    match function {
        Function::Clamp => {
            let (low, high) = (
                eval.scalar_after(&call.args[0], &call.args[1], grid)?,
                eval.scalar_after(&call.args[0], &call.args[2], grid)?,
            );
            each_clamped(eval, &call.args[0], grid, sink, &low, &high)
        }
        Function::ClampMax => {
            let high = eval.scalar_after(&call.args[0], &call.args[1], grid)?;
            each_clamped(
                eval,
                &call.args[0],
                grid,
                sink,
                &Scalar::Const(f64::NEG_INFINITY),
                &high,
            )
        }
        Function::ClampMin => {
            let low = eval.scalar_after(&call.args[0], &call.args[1], grid)?;
            each_clamped(
                eval,
                &call.args[0],
                grid,
                sink,
                &low,
                &Scalar::Const(f64::INFINITY),
            )
        }
        Function::Round => {
            let to_nearest = match call.args.get(1) {
                Some(arg) => eval.scalar_after(&call.args[0], arg, grid)?,
                None => Scalar::Const(1.0),
            };
            each_number(eval, &call.args[0], grid, sink, |step, v| {
                math::round(v, to_nearest.get(step))
            })
        }
        Function::DayOfMonth
        | Function::DayOfWeek
        | Function::DayOfYear
        | Function::DaysInMonth
        | Function::Hour
        | Function::Minute
        | Function::Month
        | Function::Year => clock::each(eval, call, grid, sink),
        Function::Timestamp => each_timestamp(eval, &call.args[0], grid, Take::Time, sink),
        Function::StartTimestamp => each_timestamp(eval, &call.args[0], grid, Take::Start, sink),
        Function::Absent => absent::each(eval, call, grid, sink),
        Function::Vector => {
            let v = eval.scalar(&call.args[0], grid)?.into_column(grid.len());
            sink(eval, Series::floats(SetId::EMPTY, v))
        }
        Function::HistogramQuantile | Function::HistogramQuantiles | Function::HistogramFraction => {
            histogram::each_of_buckets(eval, call, grid, sink)
        }
        Function::HistogramAvg
        | Function::HistogramCount
        | Function::HistogramSum
        | Function::HistogramStddev
        | Function::HistogramStdvar => histogram::each_statistic(eval, call, grid, sink),
        Function::LabelJoin => labels::each_joined(eval, call, grid, sink),
        Function::LabelReplace => labels::each_replaced(eval, call, grid, sink),
        Function::Sort | Function::SortDesc | Function::SortByLabel | Function::SortByLabelDesc => {
            sort::each(eval, call, grid, sink)
        }
        _ if function.signature().returns == ValueType::Scalar => {
            let v = scalar(eval, call, grid)?.into_column(grid.len());
            sink(eval, Series::floats(SetId::EMPTY, v))
        }
        _ => Err(QueryError::execution(format!(
            "{} needs a range vector",
            function.name()
        ))),
    }
}

/// The values of a call that answers with a scalar.
pub(crate) fn scalar(eval: &mut Eval<'_>, call: &Call, grid: Grid) -> Result<Scalar, QueryError> {
    match call.function {
        Function::Pi => Ok(Scalar::Const(std::f64::consts::PI)),
        Function::Time => Ok(Scalar::Steps(
            (0..grid.len())
                .map(|step| grid.at_ms(step) as f64 / 1000.0)
                .collect(),
        )),
        Function::Scalar => convert::scalar(eval, &call.args[0], grid),
        Function::MaxOf | Function::MinOf => {
            let a = eval.scalar(&call.args[0], grid)?;
            let b = eval.scalar(&call.args[1], grid)?;
            let of = if call.function == Function::MaxOf {
                math::max
            } else {
                math::min
            };
            Ok(Scalar::Steps(
                (0..grid.len()).map(|step| of(a.get(step), b.get(step))).collect(),
            ))
        }
        other => Err(QueryError::execution(format!("{} is no scalar", other.name()))),
    }
}

/// Applies a function of one number to every float; histograms are left out.
pub(super) fn each_number<'r>(
    eval: &mut Eval<'r>,
    node: &Node,
    grid: Grid,
    sink: Sink<'_, 'r>,
    of: impl Fn(usize, f64) -> f64,
) -> Result<(), QueryError> {
    eval.each_renamed(node, grid, sink, |_, series| {
        series.h.clear();
        for (step, v) in series.v.iter_mut().enumerate() {
            if !is_absent(*v) {
                *v = of(step, *v);
            }
        }
        Ok(true)
    })
}

fn each_clamped<'r>(
    eval: &mut Eval<'r>,
    node: &Node,
    grid: Grid,
    sink: Sink<'_, 'r>,
    low: &Scalar,
    high: &Scalar,
) -> Result<(), QueryError> {
    each_number(eval, node, grid, sink, |step, v| {
        math::clamp(v, low.get(step), high.get(step)).unwrap_or(ABSENT)
    })
}

/// `timestamp()`: of a plain selector the samples' own times, of anything else the evaluation time.
fn each_timestamp<'r>(
    eval: &mut Eval<'r>,
    node: &Node,
    grid: Grid,
    take: Take,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    if take == Take::Start && !(eval.settings.use_start_timestamps && matches!(node, Node::Vector(_))) {
        // Start times are known of stored samples alone; the argument is evaluated for its complaints.
        return match node {
            Node::Vector(selector) => eval.each_taken(selector, grid, take, &mut |_, _| Ok(())),
            node => eval.each(node, grid, &mut |_, _| Ok(())),
        };
    }
    let Node::Vector(selector) = node else {
        return eval.each_renamed(node, grid, sink, |_, series| {
            for step in 0..grid.len() {
                if series.is_present(step) {
                    series.v[step] = grid.at_ms(step) as f64 / 1000.0;
                }
            }
            series.h.clear();
            Ok(true)
        });
    };
    if eval.settings.delayed_name_removal || eval.differ_without_name(node) {
        return eval.each_taken(selector, grid, take, &mut |eval, mut series| {
            eval.drop_name(&mut series);
            sink(eval, series)
        });
    }
    let mut merged = crate::eval::merge::Merger::new(eval)?;
    eval.each_taken(selector, grid, take, &mut |eval, mut series| {
        eval.drop_name(&mut series);
        merged.push(series)
    })?;
    merged.finish(eval, sink)
}

/// The text of argument `at`; bytes that are no text are replaced.
pub(super) fn text_arg(call: &Call, at: usize) -> Cow<'_, str> {
    match call.args.get(at) {
        Some(Node::Text(text)) => String::from_utf8_lossy(text),
        _ => Cow::Borrowed(""),
    }
}

/// Argument `at` as the name of a label, if it can be one.
pub(super) fn label_arg(call: &Call, at: usize) -> Option<&str> {
    match call.args.get(at) {
        Some(Node::Text(text)) => std::str::from_utf8(text).ok().filter(|name| !name.is_empty()),
        _ => None,
    }
}
