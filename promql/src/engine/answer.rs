//! One query from plan to answer.

use std::sync::Arc;

use tsdb::model::Labels;
use tsdb::query::{Budget, Cancel, Queryable};

use super::{Answer, Engine, Period, QueryError, QueryOptions, Stats};
use crate::eval::dict::Dict;
use crate::eval::limits::Limits;
use crate::eval::merge::Merger;
use crate::eval::series::{Series, is_absent};
use crate::eval::{Eval, SampleCount, Settings};
use crate::parser::ast::Expr;
use crate::plan::node::{Grid, Node};
use crate::plan::{self, Plan};
use crate::value::{MatrixSeries, SampleValue, Value, ValueType, VectorSample};

pub(super) fn answer(
    engine: &Engine,
    source: &dyn Queryable,
    expr: &Expr,
    period: Period,
    options: &QueryOptions,
    budget: &Budget,
    cancel: &Cancel,
) -> Result<Answer, QueryError> {
    let lookback_ms = options
        .lookback_ms
        .filter(|ms| *ms > 0)
        .unwrap_or(engine.options.lookback_ms);
    let plan = plan::plan(
        expr,
        period,
        plan::Settings {
            lookback_ms,
            subquery_interval_ms: engine.subquery_interval_ms(),
        },
    )?;
    let mut read = source.open(&plan.selections, budget, cancel)?;
    let dict = Dict::new(std::mem::take(&mut read.vocabulary));
    let read = Arc::new(read);
    let limits = Limits::new(engine.options.max_samples, budget);
    let settings = Settings {
        lookback_ms,
        delayed_name_removal: engine.options.delayed_name_removal,
        type_and_unit_labels: engine.options.type_and_unit_labels,
        use_start_timestamps: engine.options.use_start_timestamps,
    };
    let mut eval = Eval::new(&read, dict, cancel, settings, limits);
    eval.workers.clone_from(&options.workers);
    eval.samples = SampleCount {
        total: 0,
        per_step: (options.per_step_stats && engine.options.per_step_stats).then(|| vec![0; plan.grid.len()]),
    };
    match value(&mut eval, &plan, expr.value_type(), period) {
        Ok(value) => Ok(Answer {
            value,
            stats: stats(&eval, plan.grid),
            annotations: eval.notes,
        }),
        Err(error) => Err(error.with_annotations(eval.notes)),
    }
}

fn stats(eval: &Eval<'_>, grid: Grid) -> Stats {
    let per_step = eval.samples.per_step.as_ref().map(|steps| {
        let times = (0..grid.len()).map(|step| grid.at_ms(step));
        times.zip(steps.iter().copied()).collect()
    });
    Stats {
        total_samples: eval.samples.total,
        peak_samples: eval.limits.peak_samples(),
        per_step,
    }
}

fn value(eval: &mut Eval<'_>, plan: &Plan, of: ValueType, period: Period) -> Result<Value, QueryError> {
    let is_instant = period.step_ms == 0;
    let t_ms = period.start_ms;
    match (&plan.root, of) {
        (Node::Text(text), _) => Ok(Value::String {
            t_ms,
            s: String::from_utf8_lossy(text).into_owned(),
        }),
        (_, ValueType::Scalar) if is_instant => {
            let v = eval.scalar(&plan.root, plan.grid)?.get(0);
            Ok(Value::Scalar { t_ms, v })
        }
        (Node::Range(range), _) => {
            let found = eval.range_vector(range, plan.grid)?;
            let series = found.into_iter().map(|found| {
                let samples = found.samples;
                let set = finished_set(eval, found.set, found.drop_name);
                MatrixSeries {
                    labels: eval.dict.labels(set),
                    floats: samples.t.into_iter().zip(samples.v).collect(),
                    histograms: samples.h.into_iter().map(|h| (h.t, Box::new(h.h))).collect(),
                }
            });
            Ok(sorted(series.collect()))
        }
        _ => {
            let series = finished(eval, plan)?;
            Ok(if is_instant {
                Value::Vector(series.into_iter().filter_map(|s| sample(eval, s, t_ms)).collect())
            } else {
                let matrix = series.into_iter().map(|s| points(eval, s, plan.grid));
                sorted(matrix.collect())
            })
        }
    }
}

/// All series of the root; names whose removal was delayed are gone.
fn finished(eval: &mut Eval<'_>, plan: &Plan) -> Result<Vec<Series>, QueryError> {
    if !eval.settings.delayed_name_removal {
        let frame = eval.all(&plan.root, plan.grid)?;
        return Ok(frame.series);
    }
    let mut merged = Merger::new(eval)?;
    eval.each(&plan.root, plan.grid, &mut |eval, mut series| {
        series.set = finished_set(eval, series.set, series.drop_name);
        merged.push(series)
    })?;
    Ok(merged.into_frame().series)
}

fn finished_set(
    eval: &mut Eval<'_>,
    set: crate::eval::dict::SetId,
    drop_name: bool,
) -> crate::eval::dict::SetId {
    if drop_name && eval.settings.delayed_name_removal {
        eval.dict.drop_metadata(set)
    } else {
        set
    }
}

fn sample(eval: &mut Eval<'_>, mut series: Series, t_ms: i64) -> Option<VectorSample> {
    let value = match series.h.pop() {
        Some((_, h)) => SampleValue::Histogram(Box::new(Arc::unwrap_or_clone(h))),
        None => SampleValue::Float(*series.v.first().filter(|v| !is_absent(**v))?),
    };
    let labels = eval.dict.labels(series.set);
    eval.recycle(series.v);
    Some(VectorSample { labels, t_ms, value })
}

fn points(eval: &mut Eval<'_>, series: Series, grid: Grid) -> MatrixSeries {
    let labels: Labels = eval.dict.labels(series.set);
    let present = series.v.iter().enumerate().filter(|(_, v)| !is_absent(**v));
    let floats = present.map(|(step, v)| (grid.at_ms(step), *v)).collect();
    let histograms = series
        .h
        .into_iter()
        .map(|(step, h)| (grid.at_ms(step as usize), Box::new(Arc::unwrap_or_clone(h))))
        .collect();
    eval.recycle(series.v);
    MatrixSeries {
        labels,
        floats,
        histograms,
    }
}

fn sorted(mut series: Vec<MatrixSeries>) -> Value {
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Value::Matrix(series)
}
