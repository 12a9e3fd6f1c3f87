//! What a query may hold: samples against `--query.max-samples`, bytes against its budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tsdb::query::{Budget, Charge};

use crate::engine::QueryError;

/// Bytes of a series besides its values, roughly.
const SERIES_BYTES: usize = 64;

/// The account of one query. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    samples: Arc<Samples>,
    budget: Budget,
}

#[derive(Debug)]
struct Samples {
    max: usize,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl Limits {
    pub(crate) fn new(max_samples: usize, budget: &Budget) -> Self {
        Self {
            samples: Arc::new(Samples {
                max: max_samples,
                held: AtomicUsize::new(0),
                peak: AtomicUsize::new(0),
            }),
            budget: budget.clone(),
        }
    }

    /// Whether a column of so many steps may be held at all: a series has room for a value at each.
    pub(crate) fn check_steps(&self, steps: usize) -> Result<(), QueryError> {
        if steps > self.samples.max {
            return Err(QueryError::too_many_samples());
        }
        Ok(())
    }

    /// The most samples ever held at a time.
    pub(crate) fn peak_samples(&self) -> usize {
        self.samples.peak.load(Ordering::Relaxed)
    }

    /// An account of something that will be held.
    pub(crate) fn holding(&self) -> Result<Holding, QueryError> {
        Ok(Holding {
            inner: Some((Arc::clone(&self.samples), self.budget.charge(0)?)),
            held: 0,
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
    /// Takes one more series: `steps` values long, `present` of them real.
    pub(crate) fn add_series(&mut self, steps: usize, present: usize) -> Result<(), QueryError> {
        self.add(present, steps * size_of::<f64>() + SERIES_BYTES)
    }

    /// Takes samples and bytes.
    pub(crate) fn add(&mut self, samples: usize, bytes: usize) -> Result<(), QueryError> {
        let Some((account, charge)) = &mut self.inner else {
            return Ok(());
        };
        charge.grow(bytes)?;
        self.held += samples;
        let held = account.held.fetch_add(samples, Ordering::Relaxed) + samples;
        if held > account.max {
            return Err(QueryError::too_many_samples());
        }
        account.peak.fetch_max(held, Ordering::Relaxed);
        Ok(())
    }

    /// Makes it stand for these samples and bytes instead.
    pub(crate) fn set(&mut self, samples: usize, bytes: usize) -> Result<(), QueryError> {
        if let Some((account, charge)) = &mut self.inner {
            account.held.fetch_sub(self.held, Ordering::Relaxed);
            self.held = 0;
            charge.resize(bytes)?;
        }
        self.add(samples, 0)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some((account, _)) = &self.inner {
            account.held.fetch_sub(self.held, Ordering::Relaxed);
        }
    }
}
