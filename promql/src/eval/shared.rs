//! Parts that a query asks for more than once: evaluated once, handed on again.

use tsdb::query::Charge;

use super::series::Series;
use super::{Eval, SampleCount, Sink};
use crate::engine::QueryError;
use crate::plan::node::{Grid, Shared};

/// Bytes that the series of one part may take; a larger part is evaluated each time, as it streams.
const BYTES_MAX: usize = 32 << 20;

/// What is known of a part.
#[derive(Debug, Default)]
pub(super) enum State {
    /// Not evaluated yet.
    #[default]
    Unseen,
    /// Evaluated each time: it is being evaluated, is too large, or says something about its place.
    Plain,
    Kept(Kept),
}

/// The series of a part.
#[derive(Debug)]
pub(super) struct Kept {
    series: Vec<Series>,
    /// Samples that it looked at.
    samples: SampleCount,
    /// How often it will still be asked for, at most.
    uses: usize,
    held_bytes: usize,
    charge: Charge,
}

impl Kept {
    /// Keeps one more series; `false` if there is no room for it.
    fn take(&mut self, series: &Series) -> bool {
        let bytes = series.held_bytes();
        self.held_bytes += bytes;
        if self.held_bytes > BYTES_MAX || self.charge.grow(bytes).is_err() {
            return false;
        }
        self.series.push(series.clone());
        true
    }
}

impl<'r> Eval<'r> {
    /// Hands on the series of a part that stands elsewhere in the query, too.
    pub(super) fn each_shared(
        &mut self,
        shared: &Shared,
        grid: Grid,
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        if self.shared.len() <= shared.slot {
            self.shared.resize_with(shared.slot + 1, State::default);
        }
        match std::mem::replace(&mut self.shared[shared.slot], State::Plain) {
            State::Unseen => self.each_kept(shared, grid, sink),
            State::Plain => self.each_of(&shared.node, grid, sink),
            State::Kept(kept) => self.each_again(shared.slot, kept, sink),
        }
    }

    /// Evaluates a part, keeping its series if they are few and if nothing is said about its place.
    fn each_kept(&mut self, shared: &Shared, grid: Grid, sink: Sink<'_, 'r>) -> Result<(), QueryError> {
        let (before, said) = (self.samples.clone(), self.notes.said());
        let mut kept = Some(Kept {
            series: Vec::new(),
            samples: SampleCount::default(),
            uses: shared.uses - 1,
            held_bytes: 0,
            charge: self.limits.charge(0)?,
        });
        self.each_of(&shared.node, grid, &mut |eval, series| {
            if kept.as_mut().is_some_and(|kept| !kept.take(&series)) {
                kept = None;
            }
            sink(eval, series)
        })?;
        if let Some(mut kept) = kept.filter(|_| self.notes.said() == said) {
            kept.samples = self.samples.since(&before);
            self.shared[shared.slot] = State::Kept(kept);
        }
        Ok(())
    }

    fn each_again(&mut self, slot: usize, mut kept: Kept, sink: Sink<'_, 'r>) -> Result<(), QueryError> {
        self.samples.add_all(&kept.samples);
        kept.uses = kept.uses.saturating_sub(1);
        if kept.uses == 0 {
            for series in kept.series {
                self.cancel.check()?;
                sink(self, series)?;
            }
            return Ok(());
        }
        for series in &kept.series {
            self.cancel.check()?;
            sink(self, series.clone())?;
        }
        self.shared[slot] = State::Kept(kept);
        Ok(())
    }
}
