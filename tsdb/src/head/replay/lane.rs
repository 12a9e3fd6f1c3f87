//! One lane while the log is replayed: it does its work beside the others.

use super::order;
use super::work::{Row, Samples, Step, Work};
use crate::encoding::DecodeBuffer;
use crate::head::chunk_files::Scan;
use crate::head::closed::Place;
use crate::head::histograms::Open;
use crate::head::lane::LaneData;
use crate::head::late::{LateChunk, LatePlace};
use crate::head::lookup::{Address, Near, RefTable};
use crate::head::slab::LOGGED;
use crate::model::{Exemplar, Histogram, Labels, STALE_NAN_BITS};
use crate::wal::record::samples;

/// How many rows are looked up at a time: their records are then on their way from memory together.
const ROWS_AHEAD: usize = 64;

/// What all lanes look at.
pub(super) struct Context<'a> {
    pub(super) scan: &'a Scan,
    /// Samples before this are in blocks.
    pub(super) min_valid_ms: i64,
    pub(super) range_ms: i64,
}

/// See the module.
pub(super) struct LaneReplay {
    pub(super) number: usize,
    pub(super) data: LaneData,
    /// Places of the numbers that lead here.
    pub(super) refs: RefTable,
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    pub(super) late_min_ms: i64,
    /// Numbers that series here had before the present one.
    pub(super) former: Vec<u64>,
    pub(super) series_created: u64,
    pub(super) chunks_created: u64,
    /// Exemplars with their places in the order of all.
    pub(super) exemplars: Vec<(u64, Labels, Exemplar)>,
}

impl LaneReplay {
    pub(super) fn new(number: usize) -> Self {
        Self {
            number,
            data: LaneData::default(),
            refs: RefTable::default(),
            min_ms: i64::MAX,
            max_ms: i64::MIN,
            late_min_ms: i64::MAX,
            former: Vec::new(),
            series_created: 0,
            chunks_created: 0,
            exemplars: Vec::new(),
        }
    }

    /// Does what was gathered and clears it.
    pub(super) fn apply(&mut self, work: &mut Work, context: &Context<'_>) {
        let mut rows = work.rows.as_slice();
        order::bring_together(&mut work.steps);
        for step in work.steps.drain(..) {
            match step {
                Step::Rows(count) => {
                    let (these, after) = rows.split_at(count);
                    rows = after;
                    self.rows(these, context);
                }
                Step::Samples(Samples { record, .. }) => self.samples(&work.text[record], context),
                Step::Series {
                    number,
                    is_known,
                    labels,
                } => self.series(number, is_known, &work.text[labels], context),
                Step::Histograms(rows) => self.histograms(&rows, context),
                Step::Bury {
                    number,
                    from_ms,
                    through_ms,
                } => {
                    if let Some(place) = self.refs.get(number) {
                        // A series that left the head whole, with all times: what comes later is not deleted.
                        let through_ms = match (from_ms, through_ms) {
                            (i64::MIN, i64::MAX) => self.data.hot[place.ordinal()].last_t_ms,
                            _ => through_ms,
                        };
                        self.data.bury(place.ordinal(), from_ms, through_ms);
                    }
                }
                Step::Describe(number, said) => {
                    if let Some(place) = self.refs.get(number) {
                        self.data.describe(place.ordinal(), &said);
                    }
                }
                Step::Exemplar(order, number, exemplar) => {
                    if let Some(place) = self.refs.get(number) {
                        let labels = self.data.labels.labels(self.data.cold[place.ordinal()].labels_at);
                        self.exemplars
                            .push((order, Labels::from_sorted(labels), *exemplar));
                    }
                }
            }
        }
        work.clear();
    }

    /// `record` is a series as it stands in a record.
    fn series(&mut self, number: u64, is_known: bool, record: &[u8], context: &Context<'_>) {
        let mut labels = smallvec::SmallVec::<[(&str, &str); 24]>::new();
        let mut rest = DecodeBuffer::new(&record[size_of::<u64>()..]);
        let count = rest.length().unwrap_or(0);
        for _ in 0..count {
            if let (Ok(name), Ok(value)) = (rest.str(), rest.str()) {
                labels.push((name, value));
            }
        }
        let data = &mut self.data;
        let (ordinal, made) = data.find_or_create(labels.iter().copied(), number, LOGGED);
        if is_known {
            // A record repeated, in a checkpoint and in a segment, says nothing new.
            return;
        }
        self.refs.insert(number, Address::new(self.number, ordinal));
        if made {
            self.series_created += 1;
        } else {
            // The series left the head and came back under another number: what was replayed of it up to
            // now is in blocks. The newest number is its name from here on; the record of the one before
            // stays in the log as long as samples under it may.
            let cold = &mut data.cold[ordinal];
            self.former.push(std::mem::replace(&mut cold.series, number));
            data.tombstones.remove(&ordinal);
            data.drop_open(ordinal);
            data.hot[ordinal].last_t_ms = i64::MIN;
            let cold = data.cold[ordinal];
            data.cold[ordinal].closed = data.closed.truncate(cold.closed, i64::MAX, |_| {});
            data.pending.retain(|&(o, _)| o != ordinal);
        }
        self.take_chunks(number, ordinal, context);
    }

