//! The two forms of histograms, as the codec sees them.
//!
//! | | whole counts | float counts |
//! |---|---|---|
//! | a bucket | its difference to the bucket before | its count |
//! | sample 0 | varbit numbers | 64 bits each |
//! | later samples | differences of differences | XORs, each with a window of its own |
//! | sum | XOR | XOR |

use std::fmt;

use super::layout::Layout;
use crate::chunk::Encoding;
use crate::chunk::varbit::{put_int, put_uint, read_int, read_uint};
use crate::chunk::xor::{Window, WindowWriter};
use crate::encoding::bits::{BitReader, BitWriter};
use crate::model::{FloatHistogram, Histogram, IntHistogram, ResetHint, Span, is_stale};

/// A form of histogram. Implemented by [`IntHistogram`] and [`FloatHistogram`]; its functions serve this
/// module alone.
pub trait Form: Clone + Default + fmt::Debug + sealed::Codec {
    /// How chunks of this form are marked.
    const ENCODING: Encoding;

    /// The other way from [`Self::of`].
    fn wrap(self) -> Histogram;

    /// The histogram, if it is of this form.
    fn of(histogram: &Histogram) -> Option<&Self>;
}

pub(super) mod sealed {
    use super::*;
    use crate::chunk::histogram::buckets::{Difference, Insert};

    /// What encoding takes. Sides: positive first.
    pub trait Codec: Sized {
        /// What the writer remembers besides the last sample.
        type Written: Clone + Default + fmt::Debug;
        /// What the reader remembers besides the last sample.
        type Read: Default + fmt::Debug;

        fn hint(&self) -> ResetHint;
        fn set_hint(&mut self, hint: ResetHint);
        fn sum(&self) -> f64;
        fn spans(&self) -> [&[Span]; 2];
        fn layout(&self) -> Layout;
        /// A histogram of this layout that counts nothing.
        fn empty(layout: Layout) -> Self;
        /// The staleness marker.
        fn stale(sum: f64) -> Self;
        /// Whether all, or those near zero, were more in `self` than in `later`.
        fn counts_fell(&self, later: &Self) -> bool;
        fn zero_count_fell(&self, later: &Self) -> bool;
        /// How one side of `later` differs; `None` after a reset.
        fn compare(&self, later: &Self, side: usize) -> Option<Difference>;
        /// Fills empty buckets in on one side.
        fn widen(&mut self, side: usize, spans: Vec<Span>, inserts: &[Insert]);

        fn write_first(&self, written: &mut Self::Written, into: &mut BitWriter);
        fn write_later(&self, last: &Self, written: &mut Self::Written, into: &mut BitWriter);
        fn read_first(&mut self, read: &mut Self::Read, from: &mut BitReader<'_>);
        /// Reads over the sample before; says whether it is a staleness marker, which has no buckets.
        fn read_later(&mut self, read: &mut Self::Read, from: &mut BitReader<'_>);
    }
}

use sealed::Codec;

use super::buckets::{Difference, Insert, counters, widen};

/// What is the same, word by word, in both forms.
macro_rules! common {
    () => {
        fn hint(&self) -> ResetHint {
            self.reset_hint
        }

        fn set_hint(&mut self, hint: ResetHint) {
            self.reset_hint = hint;
        }

        fn sum(&self) -> f64 {
            self.sum
        }

        fn spans(&self) -> [&[Span]; 2] {
            [&self.positive_spans, &self.negative_spans]
        }

        fn layout(&self) -> Layout {
            Layout {
                schema: self.schema,
                zero_threshold: self.zero_threshold,
                positive_spans: self.positive_spans.clone(),
                negative_spans: self.negative_spans.clone(),
                custom_bounds: self.custom_bounds.clone(),
            }
        }

        fn stale(sum: f64) -> Self {
            Self {
                sum,
                ..Self::default()
            }
        }

        fn counts_fell(&self, later: &Self) -> bool {
            later.count < self.count
        }

        fn zero_count_fell(&self, later: &Self) -> bool {
            later.zero_count < self.zero_count
        }
    };
}

/// Differences of differences of whole counts.
#[derive(Clone, Debug, Default)]
struct Deltas {
    count: i64,
    zero_count: i64,
    /// Both sides' buckets, positive first.
    buckets: Vec<i64>,
}

/// Window of the sum, and differences.
#[derive(Clone, Debug, Default)]
pub struct IntWritten {
    deltas: Deltas,
    sum: WindowWriter,
}

/// As [`IntWritten`], for reading.
#[derive(Debug, Default)]
pub struct IntRead {
    deltas: Deltas,
    sum: Window,
}

fn counts(deltas: &[i64]) -> Vec<i64> {
    let add = |sum: &mut i64, delta: &i64| {
        *sum = sum.wrapping_add(*delta);
        Some(*sum)
    };
    deltas.iter().scan(0, add).collect()
}

impl Codec for IntHistogram {
    type Written = IntWritten;
    type Read = IntRead;

