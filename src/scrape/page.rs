//! One page into one batch: lines recognised by the cache, values into rows, new series resolved.
//!
//! ```text
//! line as expected? ─ yes ─ value, time → row                                    (nearly always)
//!        └ no ─ parse ─ known elsewhere in the cache? ─ yes ─ row
//!                              └ no ─ labels → relabel → limits → resolve → row, new line
//! ```
//!
//! Nothing is stored here: the batch is committed, or thrown away whole, by `cycle`.

use tsdb::batch::{Appendable, Batch, SeriesRef, Verdict};
use tsdb::model::Labels;

use super::cache::{CURRENT, DROPPED, LineCache, LineIndex, META, Place, REPEATED};
use super::labels::{LabelProblem, finish};
use super::metadata::{Saying, TargetMetadata};
use super::metrics::ScrapeMetrics;
use crate::config::scrape::ScrapeConfig;
use crate::exposition::{Entry, Format, Parser, RawLabel};
use crate::scrape::cache::Line;

/// How far ahead of the clock a sample may be.
const AHEAD_MS_MAX: i64 = 10 * 60 * 1000;

/// What a page held, as the synthetic series report it; partly filled when the page fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Samples on the page.
    pub(super) scraped: usize,
    /// Samples after relabelling, duplicates and refused ones included.
    pub(super) kept: usize,
    /// Series that the cache did not know and that are stored now.
    pub(super) added: usize,
}

/// Samples that were not stored, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) duplicate: usize,
    pub(super) out_of_order: usize,
    pub(super) out_of_bounds: usize,
    /// Of series that there was no room for on the disk.
    pub(super) no_room: usize,
    /// Their series would have been too many for the storage.
    pub(super) beyond_limit: usize,
}

impl Refused {
    /// What the target's status shows though the scrape went well.
    pub(super) fn complaint(&self) -> Option<String> {
        let samples = self.beyond_limit;
        (samples > 0).then(|| {
            format!(
                "series limit reached (--storage.tsdb.max-series), samples of new series not stored: {samples}"
            )
        })
    }

    /// Counts a sample if this verdict refuses it, and tells whether it does.
    pub(super) fn note(&mut self, verdict: Verdict) -> bool {
        let counter = match verdict {
            Verdict::Duplicate => &mut self.duplicate,
            Verdict::OutOfOrder => &mut self.out_of_order,
            Verdict::OutOfBounds | Verdict::TooOld => &mut self.out_of_bounds,
            Verdict::Pending
            | Verdict::Accepted
            | Verdict::Repeated
            | Verdict::Overtaken
            | Verdict::UnknownSeries => return false,
        };
        *counter += 1;
        true
    }
}

/// Where a row of the batch comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// Offset of its line in the page.
    pub(super) at: u32,
    /// Its line in the cache.
    pub(super) line: u32,
    /// The series was not in the cache.
    pub(super) new: bool,
}

/// Memory that pages use one after the other.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) batch: Batch,
    pub(super) origins: Vec<Origin>,
    pub(super) index: LineIndex,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            batch: Batch::at(0),
            origins: Vec::new(),
            index: LineIndex::default(),
        }
    }
}

/// What reading a page needs to know of its target.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) storage: &'a dyn Appendable,
    pub(super) config: &'a ScrapeConfig,
    pub(super) target: &'a Labels,
    pub(super) metrics: &'a ScrapeMetrics,
    /// When the scrape began: the time of samples without one.
    pub(super) at_ms: i64,
    pub(super) now_ms: i64,
}

/// A page being read.
pub(super) struct Reading<'a, 'p> {
    pub(super) around: Surroundings<'a>,
    pub(super) cache: &'a mut LineCache,
    pub(super) metadata: &'a mut TargetMetadata,
    pub(super) scratch: &'a mut Scratch,
    pub(super) counts: Counts,
    pub(super) refused: Refused,
    /// Why a series was not made.
    pub(super) trouble: Option<String>,
    labels: Vec<RawLabel<'p>>,
    /// Samples that count towards the limit.
    appended: u64,
    limit_exceeded: bool,
}

