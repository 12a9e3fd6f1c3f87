//! Room on the disk: looked at each second, kept back for maintenance, and told to the head's gate.
//!
//! ```text
//! free bytes     0        samples' floor     series' floor
//!                ├──────────────┼─────────────────┼──────────────────────────▶
//! taken          nothing        known series      everything
//! ```
//!
//! Beside the floors there is the reserve, a file that holds real blocks of the disk. Others may fill the disk to the
//! last byte: then a step of maintenance that gives room back (a block of the head and a shorter log, retention) gets
//! the reserve's. As long as it is not there again it counts as missing from what is free, so that samples never
//! eat it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::{Db, MaintainError, Stats};
use crate::fs::{Space, Vfs};
use crate::head::gate::Intake;

/// Where the reserve is, in the data directory. Prometheus ignores directories that are no blocks.
const RESERVE: &str = "deucalion/reserve";

/// What of the disk is left alone. All of it 0: nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomOptions {
    /// How large the reserve is.
    pub reserve_bytes: u64,
    /// With fewer bytes free no series are made.
    pub series_free_bytes_min: u64,
    /// With fewer bytes free no samples are taken.
    pub samples_free_bytes_min: u64,
}

impl RoomOptions {
    /// What is let in with so many bytes free, of which the reserve has taken its own.
    fn intake(&self, free_bytes: u64, before: Intake) -> Intake {
        // A little more than the floor lets in again, or the gate would open and close each second.
        let floor = |bytes: u64, closed: bool| bytes.saturating_add(if closed { bytes / 8 } else { 0 });
        if free_bytes < floor(self.samples_free_bytes_min, before >= Intake::Nothing) {
            Intake::Nothing
        } else if free_bytes < floor(self.series_free_bytes_min, before >= Intake::KnownSeries) {
            Intake::KnownSeries
        } else {
            Intake::All
        }
    }
}

/// The reserve of one database.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    state: Mutex<Held>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// Nobody has looked yet.
    Unknown,
    /// So many bytes.
    Bytes(u64),
    /// The file system gives no bytes in advance.
    Unsupported,
}

impl Reserve {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            path: dir.join(RESERVE),
            state: Mutex::new(Held::Unknown),
        }
    }

    /// How many bytes it holds.
    pub(super) fn bytes(&self) -> u64 {
        match *self.state.lock() {
            Held::Bytes(bytes) => bytes,
            Held::Unknown | Held::Unsupported => 0,
        }
    }

    /// How many bytes are to be counted as missing.
    fn missing_bytes(&self, fs: &dyn Vfs, wanted: u64) -> u64 {
        let mut state = self.state.lock();
        if *state == Held::Unknown {
            // Of an earlier run, perhaps with another size.
            *state = Held::Bytes(fs.stat(&self.path).map_or(0, |stat| stat.len));
        }
        match *state {
            Held::Bytes(bytes) => wanted.saturating_sub(bytes),
            Held::Unknown | Held::Unsupported => 0,
        }
    }

    /// Makes it as large as wanted, if there is room for it.
    fn provide(&self, fs: &dyn Vfs, wanted: u64, space: Space) {
        let mut state = self.state.lock();
        let Held::Bytes(held) = *state else { return };
        if held == wanted || space.is_read_only || space.free_bytes < wanted.saturating_sub(held) {
            return;
        }
        *state = match self.make(fs, wanted) {
            Ok(()) => Held::Bytes(wanted),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                tracing::warn!(%error, "This file system cannot keep room in reserve");
                Held::Unsupported
            }
            Err(error) => {
                tracing::debug!(%error, "The reserve could not be made yet");
                Held::Bytes(0)
            }
        };
    }

    fn make(&self, fs: &dyn Vfs, wanted: u64) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            fs.create_dir_all(dir)?;
        }
        if fs.stat(&self.path).is_ok() {
            fs.remove_file(&self.path)?;
        }
        if wanted == 0 {
            return Ok(());
        }
        let made = fs.create(&self.path)?.allocate(wanted);
        if made.is_err() {
            // A part of it would keep room from those who need it now.
            let _removed = fs.remove_file(&self.path);
        }
        made
    }

    /// Gives its room to whoever needs it now; says whether there was any.
    fn release(&self, fs: &dyn Vfs) -> bool {
        let mut state = self.state.lock();
        match *state {
            Held::Unknown | Held::Unsupported | Held::Bytes(0) => false,
            Held::Bytes(_) => {
                let is_gone = fs.remove_file(&self.path).is_ok();
                if is_gone {
                    *state = Held::Bytes(0);
                }
                is_gone
            }
        }
    }
}