    common!();

    fn empty(layout: Layout) -> Self {
        let zeros = |spans: &[Span]| vec![0; spans.iter().map(|span| span.length as usize).sum()];
        Self {
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            positive_deltas: zeros(&layout.positive_spans),
            negative_deltas: zeros(&layout.negative_spans),
            positive_spans: layout.positive_spans,
            negative_spans: layout.negative_spans,
            custom_bounds: layout.custom_bounds,
            ..Self::default()
        }
    }

    fn compare(&self, later: &Self, side: usize) -> Option<Difference> {
        let deltas = |h: &Self| counts([&h.positive_deltas, &h.negative_deltas][side]);
        counters(
            (self.spans()[side], &deltas(self)),
            (later.spans()[side], &deltas(later)),
        )
    }

    fn widen(&mut self, side: usize, spans: Vec<Span>, inserts: &[Insert]) {
        let [positive, negative] = [
            (&mut self.positive_spans, &mut self.positive_deltas),
            (&mut self.negative_spans, &mut self.negative_deltas),
        ];
        let (old, deltas) = if side == 0 { positive } else { negative };
        *old = spans;
        if inserts.is_empty() {
            return;
        }
        let mut before = 0i64;
        *deltas = widen(&counts(deltas), inserts)
            .into_iter()
            .map(|count| count.wrapping_sub(std::mem::replace(&mut before, count)))
            .collect();
    }

    fn write_first(&self, written: &mut IntWritten, into: &mut BitWriter) {
        put_uint(into, self.count);
        put_uint(into, self.zero_count);
        into.put(u128::from(self.sum.to_bits()), 64);
        for &delta in self.positive_deltas.iter().chain(&self.negative_deltas) {
            put_int(into, delta);
        }
        let buckets = self.positive_deltas.len() + self.negative_deltas.len();
        written.deltas.buckets = vec![0; buckets];
    }

    fn write_later(&self, last: &Self, written: &mut IntWritten, into: &mut BitWriter) {
        let deltas = &mut written.deltas;
        let stale = is_stale(self.sum);
        for (now, before, delta) in [
            (self.count, last.count, &mut deltas.count),
            (self.zero_count, last.zero_count, &mut deltas.zero_count),
        ] {
            let new = now.wrapping_sub(before).cast_signed();
            let old = std::mem::replace(delta, new);
            put_int(into, if stale { 0 } else { new.wrapping_sub(old) });
        }
        written.sum.put(into, last.sum.to_bits(), self.sum.to_bits());
        let all = |h: &'_ Self| {
            let both = h.positive_deltas.iter().chain(&h.negative_deltas);
            both.copied().collect::<Vec<i64>>()
        };
        for ((now, before), delta) in all(self).into_iter().zip(all(last)).zip(&mut deltas.buckets) {
            let new = now.wrapping_sub(before);
            let old = std::mem::replace(delta, new);
            put_int(into, new.wrapping_sub(old));
        }
    }

    fn read_first(&mut self, read: &mut IntRead, from: &mut BitReader<'_>) {
        self.count = read_uint(from);
        self.zero_count = read_uint(from);
        self.sum = f64::from_bits(from.read(64));
        for delta in self.positive_deltas.iter_mut().chain(&mut self.negative_deltas) {
            *delta = read_int(from);
        }
        let buckets = self.positive_deltas.len() + self.negative_deltas.len();
        read.deltas.buckets = vec![0; buckets];
    }

    fn read_later(&mut self, read: &mut IntRead, from: &mut BitReader<'_>) {
        let deltas = &mut read.deltas;
        for (count, delta) in [
            (&mut self.count, &mut deltas.count),
            (&mut self.zero_count, &mut deltas.zero_count),
        ] {
            *delta = delta.wrapping_add(read_int(from));
            *count = count.wrapping_add_signed(*delta);
        }
        self.sum = f64::from_bits(self.sum.to_bits() ^ read.sum.read_xor(from));
        if is_stale(self.sum) {
            return;
        }
        let buckets = self.positive_deltas.iter_mut().chain(&mut self.negative_deltas);
        for (bucket, delta) in buckets.zip(&mut deltas.buckets) {
            *delta = delta.wrapping_add(read_int(from));
            *bucket = bucket.wrapping_add(*delta);
        }
    }
}

impl Form for IntHistogram {
    const ENCODING: Encoding = Encoding::Histogram;

