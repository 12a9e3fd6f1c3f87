//! The positional cache: line *i* of this page is compared with line *i* of the last.
//!
//! ```text
//! page                          line: 16 bytes
//! # TYPE a counter              hash of the text │ family number, kind    │ length │ META
//! a{x="1"} 5                    hash of the text │ series ref             │ length │ CURRENT
//! a{x="2"} 7                    hash of the text │ series ref             │ length │ CURRENT
//! b 3                           hash of the text │ 0                      │ length │ DROPPED
//! ```
//!
//! Targets repeat themselves: the same lines in the same order. So a line is recognised by hashing as many
//! bytes as last time, without finding out where its labels end. When a line differs, the last page's lines
//! are looked up by hash until the page falls into step again. No text is kept; hashes are seeded, so that
//! a target cannot construct two texts that look alike.
//!
//! The flags carry staleness: [`PREVIOUS`] says "was tracked by the last scrape", [`CURRENT`] "by this one".

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use tsdb::batch::SeriesRef;
use tsdb::model::MetricKind;

/// The line was on this page already (of a series: an earlier line has the same text).
pub(super) const SEEN: u64 = 1;
/// This scrape stored a sample of the series without a time of its own.
pub(super) const CURRENT: u64 = 1 << 1;
/// The last scrape did.
pub(super) const PREVIOUS: u64 = 1 << 2;
/// Relabelling drops the series.
pub(super) const DROPPED: u64 = 1 << 3;
/// A `#` line.
pub(super) const META: u64 = 1 << 4;
/// The text stood on the page before: a duplicate.
pub(super) const REPEATED: u64 = 1 << 5;
/// The entry is to be forgotten: it matches nothing.
pub(super) const VOID: u64 = 1 << 6;

const LENGTH_SHIFT: u32 = 8;
const LENGTH_MAX: usize = 0xffff;
const PAYLOAD_SHIFT: u32 = 24;
const FAMILY_BITS: u32 = 24;

/// One line of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    hash: u64,
    /// Payload (40 bits), length (16), flags (8).
    packed: u64,
}

impl Line {
    pub(super) fn series(hash: u64, length: usize, series: SeriesRef, flags: u64) -> Self {
        // Refs stay below 2^40.
        Self::new(hash, length, series.0, flags)
    }

    /// A `#` line: which family it speaks of, and the kind it declares. `None` for a line that says nothing.
    pub(super) fn meta(hash: u64, length: usize, family: Option<u32>, kind: Option<MetricKind>) -> Self {
        let family = family.filter(|&family| family < (1 << FAMILY_BITS) - 1);
        let family = family.map_or(0, |family| u64::from(family) + 1);
        let kind = kind.map_or(0, |kind| kind as u64 + 1);
        Self::new(hash, length, family | kind << FAMILY_BITS, META)
    }

    fn new(hash: u64, length: usize, payload: u64, flags: u64) -> Self {
        // A line too long to note its length is found by its hash alone.
        let length = if length > LENGTH_MAX { 0 } else { length as u64 };
        Self {
            hash,
            packed: payload << PAYLOAD_SHIFT | length << LENGTH_SHIFT | flags,
        }
    }

    #[inline]
    pub(super) fn length(self) -> usize {
        (self.packed >> LENGTH_SHIFT) as usize & LENGTH_MAX
    }

    #[inline]
    pub(super) fn series_ref(self) -> SeriesRef {
        SeriesRef(self.packed >> PAYLOAD_SHIFT)
    }

    pub(super) fn set_series_ref(&mut self, series: SeriesRef) {
        let low = self.packed & ((1 << PAYLOAD_SHIFT) - 1);
        self.packed = series.0 << PAYLOAD_SHIFT | low;
    }

    pub(super) fn family(self) -> Option<u32> {
        let family = (self.packed >> PAYLOAD_SHIFT) as u32 & ((1 << FAMILY_BITS) - 1);
        family.checked_sub(1)
    }

    pub(super) fn kind(self) -> Option<MetricKind> {
        let kinds = [
            MetricKind::Unknown,
            MetricKind::Counter,
            MetricKind::Gauge,
            MetricKind::Histogram,
            MetricKind::GaugeHistogram,
            MetricKind::Summary,
            MetricKind::Info,
            MetricKind::StateSet,
        ];
        let kind = (self.packed >> (PAYLOAD_SHIFT + FAMILY_BITS)) as usize & 0xf;
        kinds.get(kind.checked_sub(1)?).copied()
    }

    #[inline]
    pub(super) fn has(self, flags: u64) -> bool {
        self.packed & flags != 0
    }

    #[inline]
    pub(super) fn set(&mut self, flags: u64) {
        self.packed |= flags;
    }

