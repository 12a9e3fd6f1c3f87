//! Several sources as one: rosters merged by labels, samples by time.
//!
//! ```text
//! source 0 (head)    a  b     d          roster   a      b      c    d
//! source 1 (block)   a     c  d    ──▶   parts    0:0    0:1    1:1  0:2
//!                                                 1:0                1:2
//! ```
//!
//! Where one source alone is involved its order is kept; it shows in the last digits of sums. Where several
//! are, all of them are asked for label order, as Prometheus does, whatever the selection says.

use std::fmt;
use std::sync::Arc;

use super::source::{Selected, SeriesReader, Source};
use super::{
    Budget, Cancel, Charge, Columns, Cursor, QueryError, Read, ReadSource, Roster, RosterBuilder, Selection,
    Sym, Vocabulary,
};

/// Puts what several sources found into one view. `selected` holds, for each of `want`, what each source
/// found, in the order of time; `sources` are kept for selections that come later.
///
/// # Errors
/// When the budget does not suffice.
pub(crate) fn open(
    sources: Vec<Arc<dyn Source>>,
    selected: Vec<Vec<Selected>>,
    vocabulary: Vocabulary,
    budget: &Budget,
) -> Result<Read, QueryError> {
    let mut found = Vec::with_capacity(selected.len());
    let mut rosters = Vec::with_capacity(selected.len());
    for selected in selected {
        let (roster, merged) = merge(selected, &vocabulary, budget)?;
        rosters.push(roster);
        found.push(merged);
    }
    Ok(Read::new(
        rosters,
        vocabulary,
        Box::new(Merged { sources, found }),
    ))
}

/// After how many merged series the budget is charged.
const SERIES_BETWEEN_CHARGES: usize = 1024;

#[derive(Debug)]
struct Merged {
    sources: Vec<Arc<dyn Source>>,
    found: Vec<Found>,
}

/// The readers of one roster.
struct Found {
    readers: Vec<Box<dyn SeriesReader>>,
    /// With several readers: where each series' parts end in `parts`.
    ends: Vec<u32>,
    /// (reader, series there), in the order of the readers.
    parts: Vec<(u32, u32)>,
    _charge: Charge,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({} readers)", self.readers.len())
    }
}

fn merge(
    selected: Vec<Selected>,
    vocabulary: &Vocabulary,
    budget: &Budget,
) -> Result<(Roster, Found), QueryError> {
    let mut selected: Vec<Selected> = selected.into_iter().filter(|s| !s.roster.is_empty()).collect();
    let mut charge = budget.charge(0)?;
    if selected.len() <= 1 {
        let (roster, readers) = match selected.pop() {
            Some(only) => (only.roster, vec![only.reader]),
            None => (Roster::default(), Vec::new()),
        };
        // A source charges its roster itself.
        let found = Found {
            readers,
            ends: Vec::new(),
            parts: Vec::new(),
            _charge: charge,
        };
        return Ok((roster, found));
    }
    let mut builder = RosterBuilder::default();
    let (mut ends, mut parts) = (Vec::new(), Vec::new());
    let mut at = vec![0usize; selected.len()];
    let held = |builder: &RosterBuilder, ends: &Vec<u32>, parts: &Vec<(u32, u32)>| {
        builder.held_bytes() + ends.capacity() * 4 + parts.capacity() * 8
    };
    loop {
        if ends.len() % SERIES_BETWEEN_CHARGES == 0 {
            charge.resize(held(&builder, &ends, &parts))?;
        }
        let next = |source: usize| {
            let roster = &selected[source].roster;
            (at[source] < roster.len()).then(|| roster.labels(at[source]))
        };
        let Some(first) = (0..selected.len())
            .filter_map(next)
            .reduce(|a, b| if before(vocabulary, b, a) { b } else { a })
        else {
            break;
        };
        builder.push(first.iter().copied());
        let same: Vec<usize> = (0..selected.len())
            .filter(|&source| next(source) == Some(first))
            .collect();
        for source in same {
            // Rosters have fewer than 2^32 series and queries fewer than 2^32 sources.
            parts.push((source as u32, at[source] as u32));
            at[source] += 1;
        }
        ends.push(parts.len() as u32);
    }
    charge.resize(held(&builder, &ends, &parts))?;
    let roster = builder.build();
    let found = Found {
        readers: selected.into_iter().map(|s| s.reader).collect(),
        ends,
        parts,
        _charge: charge,
    };
    Ok((roster, found))
}

