//! What the lanes are to do, gathered from records by whoever reads the log, so that each lane can do its part
//! beside the others and beside the reading.
//!
//! A record is taken apart to its end before any of it counts: one that is damaged leaves no trace.

use std::ops::Range;

use hashbrown::HashMap;

use crate::encoding::DecodeError;
use crate::head::lane::{LANES, lane_of};
use crate::head::lookup::REFS_END;
use crate::model::{Exemplar, Histogram, Metadata};
use crate::wal::Kind;
use crate::wal::record::{exemplars, histograms, metadata, samples, series, tombstones};

/// A float sample.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) t_ms: i64,
    pub(super) bits: u64,
}

/// One thing to do.
pub(super) enum Step {
    /// A series, whose labels stand in the text. Its number may be known, of this lane or another.
    Series {
        number: u64,
        is_known: bool,
        labels: Range<usize>,
    },
    /// A whole record of samples, which stands in the text: it is in order, and all of them are of this lane.
    Samples(Samples),
    /// So many of the rows.
    Rows(usize),
    Histograms(Vec<(u64, i64, Histogram)>),
    Bury {
        number: u64,
        from_ms: i64,
        through_ms: i64,
    },
    Describe(u64, Box<Metadata>),
    /// An exemplar and its place in the order of all.
    Exemplar(u64, u64, Box<Exemplar>),
}

/// A record of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    /// The smallest number of a series, and the largest.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) record: Range<usize>,
}

/// What one lane is to do, in the order of the log.
#[derive(Default)]
pub(super) struct Work {
    pub(super) steps: Vec<Step>,
    pub(super) rows: Vec<Row>,
    /// Series records without their first byte, one a series, and records of samples.
    pub(super) text: Vec<u8>,
}

impl Work {
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.rows.clear();
        self.text.clear();
    }

    /// How much is gathered, in rows.
    pub(super) fn weight(&self) -> usize {
        self.rows.len() + self.steps.len() * 4 + self.text.len() / size_of::<Row>()
    }

    /// Takes memory for as much as makes this weight, if it is text.
    pub(super) fn reserve(&mut self, weight: usize) {
        self.text.reserve(weight * size_of::<Row>());
    }

    fn add_rows(&mut self, count: usize) {
        match self.steps.last_mut() {
            Some(Step::Rows(last)) => *last += count,
            _ => self.steps.push(Step::Rows(count)),
        }
    }
}

const PAGE: u64 = 4096;
const NOWHERE: u8 = u8::MAX;

/// The lanes of series by their numbers.
#[derive(Default)]
pub(super) struct Routes {
    pages: HashMap<u64, Box<[u8; PAGE as usize]>, foldhash::fast::RandomState>,
    /// How many numbers are known.
    pub(super) count: usize,
}

impl Routes {
    pub(super) fn get(&self, number: u64) -> Option<usize> {
        let lane = self.pages.get(&(number / PAGE))?[(number % PAGE) as usize];
        (lane != NOWHERE).then_some(usize::from(lane))
    }

    /// Notes that series are in a lane, unless it is known where they are. It is fast where numbers follow each
    /// other.
    pub(super) fn extend(&mut self, numbers: impl Iterator<Item = u64>, lane: usize) {
        let mut numbers = numbers.peekable();
        while let Some(&first) = numbers.peek() {
            let page = self
                .pages
                .entry(first / PAGE)
                .or_insert_with(|| Box::new([NOWHERE; PAGE as usize]));
            while let Some(number) = numbers.next_if(|next| next / PAGE == first / PAGE) {
                let at = &mut page[(number % PAGE) as usize];
                self.count += usize::from(*at == NOWHERE);
                *at = if *at == NOWHERE { lane as u8 } else { *at };
            }
        }
    }

    /// Notes where a series is, unless that is known.
    pub(super) fn insert(&mut self, number: u64, lane: usize) {
        let page = self
            .pages
            .entry(number / PAGE)
            .or_insert_with(|| Box::new([NOWHERE; PAGE as usize]));
        let at = &mut page[(number % PAGE) as usize];
        if *at == NOWHERE {
            *at = lane as u8;
            self.count += 1;
        }
    }
}

