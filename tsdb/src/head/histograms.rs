//! Open chunks of histograms: few series have them, so that they stand in a table beside the hot records.
//!
//! The rules of cutting are Prometheus': a chunk is meant to take 1 KiB, its end is predicted when a quarter of
//! that is full, and it gets ten samples at least unless its range ends.

use super::arena::Slot;
use super::lane::{LaneData, chunk_end, first_end};
use crate::chunk::Encoding;
use crate::chunk::encode::Encoded;
use crate::chunk::histogram::{Appender, Form};
use crate::model::{FloatHistogram, Histogram, IntHistogram};

/// How long a chunk is meant to be.
const CHUNK_BYTES: usize = 1024;

/// How many samples a chunk gets at least, unless its range ends.
const SAMPLES_MIN: u16 = 10;

/// The open chunk of a series.
pub(crate) enum Open {
    Integer(Box<Appender<IntHistogram>>, Timing),
    Float(Box<Appender<FloatHistogram>>, Timing),
}

/// When an open chunk ends.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    range_end_ms: i64,
    is_predicted: bool,
}

impl Open {
    fn begin(before: Option<&Self>, t_ms: i64, histogram: &Histogram, range_end_ms: i64) -> Self {
        let timing = Timing {
            range_end_ms,
            is_predicted: false,
        };
        match histogram {
            Histogram::Integer(h) => {
                let before = match before {
                    Some(Self::Integer(before, _)) => Some(&**before),
                    _ => None,
                };
                Self::Integer(Box::new(Appender::begin(before, t_ms, h.clone())), timing)
            }
            Histogram::Float(h) => {
                let before = match before {
                    Some(Self::Float(before, _)) => Some(&**before),
                    _ => None,
                };
                Self::Float(Box::new(Appender::begin(before, t_ms, h.clone())), timing)
            }
        }
    }

    /// The open chunk that left these bytes behind; `None` if none did. The other two as [`Self::ends`] tells them.
    pub(crate) fn resume(
        encoding: Encoding,
        bytes: &[u8],
        range_end_ms: i64,
        is_predicted: bool,
    ) -> Option<Self> {
        let timing = Timing {
            range_end_ms,
            is_predicted,
        };
        match encoding {
            Encoding::Histogram => Some(Self::Integer(Box::new(Appender::resume(bytes).ok()?), timing)),
            Encoding::FloatHistogram => Some(Self::Float(Box::new(Appender::resume(bytes).ok()?), timing)),
            _ => None,
        }
    }

    /// The end of the range that it began in, and whether its own end was predicted by now.
    pub(crate) fn ends(&self) -> (i64, bool) {
        match self {
            Self::Integer(_, timing) | Self::Float(_, timing) => (timing.range_end_ms, timing.is_predicted),
        }
    }

    /// What is kept of any chunk: encoding, bytes, samples, time of the first and last.
    pub(crate) fn chunk(&self) -> (Encoding, &[u8], u16, (i64, i64)) {
        fn of<F: Form>(open: &Appender<F>) -> (Encoding, &[u8], u16, (i64, i64)) {
            (F::ENCODING, open.bytes(), open.samples(), open.range_ms())
        }
        match self {
            Self::Integer(open, _) => of(open),
            Self::Float(open, _) => of(open),
        }
    }

    fn timing(&mut self) -> &mut Timing {
        match self {
            Self::Integer(_, timing) | Self::Float(_, timing) => timing,
        }
    }

    /// Whether the last sample is this one.
    pub(crate) fn ends_with(&self, histogram: &Histogram) -> bool {
        match (self, histogram) {
            (Self::Integer(open, _), Histogram::Integer(h)) => h.is_same(open.last()),
            (Self::Float(open, _), Histogram::Float(h)) => h.is_same(open.last()),
            _ => false,
        }
    }

    /// The staleness marker in the form of the chunk.
    pub(crate) fn stale(&self) -> Histogram {
        match self {
            Self::Integer(..) => Histogram::stale_integer(),
            Self::Float(..) => Histogram::stale_float(),
        }
    }

    fn is_of_form(&self, histogram: &Histogram) -> bool {
        matches!(
            (self, histogram),
            (Self::Integer(..), Histogram::Integer(_)) | (Self::Float(..), Histogram::Float(_))
        )
    }

    /// Appends; what cannot follow comes back as the next chunk.
    fn append(&mut self, t_ms: i64, histogram: &Histogram, range_end_ms: i64) -> Option<Self> {
        let timing = Timing {
            range_end_ms,
            is_predicted: false,
        };
        match (self, histogram) {
            (Self::Integer(open, _), Histogram::Integer(h)) => {
                let next = open.append(t_ms, h.clone())?;
                Some(Self::Integer(Box::new(next), timing))
            }
            (Self::Float(open, _), Histogram::Float(h)) => {
                let next = open.append(t_ms, h.clone())?;
                Some(Self::Float(Box::new(next), timing))
            }
            _ => Some(Self::begin(None, t_ms, histogram, range_end_ms)),
        }
    }
}

