//! Functions of histograms: `histogram_quantile` and its like over classic buckets, statistics of native ones.

use std::sync::Arc;

use hashbrown::HashMap;
use tsdb::model::FloatHistogram;
use tsdb::query::Sym;

use super::call::text_arg;
use super::{Function, note_quantile};
use crate::annotations::{Level, quoted};
use crate::engine::QueryError;
use crate::eval::dict::SetId;
use crate::eval::merge::Merger;
use crate::eval::series::{HistogramSteps, Scalar, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::parser::Span;
use crate::plan::node::{Call, Grid};
use crate::quantile::{Bucket, bucket_fraction, bucket_quantile};

/// The label of a classic bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// The answer where native histograms would have to be computed with.
pub(crate) fn unsupported(what: &str) -> QueryError {
    QueryError::execution(format!("native histograms are not supported in {what} yet"))
}

/// How many samples a histogram counts for, as Prometheus counts: its size over that of a float sample.
pub(crate) fn size_in_samples(h: &FloatHistogram) -> u64 {
    // 168 bytes of fixed fields in Prometheus' memory, 8 a span or bucket, and 16 bytes a float sample.
    let spans = h.positive_spans.len() + h.negative_spans.len();
    let buckets = h.positive_buckets.len() + h.negative_buckets.len() + h.custom_bounds.len();
    ((168 + 8 * (spans + buckets) + 8) / 16) as u64
}

/// `-histogram`
pub(crate) fn negate(histograms: &mut HistogramSteps) -> Result<(), QueryError> {
    for (_, h) in histograms {
        let h = Arc::make_mut(h);
        for v in h.positive_buckets.iter_mut().chain(&mut h.negative_buckets) {
            *v = -*v;
        }
        (h.zero_count, h.count, h.sum) = (-h.zero_count, -h.count, -h.sum);
        h.reset_hint = tsdb::model::ResetHint::Gauge;
    }
    Ok(())
}

/// `histogram_count` and its like; floats are left out.
pub(super) fn each_statistic<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let function = call.function;
    eval.each_renamed(&call.args[0], grid, sink, |_, series| {
        series.v.fill(crate::eval::series::ABSENT);
        for (step, h) in series.h.drain(..) {
            series.v[step as usize] = match function {
                Function::HistogramCount => h.count,
                Function::HistogramSum => h.sum,
                Function::HistogramAvg => h.sum / h.count,
                other => return Err(unsupported(&format!("{}()", other.name()))),
            };
        }
        Ok(true)
    })
}

/// The buckets of one classic histogram.
struct Group {
    /// Labels without `le`.
    set: SetId,
    drop_name: bool,
    buckets: Vec<(f64, Vec<f64>)>,
}

/// What is asked of each histogram.
enum Question {
    Quantile(Scalar, Option<String>),
    Fraction(Scalar, Scalar),
}

/// `histogram_quantile`, `histogram_quantiles`, `histogram_fraction`
pub(super) fn each_of_buckets<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let at = match call.function {
        Function::HistogramQuantile => 1,
        Function::HistogramFraction => 2,
        _ => 0,
    };
    let questions = questions(eval, call, grid)?;
    let groups = gather(eval, call, at, grid)?;
    let mut merged = Merger::new(eval)?;
    let mut scratch = Vec::new();
    for question in &questions {
        for group in &groups {
            eval.cancel.check()?;
            let series = ask(eval, question, group, grid, call.arg_spans[at], &mut scratch);
            if !series.is_empty() {
                merged.push(series)?;
            }
        }
    }
    merged.finish(eval, sink)
}

fn questions(eval: &mut Eval<'_>, call: &Call, grid: Grid) -> Result<Vec<Question>, QueryError> {
    let (first, label) = match call.function {
        Function::HistogramFraction => {
            let lower = eval.scalar(&call.args[0], grid)?;
            let upper = eval.scalar(&call.args[1], grid)?;
            return Ok(vec![Question::Fraction(lower, upper)]);
        }
        Function::HistogramQuantile => (0, None),
        _ => (2, Some(text_arg(call, 1).into_owned())),
    };
    let end = if label.is_some() { call.args.len() } else { 1 };
    let mut found = Vec::new();
    for at in first..end {
        let q = eval.scalar(&call.args[at], grid)?;
        for &q in q.values() {
            note_quantile(&mut eval.notes, q, call.arg_spans[at]);
        }
        found.push(Question::Quantile(q, label.clone()));
    }
    Ok(found)
}

