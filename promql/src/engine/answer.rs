//! One query from plan to answer.

use std::sync::Arc;

use tsdb::model::Labels;
use tsdb::query::{Budget, Cancel, Charge, Queryable};

use super::{Answer, Engine, Period, Phase, Progress, QueryError, QueryOptions, Stats, Stopwatch, Times};
use crate::eval::dict::Dict;
use crate::eval::limits::Limits;
use crate::eval::merge::Merger;
use crate::eval::series::{Frame, Series, is_absent};
use crate::eval::trace::Tracer;
use crate::eval::{Eval, SampleCount, Settings};
use crate::parser::ast::{AggregateOp, Expr};
use crate::plan::node::{Grid, Node};
use crate::plan::{self, Plan};
use crate::value::{MatrixSeries, SampleValue, Value, ValueType, VectorSample};

/// What is asked of a query besides its expression.
pub(super) struct Asked<'a> {
    pub(super) period: Period,
    pub(super) options: &'a QueryOptions,
    pub(super) progress: &'a Progress,
    pub(super) budget: &'a Budget,
    pub(super) cancel: &'a Cancel,
}

/// Tells how long it was since it was last asked, if there is a clock.
struct Lap {
    stopwatch: Option<Stopwatch>,
    since_ns: u64,
}

impl Lap {
    fn new(stopwatch: Option<Stopwatch>) -> Self {
        Self {
            stopwatch,
            since_ns: stopwatch.map_or(0, |read| read()),
        }
    }

    fn ns(&mut self) -> u64 {
        let now_ns = self.stopwatch.map_or(0, |read| read());
        now_ns.saturating_sub(std::mem::replace(&mut self.since_ns, now_ns))
    }
}

