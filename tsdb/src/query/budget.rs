//! What a query may hold, and whether it is still wanted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Bytes that may be held at a time: a query's own budget, whose parent is the budget of all queries.
///
/// Cloning shares it. Every buffer of a query is charged before it grows; a [`Charge`] gives its bytes
/// back when it is dropped.
#[derive(Clone, Debug)]
pub struct Budget {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: &'static str,
    limit_bytes: usize,
    held_bytes: AtomicUsize,
    peak_bytes: AtomicUsize,
    parent: Option<Budget>,
}

impl Budget {
    /// A budget of `limit_bytes`; `name` says in the error which limit it was.
    pub fn new(name: &'static str, limit_bytes: usize) -> Self {
        Self::with_parent(name, limit_bytes, None)
    }

    /// A budget without a limit.
    pub fn unlimited() -> Self {
        Self::new("unlimited", usize::MAX)
    }

    /// A budget within this one.
    #[must_use]
    pub fn child(&self, name: &'static str, limit_bytes: usize) -> Self {
        Self::with_parent(name, limit_bytes, Some(self.clone()))
    }

    fn with_parent(name: &'static str, limit_bytes: usize, parent: Option<Self>) -> Self {
        let (held_bytes, peak_bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self {
            inner: Arc::new(Inner {
                name,
                limit_bytes,
                held_bytes,
                peak_bytes,
                parent,
            }),
        }
    }

    /// Takes `bytes` from this budget and those above it.
    ///
    /// # Errors
    /// When any of them has too little left; then nothing is taken.
    pub fn charge(&self, bytes: usize) -> Result<Charge, OverBudget> {
        self.take(bytes)?;
        Ok(Charge {
            budget: self.clone(),
            bytes,
        })
    }

    /// The most bytes that may be held at a time.
    pub fn limit_bytes(&self) -> usize {
        self.inner.limit_bytes
    }

    /// Whether the limit that `over` speaks of is this budget's own.
    pub fn is_limit_of(&self, over: &OverBudget) -> bool {
        std::ptr::eq(self.inner.name, over.name) && self.inner.limit_bytes == over.limit_bytes
    }

    /// Bytes held now.
    pub fn held_bytes(&self) -> usize {
        self.inner.held_bytes.load(Ordering::Relaxed)
    }

    /// The most bytes ever held at a time.
    pub fn peak_bytes(&self) -> usize {
        self.inner.peak_bytes.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), OverBudget> {
        let inner = &*self.inner;
        let held = inner
            .held_bytes
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        let refused = if held > inner.limit_bytes {
            Some(OverBudget {
                name: inner.name,
                limit_bytes: inner.limit_bytes,
                wanted_bytes: held,
                heaviest: None,
            })
        } else {
            inner.parent.as_ref().and_then(|parent| parent.take(bytes).err())
        };
        if let Some(over) = refused {
            inner.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(over);
        }
        inner.peak_bytes.fetch_max(held, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        self.inner.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(parent) = &self.inner.parent {
            parent.give_back(bytes);
        }
    }
}

/// Bytes taken from a [`Budget`], given back on drop.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Charge {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// As [`Budget::charge`].
    pub fn grow(&mut self, bytes: usize) -> Result<(), OverBudget> {
        if bytes == 0 {
            return Ok(());
        }
        self.budget.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Makes this charge stand for `bytes`, taking or giving back the difference.
    ///
    /// # Errors
    /// As [`Budget::charge`].
    pub fn resize(&mut self, bytes: usize) -> Result<(), OverBudget> {
        if bytes >= self.bytes {
            return self.grow(bytes - self.bytes);
        }
        self.shrink(self.bytes - bytes);
        Ok(())
    }

    /// Gives so many bytes back, or all if it has fewer.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.budget.give_back(bytes);
        self.bytes -= bytes;
    }

    /// Bytes that it stands for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Charge {
    /// The budget it was taken from.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// Charges in large steps for what comes in small ones: what one series' samples take while they are read.
#[derive(Debug)]
pub(crate) struct Steps<'b> {
    budget: &'b Budget,
    charge: Option<Charge>,
    uncharged_bytes: usize,
}

/// What [`Steps`] lets pass before it charges.
const STEP_BYTES: usize = 1 << 20;

impl<'b> Steps<'b> {
    pub(crate) fn new(budget: &'b Budget) -> Self {
        Self {
            budget,
            charge: None,
            uncharged_bytes: 0,
        }
    }

