//! `topk bottomk limitk limit_ratio`: some of the series of each group, as they are.

use super::group::Grouping;
use crate::annotations::Level;
use crate::engine::QueryError;
use crate::eval::series::{ABSENT, Scalar, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::go_sort;
use crate::parser::ast::AggregateOp;
use crate::plan::node::{Aggregate, Grid};

/// Beyond these a number is no 64-bit integer; the largest float below 2^63, and -2^63.
const INT_MAX: f64 = 9_223_372_036_854_774_784.0;
const INT_MIN: f64 = -9_223_372_036_854_775_808.0;

/// The parameter of an aggregation.
pub(super) fn param(eval: &mut Eval<'_>, aggregate: &Aggregate, grid: Grid) -> Result<Scalar, QueryError> {
    match &aggregate.param {
        Some(param) => eval.scalar(param, grid),
        None => Ok(Scalar::Const(f64::NAN)),
    }
}

/// The smallest and largest of a parameter's values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extremes {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) has_nan: bool,
}

impl Extremes {
    pub(super) fn of(values: &[f64]) -> Self {
        let mut found = Self {
            min: f64::MAX,
            max: f64::NEG_INFINITY,
            has_nan: values.iter().any(|v| v.is_nan()),
        };
        for &v in values {
            found.min = crate::functions::math::min(found.min, v);
            found.max = crate::functions::math::max(found.max, v);
        }
        found
    }
}

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    aggregate: &Aggregate,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let op = aggregate.op;
    let param = param(eval, aggregate, grid)?;
    let frame = eval.all(&aggregate.node, grid)?;
    if !check_param(eval, aggregate, &param)? {
        return Ok(());
    }
    let mut input = frame.series;
    if matches!(op, AggregateOp::Topk | AggregateOp::Bottomk) {
        for series in input.iter_mut().filter(|series| !series.h.is_empty()) {
            series.h.clear();
            let text = format!("ignored histogram in {} aggregation", op.as_str());
            eval.notes.add(Level::Info, text, Some(aggregate.span));
        }
    }
    let mut grouping = Grouping::new(&mut eval.dict, aggregate);
    let group_of: Vec<usize> = input
        .iter()
        .map(|series| grouping.of(&mut eval.dict, series.set))
        .collect();
    let mut chooser = Chooser {
        op,
        groups: vec![Vec::new(); grouping.sets.len()],
        shares: if op == AggregateOp::LimitRatio {
            input.iter().map(|series| share(eval, series)).collect()
        } else {
            Vec::new()
        },
    };
    if grid.is_instant() {
        chooser.choose(&input, &group_of, 0, param.get(0));
        let mut input: Vec<Option<Series>> = input.into_iter().map(Some).collect();
        for chosen in chooser.groups.iter().flatten() {
            if let Some(series) = input[chosen.series].take() {
                sink(eval, series)?;
            }
        }
        return Ok(());
    }
    each_over_steps(eval, chooser, input, (&group_of, &param), grid, sink)
}

/// Chooses at every step; what is not chosen becomes absent.
fn each_over_steps<'r>(
    eval: &mut Eval<'r>,
    mut chooser: Chooser,
    mut input: Vec<Series>,
    (group_of, param): (&[usize], &Scalar),
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let steps = grid.len();
    let _held = eval.limits.charge(input.len().saturating_mul(steps))?;
    let mut kept = vec![false; input.len() * steps];
    for step in 0..steps {
        eval.cancel.check()?;
        chooser.choose(&input, group_of, step, param.get(step));
        for chosen in chooser.groups.iter().flatten() {
            kept[chosen.series * steps + step] = true;
        }
    }
    for (series, kept) in input.iter_mut().zip(kept.chunks_exact(steps.max(1))) {
        for (v, _) in series.v.iter_mut().zip(kept).filter(|(_, kept)| !**kept) {
            *v = ABSENT;
        }
        series.h.retain(|(step, _)| kept[*step as usize]);
    }
    for series in input {
        if !series.is_empty() {
            sink(eval, series)?;
        }
    }
    Ok(())
}

/// Whether there is anything to choose; refuses parameters that make no sense.
fn check_param(eval: &mut Eval<'_>, aggregate: &Aggregate, param: &Scalar) -> Result<bool, QueryError> {
    let Extremes { min, max, has_nan } = Extremes::of(param.values());
    let number = crate::format::general;
    if aggregate.op != AggregateOp::LimitRatio {
        if max < 1.0 {
            return Ok(false);
        }
        let refused = if has_nan {
            "Parameter value is NaN".to_owned()
        } else if min <= INT_MIN {
            format!("Scalar value {} underflows int64", number(min))
        } else if max >= INT_MAX {
            format!("Scalar value {} overflows int64", number(max))
        } else {
            return Ok(true);
        };
        return Err(QueryError::execution(refused));
    }
    if max == 0.0 && min == 0.0 {
        return Ok(false);
    }
    if has_nan {
        return Err(QueryError::execution("Ratio value is NaN"));
    }
    for (value, cap, is_beyond) in [(max, 1.0, max > 1.0), (min, -1.0, min < -1.0)] {
        if is_beyond {
            let text = format!(
                "ratio value should be between -1 and 1, got {}, capping to {}",
                number(value),
                number(cap)
            );
            eval.notes.add(Level::Warning, text, Some(aggregate.param_span));
        }
    }
    Ok(true)
}

