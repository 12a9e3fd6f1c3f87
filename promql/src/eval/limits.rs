//! What a query may hold: samples against `--query.max-samples`, bytes against its budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tsdb::query::{Budget, Charge, Heaviest, OverBudget};

use super::series::{Scalar, Series};
use crate::engine::{Progress, QueryError};

/// Bytes of a column besides its values, roughly.
const COLUMN_BYTES: usize = 64;

/// The account of one query. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    samples: Arc<Samples>,
    budget: Budget,
    /// Bytes of samples read, selection by selection.
    read_bytes: Arc<[AtomicU64]>,
}

#[derive(Debug)]
struct Samples {
    max: usize,
    progress: Progress,
}

impl Limits {
    pub(crate) fn new(max_samples: usize, budget: &Budget, progress: &Progress, selections: usize) -> Self {
        Self {
            samples: Arc::new(Samples {
                max: max_samples,
                progress: progress.clone(),
            }),
            budget: budget.clone(),
            read_bytes: (0..selections).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether a column of so many steps may be held at all: a series has room for a value at each.
    pub(crate) fn check_steps(&self, steps: usize) -> Result<(), QueryError> {
        if steps > self.samples.max {
            return Err(QueryError::too_many_samples());
        }
        Ok(())
    }

    /// Whether so many samples may be held at a time.
    pub(crate) fn allows(&self, samples: usize) -> bool {
        samples <= self.samples.max
    }

    /// The most samples ever held at a time.
    pub(crate) fn peak_samples(&self) -> usize {
        self.samples.progress.peak_samples()
    }

    /// What bytes are charged to.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// An account of something that will be held.
    pub(crate) fn holding(&self) -> Result<Holding, QueryError> {
        Ok(Holding {
            inner: Some((Arc::clone(&self.samples), self.budget.charge(0)?)),
            held: 0,
        })
    }

    /// An account of a scalar that is held while something else is evaluated.
    pub(crate) fn hold_scalar(&self, scalar: &Scalar) -> Result<Holding, QueryError> {
        let mut holding = self.holding()?;
        if let Scalar::Steps(v) = scalar {
            holding.add_column(v.len(), v.len())?;
        }
        Ok(holding)
    }

    /// Charges bytes.
    pub(crate) fn charge(&self, bytes: usize) -> Result<Charge, QueryError> {
        Ok(self.budget.charge(bytes)?)
    }

    /// Notes that samples of a selection were read.
    #[inline]
    pub(crate) fn note_read(&self, selection: usize, bytes: usize) {
        if let Some(read) = self.read_bytes.get(selection) {
            read.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Names the selector that costs most in an error about a budget; `describe` tells of a selection.
    pub(crate) fn with_heaviest(
        &self,
        over: OverBudget,
        describe: impl FnOnce(usize, u64) -> Option<Heaviest>,
    ) -> OverBudget {
        over.with_heaviest(|| {
            let read = self.read_bytes.iter().map(|read| read.load(Ordering::Relaxed));
            let (selection, bytes) = (0..).zip(read).max_by_key(|&(_, bytes)| bytes)?;
            describe(selection, bytes)
        })
    }
}

/// Samples and bytes held; given back on drop.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    inner: Option<(Arc<Samples>, Charge)>,
    held: usize,
}

impl Holding {
    /// Takes one more series.
    pub(crate) fn add_series(&mut self, series: &Series) -> Result<(), QueryError> {
        self.add(series.present(), series.held_bytes())
    }

    /// Takes one more column of so many steps, `present` of which have a value.
    pub(crate) fn add_column(&mut self, steps: usize, present: usize) -> Result<(), QueryError> {
        self.add(present, steps * size_of::<f64>() + COLUMN_BYTES)
    }

    /// Takes samples and bytes.
    pub(crate) fn add(&mut self, samples: usize, bytes: usize) -> Result<(), QueryError> {
        let Some((account, charge)) = &mut self.inner else {
            return Ok(());
        };
        charge.grow(bytes)?;
        self.held += samples;
        let held = account.progress.take(samples);
        if held > account.max {
            return Err(QueryError::too_many_samples());
        }
        account.progress.note_peak(held);
        Ok(())
    }

    /// Makes it stand for these samples and bytes instead.
    pub(crate) fn set(&mut self, samples: usize, bytes: usize) -> Result<(), QueryError> {
        if let Some((account, charge)) = &mut self.inner {
            account.progress.give_back(self.held);
            self.held = 0;
            charge.resize(bytes)?;
        }
        self.add(samples, 0)
    }

    /// Gives bytes back that are no longer held.
    pub(crate) fn remove(&mut self, bytes: usize) {
        if let Some((_, charge)) = &mut self.inner {
            charge.shrink(bytes);
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some((account, _)) = &self.inner {
            account.progress.give_back(self.held);
        }
    }
}
