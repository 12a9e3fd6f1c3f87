//! What a running query is at and what it holds, for others to see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// What a query is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not begun.
    Waiting,
    /// Looking up its series.
    Preparing,
    /// Computing.
    Evaluating,
    /// Putting its answer in order.
    Sorting,
    /// The engine is done with it.
    Answered,
}

const PHASES: [Phase; 5] = [
    Phase::Waiting,
    Phase::Preparing,
    Phase::Evaluating,
    Phase::Sorting,
    Phase::Answered,
];

impl Phase {
    /// `waiting`, `preparing`, `evaluating`, `sorting`, `answered`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Preparing => "preparing",
            Self::Evaluating => "evaluating",
            Self::Sorting => "sorting",
            Self::Answered => "answered",
        }
    }
}

/// The state of one query. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    phase: AtomicU8,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl Progress {
    /// A query not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it is at.
    pub fn phase(&self) -> Phase {
        PHASES[usize::from(self.inner.phase.load(Ordering::Relaxed)).min(PHASES.len() - 1)]
    }

    /// Samples held now.
    pub fn held_samples(&self) -> usize {
        self.inner.held.load(Ordering::Relaxed)
    }

    /// The most samples ever held at a time.
    pub fn peak_samples(&self) -> usize {
        self.inner.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.inner.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Takes samples; returns how many are held then.
    pub(crate) fn take(&self, samples: usize) -> usize {
        self.inner.held.fetch_add(samples, Ordering::Relaxed) + samples
    }

    pub(crate) fn note_peak(&self, held: usize) {
        self.inner.peak.fetch_max(held, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, samples: usize) {
        self.inner.held.fetch_sub(samples, Ordering::Relaxed);
    }
}