/// Where a series stands between 0 and 1, by the hash of its labels as Prometheus holds them in memory: names
/// and values, each after its length, which takes one byte, or from 255 on 0xff and three.
fn share(eval: &Eval<'_>, series: &Series) -> f64 {
    let mut bytes = Vec::with_capacity(256);
    for (name, value) in eval.dict.pairs(series.set) {
        for word in [name, value] {
            let text = eval.dict.words.text(*word).as_bytes();
            match u8::try_from(text.len()) {
                Ok(length) if length < u8::MAX => bytes.push(length),
                _ => {
                    bytes.push(u8::MAX);
                    bytes.extend_from_slice(&text.len().to_le_bytes()[..3]);
                }
            }
            bytes.extend_from_slice(text);
        }
    }
    xxhash_rust::xxh64::xxh64(&bytes, 0) as f64 / u64::MAX as f64
}

/// A chosen series.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    v: f64,
    series: usize,
}

impl Chosen {
    /// A series that has a value at `step`; a histogram stands in the heap as nought.
    fn of(series: &Series, at: usize, step: usize) -> Self {
        let v = series.v[step];
        let v = if is_absent(v) { 0.0 } else { v };
        Self { v, series: at }
    }
}

struct Chooser {
    op: AggregateOp,
    /// What was chosen at the last step, group by group.
    groups: Vec<Vec<Chosen>>,
    /// For `limit_ratio`, where each series stands.
    shares: Vec<f64>,
}

impl Chooser {
    /// Chooses among the series that have a value at `step`.
    fn choose(&mut self, input: &[Series], group_of: &[usize], step: usize, param: f64) {
        self.groups.iter_mut().for_each(Vec::clear);
        let count = (param as i64).min(i64::try_from(input.len()).unwrap_or(i64::MAX));
        let Ok(k) = usize::try_from(count) else {
            return self.choose_ratio(input, group_of, step, param);
        };
        if self.op == AggregateOp::LimitRatio {
            return self.choose_ratio(input, group_of, step, param);
        }
        if k == 0 {
            return;
        }
        for (at, series) in input.iter().enumerate() {
            let v = series.v[step];
            let chosen = Chosen { v, series: at };
            let group = &mut self.groups[group_of[at]];
            match self.op {
                AggregateOp::Limitk => {
                    if group.len() < k && series.is_present(step) {
                        push(group, Chosen::of(series, at, step), true);
                    }
                }
                _ if is_absent(v) => {}
                op => offer(group, chosen, k, op == AggregateOp::Topk),
            }
        }
        let is_top = self.op == AggregateOp::Topk;
        if self.op != AggregateOp::Limitk {
            for group in self.groups.iter_mut().filter(|group| group.len() > 1) {
                go_sort::sort(group, |a, b| go_sort::after(a.v, b.v, is_top));
            }
        }
    }

    fn choose_ratio(&mut self, input: &[Series], group_of: &[usize], step: usize, param: f64) {
        if self.op != AggregateOp::LimitRatio || param == 0.0 {
            return;
        }
        let ratio = param.clamp(-1.0, 1.0);
        for (at, series) in input.iter().enumerate().filter(|(_, s)| s.is_present(step)) {
            let share = self.shares[at];
            let is_in = if ratio >= 0.0 {
                share < ratio
            } else {
                share >= 1.0 + ratio
            };
            if is_in {
                push(&mut self.groups[group_of[at]], Chosen::of(series, at, step), true);
            }
        }
    }
}

/// Whether `a` is nearer to the root of a heap than `b`: smaller, or larger if the smallest are wanted; NaN
/// is nearer than anything.
fn is_worse(a: f64, b: f64, is_top: bool) -> bool {
    a.is_nan() || if is_top { a < b } else { a > b }
}

/// Adds to a heap.
fn push(heap: &mut Vec<Chosen>, new: Chosen, is_top: bool) {
    heap.push(new);
    let mut at = heap.len() - 1;
    while at > 0 {
        let parent = (at - 1) / 2;
        if !is_worse(heap[at].v, heap[parent].v, is_top) {
            break;
        }
        heap.swap(at, parent);
        at = parent;
    }
}

/// Keeps the `k` best in a heap whose root is the worst of them.
fn offer(heap: &mut Vec<Chosen>, new: Chosen, k: usize, is_top: bool) {
    if heap.len() < k {
        return push(heap, new, is_top);
    }
    let root = heap[0].v;
    let beats = if is_top { root < new.v } else { root > new.v };
    if !(beats || (root.is_nan() && !new.v.is_nan())) {
        return;
    }
    heap[0] = new;
    let mut at = 0;
    loop {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        if left >= heap.len() {
            break;
        }
        let mut worst = left;
        if right < heap.len() && is_worse(heap[right].v, heap[left].v, is_top) {
            worst = right;
        }
        if !is_worse(heap[worst].v, heap[at].v, is_top) {
            break;
        }
        heap.swap(at, worst);
        at = worst;
    }
}
