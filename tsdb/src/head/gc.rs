//! Taking out of the head what is in blocks.
//!
//! Chunks that end before a time go, and series without chunks. A lane that loses series is built anew,
//! series by series, so that its tables are as dense as on the first day; readers go on meanwhile.

use std::io;
use std::sync::atomic::Ordering;

use super::closed::Place;
use super::lane::{Lane, LaneData};
use super::late::LatePlace;
use super::lookup::Address;
use super::slab::PENDING;
use super::tighten::tighten;
use super::{Head, Stats};

/// What a collection took out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Collected {
    pub(crate) series: u64,
    pub(crate) chunks: u64,
}

impl Head {
    /// Drops what lies before `from_ms`, all of which is in blocks that can be read already.
    ///
    /// # Errors
    /// The system's, when files that are not needed any more cannot be removed. Memory is right then.
    pub(crate) fn truncate(&self, from_ms: i64) -> io::Result<Collected> {
        // Before anything goes: readers take nothing before this from the head.
        self.min_valid_ms.fetch_max(from_ms, Ordering::AcqRel);
        if self.time_range_ms().is_some() {
            self.min_ms.fetch_max(from_ms, Ordering::AcqRel);
        }
        let mut files = self.chunk_files.lock();
        let mut collected = Collected::default();
        let mut first_file = u32::MAX;
        let mut first_ms = i64::MAX;
        for (number, lane) in self.lanes.iter().enumerate() {
            let writer = lane.writer.lock();
            let part = self.collect(number, lane, from_ms);
            collected.series += part.series;
            collected.chunks += part.chunks;
            let data = lane.data.read();
            first_file = first_file.min(data.closed.first_file_of_groups().unwrap_or(u32::MAX));
            for (cold, ordinal) in data.cold.iter().zip(0..) {
                for (_, chunk) in data.closed.alone(cold.closed) {
                    if let Place::File { number, .. } = chunk.place {
                        first_file = first_file.min(number);
                    }
                }
                for chunk in data.late.get(&ordinal).iter().flat_map(|late| &late.closed) {
                    if let LatePlace::File { number, .. } = chunk.place {
                        first_file = first_file.min(number);
                    }
                }
                first_ms = first_ms.min(data.first_ms(ordinal).unwrap_or(i64::MAX));
            }
            drop((data, writer));
            tighten(lane);
        }
        // What is left may begin later than where it was cut.
        if first_ms != i64::MAX {
            self.min_ms.fetch_max(first_ms.max(from_ms), Ordering::AcqRel);
        }
        Stats::add(&self.stats.collections, 1);
        Stats::add(&self.stats.truncations, 1);
        Stats::add(&self.stats.series_removed, collected.series);
        Stats::add(&self.stats.chunks_removed, collected.chunks);
        if files.is_current(first_file) || first_file == u32::MAX {
            // Nothing older is needed: the file at hand ends here, so that it can go in its turn.
            files.end_file();
        }
        let old = self.files.read().clone();
        let left = files.remove_before(&old, first_file)?;
        *self.files.write() = left;
        Ok(collected)
    }

    fn collect(&self, number: usize, lane: &Lane, from_ms: i64) -> Collected {
        let mut collected = Collected::default();
        let mut gone = Vec::new();
        {
            let data = &mut *lane.data.write();
            let pending = !data.pending.is_empty();
            collected.chunks += data.closed.truncate_groups(from_ms) as u64;
            for ordinal in 0..data.count() {
                let hot = &mut data.hot[ordinal];
                let was_pending = hot.flags & PENDING != 0;
                hot.flags &= !PENDING;
                let mut in_memory = Vec::new();
                let closed = data.cold[ordinal].closed;
                let left = data.closed.truncate(closed, from_ms, |chunk| {
                    collected.chunks += 1;
                    if let Place::Memory(slot, _) = chunk.place {
                        in_memory.push(slot);
                    }
                });
                data.cold[ordinal].closed = left;
                for slot in in_memory {
                    data.arena.give_back(slot);
                }
                let hot = &data.hot[ordinal];
                if hot.is_open() && hot.last_t_ms < from_ms {
                    collected.chunks += 1;
                    data.drop_open(ordinal);
                }
                let has_late = data.late.contains_key(&ordinal);
                if !data.closed.has_any(ordinal, left)
                    && !data.hot[ordinal].is_open()
                    && !was_pending
                    && !has_late
                {
                    gone.push(ordinal);
                }
            }
            if pending {
                let LaneData {
                    pending,
                    cold,
                    closed,
                    ..
                } = data;
                pending.retain(|&(ordinal, number)| {
                    closed.alone(cold[ordinal].closed).any(|(n, _)| n == number)
                });
            }
            data.forget_tombstones(from_ms);
        }
        if !gone.is_empty() {
            collected.series = gone.len() as u64;
            self.rebuild(number, lane, &gone);
        }
        collected
    }

    /// Builds the lane anew without the series in `gone`. The caller holds the lane's writer.
    fn rebuild(&self, number: usize, lane: &Lane, gone: &[u32]) {
        let old = lane.data.upgradable_read();
        let mut fresh = LaneData::default();
        let mut moved = vec![u32::MAX; old.count() as usize];
        let mut next_gone = gone.iter().peekable();
        for ordinal in 0..old.count() {
            if next_gone.next_if_eq(&&ordinal).is_some() {
                continue;
            }
            let cold = old.cold[ordinal];
            let hot = old.hot[ordinal];
            let labels = old.labels.labels(cold.labels_at);
            let (place, _) = fresh.find_or_create(labels, cold.series, hot.flags);
            fresh.hot[place] = hot;
            fresh.cold[place].closed = cold.closed;
            moved[ordinal as usize] = place;
        }
        let gone = gone.iter().map(|&o| (old.cold[o].series, old.hot[o].last_t_ms));
        self.expiries.lock().add(gone.collect());
        let mut old = parking_lot::RwLockUpgradableReadGuard::upgrade(old);
        fresh.arena = std::mem::take(&mut old.arena);
        fresh.closed = std::mem::take(&mut old.closed);
        fresh.closed.renumber(&moved);
        fresh.pending = old
            .pending
            .iter()
            .map(|&(ordinal, chunk)| (moved[ordinal as usize], chunk))
            .collect();
        for (&ordinal, said) in &old.metadata {
            if moved[ordinal as usize] != u32::MAX {
                fresh.describe(moved[ordinal as usize], said);
            }
        }
        fresh.late = old
            .late
            .drain()
            .map(|(ordinal, late)| (moved[ordinal as usize], late))
            .collect();
        fresh.histograms = old
            .histograms
            .drain()
            .map(|(ordinal, open)| (moved[ordinal as usize], open))
            .collect();
        fresh.tombstones = old
            .tombstones
            .drain()
            .filter(|&(ordinal, _)| moved[ordinal as usize] != u32::MAX)
            .map(|(ordinal, intervals)| (moved[ordinal as usize], intervals))
            .collect();
        self.refs.write().rewrite(|_, place| {
            if place.lane() != number {
                return Some(place);
            }
            let ordinal = moved[place.ordinal() as usize];
            (ordinal != u32::MAX).then(|| Address::new(number, ordinal))
        });
        // Gives the memory back, too, before anybody sees that there are fewer series.
        *old = fresh;
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}
