//! Closed chunks on their way to chunks_head.

use std::io;

use super::chunk_files::{ChunkFiles, ToWrite};
use super::closed::Place;
use super::lane::Lane;
use super::tighten::tighten;
use super::{Head, Stats};
use crate::chunk::Encoding;

/// How many chunks are gathered before they are written: half a megabyte or less.
const CHUNKS_AT_A_TIME: usize = 2048;

impl Head {
    /// Writes the closed chunks that are still in memory to chunks_head and frees their memory.
    /// Returns how many they were.
    ///
    /// # Errors
    /// The system's; chunks that were not written stay in memory.
    pub(crate) fn flush_closed(&self) -> io::Result<usize> {
        let mut files = self.chunk_files.lock();
        let mut flushed = 0;
        for lane in &self.lanes {
            loop {
                let count = self.flush_some(lane, &mut files)?;
                flushed += count;
                if count < CHUNKS_AT_A_TIME {
                    break;
                }
            }
            flushed += self.flush_late(lane, &mut files)?;
            let data = &mut *lane.data.write();
            data.closed.tidy(&mut data.cold, &mut data.pending);
        }
        self.lanes.iter().for_each(tighten);
        Ok(flushed)
    }

    fn flush_some(&self, lane: &Lane, files: &mut ChunkFiles) -> io::Result<usize> {
        let (mut chunks, mut data) = (Vec::new(), Vec::new());
        let mut batch;
        {
            let lane = lane.data.read();
            batch = lane.pending[..lane.pending.len().min(CHUNKS_AT_A_TIME)].to_vec();
            // What closed together stands together, which is what groups are made of; a series' chunks stay in order.
            batch.sort_by_cached_key(|&(ordinal, number)| {
                let chunk = lane.closed.get(number);
                (chunk.min_ms, chunk.max_ms, ordinal)
            });
            for &(ordinal, number) in &batch {
                let chunk = lane.closed.get(number);
                let from = data.len();
                let encoding = match (chunk.place, lane.closed.held(number)) {
                    (Place::Memory(slot, len), _) => {
                        lane.arena.copy(slot, usize::from(len), chunk.samples, &mut data);
                        Encoding::Xor
                    }
                    (Place::Held, Some((encoding, bytes))) => {
                        data.extend_from_slice(bytes);
                        encoding
                    }
                    _ => unreachable!("a chunk in a file is not pending"),
                };
                chunks.push(ToWrite {
                    series: lane.cold[ordinal].series,
                    min_ms: chunk.min_ms,
                    max_ms: chunk.max_ms,
                    encoding,
                    is_late: false,
                    bytes: from..data.len(),
                });
            }
        }
        if chunks.is_empty() {
            return Ok(0);
        }
        let places = files.write(&chunks, &data)?;
        let first = places.first().map_or(0, |place| place.0);
        let mapped = files.map_from(&self.files.read(), first)?;
        *self.files.write() = mapped;
        let lane = &mut *lane.data.write();
        // Chunks closed since are behind those that were written; none goes while the files are locked.
        lane.pending.drain(..batch.len());
        for (&(_, number), (file, offset)) in batch.iter().zip(places) {
            if let Some(slot) = lane.closed.moved(number, file, offset) {
                lane.arena.give_back(slot);
            }
        }
        lane.pending.shrink_to(64);
        let mut ordinals: Vec<u32> = batch.into_iter().map(|(ordinal, _)| ordinal).collect();
        ordinals.sort_unstable();
        ordinals.dedup();
        lane.closed.group(&mut lane.cold, &ordinals);
        Stats::add(&self.stats.chunks_mapped, chunks.len() as u64);
        Ok(chunks.len())
    }
}
