//! Adding histograms up, with what rounding loses kept besides.
//!
//! Two histograms rarely have the same buckets. Before anything is added, both are brought to the wider zero
//! bucket, then to the lower resolution; listed bounds are brought to those that both list. Counts are then
//! added bucket by bucket, each with a compensation of its own ([`Count`]).
//!
//! A sum starts with one histogram ([`HistogramSum::of`]), takes others, and ends either with the
//! compensations added in ([`HistogramSum::finish`]) or without, which is a plain addition
//! ([`FloatHistogram::add`]).

mod reconcile;
#[cfg(test)]
mod tests;

use std::fmt;

use super::EXPONENTIAL_SCHEMAS;
use super::bounds::exponential_bound;
use super::buckets::{spans_of, unpack};
use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, ResetHint};

/// A number and what rounding has taken from it so far (Kahan, improved by Neumaier).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    v: f64,
    lost: f64,
}

impl Count {
    fn add(&mut self, more: f64) {
        let total = self.v + more;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.v.abs() >= more.abs() {
            self.lost += (self.v - total) + more;
        } else {
            self.lost += (more - total) + self.v;
        }
        self.v = total;
    }

    fn add_with_lost(&mut self, more: Self) {
        self.add(more.v);
        if more.lost != 0.0 {
            self.add(more.lost);
        }
    }

    fn is_zero(&self) -> bool {
        self.v == 0.0 && self.lost == 0.0
    }
}

impl From<f64> for Count {
    fn from(v: f64) -> Self {
        Self { v, lost: 0.0 }
    }
}

/// The buckets of one side, ascending by index.
type Side = Vec<(i32, Count)>;

/// Exponential and listed buckets have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncompatibleBuckets;

impl fmt::Display for IncompatibleBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas",
        )
    }
}

impl std::error::Error for IncompatibleBuckets {}

/// What happened when two histograms met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// One says that there was a reset, the other that there was none.
    pub hints_collided: bool,
    /// Their listed bounds differed; those that both list were kept.
    pub bounds_differed: bool,
}

/// A running sum of histograms.
#[derive(Clone, Debug)]
pub struct HistogramSum {
    reset_hint: ResetHint,
    schema: i32,
    zero_threshold: f64,
    zero_count: Count,
    count: Count,
    sum: Count,
    positive: Side,
    negative: Side,
    custom_bounds: Vec<f64>,
    /// Something was added, so that there are compensations.
    is_compensated: bool,
}

/// How another histogram is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Added, with the compensations of its own that it has after its resolution was lowered.
    Compensated,
    /// Added without.
    Plain,
    /// Taken away, without.
    Negative,
}

impl HistogramSum {
    /// The sum of just this one.
    pub fn of(first: &FloatHistogram) -> Self {
        Self {
            reset_hint: first.reset_hint,
            schema: first.schema,
            zero_threshold: first.zero_threshold,
            zero_count: first.zero_count.into(),
            count: first.count.into(),
            sum: first.sum.into(),
            positive: side(&first.positive_spans, &first.positive_buckets),
            negative: side(&first.negative_spans, &first.negative_buckets),
            custom_bounds: first.custom_bounds.clone(),
            is_compensated: false,
        }
    }