    /// Takes `bytes` more.
    ///
    /// # Errors
    /// As [`Budget::charge`].
    #[inline]
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), OverBudget> {
        self.uncharged_bytes += bytes;
        if self.uncharged_bytes < STEP_BYTES {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.uncharged_bytes);
        match &mut self.charge {
            Some(charge) => charge.grow(bytes),
            None => {
                self.charge = Some(self.budget.charge(bytes)?);
                Ok(())
            }
        }
    }
}

/// A budget that does not suffice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverBudget {
    /// Which limit.
    pub name: &'static str,
    /// The limit.
    pub limit_bytes: usize,
    /// What would have been held.
    pub wanted_bytes: usize,
    /// The selector that costs most, as far as it is known.
    pub heaviest: Option<Box<Heaviest>>,
}

/// The selector of a query that costs most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heaviest {
    /// The selector as PromQL writes it.
    pub selector: String,
    /// How many series it found, as far as it came.
    pub series: usize,
    /// Bytes of its samples that were read up to now.
    pub read_bytes: u64,
}

impl OverBudget {
    /// The same, with the selector that costs most unless that is known already.
    #[must_use]
    pub fn with_heaviest(mut self, heaviest: impl FnOnce() -> Option<Heaviest>) -> Self {
        if self.heaviest.is_none() {
            self.heaviest = heaviest().map(Box::new);
        }
        self
    }
}

impl fmt::Display for OverBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            limit_bytes,
            wanted_bytes,
            heaviest,
        } = self;
        write!(
            f,
            "query needs more memory than {name} allows: {wanted_bytes} bytes wanted, the limit is {limit_bytes}"
        )?;
        match heaviest {
            Some(heaviest) => write!(
                f,
                "; its heaviest selector is {} ({} series, {} bytes of samples read)",
                heaviest.selector, heaviest.series, heaviest.read_bytes
            ),
            None => Ok(()),
        }
    }
}

impl std::error::Error for OverBudget {}

/// Why a query was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// The asker went away or an operator killed it.
    Cancelled,
    /// Its memory was needed by queries that go first.
    Evicted,
    /// Its time was up.
    TimedOut,
    /// The server is shutting down.
    ShuttingDown,
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "query was canceled",
            Self::Evicted => "query was stopped because rules needed its memory",
            Self::TimedOut => "query timed out",
            Self::ShuttingDown => "query aborted, the server is shutting down",
        })
    }
}

/// A flag that tells a running query to stop. Cloning shares it; whoever keeps time sets it.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    state: Arc<AtomicU8>,
}

impl Cancel {
    /// A flag not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the query to stop. The first reason stays.
    pub fn cancel(&self, reason: CancelReason) {
        let code = match reason {
            CancelReason::Cancelled => 1,
            CancelReason::TimedOut => 2,
            CancelReason::ShuttingDown => 3,
            CancelReason::Evicted => 4,
        };
        // Losing the race means that another reason was first, which is as good.
        let _first = self
            .state
            .compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Fails once the flag is set: called at least once a series or a thousand rows.
    ///
    /// # Errors
    /// With the reason, once the flag is set.
    #[inline]
    pub fn check(&self) -> Result<(), CancelReason> {
        match self.state.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(CancelReason::Cancelled),
            2 => Err(CancelReason::TimedOut),
            4 => Err(CancelReason::Evicted),
            _ => Err(CancelReason::ShuttingDown),
        }
    }
}