    fn wrap(self) -> Histogram {
        Histogram::Integer(self)
    }

    fn of(histogram: &Histogram) -> Option<&Self> {
        match histogram {
            Histogram::Integer(histogram) => Some(histogram),
            Histogram::Float(_) => None,
        }
    }
}

/// Windows of all fields that are written as XORs: count, zero count, sum, buckets.
#[derive(Clone, Debug, Default)]
pub struct FloatWritten {
    fields: [WindowWriter; 3],
    buckets: Vec<WindowWriter>,
}

/// As [`FloatWritten`], for reading.
#[derive(Debug, Default)]
pub struct FloatRead {
    fields: [Window; 3],
    buckets: Vec<Window>,
}

impl FloatHistogram {
    fn buckets(&self) -> impl Iterator<Item = &f64> {
        self.positive_buckets.iter().chain(&self.negative_buckets)
    }

    fn buckets_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        self.positive_buckets.iter_mut().chain(&mut self.negative_buckets)
    }
}

impl Codec for FloatHistogram {
    type Written = FloatWritten;
    type Read = FloatRead;

    common!();

    fn empty(layout: Layout) -> Self {
        let zeros = |spans: &[Span]| vec![0.0; spans.iter().map(|span| span.length as usize).sum()];
        Self {
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            positive_buckets: zeros(&layout.positive_spans),
            negative_buckets: zeros(&layout.negative_spans),
            positive_spans: layout.positive_spans,
            negative_spans: layout.negative_spans,
            custom_bounds: layout.custom_bounds,
            ..Self::default()
        }
    }

    fn compare(&self, later: &Self, side: usize) -> Option<Difference> {
        let buckets = |h: &Self| [h.positive_buckets.clone(), h.negative_buckets.clone()][side].clone();
        counters(
            (self.spans()[side], &buckets(self)),
            (later.spans()[side], &buckets(later)),
        )
    }

    fn widen(&mut self, side: usize, spans: Vec<Span>, inserts: &[Insert]) {
        let [positive, negative] = [
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&mut self.negative_spans, &mut self.negative_buckets),
        ];
        let (old, buckets) = if side == 0 { positive } else { negative };
        *old = spans;
        if !inserts.is_empty() {
            *buckets = widen(buckets, inserts);
        }
    }

    fn write_first(&self, written: &mut FloatWritten, into: &mut BitWriter) {
        for value in [self.count, self.zero_count, self.sum]
            .iter()
            .chain(self.buckets())
        {
            into.put(u128::from(value.to_bits()), 64);
        }
        written.buckets = vec![WindowWriter::default(); self.buckets().count()];
    }

    fn write_later(&self, last: &Self, written: &mut FloatWritten, into: &mut BitWriter) {
        let fields = |h: &Self| [h.count, h.zero_count, h.sum];
        for ((window, before), now) in written.fields.iter_mut().zip(fields(last)).zip(fields(self)) {
            window.put(into, before.to_bits(), now.to_bits());
        }
        for ((window, before), now) in written.buckets.iter_mut().zip(last.buckets()).zip(self.buckets()) {
            window.put(into, before.to_bits(), now.to_bits());
        }
    }

    fn read_first(&mut self, read: &mut FloatRead, from: &mut BitReader<'_>) {
        for value in [&mut self.count, &mut self.zero_count, &mut self.sum] {
            *value = f64::from_bits(from.read(64));
        }
        for bucket in self.buckets_mut() {
            *bucket = f64::from_bits(from.read(64));
        }
        read.buckets.resize_with(self.buckets().count(), Window::default);
    }

    fn read_later(&mut self, read: &mut FloatRead, from: &mut BitReader<'_>) {
        let fields = [&mut self.count, &mut self.zero_count, &mut self.sum];
        for (value, window) in fields.into_iter().zip(&mut read.fields) {
            *value = f64::from_bits(value.to_bits() ^ window.read_xor(from));
        }
        if is_stale(self.sum) {
            return;
        }
        for (bucket, window) in self.buckets_mut().zip(&mut read.buckets) {
            *bucket = f64::from_bits(bucket.to_bits() ^ window.read_xor(from));
        }
    }
}

impl Form for FloatHistogram {
    const ENCODING: Encoding = Encoding::FloatHistogram;

    fn wrap(self) -> Histogram {
        Histogram::Float(self)
    }

    fn of(histogram: &Histogram) -> Option<&Self> {
        match histogram {
            Histogram::Float(histogram) => Some(histogram),
            Histogram::Integer(_) => None,
        }
    }
}