/// Whether the label set `a` comes before `b`.
fn before(vocabulary: &Vocabulary, a: &[(Sym, Sym)], b: &[(Sym, Sym)]) -> bool {
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) if a.0 != b.0 => vocabulary.text(a.0) < vocabulary.text(b.0),
        Some((a, b)) => vocabulary.text(a.1) < vocabulary.text(b.1),
        None => a.len() < b.len(),
    }
}

impl ReadSource for Merged {
    fn cursor(&self) -> Box<dyn Cursor + '_> {
        Box::new(MergedCursor {
            found: &self.found,
            part: Columns::default(),
            both: Columns::default(),
        })
    }

    fn more(
        &mut self,
        want: &Selection,
        _index: usize,
        vocabulary: &mut Vocabulary,
        budget: &Budget,
        cancel: &Cancel,
    ) -> Result<Roster, QueryError> {
        let mut want = want.clone();
        want.sorted |= self.sources.len() > 1;
        let mut selected = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            selected.push(Arc::clone(source).select(&want, vocabulary, budget, cancel)?);
        }
        let (roster, found) = merge(selected, vocabulary, budget)?;
        self.found.push(found);
        Ok(roster)
    }
}

struct MergedCursor<'a> {
    found: &'a [Found],
    part: Columns,
    both: Columns,
}

impl Cursor for MergedCursor<'_> {
    fn read(
        &mut self,
        roster: usize,
        series: usize,
        from_ms: i64,
        through_ms: i64,
        into: &mut Columns,
    ) -> Result<(), QueryError> {
        into.clear();
        let found = &self.found[roster];
        if let [only] = &found.readers[..] {
            return only.read(series, from_ms, through_ms, into);
        }
        let first = if series == 0 {
            0
        } else {
            found.ends[series - 1] as usize
        };
        for &(reader, there) in &found.parts[first..found.ends[series] as usize] {
            let reader = &found.readers[reader as usize];
            if into.is_empty() {
                reader.read(there as usize, from_ms, through_ms, into)?;
                continue;
            }
            self.part.clear();
            reader.read(there as usize, from_ms, through_ms, &mut self.part)?;
            merge_columns(into, &mut self.part, &mut self.both);
        }
        Ok(())
    }
}

/// Merges `part` into `into`, a time that both have once; `both` is a buffer.
fn merge_columns(into: &mut Columns, part: &mut Columns, both: &mut Columns) {
    let follows = match (into.t_ms.last(), part.t_ms.first()) {
        (Some(last), Some(first)) => last < first,
        _ => true,
    };
    if follows {
        take(into, part, 0..part.len());
        return;
    }
    both.clear();
    let (mut a, mut b) = (0, 0);
    while a < into.len() || b < part.len() {
        // Runs rather than rows: sources overlap at their edges, if at all.
        let a_end = match part.t_ms.get(b) {
            Some(&stop) => a + into.t_ms[a..].partition_point(|&t| t < stop),
            None => into.len(),
        };
        take(both, into, a..a_end);
        a = a_end;
        if let (Some(&t), Some(&same)) = (into.t_ms.get(a), part.t_ms.get(b))
            && t == same
        {
            b += 1;
            take(both, into, a..a + 1);
            a += 1;
            continue;
        }
        let b_end = match into.t_ms.get(a) {
            Some(&stop) => b + part.t_ms[b..].partition_point(|&t| t < stop),
            None => part.len(),
        };
        take(both, part, b..b_end);
        b = b_end;
    }
    std::mem::swap(into, both);
}

/// Appends rows that follow those of another source.
fn take(into: &mut Columns, from: &Columns, rows: std::ops::Range<usize>) {
    let row = into.len();
    into.append_rows(from, rows);
    if row > 0 {
        into.forget_reset(row);
    }
}

#[cfg(test)]
mod tests;