/// A record that cannot be taken.
pub(super) enum Refused {
    /// It is damaged.
    Damaged(DecodeError),
    /// It is in order, but not known or not of this log.
    Foreign(String),
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        Self::Damaged(error)
    }
}

/// Takes records apart.
pub(super) struct Gather {
    pub(super) routes: Routes,
    /// Samples before this are in blocks.
    min_valid_ms: i64,
    /// The largest number that a series has had.
    pub(super) last_ref: u64,
    /// Samples met.
    pub(super) samples: u64,
    /// What was said of series that no record had announced.
    pub(super) unknown: u64,
    /// Exemplars met.
    exemplars: u64,
}

impl Gather {
    pub(super) fn new(min_valid_ms: i64) -> Self {
        Self {
            routes: Routes::default(),
            min_valid_ms,
            last_ref: 0,
            samples: 0,
            unknown: 0,
            exemplars: 0,
        }
    }

    /// Takes a record apart.
    pub(super) fn record(&mut self, record: &[u8], works: &mut [Work; LANES]) -> Result<(), Refused> {
        match Kind::of(record) {
            Some(Kind::Series) => self.series(record, works)?,
            Some(Kind::Samples | Kind::SamplesV2) => self.samples(record, works)?,
            Some(
                Kind::HistogramSamples
                | Kind::FloatHistogramSamples
                | Kind::CustomBucketsHistogramSamples
                | Kind::CustomBucketsFloatHistogramSamples
                | Kind::HistogramSamplesV2
                | Kind::FloatHistogramSamplesV2,
            ) => self.histograms(record, works)?,
            Some(Kind::Tombstones) => self.tombstones(record, works)?,
            Some(Kind::Exemplars) => self.exemplars(record, works)?,
            Some(Kind::Metadata) => self.metadata(record, works)?,
            // A list without entries says nothing, whatever it is a list of.
            _ if record.len() <= 1 => {}
            Some(kind) => {
                return Err(Refused::Foreign(format!(
                    "a record of kind {} ({}), which this version cannot carry",
                    kind as u8,
                    kind.as_str()
                )));
            }
            None => {
                return Err(Refused::Foreign(format!(
                    "a record of kind {}, which this version does not know",
                    record[0]
                )));
            }
        }
        Ok(())
    }

    fn series(&mut self, record: &[u8], works: &mut [Work; LANES]) -> Result<(), DecodeError> {
        let mut numbers_are_good = true;
        series::decode(record, |number, _| {
            numbers_are_good &= (1..REFS_END).contains(&number);
        })?;
        if !numbers_are_good {
            return Err(DecodeError::new(1, "series numbers from 1 to 2^40"));
        }
        series::decode(record, |number, labels| {
            self.last_ref = self.last_ref.max(number);
            let pairs = || labels.iter().copied().filter(|(_, value)| !value.is_empty());
            let lane = lane_of(pairs());
            let is_known = self.routes.get(number).is_some();
            self.routes.insert(number, lane);
            let work = &mut works[lane];
            let from = work.text.len();
            series::push(&mut work.text, number, pairs().count(), pairs());
            work.steps.push(Step::Series {
                number,
                is_known,
                labels: from..work.text.len(),
            });
        })
    }

    fn samples(&mut self, record: &[u8], works: &mut [Work; LANES]) -> Result<(), DecodeError> {
        if Kind::of(record) == Some(Kind::Samples) && self.whole(record, works)? {
            return Ok(());
        }
        let before: [usize; LANES] = std::array::from_fn(|lane| works[lane].rows.len());
        let (routes, min_valid_ms) = (&self.routes, self.min_valid_ms);
        let (mut met, mut unknown) = (0, 0);
        let (mut at, mut page) = (u64::MAX, None);
        let decoded = samples::decode(record, |number, t_ms, bits| {
            met += 1;
            if t_ms < min_valid_ms {
                return;
            }
            if number / PAGE != at {
                at = number / PAGE;
                page = routes.pages.get(&at);
            }
            match page.map_or(NOWHERE, |page| page[(number % PAGE) as usize]) {
                NOWHERE => unknown += 1,
                lane => works[usize::from(lane)].rows.push(Row { number, t_ms, bits }),
            }
        });
        for (work, before) in works.iter_mut().zip(before) {
            match &decoded {
                Ok(()) if work.rows.len() > before => work.add_rows(work.rows.len() - before),
                Ok(()) => {}
                Err(_) => work.rows.truncate(before),
            }
        }
        if decoded.is_ok() {
            self.samples += met;
            self.unknown += unknown;
        }
        decoded
    }

