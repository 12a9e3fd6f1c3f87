//! The samples of one series, as columns.

use std::ops::Range;

use super::{Histogram, ResetHint};

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

    /// Forgets the rows from row `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.t_ms.truncate(len);
        self.v.truncate(len);
        self.start_ms.truncate(len);
        let kept = self.histograms_before(len);
        self.histograms.truncate(kept);
    }

    /// Forgets `rows`; those behind move up.
    pub fn drain(&mut self, rows: Range<usize>) {
        self.t_ms.drain(rows.clone());
        self.v.drain(rows.clone());
        let known = self.start_ms.len();
        self.start_ms.drain(rows.start.min(known)..rows.end.min(known));
        if !self.histograms.is_empty() {
            let (from, to) = (
                self.histograms_before(rows.start),
                self.histograms_before(rows.end),
            );
            self.histograms.drain(from..to);
            // Fewer than 2^32 samples a series.
            let by = rows.len() as u32;
            self.histograms[from..].iter_mut().for_each(|(row, _)| *row -= by);
        }
    }

    /// Forgets what lies outside `from_ms ..= through_ms` of the rows from row `begin` on.
    pub fn trim(&mut self, begin: usize, from_ms: i64, through_ms: i64) {
        let times = &self.t_ms[begin..];
        if times.last().is_some_and(|&last| last > through_ms) {
            self.truncate(begin + times.partition_point(|&t| t <= through_ms));
        }
        let times = &self.t_ms[begin..];
        if times.first().is_some_and(|&first| first < from_ms) {
            self.drain(begin..begin + times.partition_point(|&t| t < from_ms));
        }
    }

    /// Forgets the rows from row `begin` on whose times are not wanted.
    pub fn retain_from(&mut self, begin: usize, mut is_wanted: impl FnMut(i64) -> bool) {
        let wanted: Vec<bool> = self.t_ms[begin..].iter().map(|&t| is_wanted(t)).collect();
        if wanted.iter().all(|&wanted| wanted) {
            return;
        }
        let mut rest = Self::default();
        let (mut row, len) = (0, wanted.len());
        while row < len {
            let end = row + wanted[row..].iter().take_while(|&&w| w == wanted[row]).count();
            if wanted[row] {
                rest.append_rows(self, begin + row..begin + end);
            }
            row = end;
        }
        self.truncate(begin);
        let kept = rest.len();
        self.append_rows(&rest, 0..kept);
    }

    /// Appends rows of other columns.
    pub fn append_rows(&mut self, from: &Self, rows: Range<usize>) {
        // Fewer than 2^32 samples a series.
        let (shift, first) = (self.len() as u32, rows.start as u32);
        if !from.start_ms.is_empty() || !self.start_ms.is_empty() {
            self.start_ms.resize(self.len(), 0);
            match from.start_ms.get(rows.clone()) {
                Some(known) => self.start_ms.extend_from_slice(known),
                None => self.start_ms.resize(self.len() + rows.len(), 0),
            }
        }
        self.t_ms.extend_from_slice(&from.t_ms[rows.clone()]);
        self.v.extend_from_slice(&from.v[rows.clone()]);
        if !from.histograms.is_empty() {
            let here = from.histograms_before(rows.start)..from.histograms_before(rows.end);
            let here = from.histograms[here].iter();
            self.histograms
                .extend(here.map(|(row, histogram)| (row - first + shift, histogram.clone())));
        }
    }

    /// Notes that the sample before row `row` is another than the row's chunk knew: what it said of a reset
    /// since then is void.
    pub fn forget_reset(&mut self, row: usize) {
        let at = self.histograms_before(row);
        if let Some((here, histogram)) = self.histograms.get_mut(at)
            && *here as usize == row
            && histogram.reset_hint() != ResetHint::Gauge
        {
            histogram.set_reset_hint(ResetHint::Unknown);
        }
    }

    /// The histogram in row `row`, if it is one.
    pub fn histogram(&self, row: usize) -> Option<&Histogram> {
        let (here, histogram) = self.histograms.get(self.histograms_before(row))?;
        (*here as usize == row).then_some(histogram)
    }

    /// How many of the rows before `row` are histograms.
    fn histograms_before(&self, row: usize) -> usize {
        self.histograms
            .partition_point(|(here, _)| (*here as usize) < row)
    }

    /// Bytes of the rows from row `begin` on.
    pub fn bytes_from(&self, begin: usize) -> usize {
        let rows = self.len() - begin;
        let starts = if self.start_ms.is_empty() { 0 } else { rows * 8 };
        let histograms = &self.histograms[self.histograms_before(begin)..];
        rows * 16 + starts + histograms.iter().map(|(_, h)| 8 + h.held_bytes()).sum::<usize>()
    }

    /// Bytes held, as a query's budget counts them: 16 a float sample; histograms with their buckets.
    pub fn held_bytes(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|(_, h)| 8 + h.held_bytes()).sum();
        self.t_ms.capacity() * 8 + self.v.capacity() * 8 + self.start_ms.capacity() * 8 + histograms
    }
}
