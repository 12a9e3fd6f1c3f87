//! The process that uses a simulated disk: its calls are counted, and fail or end as planned.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::dice::Dice;

/// Calls that a full disk refuses. A sync is one, since room may be found only then.
const TAKES_ROOM: [&str; 5] = ["create", "write", "create_dir_all", "rename", "sync"];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed: of a write some may be done, and no later call does anything.
    Kill,
    /// The disk fails (`EIO`); of a write some may be done. What a sync that fails was to write is lost to a
    /// power cut, even if a later sync succeeds.
    Broken,
    /// The disk is full (`ENOSPC`); of a write some may be done.
    Full,
}

impl Fault {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Kill => io::Error::other("the process is dead"),
            Self::Broken => io::Error::other("input/output error"),
            Self::Full => io::Error::new(io::ErrorKind::StorageFull, "no space left on device"),
        }
    }
}

/// Which calls a plan is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Those that change something, or sync.
    Changes,
    /// Those that only look.
    Looks,
}

#[derive(Debug)]
pub(super) struct Process {
    changes: usize,
    looks: usize,
    /// The calls that failed as planned.
    pub(super) failed: Vec<String>,
    plan: Option<(Calls, Range<usize>, Fault)>,
    dead: bool,
    pub(super) dice: Dice,
    pub(super) locked: BTreeSet<PathBuf>,
}

/// A call that is not to do what it should.
pub(super) struct Denied {
    pub(super) fault: Fault,
    /// Whether some of it may be done.
    pub(super) partly: bool,
}

impl From<Denied> for io::Error {
    fn from(denied: Denied) -> Self {
        denied.fault.error()
    }
}

impl Process {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            changes: 0,
            looks: 0,
            failed: Vec::new(),
            plan: None,
            dead: false,
            dice: Dice::new(seed),
            locked: BTreeSet::new(),
        }
    }

    /// The process that comes after this one. The count goes on, and so does the plan, unless this process
    /// died of it.
    pub(super) fn successor(&self, seed: u64) -> Self {
        Self {
            changes: self.changes,
            looks: self.looks,
            failed: self.failed.clone(),
            plan: self.plan.clone().filter(|_| !self.dead),
            ..Self::new(seed)
        }
    }

    pub(super) fn plan(&mut self, calls: Calls, which: Range<usize>, fault: Fault) {
        self.plan = Some((calls, which, fault));
    }

    pub(super) fn count(&self, calls: Calls) -> usize {
        match calls {
            Calls::Changes => self.changes,
            Calls::Looks => self.looks,
        }
    }

    pub(super) fn die(&mut self) {
        self.dead = true;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    /// Counts the call `name` on `path` and says whether it goes well.
    pub(super) fn admit(&mut self, calls: Calls, name: &str, path: &Path) -> Result<(), Denied> {
        if self.dead {
            return Err(Denied {
                fault: Fault::Kill,
                partly: false,
            });
        }
        let number = self.count(calls);
        match calls {
            Calls::Changes => self.changes += 1,
            Calls::Looks => self.looks += 1,
        }
        match &self.plan {
            Some((of, which, fault))
                if *of == calls
                    && which.contains(&number)
                    && (*fault != Fault::Full || TAKES_ROOM.contains(&name)) =>
            {
                self.dead = *fault == Fault::Kill;
                self.failed.push(format!("{name} {}", path.display()));
                Err(Denied {
                    fault: *fault,
                    partly: true,
                })
            }
            _ => Ok(()),
        }
    }
}