    #[inline]
    pub(super) fn unset(&mut self, flags: u64) {
        self.packed &= !flags;
    }
}

/// Line numbers by hash, for a page that has fallen out of step. Reused from page to page.
#[derive(Debug, Default)]
pub(super) struct LineIndex {
    numbers: HashMap<u64, u32, foldhash::fast::FixedState>,
}

/// Lines of the last page and of the page being read.
#[derive(Debug)]
pub(super) struct LineCache {
    hasher: RandomState,
    /// The last page that went well; more lines behind it if pages since then did not.
    pub(super) lines: Vec<Line>,
    /// This page from its first difference on; before that, `lines` itself is this page.
    fresh: Vec<Line>,
    /// Where in `lines` the next line is expected.
    cursor: usize,
    in_step: bool,
    /// Lines that [`PREVIOUS`] marks, less those that [`CURRENT`] marks too.
    missing: usize,
    /// How many lines the last good page had.
    good_lines: usize,
}

/// Where a line of this page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the last page's lines.
    Old(usize),
    /// Among the lines that are new or that came after the first difference.
    Fresh(usize),
}

impl LineCache {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::default(),
            lines: Vec::new(),
            fresh: Vec::new(),
            cursor: 0,
            in_step: true,
            missing: 0,
            good_lines: 0,
        }
    }

    #[inline]
    pub(super) fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        hasher.finish()
    }

    /// Begins a page: what was current is now previous.
    pub(super) fn begin(&mut self, index: &mut LineIndex) {
        let mut previous = 0;
        for line in &mut self.lines {
            let current = line.packed & CURRENT;
            line.packed = line.packed & !(SEEN | CURRENT | PREVIOUS) | current << 1;
            previous += usize::from(current != 0);
        }
        self.missing = previous;
        self.cursor = 0;
        self.in_step = true;
        self.fresh.clear();
        index.numbers.clear();
    }

    /// The line that should come now.
    #[inline]
    pub(super) fn expected(&self) -> Option<Line> {
        self.lines
            .get(self.cursor)
            .copied()
            .filter(|line| !line.has(VOID))
    }

    /// Whether the expected line's series stands at the start of `rest`.
    #[inline]
    pub(super) fn stands_at(&self, line: Line, rest: &[u8]) -> bool {
        let length = line.length();
        length > 0
            && rest
                .get(..length)
                .is_some_and(|text| self.hash(text) == line.hash)
    }

    /// The expected line came: moves on.
    #[inline]
    pub(super) fn step(&mut self, index: &LineIndex) -> Place {
        let at = self.cursor;
        self.cursor += 1;
        if self.in_step {
            return Place::Old(at);
        }
        let line = self.lines[at];
        if line.has(REPEATED) {
            // Its first occurrence decides, wherever that stands now.
            return match index.numbers.get(&line.hash) {
                Some(&number) if number as usize != at => Place::Old(number as usize),
                _ => Place::Old(at),
            };
        }
        Place::Old(at)
    }

    /// Looks up a line that was not the expected one.
    pub(super) fn find(&mut self, hash: u64, index: &mut LineIndex) -> Option<Place> {
        self.fall_out_of_step(index);
        let number = *index.numbers.get(&hash)? as usize;
        if number < self.lines.len() {
            self.cursor = number + 1;
            return Some(Place::Old(number));
        }
        Some(Place::Fresh(number - self.lines.len()))
    }

    fn fall_out_of_step(&mut self, index: &mut LineIndex) {
        if !self.in_step {
            return;
        }
        self.in_step = false;
        for (number, line) in self.lines.iter().enumerate() {
            if !line.has(VOID | REPEATED) {
                index.numbers.entry(line.hash).or_insert(number as u32);
            }
        }
        self.fresh.extend_from_slice(&self.lines[..self.cursor]);
    }

    /// Notes that the line at `place` is on this page too. Tells where the page has it now.
    #[inline]
    pub(super) fn keep(&mut self, place: Place, flags: u64) -> usize {
        let number = match place {
            Place::Old(number) => number,
            Place::Fresh(number) => {
                let mut line = self.fresh[number];
                line.set(flags);
                self.fresh.push(line);
                return self.fresh.len() - 1;
            }
        };
        let line = &mut self.lines[number];
        if flags & CURRENT != 0 && line.has(PREVIOUS) && !line.has(CURRENT) {
            self.missing -= 1;
        }
        // A repetition's own flags are not its first occurrence's.
        line.set(SEEN | flags & !REPEATED);
        if self.in_step {
            return number;
        }
        let mut line = *line;
        line.unset(REPEATED);
        line.set(flags);
        self.fresh.push(line);
        self.fresh.len() - 1
    }

    /// Adds a line that the last page did not have. Tells where the page has it.
    pub(super) fn add(&mut self, line: Line, index: &mut LineIndex) -> usize {
        self.fall_out_of_step(index);
        let number = self.lines.len() + self.fresh.len();
        index.numbers.entry(line.hash).or_insert(number as u32);
        self.fresh.push(line);
        self.fresh.len() - 1
    }

    /// Whether the text at `place` stood on this page before.
    #[inline]
    pub(super) fn is_repetition(&self, place: Place) -> bool {
        match place {
            Place::Old(number) => self.lines[number].has(if self.in_step { SEEN | REPEATED } else { SEEN }),
            Place::Fresh(_) => true,
        }
    }

    /// Adds a `#` line, or goes on behind where the last page had it.
    pub(super) fn add_meta(&mut self, line: Line, index: &mut LineIndex) {
        self.fall_out_of_step(index);
        if let Some(&number) = index.numbers.get(&line.hash)
            && (number as usize) < self.lines.len()
        {
            self.cursor = number as usize + 1;
        }
        self.fresh.push(line);
    }

    /// The line at `place`.
    #[inline]
    pub(super) fn line(&self, place: Place) -> Line {
        match place {
            Place::Old(number) => self.lines[number],
            Place::Fresh(number) => self.fresh[number],
        }
    }

    /// Ends a page that went well. Series that the last scrape tracked and this one did not go to `stale`.
    pub(super) fn succeed(&mut self, stale: &mut Vec<SeriesRef>) {
        let end = if self.in_step {
            self.cursor
        } else {
            self.lines.len()
        };
        let kept = if self.in_step {
            &self.lines[..end]
        } else {
            &self.fresh[..]
        };
        if self.missing > 0 {
            collect_stale(&self.lines, kept, stale);
        }
        if self.in_step {
            self.lines.truncate(end);
        } else {
            std::mem::swap(&mut self.lines, &mut self.fresh);
            self.lines.shrink_to_fit();
        }
        self.fresh = Vec::new();
        self.in_step = true;
        self.good_lines = self.lines.len();
    }

    /// Ends a page that failed, or a scrape without one: nothing is forgotten, new series are remembered.
    /// Tells whether the cache had grown so much that all but this page's lines were forgotten after all.
    pub(super) fn fail(&mut self, stale: &mut Vec<SeriesRef>) -> bool {
        if self.missing > 0 {
            collect_stale(&self.lines, &self.fresh, stale);
        }
        if !self.in_step {
            let known = self.lines.len();
            let fresh = std::mem::take(&mut self.fresh);
            self.lines.extend(
                fresh
                    .into_iter()
                    .filter(|line| !line.has(SEEN | META | REPEATED | VOID)),
            );
            debug_assert!(self.lines.len() >= known, "lines are only added");
        }
        self.in_step = true;
        // A target whose failing pages name ever new series must not fill the memory.
        let grown = self.lines.len() > 2 * self.good_lines + 1000;
        if grown {
            self.lines.retain(|line| line.has(SEEN | CURRENT));
        }
        grown
    }

    /// A sample of this page, which is failing, is not taken: it does not keep its series going, and a new
    /// series is not known. For [`LineCache::fail`] to follow.
    pub(super) fn refuse(&mut self, number: usize, new: bool) {
        if !self.in_step {
            let line = &mut self.fresh[number];
            line.set(if new { VOID } else { 0 });
            line.unset(CURRENT);
        }
        let hash = if self.in_step {
            self.lines[number].hash
        } else {
            self.fresh[number].hash
        };
        let of_series = self
            .lines
            .iter_mut()
            .filter(|line| line.hash == hash && line.has(CURRENT));
        for line in of_series {
            self.missing += usize::from(line.has(PREVIOUS));
            line.unset(CURRENT);
        }
    }

    /// The line of a page that went well, by the number that [`LineCache::keep`] or [`LineCache::add`] told.
    pub(super) fn line_mut(&mut self, number: usize) -> &mut Line {
        &mut self.lines[number]
    }
}

/// Series marked previous in `old` and current nowhere. Several texts may mean one series.
fn collect_stale(old: &[Line], kept: &[Line], stale: &mut Vec<SeriesRef>) {
    let current: std::collections::HashSet<SeriesRef> = [old, kept]
        .into_iter()
        .flatten()
        .filter(|line| line.has(CURRENT))
        .map(|line| line.series_ref())
        .collect();
    let gone = old.iter().filter(|line| line.has(PREVIOUS) && !line.has(CURRENT));
    stale.extend(
        gone.map(|line| line.series_ref())
            .filter(|series| !current.contains(series)),
    );
    stale.sort_unstable();
    stale.dedup();
}