/// Sorts the series by the histogram they belong to.
fn gather(eval: &mut Eval<'_>, call: &Call, at: usize, grid: Grid) -> Result<Vec<Group>, QueryError> {
    let le = eval.dict.words.intern(BUCKET_LABEL);
    let mut groups: Vec<Group> = Vec::new();
    let mut by_set: HashMap<SetId, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut bounds: HashMap<Sym, Option<f64>, foldhash::fast::RandomState> = HashMap::default();
    let frame = eval.all(&call.args[at], grid)?;
    let _held = frame.holding;
    for series in frame.series {
        if !series.h.is_empty() {
            return Err(unsupported(&format!("{}()", call.function.name())));
        }
        let bound = eval.dict.value(series.set, le);
        let dict = &eval.dict;
        let upper = *bounds
            .entry(bound)
            .or_insert_with(|| dict.words.text(bound).parse().ok());
        let Some(upper) = upper else {
            note_bad_bucket(eval, &series, le, call.arg_spans[at]);
            continue;
        };
        let set = eval.dict.without(series.set, &[le]);
        let group = *by_set.entry(set).or_insert_with(|| {
            groups.push(Group {
                set,
                drop_name: series.drop_name,
                buckets: Vec::new(),
            });
            groups.len() - 1
        });
        groups[group].buckets.push((upper, series.v));
    }
    Ok(groups)
}

fn note_bad_bucket(eval: &mut Eval<'_>, series: &Series, le: Sym, span: Span) {
    let mut text = format!(
        "bucket label \"{BUCKET_LABEL}\" is missing or has a malformed value of {}",
        quoted(eval.dict.text(series.set, le))
    );
    text.push_str(&for_metric(eval, series.set));
    eval.notes.add(Level::Warning, text, Some(span));
}

/// ` for metric name "…"`, where names are still known.
fn for_metric(eval: &Eval<'_>, set: SetId) -> String {
    let name = eval.dict.metric_name(set);
    if name.is_empty() || !eval.settings.delayed_name_removal {
        return String::new();
    }
    format!(" for metric name {}", quoted(name))
}

/// A φ as a label value: always with a point or an exponent (`1.0`, `0.99`).
fn quantile_text(q: f64) -> String {
    let text = crate::format::general(q);
    if q.is_finite() && !text.contains(['e', '.']) {
        return format!("{text}.0");
    }
    text
}

fn ask(
    eval: &mut Eval<'_>,
    question: &Question,
    group: &Group,
    grid: Grid,
    span: Span,
    scratch: &mut Vec<Bucket>,
) -> Series {
    let steps = grid.len();
    let mut v = eval.column(steps);
    for (step, value) in v.iter_mut().enumerate() {
        scratch.clear();
        let present = group
            .buckets
            .iter()
            .filter(|(_, counts)| !is_absent(counts[step]));
        scratch.extend(present.map(|(upper, counts)| Bucket {
            upper: *upper,
            count: counts[step],
        }));
        if scratch.is_empty() {
            continue;
        }
        *value = match question {
            Question::Fraction(lower, upper) => bucket_fraction(lower.get(step), upper.get(step), scratch),
            Question::Quantile(q, _) => {
                let (quantile, forced) = bucket_quantile(q.get(step), scratch);
                if let Some(forced) = forced {
                    let metric = for_metric(eval, group.set);
                    eval.notes
                        .add_monotonicity(&metric, span, grid.at_ms(step), forced);
                }
                quantile
            }
        };
    }
    let mut series = Series::floats(group.set, v);
    eval.drop_name(&mut series);
    series.drop_name |= group.drop_name;
    if let Question::Quantile(Scalar::Const(q), Some(label)) = question {
        let label = eval.dict.words.intern(label);
        let text = eval.dict.words.intern(&quantile_text(*q));
        series.set = eval.dict.with(series.set, label, text);
    }
    series
}