/// Gives up the reserve of a database that cannot be opened for want of room; says whether there was one.
pub(super) fn release_reserve(fs: &dyn Vfs, dir: &Path) -> bool {
    fs.remove_file(&dir.join(RESERVE)).is_ok()
}

impl Db {
    /// Looks how much room the disk has, and opens or closes the gate by it.
    pub(super) fn look_for_room(&self) {
        let options = &self.options.room;
        let Ok(space) = self.fs.space(&self.dir) else {
            return;
        };
        let gate = &self.head.gate;
        let missing_bytes = self.reserve.missing_bytes(&*self.fs, options.reserve_bytes);
        let free_bytes = space.free_bytes.saturating_sub(missing_bytes);
        gate.free_bytes.store(free_bytes, Ordering::Relaxed);
        let now = match space.is_read_only {
            true => Intake::ReadOnly,
            false => options.intake(free_bytes, gate.intake()),
        };
        if let Some(before) = gate.note_look(now)
            && before != now
            && before != Intake::Lost
        {
            self.tell(now, free_bytes);
        }
        self.reserve.provide(&*self.fs, options.reserve_bytes, space);
    }

    fn tell(&self, now: Intake, free_bytes: u64) {
        match now {
            Intake::Nothing => {
                tracing::error!(
                    free_bytes,
                    "Too little room on the disk: samples are refused until there is more"
                );
            }
            Intake::ReadOnly => {
                tracing::error!(
                    "The file system is read-only: samples are refused until it can be written again"
                );
            }
            Intake::KnownSeries => {
                tracing::warn!(free_bytes, "Little room on the disk: new series are refused");
            }
            _ => {
                let gate = &self.head.gate;
                tracing::info!(
                    free_bytes,
                    series_refused = gate.series_refused.load(Ordering::Relaxed),
                    samples_refused = gate.samples_refused.load(Ordering::Relaxed),
                    "There is room on the disk again"
                );
            }
        }
    }

    /// Does a step of maintenance that gives room back, with the room of the reserve if there is no other.
    pub(super) fn with_reserve(
        &self,
        mut step: impl FnMut() -> Result<(), MaintainError>,
    ) -> Result<(), MaintainError> {
        match step() {
            Err(error) if error.is_no_room() && self.reserve.release(&*self.fs) => {
                tracing::warn!(%error, "The disk is full: maintenance goes on with the reserve");
                Stats::add(&self.stats.reserve_uses, 1);
                step()
            }
            other => other,
        }
    }

    /// What is let in.
    pub fn intake(&self) -> Intake {
        self.head.gate.intake()
    }

    /// Why nothing is taken until a restart, if that is so: a sync of the log failed, and what is on disk is unknown.
    pub fn lost(&self) -> Option<&str> {
        self.head.gate.lost()
    }

    /// Bytes that the disk had free when it was last looked at, what the reserve lacks taken off.
    pub fn disk_free_bytes(&self) -> u64 {
        self.head.gate.free_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that the reserve holds.
    pub fn reserve_bytes(&self) -> u64 {
        self.reserve.bytes()
    }

    /// How many series and samples were refused for want of room.
    pub fn refused(&self) -> (u64, u64) {
        let gate = &self.head.gate;
        (
            gate.series_refused.load(Ordering::Relaxed),
            gate.samples_refused.load(Ordering::Relaxed),
        )
    }
}
