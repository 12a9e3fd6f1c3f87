//! Structured values out of any bytes: what the fuzzer changes is a sample, not a bit of an encoding.

use tsdb::model::{Columns, FloatHistogram, Histogram, IntHistogram, ResetHint, Span};

/// Takes values from the front; zeros when there are no more bytes.
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl Take<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn u8(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u8) -> usize {
        usize::from(self.u8() % end)
    }

    /// A number whose size is drawn too, so that small ones are common.
    pub(crate) fn i64(&mut self) -> i64 {
        let len = self.below(9);
        let mut value = if self.u8() & 1 == 1 { -1i64 } else { 0 };
        for _ in 0..len {
            value = value << 8 | i64::from(self.u8());
        }
        value
    }

    pub(crate) fn f64(&mut self) -> f64 {
        match self.below(4) {
            0 => f64::from(self.u8()),
            1 => self.i64() as f64,
            2 => [
                f64::from_bits(0x7ff0_0000_0000_0002),
                f64::INFINITY,
                -0.0,
                f64::NAN,
            ][self.below(4)],
            _ => f64::from_bits(self.i64().cast_unsigned().rotate_right(16)),
        }
    }

    fn spans(&mut self) -> Vec<Span> {
        (0..self.below(4))
            .map(|at| Span {
                offset: (self.below(12) as i32) - if at == 0 { 5 } else { 0 },
                length: self.below(5) as u32,
            })
            .collect()
    }

    /// A histogram that is well-formed, though its counts may contradict each other.
    pub(crate) fn histogram(&mut self) -> Histogram {
        let hints = [
            ResetHint::Unknown,
            ResetHint::Reset,
            ResetHint::NotReset,
            ResetHint::Gauge,
        ];
        let (hint, sum) = (hints[self.below(4)], self.f64());
        let custom = self.below(5) == 0;
        let schema = if custom { -53 } else { self.below(13) as i32 - 4 };
        let (positive, negative) = (self.spans(), if custom { Vec::new() } else { self.spans() });
        let buckets = |spans: &[Span]| spans.iter().map(|span| span.length).sum::<u32>();
        let bounds = if custom { 1 + self.below(20) } else { 0 };
        let custom_bounds = (0..bounds).map(|at| at as f64 * 1.5).collect();
        let zero_threshold = [0.0, 1e-128, 0.25, 0.3][self.below(4)];
        if self.u8() & 1 == 1 {
            return Histogram::Integer(IntHistogram {
                reset_hint: hint,
                schema,
                zero_threshold,
                zero_count: u64::from(self.u8()),
                count: u64::from(self.u8()),
                sum,
                positive_deltas: (0..buckets(&positive)).map(|_| self.i64() >> 8).collect(),
                negative_deltas: (0..buckets(&negative)).map(|_| i64::from(self.u8())).collect(),
                positive_spans: positive,
                negative_spans: negative,
                custom_bounds,
            });
        }
        Histogram::Float(FloatHistogram {
            reset_hint: hint,
            schema,
            zero_threshold,
            zero_count: self.f64(),
            count: self.f64(),
            sum,
            positive_buckets: (0..buckets(&positive)).map(|_| self.f64()).collect(),
            negative_buckets: (0..buckets(&negative)).map(|_| self.f64()).collect(),
            positive_spans: positive,
            negative_spans: negative,
            custom_bounds,
        })
    }

    /// Samples in ascending order, of all kinds.
    pub(crate) fn samples(&mut self) -> Columns {
        let mut columns = Columns::default();
        let mut t_ms = self.i64();
        let histograms = self.u8() & 3 == 0;
        while !self.is_empty() && columns.len() < 300 {
            if histograms && self.below(8) != 0 {
                columns.push_histogram(t_ms, self.histogram());
            } else {
                columns.push(t_ms, self.f64());
            }
            match t_ms.checked_add(1 + self.i64().unsigned_abs().cast_signed().max(0)) {
                Some(next) => t_ms = next,
                None => break,
            }
        }
        columns
    }
}