    /// Gives a record of samples to a lane as it is, if all of its series are there, as those of one scrape are;
    /// says whether they were.
    fn whole(&mut self, record: &[u8], works: &mut [Work; LANES]) -> Result<bool, DecodeError> {
        let (mut first, mut last, mut met) = (u64::MAX, 0, 0);
        let (mut at, mut page) = (u64::MAX, None);
        let (mut lane, mut others) = (NOWHERE, 0);
        samples::each_series(record, |number| {
            if number / PAGE != at {
                at = number / PAGE;
                page = self.routes.pages.get(&at);
            }
            let here = page.map_or(NOWHERE, |page| page[(number % PAGE) as usize]);
            if met == 0 {
                lane = here;
            }
            others |= here ^ lane;
            (first, last) = (first.min(number), last.max(number));
            met += 1;
        })?;
        let Some(work) = works.get_mut(usize::from(lane)).filter(|_| others == 0) else {
            return Ok(false);
        };
        let from = work.text.len();
        work.text.extend_from_slice(record);
        work.steps.push(Step::Samples(Samples {
            first,
            last,
            record: from..work.text.len(),
        }));
        self.samples += met;
        Ok(true)
    }

    fn histograms(&mut self, record: &[u8], works: &mut [Work; LANES]) -> Result<(), DecodeError> {
        let mut found: [Vec<(u64, i64, Histogram)>; LANES] = Default::default();
        let (mut met, mut unknown) = (0, 0);
        histograms::decode(record, |at, histogram| {
            met += 1;
            if at.t_ms < self.min_valid_ms {
                return;
            }
            match self.routes.get(at.series) {
                Some(lane) => found[lane].push((at.series, at.t_ms, histogram)),
                None => unknown += 1,
            }
        })?;
        self.samples += met;
        self.unknown += unknown;
        for (work, rows) in works.iter_mut().zip(found) {
            if !rows.is_empty() {
                work.steps.push(Step::Histograms(rows));
            }
        }
        Ok(())
    }

    fn tombstones(&mut self, record: &[u8], works: &mut [Work; LANES]) -> Result<(), DecodeError> {
        let mut found = Vec::new();
        tombstones::decode(record, |number, from, through| {
            found.push((number, from, through))
        })?;
        for (number, from_ms, through_ms) in found {
            if number < REFS_END {
                self.last_ref = self.last_ref.max(number);
            }
            // Also of times that are in blocks: what came out of order may not be, and is read later.
            match self.routes.get(number) {
                Some(lane) => works[lane].steps.push(Step::Bury {
                    number,
                    from_ms,
                    through_ms,
                }),
                None => self.unknown += 1,
            }
        }
        Ok(())
    }

    fn exemplars(&mut self, record: &[u8], works: &mut [Work; LANES]) -> Result<(), DecodeError> {
        let mut found = Vec::new();
        exemplars::decode(record, |number, exemplar| found.push((number, exemplar)))?;
        for (number, exemplar) in found {
            let is_old = exemplar.at_ms.is_none_or(|t_ms| t_ms < self.min_valid_ms);
            if let (Some(lane), false) = (self.routes.get(number), is_old) {
                let step = Step::Exemplar(self.exemplars, number, Box::new(exemplar));
                works[lane].steps.push(step);
                self.exemplars += 1;
            }
        }
        Ok(())
    }

    fn metadata(&mut self, record: &[u8], works: &mut [Work; LANES]) -> Result<(), DecodeError> {
        let mut found = Vec::new();
        metadata::decode(record, |number, said| found.push((number, said)))?;
        for (number, said) in found {
            if let Some(lane) = self.routes.get(number) {
                works[lane].steps.push(Step::Describe(number, Box::new(said)));
            }
        }
        Ok(())
    }
}
