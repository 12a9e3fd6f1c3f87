//! Moving a lane's chunks together, so that what others left between them is given back to the system.
//!
//! The chunks of series that were made at the same time, as all are after a start, are full at the same time; from then
//! on they end at many different moments and half of that memory is never needed again.

use super::arena::{Arena, Slot};
use super::closed::Place;
use super::lane::{Lane, LaneData};
use crate::memory::{LargeVec, SystemMemory};

/// Where the chunks of a lane went.
struct Moved {
    arena: Arena,
    /// Of each series the slot of its open chunk.
    open: LargeVec<Slot>,
    /// Of closed chunks the number and the slot.
    closed: Vec<(u32, Slot)>,
}

impl Moved {
    /// Copies all chunks.
    fn of(data: &LaneData) -> Self {
        let mut arena = Arena::default();
        let mut open = LargeVec::with_capacity_in(data.count() as usize, SystemMemory);
        for ordinal in 0..data.count() {
            let slot = data.hot[ordinal].slot;
            open.push(match slot {
                Slot::NONE | Slot::HISTOGRAMS => slot,
                _ => arena.adopt(&data.arena, slot),
            });
        }
        let mut closed = Vec::new();
        for &(_, number) in &data.pending {
            if let Place::Memory(slot, _) = data.closed.get(number).place {
                closed.push((number, arena.adopt(&data.arena, slot)));
            }
        }
        Self { arena, open, closed }
    }

    /// Lets the copies count, and the chunks that were copied go.
    fn settle(self, data: &mut LaneData) {
        for (ordinal, slot) in (0..).zip(self.open) {
            data.hot[ordinal].slot = slot;
        }
        for (number, slot) in self.closed {
            data.closed.settle(number, slot);
        }
        data.arena = self.arena;
    }
}

/// Moves the chunks of a lane together if that is worth it; readers go on meanwhile.
pub(super) fn tighten(lane: &Lane) {
    if !lane.data.read().arena.is_loose() {
        return;
    }
    let _writer = lane.writer.lock();
    let data = lane.data.upgradable_read();
    let moved = Moved::of(&data);
    moved.settle(&mut parking_lot::RwLockUpgradableReadGuard::upgrade(data));
}
