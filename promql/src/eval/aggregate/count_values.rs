//! `count_values`: how many series have which value.

use hashbrown::HashMap;
use tsdb::query::{Charge, Sym};

use super::group::Grouping;
use crate::engine::QueryError;
use crate::eval::dict::{Dict, SetId};
use crate::eval::limits::Holding;
use crate::eval::series::{ABSENT, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::histogram;
use crate::plan::node::{Aggregate, Grid, Node};

/// Bytes in quotes, those that are no text as `\xff`.
fn quoted_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let text = crate::annotations::quoted(chunk.valid());
        out.push_str(&text[1..text.len() - 1]);
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

/// How many series have one value at each step. Most values occur at few steps.
enum Counts {
    /// Steps, ascending, and how many each.
    Few(Vec<(u32, u32)>),
    /// One for each step, [`ABSENT`] where there is none.
    Column(Vec<f64>),
}

/// A part of the steps, so many times smaller than all, that is few.
const FEW: usize = 4;

impl Counts {
    fn add(&mut self, step: usize, steps: usize) {
        let few = match self {
            Self::Few(few) => few,
            Self::Column(column) => {
                let count = &mut column[step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
                return;
            }
        };
        // A grid has fewer than 2^32 steps.
        let at = step as u32;
        match few.last_mut() {
            Some((last, count)) if *last == at => *count += 1,
            Some((last, _)) if *last > at => match few.binary_search_by_key(&at, |(step, _)| *step) {
                Ok(found) => few[found].1 += 1,
                Err(place) => few.insert(place, (at, 1)),
            },
            _ => few.push((at, 1)),
        }
        if few.len() > steps / FEW {
            let mut column = vec![ABSENT; steps];
            self.fill(&mut column);
            *self = Self::Column(column);
        }
    }

    fn fill(&self, column: &mut [f64]) {
        match self {
            Self::Few(few) => few
                .iter()
                .for_each(|&(step, count)| column[step as usize] = f64::from(count)),
            Self::Column(counts) => column.copy_from_slice(counts),
        }
    }

    /// At how many steps there is a count.
    fn present(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Column(column) => column.iter().filter(|v| !is_absent(**v)).count(),
        }
    }

    fn held_bytes(&self) -> usize {
        match self {
            Self::Few(few) => few.capacity() * size_of::<(u32, u32)>(),
            Self::Column(column) => column.capacity() * size_of::<f64>(),
        }
    }
}

/// The counts of all values, with what they are charged for.
struct Table {
    grouping: Grouping,
    label: Sym,
    counts: Vec<Counts>,
    steps: usize,
    texts: HashMap<u64, Sym, foldhash::fast::RandomState>,
    /// Bytes that the counts themselves hold.
    counted_bytes: usize,
    /// One sample a group.
    held: Holding,
    charge: Charge,
}

impl Table {
    /// The group of a series that has a value of this text.
    fn group(&mut self, dict: &mut Dict, set: SetId, text: Sym) -> Result<usize, QueryError> {
        let set = dict.with(set, self.label, text);
        let group = self.grouping.of(dict, set);
        if group == self.counts.len() {
            self.held.add(1, 0)?;
            self.counts.push(Counts::Few(Vec::new()));
            if group.is_multiple_of(GROUPS_BETWEEN_CHARGES) {
                self.account()?;
            }
        }
        Ok(group)
    }

    fn count(&mut self, group: usize, step: usize) {
        let counts = &mut self.counts[group];
        self.counted_bytes -= counts.held_bytes();
        counts.add(step, self.steps);
        self.counted_bytes += counts.held_bytes();
    }

    /// Charges what it holds by now.
    fn account(&mut self) -> Result<(), QueryError> {
        let tables = self.counts.capacity() * size_of::<Counts>()
            + self.texts.allocation_size()
            + self.grouping.held_bytes();
        Ok(self.charge.resize(tables + self.counted_bytes)?)
    }
}

/// After how many new groups they are charged for.
const GROUPS_BETWEEN_CHARGES: usize = 256;

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    aggregate: &Aggregate,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let bytes: &[u8] = match &aggregate.param {
        Some(Node::Text(bytes)) => bytes,
        _ => b"",
    };
    let Some(label) = std::str::from_utf8(bytes).ok().filter(|label| !label.is_empty()) else {
        return Err(QueryError::execution(format!(
            "invalid label name {}",
            quoted_bytes(bytes)
        )));
    };
    let label = eval.dict.words.intern(label);
    let mut grouping = Grouping::new(&mut eval.dict, aggregate);
    grouping.add(label);
    let mut table = Table {
        grouping,
        label,
        counts: Vec::new(),
        steps: grid.len(),
        texts: HashMap::default(),
        counted_bytes: 0,
        held: eval.limits.holding()?,
        charge: eval.limits.charge(0)?,
    };
    eval.each(&aggregate.node, grid, &mut |eval, series| {
        eval.account()?;
        table.account()?;
        for (step, h) in &series.h {
            let text = eval.dict.words.intern(&histogram::text(h));
            let group = table.group(&mut eval.dict, series.set, text)?;
            table.count(group, *step as usize);
        }
        let mut last = None;
        for (step, &v) in series.v.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
            let bits = v.to_bits();
            let group = match last {
                Some((of, group)) if of == bits => group,
                _ => {
                    let words = &mut eval.dict.words;
                    let text = *table
                        .texts
                        .entry(bits)
                        .or_insert_with(|| words.intern(&crate::format::plain(v)));
                    let group = table.group(&mut eval.dict, series.set, text)?;
                    last = Some((bits, group));
                    group
                }
            };
            table.count(group, step);
        }
        eval.recycle(series.v);
        Ok(())
    })?;
    table.account()?;
    // What is handed on is held here, too, until all of it is.
    let present = table.counts.iter().map(Counts::present).sum();
    table.held.add(present, 0)?;
    for (counts, set) in std::mem::take(&mut table.counts)
        .into_iter()
        .zip(&table.grouping.sets)
    {
        let mut column = eval.column(grid.len());
        counts.fill(&mut column);
        sink(eval, Series::floats(*set, column))?;
    }
    Ok(())
}
