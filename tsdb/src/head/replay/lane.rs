//! One lane while the log is replayed: it does its work beside the others.

use super::work::{Row, Step, Work};
use crate::encoding::DecodeBuffer;
use crate::head::chunk_files::Scan;
use crate::head::closed::Place;
use crate::head::histograms::Open;
use crate::head::lane::LaneData;
use crate::head::late::{LateChunk, LatePlace};
use crate::head::lookup::{Address, RefTable};
use crate::head::slab::LOGGED;
use crate::model::{Exemplar, Histogram, Labels, STALE_NAN_BITS};

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
    places: Vec<Address>,
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
            places: Vec::new(),
        }
    }

    /// Does what was gathered and clears it.
    pub(super) fn apply(&mut self, work: &mut Work, context: &Context<'_>) {
        let mut rows = work.rows.as_slice();
        for step in work.steps.drain(..) {
            match step {
                Step::Rows(count) => {
                    let (these, after) = rows.split_at(count);
                    rows = after;
                    self.rows(these, context);
                }
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
        let (mut min_ms, mut max_ms) = (self.min_ms, self.max_ms);
        let mut begun = 0;
        let mut places = std::mem::take(&mut self.places);
        for rows in rows.chunks(ROWS_AHEAD) {
            self.refs.locate(rows.iter().map(|row| row.number), &mut places);
            self.data.fetch(&places);
            let data = &mut self.data;
            for (&Row { t_ms, bits, .. }, &place) in rows.iter().zip(&places) {
                if place == Address::NONE {
                    continue;
                }
                // Also what is in closed chunks already, and what was refused when it was applied.
                let hot = &data.hot[place.ordinal()];
                if t_ms <= hot.last_t_ms {
                    continue;
                }
                max_ms = max_ms.max(t_ms);
                if bits == STALE_NAN_BITS
                    && hot.holds_histograms()
                    && let Some(stale) = data.histograms.get(&place.ordinal()).map(Open::stale)
                {
                    begun += data.append_histogram(place.ordinal(), t_ms, &stale, context.range_ms);
                    continue;
                }
                begun += u64::from(data.append(place.ordinal(), t_ms, bits, context.range_ms));
                min_ms = min_ms.min(t_ms);
            }
        }
        self.places = places;
        (self.min_ms, self.max_ms) = (min_ms, max_ms);
        self.chunks_created += begun;
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
