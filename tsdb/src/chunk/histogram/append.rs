//! Writing: one histogram at a time. What fits the chunk's layout is appended, new buckets widen it, and what
//! cannot follow begins the next chunk.

use super::buckets::{Difference, gauges, widen_spans};
use super::{Form, HEADER_BYTES, RESET_AT, RESET_MASK, Reset};
use crate::chunk::varbit::put_int;
use crate::chunk::{ChunkError, Encoding};
use crate::encoding::bits::BitWriter;
use crate::model::histogram::CUSTOM_BUCKETS_SCHEMA;
use crate::model::{ResetHint, is_stale};

/// One chunk being written, with all that its continuation takes.
#[derive(Clone, Debug)]
pub struct Appender<F: Form> {
    writer: BitWriter,
    samples: u16,
    first_t_ms: i64,
    last_t_ms: i64,
    delta_ms: i64,
    /// The last sample. A staleness marker has no buckets, and nothing but another may follow it.
    last: F,
    written: F::Written,
}

/// Whether a histogram can follow in a chunk.
enum Fit {
    /// With these buckets filled in, positive side first.
    Fits([Difference; 2]),
    /// It cannot, and this is what its own chunk says of the time before.
    Not(Reset),
}

impl<F: Form> Default for Appender<F> {
    fn default() -> Self {
        Self {
            writer: BitWriter::after(vec![0; HEADER_BYTES]),
            samples: 0,
            first_t_ms: 0,
            last_t_ms: 0,
            delta_ms: 0,
            last: F::default(),
            written: F::Written::default(),
        }
    }
}

impl<F: Form> Appender<F> {
    /// The writer that left `bytes` behind, so that the chunk can be continued.
    ///
    /// # Errors
    /// When the bytes are no chunk that a writer of this form leaves behind.
    pub fn resume(bytes: &[u8]) -> Result<Self, ChunkError> {
        let mut resumed = Self::default();
        let mut is_ours = true;
        super::decode::each::<F>(bytes, |t_ms, histogram| {
            // Nothing but another follows a staleness marker.
            let follows_stale = resumed.samples > 0 && is_stale(resumed.last.sum());
            is_ours &= !follows_stale || is_stale(histogram.sum());
            if is_ours {
                resumed.put(t_ms, histogram);
            }
        })?;
        if let Some(&byte) = bytes.get(RESET_AT) {
            resumed.set_reset(Reset::of(byte));
        }
        match resumed.samples > 0 && resumed.bytes() == bytes {
            true => Ok(resumed),
            false => Err(ChunkError::NO_HEADER),
        }
    }

    /// A chunk of one histogram. `before` is the chunk that it follows, if that is known and of this form.
    pub fn begin(before: Option<&Self>, t_ms: i64, histogram: F) -> Self {
        let reset = match (histogram.hint(), before) {
            (ResetHint::Gauge, _) => Reset::Gauge,
            (ResetHint::Reset, _) => Reset::Certain,
            (_, None) => Reset::Unknown,
            (_, Some(before)) => match before.fit_counter(&histogram) {
                Fit::Fits(_) => Reset::Not,
                // Of float histograms Prometheus says here "not" whenever it did not see a reset.
                Fit::Not(Reset::Unknown) if F::ENCODING == Encoding::FloatHistogram => Reset::Not,
                Fit::Not(reset) => reset,
            },
        };
        Self::begin_with(reset, t_ms, histogram)
    }

    fn begin_with(reset: Reset, t_ms: i64, histogram: F) -> Self {
        let mut begun = Self::default();
        begun.put(t_ms, histogram);
        begun.set_reset(reset);
        begun
    }

    /// Appends a histogram to the chunk, which may be encoded anew for it. What cannot follow comes back as
    /// the only sample of the next chunk, and this one stays as it is.
    ///
    /// # Panics
    /// When the chunk holds 65 535 samples already.
    #[must_use]
    pub fn append(&mut self, t_ms: i64, mut histogram: F) -> Option<Self> {
        if self.samples == 0 {
            *self = Self::begin(None, t_ms, histogram);
            return None;
        }
        let is_gauge = histogram.hint() == ResetHint::Gauge;
        let fit = match is_gauge {
            true => self.fit_gauge(&histogram),
            false => self.fit_counter(&histogram),
        };
        let differences = match fit {
            Fit::Fits(differences) => differences,
            // Prometheus does not look at what a float gauge's successor says.
            Fit::Not(Reset::Not) if F::ENCODING == Encoding::FloatHistogram => {
                return Some(Self::begin_with(Reset::Unknown, t_ms, histogram));
            }
            Fit::Not(reset) => return Some(Self::begin_with(reset, t_ms, histogram)),
        };
        let new = |d: &Difference| !d.forward.is_empty();
        let missing = |d: &Difference| !d.backward.is_empty();
        let widens = differences.iter().any(new);
        if differences.iter().any(missing) {
            for (side, difference) in differences.iter().enumerate() {
                // Where nothing is new the layout has room for all.
                let spans = match widens || is_gauge {
                    true => widen_spans(histogram.spans()[side], &difference.backward),
                    false => self.last.spans()[side].to_vec(),
                };
                histogram.widen(side, spans, &difference.backward);
            }
        }
        if widens {
            self.recode(&differences, &histogram);
        }
        self.put(t_ms, histogram);
        None
    }