impl<'a, 'p> Reading<'a, 'p> {
    pub(super) fn new(
        around: Surroundings<'a>,
        cache: &'a mut LineCache,
        metadata: &'a mut TargetMetadata,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.batch.clear(around.at_ms);
        scratch.origins.clear();
        cache.begin(&mut scratch.index);
        Self {
            around,
            cache,
            metadata,
            scratch,
            counts: Counts::default(),
            refused: Refused::default(),
            trouble: None,
            labels: Vec::new(),
            appended: 0,
            limit_exceeded: false,
        }
    }

    /// Reads the whole page into the batch.
    ///
    /// # Errors
    /// With the text that the target's status shows. The batch is then to be thrown away.
    pub(super) fn read(&mut self, page: &'p [u8], format: Format) -> Result<(), String> {
        let mut parser = Parser::new(page, format);
        let result = self.lines(&mut parser);
        if self.limit_exceeded {
            self.around.metrics.exceeded_sample_limit.inc();
            return result.and(Err("sample limit exceeded".to_owned()));
        }
        result
    }

    fn lines(&mut self, parser: &mut Parser<'p>) -> Result<(), String> {
        loop {
            parser.skip_blank_lines();
            let at = parser.position();
            if let Some(line) = self.cache.expected()
                && self.cache.stands_at(line, parser.rest())
            {
                if line.has(META) {
                    parser.accept_meta(line.length(), line.kind());
                    if let Some(family) = line.family() {
                        self.metadata.see(family);
                    }
                    let place = self.cache.step(&self.scratch.index);
                    self.cache.keep(place, 0);
                    continue;
                }
                if parser.accept_series(line.length()) {
                    let place = self.cache.step(&self.scratch.index);
                    self.known(place, at, parser);
                    continue;
                }
            }
            match parser.next().map_err(|error| error.to_string())? {
                None => return Ok(()),
                Some(Entry::Series) => self.unexpected(at, parser)?,
                Some(entry) => self.meta(entry, at, parser),
            }
        }
    }

    /// A sample whose series the cache knows.
    #[inline]
    fn known(&mut self, place: Place, at: usize, parser: &Parser<'_>) {
        self.counts.scraped += 1;
        let line = self.cache.line(place);
        if line.has(DROPPED) {
            self.cache.keep(place, 0);
            return;
        }
        self.counts.kept += 1;
        let own_time = self.own_time(parser);
        let repeated = if self.cache.is_repetition(place) {
            REPEATED
        } else {
            0
        };
        if repeated != 0 && own_time.is_none() {
            self.refused.duplicate += 1;
            self.cache.keep(place, REPEATED);
            return;
        }
        let at_ms = own_time.unwrap_or(self.around.at_ms);
        let admitted = self.admit(at_ms);
        let tracked = admitted && (own_time.is_none() || self.around.config.track_timestamps_staleness);
        let tracked = if tracked { CURRENT } else { 0 };
        let number = self.cache.keep(place, tracked | repeated);
        if admitted {
            self.push(line, at_ms, parser, at, number, false);
        }
    }

    fn own_time(&self, parser: &Parser<'_>) -> Option<i64> {
        parser.at_ms().filter(|_| self.around.config.honor_timestamps)
    }

    /// Whether limits let one more sample in.
    #[inline]
    fn admit(&mut self, at_ms: i64) -> bool {
        let limit = self.around.config.sample_limit;
        if limit > 0 {
            self.appended += 1;
            if self.appended > limit {
                self.limit_exceeded = true;
                return false;
            }
        }
        if at_ms > self.around.now_ms + AHEAD_MS_MAX {
            self.refused.out_of_bounds += 1;
            return false;
        }
        true
    }

    #[inline]
    fn push(&mut self, line: Line, at_ms: i64, parser: &Parser<'_>, at: usize, number: usize, new: bool) {
        let bits = parser.value().to_bits();
        self.scratch.batch.push_at(line.series_ref(), at_ms, bits);
        if let Some(mut exemplar) = parser.exemplar() {
            exemplar.at_ms = exemplar.at_ms.or(Some(at_ms));
            self.scratch.batch.exemplars.push((line.series_ref(), exemplar));
        }
        self.scratch.origins.push(Origin {
            // Pages and caches are far below 4 GiB; the limit of a body is checked before.
            at: at as u32,
            line: number as u32,
            new,
        });
    }