    /// Adds `other`.
    ///
    /// # Errors
    /// When one has listed bounds and the other has not; the sum stays as it was.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Met, IncompatibleBuckets> {
        self.is_compensated = true;
        self.meet(other, Mode::Compensated)
    }

    /// Multiplies everything with `factor`.
    pub fn multiply(&mut self, factor: f64) {
        self.each(|v| *v *= factor);
    }

    /// Divides everything by `divisor`.
    pub fn divide(&mut self, divisor: f64) {
        self.each(|v| *v /= divisor);
    }

    fn each(&mut self, change: impl Fn(&mut f64)) {
        let sides = self.positive.iter_mut().chain(&mut self.negative);
        let counts = sides.map(|(_, count)| count);
        for count in counts.chain([&mut self.zero_count, &mut self.count, &mut self.sum]) {
            change(&mut count.v);
            change(&mut count.lost);
        }
    }

    /// Whether any number has become infinite.
    pub fn has_overflow(&self) -> bool {
        let sides = self.positive.iter().chain(&self.negative);
        let counts = sides.map(|(_, count)| count);
        counts
            .chain([&self.zero_count, &self.count, &self.sum])
            .any(|count| count.v.is_infinite())
            || self.custom_bounds.iter().any(|bound| bound.is_infinite())
    }

    /// The sum with its compensations.
    pub fn finish(mut self) -> FloatHistogram {
        if self.is_compensated {
            for count in [&mut self.zero_count, &mut self.count, &mut self.sum] {
                count.v += count.lost;
            }
            let (schema, threshold) = (self.schema, self.zero_threshold);
            for side in [&mut self.positive, &mut self.negative] {
                let within = leading_within(side, schema, threshold);
                for (_, count) in &mut side[within..] {
                    count.v += count.lost;
                }
            }
        }
        self.without_compensation()
    }

    fn without_compensation(self) -> FloatHistogram {
        let values = |side: &Side| side.iter().map(|(_, count)| count.v).collect();
        FloatHistogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count.v,
            count: self.count.v,
            sum: self.sum.v,
            positive_spans: spans_of(self.positive.iter().map(|(index, _)| *index)),
            negative_spans: spans_of(self.negative.iter().map(|(index, _)| *index)),
            positive_buckets: values(&self.positive),
            negative_buckets: values(&self.negative),
            custom_bounds: self.custom_bounds,
        }
    }

    fn meet(&mut self, other: &FloatHistogram, mode: Mode) -> Result<Met, IncompatibleBuckets> {
        let is_custom = self.schema == CUSTOM_BUCKETS_SCHEMA;
        if is_custom != other.uses_custom_buckets() {
            return Err(IncompatibleBuckets);
        }
        let mut met = Met {
            hints_collided: self.take_hint(other.reset_hint),
            bounds_differed: false,
        };
        let signed = |v: f64| if mode == Mode::Negative { -v } else { v };
        let mut other = Self::of(other);
        if !is_custom {
            self.share_zero_bucket(&mut other);
            self.zero_count.add(signed(other.zero_count.v));
            if mode == Mode::Compensated {
                self.zero_count.add(other.zero_count.lost);
            }
        }
        self.count.add(signed(other.count.v));
        self.sum.add(signed(other.sum.v));
        if is_custom && self.custom_bounds != other.custom_bounds {
            met.bounds_differed = true;
            self.add_with_shared_bounds(&other, mode);
            return Ok(met);
        }
        if !is_custom {
            let schema = self.schema.min(other.schema);
            self.lower_resolution(schema);
            other.lower_resolution(schema);
        }
        let (schema, threshold) = (self.schema, self.zero_threshold);
        for (into, from) in [
            (&mut self.positive, other.positive),
            (&mut self.negative, other.negative),
        ] {
            let within = leading_within(&from, schema, threshold);
            let signed = from[within..].iter().map(|(index, count)| {
                let lost = if mode == Mode::Compensated {
                    count.lost
                } else {
                    0.0
                };
                let v = signed(count.v);
                (*index, Count { v, lost })
            });
            add_side(into, signed);
        }
        Ok(met)
    }

    /// Takes over what another histogram says about resets; whether the two contradict each other.
    fn take_hint(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, NotReset, Reset, Unknown};
        let collided = matches!((self.reset_hint, other), (Reset, NotReset) | (NotReset, Reset));
        self.reset_hint = match (self.reset_hint, other) {
            (Gauge, _) | (_, Gauge) => Gauge,
            (own, other) if own == other => own,
            _ => Unknown,
        };
        collided
    }
}

fn side(spans: &[super::Span], buckets: &[f64]) -> Side {
    let all = unpack(spans, buckets).into_iter();
    all.map(|(index, count)| (index, count.into())).collect()
}

/// How many of the first buckets lie within the zero bucket, where nothing is added.
fn leading_within(side: &Side, schema: i32, threshold: f64) -> usize {
    if !EXPONENTIAL_SCHEMAS.contains(&schema) {
        return 0;
    }
    side.iter()
        .take_while(|(index, _)| exponential_bound(*index, schema) <= threshold)
        .count()
}

/// Adds buckets to those of a side, which gets the ones it lacks.
fn add_side(into: &mut Side, from: impl ExactSizeIterator<Item = (i32, Count)> + Clone) {
    let is_same_layout = into.len() == from.len() && into.iter().zip(from.clone()).all(|(a, b)| a.0 == b.0);
    if is_same_layout {
        for ((_, known), (_, more)) in into.iter_mut().zip(from) {
            known.add_with_lost(more);
        }
        return;
    }
    let mut merged = Side::with_capacity(into.len() + from.len());
    let mut own = into.drain(..).peekable();
    for (index, more) in from {
        while let Some(before) = own.next_if(|(at, _)| *at < index) {
            merged.push(before);
        }
        match own.next_if(|(at, _)| *at == index) {
            Some((_, mut known)) => {
                known.add_with_lost(more);
                merged.push((index, known));
            }
            None => merged.push((index, more)),
        }
    }
    merged.extend(own);
    *into = merged;
}

impl FloatHistogram {
    /// Adds `other`.
    ///
    /// # Errors
    /// When one has listed bounds and the other has not; nothing changes.
    pub fn add(&mut self, other: &Self) -> Result<Met, IncompatibleBuckets> {
        self.combine(other, Mode::Plain)
    }

    /// Takes `other` away.
    ///
    /// # Errors
    /// As [`FloatHistogram::add`].
    pub fn subtract(&mut self, other: &Self) -> Result<Met, IncompatibleBuckets> {
        self.combine(other, Mode::Negative)
    }

    fn combine(&mut self, other: &Self, mode: Mode) -> Result<Met, IncompatibleBuckets> {
        let mut sum = HistogramSum::of(self);
        let met = sum.meet(other, mode)?;
        *self = sum.without_compensation();
        Ok(met)
    }

    /// The same in a lower resolution, if it has a higher one; then nothing is known about resets any more.
    pub fn at_resolution(&self, schema: i32) -> Self {
        if schema >= self.schema || self.uses_custom_buckets() || schema == CUSTOM_BUCKETS_SCHEMA {
            return self.clone();
        }
        let mut lower = HistogramSum::of(self);
        lower.reset_hint = ResetHint::Unknown;
        lower.lower_resolution(schema);
        lower.without_compensation()
    }
}