    /// Gives a series its chunks in files.
    pub(super) fn take_chunks(&mut self, number: u64, ordinal: u32, context: &Context<'_>) {
        let data = &mut self.data;
        for chunk in context.scan.late_of(number) {
            if let Place::File { number, offset } = chunk.place {
                self.late_min_ms = self.late_min_ms.min(chunk.min_ms);
                data.late.entry(ordinal).or_default().closed.push(LateChunk {
                    min_ms: chunk.min_ms,
                    max_ms: chunk.max_ms,
                    place: LatePlace::File { number, offset },
                });
            }
        }
        for chunk in context.scan.of(number) {
            if chunk.max_ms < context.min_valid_ms {
                continue;
            }
            data.hot[ordinal].last_t_ms = chunk.max_ms;
            let cold = &mut data.cold[ordinal];
            cold.closed = data.closed.push(cold.closed, chunk);
            self.min_ms = self.min_ms.min(chunk.min_ms.max(context.min_valid_ms));
            self.max_ms = self.max_ms.max(chunk.max_ms);
        }
    }

    fn rows(&mut self, rows: &[Row], context: &Context<'_>) {
        let mut taking = Taking::new(&mut self.data, &self.refs, context);
        for &Row { number, t_ms, bits } in rows {
            taking.sample(number, t_ms, bits);
        }
        let taken = taking.finish();
        self.note(taken);
    }

    /// A record of samples that was read to its end before.
    fn samples(&mut self, record: &[u8], context: &Context<'_>) {
        let mut taking = Taking::new(&mut self.data, &self.refs, context);
        let decoded = samples::decode(record, |number, t_ms, bits| {
            if t_ms >= context.min_valid_ms {
                taking.sample(number, t_ms, bits);
            }
        });
        if decoded.is_err() {
            unreachable!("a record of samples is checked to its end before it is given to a lane");
        }
        let taken = taking.finish();
        self.note(taken);
    }

    fn note(&mut self, taken: Taken) {
        self.min_ms = self.min_ms.min(taken.min_ms);
        self.max_ms = self.max_ms.max(taken.max_ms);
        self.chunks_created += taken.chunks_created;
    }

    fn histograms(&mut self, rows: &[(u64, i64, Histogram)], context: &Context<'_>) {
        for (number, t_ms, histogram) in rows {
            let Some(place) = self.refs.get(*number) else {
                continue;
            };
            if *t_ms <= self.data.hot[place.ordinal()].last_t_ms {
                continue;
            }
            self.chunks_created +=
                self.data
                    .append_histogram(place.ordinal(), *t_ms, histogram, context.range_ms);
            self.min_ms = self.min_ms.min(*t_ms);
            self.max_ms = self.max_ms.max(*t_ms);
        }
    }
}

/// A sample, and the series that it is of.
#[derive(Clone, Copy, Default)]
struct Located {
    ordinal: u32,
    t_ms: i64,
    bits: u64,
}

/// What was taken.
struct Taken {
    min_ms: i64,
    max_ms: i64,
    chunks_created: u64,
}

/// Takes samples in, some at a time.
struct Taking<'a> {
    data: &'a mut LaneData,
    refs: Near<'a>,
    range_ms: i64,
    taken: Taken,
    gathered: [Located; ROWS_AHEAD],
    count: usize,
}

impl<'a> Taking<'a> {
    fn new(data: &'a mut LaneData, refs: &'a RefTable, context: &Context<'_>) -> Self {
        Self {
            data,
            refs: refs.near(),
            range_ms: context.range_ms,
            taken: Taken {
                min_ms: i64::MAX,
                max_ms: i64::MIN,
                chunks_created: 0,
            },
            gathered: [Located::default(); ROWS_AHEAD],
            count: 0,
        }
    }

    /// The next sample.
    #[inline(always)]
    fn sample(&mut self, number: u64, t_ms: i64, bits: u64) {
        let place = self.refs.get(number);
        self.gathered[self.count] = Located {
            ordinal: place.ordinal(),
            t_ms,
            bits,
        };
        self.count += usize::from(place != Address::NONE);
        if self.count == ROWS_AHEAD {
            self.apply();
        }
    }

    /// Leaves out what is in closed chunks already, and what was refused when it was applied.
    fn apply(&mut self) {
        let data = &*self.data;
        let mut kept = 0;
        for at in 0..std::mem::take(&mut self.count) {
            let sample = self.gathered[at];
            self.gathered[kept] = sample;
            kept += usize::from(sample.t_ms > data.hot[sample.ordinal].last_t_ms);
        }
        if kept > 0 {
            self.append(kept);
        }
    }

    fn append(&mut self, count: usize) {
        let Self { data, taken, .. } = self;
        let samples = &self.gathered[..count];
        data.fetch_ends(samples.iter().map(|sample| sample.ordinal));
        for &Located { ordinal, t_ms, bits } in samples {
            // Once more: two may be of one series.
            let hot = &data.hot[ordinal];
            if t_ms <= hot.last_t_ms {
                continue;
            }
            taken.max_ms = taken.max_ms.max(t_ms);
            if bits == STALE_NAN_BITS
                && hot.holds_histograms()
                && let Some(stale) = data.histograms.get(&ordinal).map(Open::stale)
            {
                taken.chunks_created += data.append_histogram(ordinal, t_ms, &stale, self.range_ms);
                continue;
            }
            taken.chunks_created += u64::from(data.append(ordinal, t_ms, bits, self.range_ms));
            taken.min_ms = taken.min_ms.min(t_ms);
        }
    }

    fn finish(mut self) -> Taken {
        self.apply();
        self.taken
    }
}
