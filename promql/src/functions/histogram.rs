//! Functions of histograms: `histogram_quantile` and its like over classic buckets, statistics of native ones.

use hashbrown::HashMap;
use tsdb::query::Sym;

use super::call::text_arg;
use super::{Function, note_quantile};
use crate::annotations::{Level, quoted};
use crate::engine::QueryError;
use crate::eval::dict::SetId;
use crate::eval::merge::Merger;
use crate::eval::series::{HistogramSteps, Scalar, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::histogram;
use crate::parser::Span;
use crate::plan::node::{Call, Grid};
use crate::quantile::{Bucket, bucket_fraction, bucket_quantile};

/// The label of a classic bucket's upper bound.
const BUCKET_LABEL: &str = "le";

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
                Function::HistogramStddev => histogram::variance(&h).sqrt(),
                _ => histogram::variance(&h),
            };
        }
        Ok(true)
    })
}

/// What there is of one histogram.
struct Group {
    /// Its labels, those of a classic one without `le`.
    set: SetId,
    drop_name: bool,
    /// Upper bounds and counts of a classic histogram.
    buckets: Vec<(f64, Vec<f64>)>,
    native: HistogramSteps,
    /// Steps at which there is both, so that neither counts.
    conflicts: Vec<usize>,
}

/// What is asked of each histogram.
enum Question {
    Quantile(Scalar),
    /// Asked at some steps only, and named by a label in the answer.
    Labelled(f64, String, Vec<bool>),
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
    let span = call.arg_spans[at];
    let questions = questions(eval, call, grid)?;
    let groups = gather(eval, call, at, grid)?;
    let mut merged = Merger::new(eval)?;
    let mut scratch = Vec::new();
    for question in &questions {
        for group in &groups {
            eval.cancel.check()?;
            let series = ask_native(eval, question, group, grid, span);
            if !series.is_empty() {
                merged.push(series)?;
            }
        }
        for group in &groups {
            eval.cancel.check()?;
            let series = ask(eval, question, group, grid, span, &mut scratch);
            if !series.is_empty() {
                merged.push(series)?;
            }
        }
    }
    merged.finish(eval, sink)
}

fn questions(eval: &mut Eval<'_>, call: &Call, grid: Grid) -> Result<Vec<Question>, QueryError> {
    if call.function == Function::HistogramFraction {
        let lower = eval.scalar(&call.args[0], grid)?;
        let upper = eval.scalar(&call.args[1], grid)?;
        return Ok(vec![Question::Fraction(lower, upper)]);
    }
    let mut found = Vec::new();
    let is_labelled = call.function == Function::HistogramQuantiles;
    let quantiles = if is_labelled { 2..call.args.len() } else { 0..1 };
    for at in quantiles {
        let q = if is_labelled {
            eval.scalar_after(&call.args[0], &call.args[at], grid)?
        } else {
            eval.scalar(&call.args[at], grid)?
        };
        for &q in q.values() {
            note_quantile(&mut eval.notes, q, call.arg_spans[at]);
        }
        if !is_labelled {
            found.push(Question::Quantile(q));
            continue;
        }
        let label = text_arg(call, 1).into_owned();
        let mut different: Vec<f64> = Vec::new();
        for &q in q.values() {
            if !different.iter().any(|other| other.to_bits() == q.to_bits()) {
                different.push(q);
            }
        }
        for one in different {
            let is_it = |step| q.get(step).to_bits() == one.to_bits();
            let steps = (0..grid.len()).map(is_it).collect();
            found.push(Question::Labelled(one, label.clone(), steps));
        }
    }
    Ok(found)
}