impl LaneData {
    /// Appends a histogram that was judged to come after the last sample. Says how many chunks were begun.
    pub(crate) fn append_histogram(
        &mut self,
        ordinal: u32,
        t_ms: i64,
        histogram: &Histogram,
        range_ms: i64,
    ) -> u64 {
        if self.hot[ordinal].is_open() && !self.hot[ordinal].holds_histograms() {
            self.close(ordinal);
        }
        let end_ms = first_end(ordinal, t_ms, range_ms);
        let mut begun = 0;
        let is_cut = self.is_histogram_chunk_full(ordinal, t_ms);
        match self.histograms.remove(&ordinal) {
            None => {
                begun += 1;
                self.open_histograms(ordinal, Open::begin(None, t_ms, histogram, end_ms), end_ms);
            }
            Some(full) if is_cut || !full.is_of_form(histogram) => {
                begun += 1;
                let next = Open::begin(Some(&full), t_ms, histogram, end_ms);
                self.close_histograms(ordinal, full);
                self.open_histograms(ordinal, next, end_ms);
            }
            Some(mut open) => match open.append(t_ms, histogram, end_ms) {
                None => {
                    self.histograms.insert(ordinal, open);
                }
                Some(next) => {
                    begun += 1;
                    self.close_histograms(ordinal, open);
                    self.open_histograms(ordinal, next, end_ms);
                }
            },
        }
        self.hot[ordinal].last_t_ms = t_ms;
        begun
    }

    fn open_histograms(&mut self, ordinal: u32, open: Open, end_ms: i64) {
        let hot = &mut self.hot[ordinal];
        hot.begin_histograms(Slot::HISTOGRAMS, end_ms);
        self.histograms.insert(ordinal, open);
    }

    /// Whether the open chunk takes no sample at `t_ms` any more; predicts its end when the time has come.
    fn is_histogram_chunk_full(&mut self, ordinal: u32, t_ms: i64) -> bool {
        let Some(open) = self.histograms.get_mut(&ordinal) else {
            return false;
        };
        let (_, bytes, samples, (first_ms, last_ms)) = open.chunk();
        let len = bytes.len();
        let hot = &mut self.hot[ordinal];
        let timing = open.timing();
        let range_end_ms = match timing.is_predicted {
            true => timing.range_end_ms,
            false => hot.next_at_ms,
        };
        if !timing.is_predicted && len >= CHUNK_BYTES / 4 {
            let times_longer = CHUNK_BYTES as f64 / len as f64;
            hot.next_at_ms = chunk_end(first_ms, last_ms, hot.next_at_ms, times_longer);
            timing.is_predicted = true;
        }
        (t_ms >= hot.next_at_ms || len >= CHUNK_BYTES * 2) && (samples >= SAMPLES_MIN || t_ms >= range_end_ms)
    }

    /// Closes a chunk that was taken out of the table.
    pub(crate) fn close_histograms(&mut self, ordinal: u32, full: Open) {
        let (encoding, _, samples, (min_ms, max_ms)) = full.chunk();
        let bytes = match full {
            Open::Integer(open, _) => open.into_bytes(),
            Open::Float(open, _) => open.into_bytes(),
        };
        let chunk = Encoded {
            min_ms,
            max_ms,
            encoding,
            bytes,
        };
        let cold = &mut self.cold[ordinal];
        cold.closed = self.closed.push_held(cold.closed, chunk, samples);
        self.pending.push((ordinal, cold.closed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    /// Chunk sizes of a series that gets histograms with so many buckets each 15 s.
    fn chunk_sizes(count: i64, buckets: u32) -> Vec<u16> {
        let mut lane = LaneData::default();
        let (series, _) = lane.find_or_create([("__name__", "a")].into_iter(), 1, 0);
        for n in 0..count {
            let histogram = Histogram::Integer(IntHistogram {
                count: u64::from(buckets) * n.unsigned_abs(),
                positive_spans: vec![Span {
                    offset: 0,
                    length: buckets,
                }],
                positive_deltas: (0..buckets).map(|at| if at == 0 { n } else { 0 }).collect(),
                ..IntHistogram::default()
            });
            lane.append_histogram(series, n * 15_000, &histogram, 7_200_000);
        }
        lane.close(series);
        let closed = lane.closed.list(series, lane.cold[series].closed);
        let mut sizes: Vec<u16> = closed.map(|(_, chunk)| chunk.samples).collect();
        sizes.reverse();
        sizes
    }

    #[test]
    fn small_histograms_fill_the_range() {
        assert_eq!(chunk_sizes(480, 1), [480]);
    }

    #[test]
    fn large_ones_are_cut_by_bytes_and_get_ten_samples_at_least() {
        let sizes = chunk_sizes(60, 5000);
        assert!(
            sizes.iter().rev().skip(1).all(|&size| size >= SAMPLES_MIN),
            "{sizes:?}"
        );
        assert!(sizes.len() > 3, "{sizes:?}");
    }

    #[test]
    fn floats_and_histograms_take_turns() {
        let mut lane = LaneData::default();
        let (series, _) = lane.find_or_create([("__name__", "a")].into_iter(), 1, 0);
        lane.append(series, 0, 1, 7_200_000);
        lane.append_histogram(series, 1, &Histogram::Integer(IntHistogram::default()), 7_200_000);
        lane.append_histogram(series, 2, &Histogram::Float(FloatHistogram::default()), 7_200_000);
        lane.append(series, 3, 1, 7_200_000);
        lane.close(series);
        let closed: Vec<_> = lane
            .closed
            .list(series, lane.cold[series].closed)
            .map(|(_, chunk)| (chunk.min_ms, chunk.max_ms))
            .collect();
        assert_eq!(closed, [(3, 3), (2, 2), (1, 1), (0, 0)]);
    }
}
