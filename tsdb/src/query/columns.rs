//! The samples of one series, as columns.

use crate::model::Histogram;

/// Samples in ascending order of time. Row *i* is at `t_ms[i]`; its value is `v[i]`, unless the row is
/// listed in `histograms`.
///
/// A float-only series (nearly all are) leaves `histograms` empty and pays nothing for it.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Times.
    pub t_ms: Vec<i64>,
    /// Float values; for a histogram row a placeholder.
    pub v: Vec<f64>,
    /// Rows that are histograms, ascending by row.
    pub histograms: Vec<(u32, Histogram)>,
    /// Since when each row's counter counts; empty where no row knows.
    pub start_ms: Vec<i64>,
}

impl Columns {
    /// How many samples.
    pub fn len(&self) -> usize {
        self.t_ms.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.t_ms.is_empty()
    }

    /// Whether every row is a float.
    pub fn is_float_only(&self) -> bool {
        self.histograms.is_empty()
    }

    /// Forgets all rows, keeping the memory.
    pub fn clear(&mut self) {
        self.t_ms.clear();
        self.v.clear();
        self.histograms.clear();
        self.start_ms.clear();
    }

    /// Adds a float row.
    #[inline]
    pub fn push(&mut self, t_ms: i64, v: f64) {
        self.t_ms.push(t_ms);
        self.v.push(v);
    }

    /// Adds a histogram row.
    pub fn push_histogram(&mut self, t_ms: i64, histogram: Histogram) {
        let row = u32::try_from(self.len()).expect("fewer than 2^32 samples a series");
        self.push(t_ms, 0.0);
        self.histograms.push((row, histogram));
    }

    /// Bytes held, as a query's budget counts them: 16 a float sample; histograms with their buckets.
    pub fn held_bytes(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|(_, h)| histogram_bytes(h)).sum();
        self.t_ms.capacity() * 8 + self.v.capacity() * 8 + self.start_ms.capacity() * 8 + histograms
    }
}

fn histogram_bytes(histogram: &Histogram) -> usize {
    let (spans, buckets) = match histogram {
        Histogram::Integer(h) => (
            h.positive_spans.len() + h.negative_spans.len(),
            h.positive_deltas.len() + h.negative_deltas.len() + h.custom_bounds.len(),
        ),
        Histogram::Float(h) => (
            h.positive_spans.len() + h.negative_spans.len(),
            h.positive_buckets.len() + h.negative_buckets.len() + h.custom_bounds.len(),
        ),
    };
    size_of::<(u32, Histogram)>() + spans * 8 + buckets * 8
}