/// Sorts the series by the histogram they belong to.
fn gather(eval: &mut Eval<'_>, call: &Call, at: usize, grid: Grid) -> Result<Vec<Group>, QueryError> {
    let le = eval.dict.words.intern(BUCKET_LABEL);
    let span = call.arg_spans[at];
    let mut groups: Vec<Group> = Vec::new();
    let mut by_set: HashMap<SetId, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut bounds: HashMap<Sym, Option<f64>, foldhash::fast::RandomState> = HashMap::default();
    let mut group_of = |groups: &mut Vec<Group>, set: SetId, drop_name: bool| {
        *by_set.entry(set).or_insert_with(|| {
            groups.push(Group {
                set,
                drop_name,
                buckets: Vec::new(),
                native: HistogramSteps::new(),
                conflicts: Vec::new(),
            });
            groups.len() - 1
        })
    };
    let frame = eval.all(&call.args[at], grid)?;
    let _held = frame.holding;
    for series in frame.series {
        if !series.h.is_empty() {
            let group = group_of(&mut groups, series.set, series.drop_name);
            groups[group].native.extend(series.h.iter().cloned());
            if series.v.iter().all(|v| is_absent(*v)) {
                continue;
            }
        }
        let bound = eval.dict.value(series.set, le);
        let dict = &eval.dict;
        let upper = *bounds
            .entry(bound)
            .or_insert_with(|| bucket_bound(dict.words.text(bound)));
        let Some(upper) = upper else {
            note_bad_bucket(eval, &series, le, span);
            continue;
        };
        let set = eval.dict.without(series.set, &[le]);
        let group = group_of(&mut groups, set, series.drop_name);
        groups[group].buckets.push((upper, series.v));
    }
    for group in &mut groups {
        find_conflicts(eval, group, span);
        // Once rather than at each step, which then finds them in order.
        if group.buckets.iter().all(|(upper, _)| !upper.is_nan()) {
            group
                .buckets
                .sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
        }
    }
    Ok(groups)
}

/// The upper bound that a `le` label gives; a number too large for a float is none.
fn bucket_bound(le: &str) -> Option<f64> {
    let bound: f64 = le.parse().ok()?;
    let is_overflow = bound.is_infinite() && le.bytes().any(|b| b.is_ascii_digit());
    (!is_overflow).then_some(bound)
}

/// Finds the steps at which there is a classic and a native histogram of the same labels.
fn find_conflicts(eval: &mut Eval<'_>, group: &mut Group, span: Span) {
    let is_classic = |step: usize| group.buckets.iter().any(|(_, counts)| !is_absent(counts[step]));
    let steps = group.native.iter().map(|(step, _)| *step as usize);
    group.conflicts = steps.filter(|step| is_classic(*step)).collect();
    if !group.conflicts.is_empty() {
        let mut text = "vector contains a mix of classic and native histograms".to_owned();
        text.push_str(&for_metric(eval, group.set));
        eval.notes.add(Level::Warning, text, Some(span));
    }
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

fn ask_native(eval: &mut Eval<'_>, question: &Question, group: &Group, grid: Grid, span: Span) -> Series {
    let mut v = eval.column(grid.len());
    for (step, h) in &group.native {
        let step = *step as usize;
        if group.conflicts.contains(&step) {
            continue;
        }
        let (value, remark) = match question {
            Question::Fraction(lower, upper) => histogram::fraction(lower.get(step), upper.get(step), h),
            Question::Quantile(q) => histogram::quantile(q.get(step), h),
            Question::Labelled(q, _, steps) if steps[step] => histogram::quantile(*q, h),
            Question::Labelled(..) => continue,
        };
        v[step] = value;
        if let Some(remark) = remark {
            let text = format!("{}{}", remark.text(), for_metric(eval, group.set));
            eval.notes.add(Level::Info, text, Some(span));
        }
    }
    answer(eval, question, group, v)
}

fn ask(
    eval: &mut Eval<'_>,
    question: &Question,
    group: &Group,
    grid: Grid,
    span: Span,
    scratch: &mut Vec<Bucket>,
) -> Series {
    let mut v = eval.column(grid.len());
    for (step, value) in v.iter_mut().enumerate() {
        let is_asked = !matches!(question, Question::Labelled(_, _, steps) if !steps[step]);
        if !is_asked || group.conflicts.contains(&step) {
            continue;
        }
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
        let q = match question {
            Question::Fraction(lower, upper) => {
                *value = bucket_fraction(lower.get(step), upper.get(step), scratch);
                continue;
            }
            Question::Quantile(q) => q.get(step),
            Question::Labelled(q, ..) => *q,
        };
        let (quantile, forced) = bucket_quantile(q, scratch);
        if let Some(forced) = forced {
            let metric = for_metric(eval, group.set);
            eval.notes
                .add_monotonicity(&metric, span, grid.at_ms(step), forced);
        }
        *value = quantile;
    }
    answer(eval, question, group, v)
}

fn answer(eval: &mut Eval<'_>, question: &Question, group: &Group, v: Vec<f64>) -> Series {
    let mut series = Series::floats(group.set, v);
    eval.drop_name(&mut series);
    series.drop_name |= group.drop_name;
    if let Question::Labelled(q, label, _) = question {
        let label = eval.dict.words.intern(label);
        let text = eval.dict.words.intern(&quantile_text(*q));
        series.set = eval.dict.with(series.set, label, text);
    }
    series
}