pub(super) fn answer(
    engine: &Engine,
    source: &dyn Queryable,
    expr: &Expr,
    asked: &Asked<'_>,
) -> Result<Answer, QueryError> {
    let Asked {
        period,
        options,
        progress,
        budget,
        cancel,
    } = *asked;
    let mut lap = Lap::new(options.stopwatch);
    progress.enter(Phase::Preparing);
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
    let limits = Limits::new(
        engine.options.max_samples,
        budget,
        progress,
        plan.selections.len(),
    );
    let settings = Settings {
        lookback_ms,
        delayed_name_removal: engine.options.delayed_name_removal,
        type_and_unit_labels: engine.options.type_and_unit_labels,
        use_start_timestamps: engine.options.use_start_timestamps,
        uncounted: options.uncounted,
    };
    let mut times = Times {
        prepare_ns: lap.ns(),
        ..Times::default()
    };
    progress.enter(Phase::Evaluating);
    let mut eval = Eval::new(&read, dict, cancel, settings, limits);
    eval.workers.clone_from(&options.workers);
    eval.samples = SampleCount {
        total: 0,
        per_step: (options.per_step_stats && engine.options.per_step_stats).then(|| vec![0; plan.grid.len()]),
    };
    eval.trace = options.stopwatch.filter(|_| options.trace).map(Tracer::new);
    let mut found = found(&mut eval, &plan, expr.value_type(), period);
    times.evaluate_ns = lap.ns();
    progress.enter(Phase::Sorting);
    if let Ok(Found {
        value: Value::Matrix(series),
        ..
    }) = &mut found
    {
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    times.sort_ns = lap.ns();
    match found {
        Ok(Found { value, held }) => Ok(Answer {
            value,
            stats: stats(&eval, &plan, times),
            annotations: eval.notes,
            held,
        }),
        Err(error) => {
            let describe = |selection: usize, bytes: u64| {
                let series = read.rosters.get(selection)?.len();
                Some(plan.selections.get(selection)?.as_heaviest(series, bytes))
            };
            let error = error.map_over_budget(|over| eval.limits.with_heaviest(over, describe));
            Err(error.with_annotations(eval.notes))
        }
    }
}

fn stats(eval: &Eval<'_>, plan: &Plan, times: Times) -> Stats {
    let grid = plan.grid;
    let per_step = eval.samples.per_step.as_ref().map(|steps| {
        let times = (0..grid.len()).map(|step| grid.at_ms(step));
        times.zip(steps.iter().copied()).collect()
    });
    Stats {
        total_samples: eval.samples.total,
        peak_samples: eval.limits.peak_samples(),
        per_step,
        times,
        trace: eval.trace.as_ref().map(|trace| Box::new(trace.tree(&plan.root))),
    }
}

/// A value, with what the budget was charged for it.
struct Found {
    value: Value,
    held: Charge,
}

/// Evaluates; the series of a matrix come in any order.
fn found(eval: &mut Eval<'_>, plan: &Plan, of: ValueType, period: Period) -> Result<Found, QueryError> {
    let mut held = eval.limits.charge(0)?;
    let is_instant = period.step_ms == 0;
    let t_ms = period.start_ms;
    let value = match (&plan.root, of) {
        (Node::Text(text), _) => {
            held.grow(text.len())?;
            Value::String {
                t_ms,
                s: String::from_utf8_lossy(text).into_owned(),
            }
        }
        (_, ValueType::Scalar) if is_instant => {
            let v = eval.scalar(&plan.root, plan.grid)?.get(0);
            Value::Scalar { t_ms, v }
        }
        (Node::Range(range), _) => {
            let (found, _found) = eval.range_vector(range, plan.grid)?;
            let mut series = Vec::with_capacity(found.len());
            for found in found {
                let samples = found.samples;
                let set = finished_set(eval, found.set, found.drop_name);
                let one = MatrixSeries {
                    labels: eval.dict.labels(set),
                    floats: samples.t.into_iter().zip(samples.v).collect(),
                    histograms: samples.h.into_iter().map(|h| (h.t, Box::new(h.h))).collect(),
                };
                held.grow(one.held_bytes())?;
                series.push(one);
            }
            Value::Matrix(series)
        }
        _ if is_instant => {
            let Frame { series, mut holding } = finished(eval, plan)?;
            let mut samples = Vec::with_capacity(series.len());
            for series in series {
                holding.remove(series.held_bytes());
                if let Some(sample) = sample(eval, series, t_ms) {
                    held.grow(sample.held_bytes())?;
                    samples.push(sample);
                }
            }
            Value::Vector(samples)
        }
        (Node::Aggregate(aggregate), _)
            if aggregate.op == AggregateOp::CountValues && !eval.settings.delayed_name_removal =>
        {
            // One by one: a series has room for a value at each step, of which a count rarely needs many.
            let mut samples = eval.limits.holding()?;
            let mut matrix = Vec::new();
            eval.each(&plan.root, plan.grid, &mut |eval, series| {
                samples.add(series.present(), 0)?;
                let one = points(eval, series, plan.grid);
                held.grow(one.held_bytes())?;
                if matrix.len() == matrix.capacity() {
                    // The vector doubles.
                    held.grow(matrix.len() * size_of::<MatrixSeries>())?;
                }
                matrix.push(one);
                Ok(())
            })?;
            Value::Matrix(matrix)
        }
        _ => {
            let Frame { series, mut holding } = finished(eval, plan)?;
            let mut matrix = Vec::with_capacity(series.len());
            for series in series {
                holding.remove(series.held_bytes());
                let one = points(eval, series, plan.grid);
                held.grow(one.held_bytes())?;
                matrix.push(one);
            }
            Value::Matrix(matrix)
        }
    };
    Ok(Found { value, held })
}

/// All series of the root; names whose removal was delayed are gone.
fn finished(eval: &mut Eval<'_>, plan: &Plan) -> Result<Frame, QueryError> {
    if !eval.settings.delayed_name_removal {
        return eval.all(&plan.root, plan.grid);
    }
    let mut merged = Merger::new(eval)?;
    eval.each(&plan.root, plan.grid, &mut |eval, mut series| {
        series.set = finished_set(eval, series.set, series.drop_name);
        merged.push(series)
    })?;
    Ok(merged.into_frame())
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
    let mut floats = Vec::with_capacity(series.present() - series.h.len());
    let present = series.v.iter().enumerate().filter(|(_, v)| !is_absent(**v));
    floats.extend(present.map(|(step, v)| (grid.at_ms(step), *v)));
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