    /// A sample that was not expected here: known elsewhere, or new.
    fn unexpected(&mut self, at: usize, parser: &mut Parser<'p>) -> Result<(), String> {
        let text = parser.series();
        let hash = self.cache.hash(text);
        if let Some(place) = self.cache.find(hash, &mut self.scratch.index) {
            self.known(place, at, parser);
            return Ok(());
        }
        self.counts.scraped += 1;
        parser
            .labels(&mut self.labels)
            .map_err(|error| error.to_string())?;
        let around = &self.around;
        let labels = match finish(&self.labels, around.target, around.config) {
            Ok(Some(labels)) => labels,
            Ok(None) => {
                let line = Line::series(hash, text.len(), Default::default(), DROPPED);
                self.cache.add(line, &mut self.scratch.index);
                return Ok(());
            }
            Err(LabelProblem::Limit(text)) => {
                around.metrics.exceeded_label_limits.inc();
                return Err(text);
            }
            Err(LabelProblem::Invalid(text)) => return Err(text),
        };
        let own_time = self.own_time(parser);
        let at_ms = own_time.unwrap_or(self.around.at_ms);
        self.counts.kept += 1;
        if !self.admit(at_ms) {
            return Ok(());
        }
        let made = self.scratch.batch.series_made();
        let series = self.around.storage.resolve(&labels, &mut self.scratch.batch);
        let series = match series {
            Ok(series) => series,
            // Not the target's fault: its other samples are stored, and this one is tried again by the next scrape.
            Err(error) if error.is_no_room() => {
                self.refused.no_room += 1;
                self.trouble.get_or_insert_with(|| error.to_string());
                return Ok(());
            }
            Err(error) if error.is_series_limit() => {
                self.refused.beyond_limit += 1;
                return Ok(());
            }
            Err(error) => {
                self.counts.kept -= 1;
                return Err(error.to_string());
            }
        };
        // Refused series are not remembered, so that their next line on this page is not a repetition. A series
        // made just now has nothing that could be in the way but the bounds of time.
        let is_known = self.scratch.batch.series_made() == made;
        if (is_known || own_time.is_some()) && self.is_refused(series, at_ms, parser) {
            return Ok(());
        }
        let tracked = own_time.is_none() || self.around.config.track_timestamps_staleness;
        let line = Line::series(hash, text.len(), series, if tracked { CURRENT } else { 0 });
        let number = self.cache.add(line, &mut self.scratch.index);
        self.counts.added += 1;
        self.push(line, at_ms, parser, at, number, true);
        Ok(())
    }

    /// Whether the storage would not take the sample, which is then counted as refused.
    fn is_refused(&mut self, series: SeriesRef, at_ms: i64, parser: &Parser<'_>) -> bool {
        let mut batch = Batch::at(at_ms);
        batch.push(series, parser.value().to_bits());
        self.around.storage.judge(&mut batch);
        self.refused
            .note(batch.verdict.first().copied().unwrap_or_default())
    }

    /// A `#` line that was not expected here.
    fn meta(&mut self, entry: Entry, at: usize, parser: &Parser<'p>) {
        let said = match entry {
            Entry::Type => Some(self.metadata.say(&parser.family(), Saying::Kind(parser.kind()))),
            Entry::Help => Some(self.metadata.say(&parser.family(), Saying::Help(&parser.help()))),
            Entry::Unit => Some(self.metadata.say(&parser.family(), Saying::Unit(&parser.unit()))),
            Entry::Comment | Entry::Series => None,
        };
        let text = parser.since(at);
        // Without its newline the text could be the start of another line next time.
        if text.last() != Some(&b'\n') {
            return;
        }
        let kind = (entry == Entry::Type).then(|| parser.kind());
        let line = Line::meta(self.cache.hash(text), text.len(), said, kind);
        // A `#` line stands anew each time it moves: only series are looked up.
        self.cache.add_meta(line, &mut self.scratch.index);
    }
}