    fn fit_counter(&self, later: &F) -> Fit {
        if self.samples > 0 && self.reset() == Reset::Gauge {
            return Fit::Not(Reset::Not);
        }
        if later.hint() == ResetHint::Reset {
            return Fit::Not(Reset::Certain);
        }
        if is_stale(later.sum()) {
            return Fit::Fits(Default::default());
        }
        if is_stale(self.last.sum()) {
            return Fit::Not(Reset::Unknown);
        }
        if self.last.counts_fell(later) {
            return Fit::Not(Reset::Certain);
        }
        let (before, now) = (self.last.layout(), later.layout());
        if before.schema != now.schema || before.zero_threshold != now.zero_threshold {
            return Fit::Not(Reset::Unknown);
        }
        if now.schema == CUSTOM_BUCKETS_SCHEMA && before.custom_bounds != now.custom_bounds {
            return Fit::Not(Reset::Certain);
        }
        if self.last.zero_count_fell(later) {
            return Fit::Not(Reset::Certain);
        }
        match (self.last.compare(later, 0), self.last.compare(later, 1)) {
            (Some(positive), Some(negative)) => Fit::Fits([positive, negative]),
            _ => Fit::Not(Reset::Certain),
        }
    }

    fn fit_gauge(&self, later: &F) -> Fit {
        let refused = Fit::Not(Reset::Gauge);
        if self.reset() != Reset::Gauge {
            return refused;
        }
        if is_stale(later.sum()) {
            return Fit::Fits(Default::default());
        }
        let (before, now) = (self.last.layout(), later.layout());
        let same = before.schema == now.schema
            && before.zero_threshold == now.zero_threshold
            && (now.schema != CUSTOM_BUCKETS_SCHEMA || before.custom_bounds == now.custom_bounds);
        if is_stale(self.last.sum()) || !same {
            return refused;
        }
        let side = |side: usize| gauges(self.last.spans()[side], later.spans()[side]);
        Fit::Fits([side(0), side(1)])
    }

    /// Encodes the chunk anew with the layout of `wide`.
    fn recode(&mut self, differences: &[Difference; 2], wide: &F) {
        let mut again = Self::default();
        let all = super::decode::each::<F>(self.bytes(), |t_ms, mut histogram| {
            for (side, difference) in differences.iter().enumerate() {
                histogram.widen(side, wide.spans()[side].to_vec(), &difference.forward);
            }
            again.put(t_ms, histogram);
        });
        if let Err(error) = all {
            unreachable!("a chunk of our own: {error}");
        }
        again.set_reset(self.reset());
        *self = again;
    }

    fn put(&mut self, t_ms: i64, histogram: F) {
        let histogram = match is_stale(histogram.sum()) {
            true => F::stale(histogram.sum()),
            false => histogram,
        };
        let writer = &mut self.writer;
        if self.samples == 0 {
            histogram.layout().write(writer);
            put_int(writer, t_ms);
            histogram.write_first(&mut self.written, writer);
            self.first_t_ms = t_ms;
        } else {
            let delta_ms = t_ms.wrapping_sub(self.last_t_ms);
            put_int(writer, delta_ms.wrapping_sub(self.delta_ms));
            self.delta_ms = delta_ms;
            histogram.write_later(&self.last, &mut self.written, writer);
        }
        (self.last_t_ms, self.last) = (t_ms, histogram);
        self.samples = self
            .samples
            .checked_add(1)
            .expect("a chunk is cut before 65536 samples");
        writer.bytes_mut()[..2].copy_from_slice(&self.samples.to_be_bytes());
    }

    fn reset(&self) -> Reset {
        Reset::of(self.bytes()[RESET_AT])
    }

    fn set_reset(&mut self, reset: Reset) {
        let byte = &mut self.writer.bytes_mut()[RESET_AT];
        *byte = (*byte & !RESET_MASK) | reset as u8;
    }

    /// The chunk.
    pub fn bytes(&self) -> &[u8] {
        self.writer.bytes()
    }

    /// Gives the chunk away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.writer.into_bytes()
    }

    /// How many samples.
    pub fn samples(&self) -> u16 {
        self.samples
    }

    /// Times of the first and last sample.
    pub fn range_ms(&self) -> (i64, i64) {
        (self.first_t_ms, self.last_t_ms)
    }

    /// The last sample, its empty buckets perhaps more than it had when it came.
    pub fn last(&self) -> &F {
        &self.last
    }
}
