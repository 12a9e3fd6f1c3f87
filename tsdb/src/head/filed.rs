//! Closed chunks that are in files, by the commits that closed them: two bytes a chunk.
//!
//! The series of a target begin and end their chunks together, and what is closed together is written one
//! behind the other. So times and file are kept once for all of them, and of each only how far behind the one
//! before it stands.
//!
//! ```text
//! group   12:00:00.017 – 12:29:45.017, file 3 │ ordinals 512…899, 902…1011
//!         offsets: 48 210 │ +143 +98 +171 …     every 32nd whole, steps between
//! ```
//!
//! What finds no company stays in lists: see [`super::closed`]. Begin with [`gather`].

use crate::encoding::{DecodeBuffer, DecodeError, varint};

/// A chunk in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filed {
    /// Whose it is.
    pub(crate) ordinal: u32,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    /// The file's number.
    pub(crate) file: u32,
    /// Where in it the chunk's header begins.
    pub(crate) offset: u32,
}

/// So few chunks of equal times are kept in lists.
const GROUP_MIN: usize = 8;

/// Every so many chunks an offset stands whole.
const STRIDE: usize = 32;

/// Ordinals that share a list of groups.
const BLOCK: u32 = 256;

/// Chunks of equal times in one file, one of each of several series.
#[derive(Debug)]
struct Group {
    min_ms: i64,
    max_ms: i64,
    file: u32,
    /// Runs of ordinals: the first of each, and how many chunks stand before it.
    runs: Box<[(u32, u32)]>,
    whole: Box<[u32]>,
    /// How far each chunk stands behind the one before.
    steps: Box<[u16]>,
}

impl Group {
    /// A group of `chunks`, whose ordinals and offsets ascend by no more than [`follows`] allows.
    fn of(chunks: &[Filed]) -> Self {
        let (mut runs, mut next) = (Vec::new(), None);
        for (before, chunk) in (0..).zip(chunks) {
            if next != Some(chunk.ordinal) {
                runs.push((chunk.ordinal, before));
            }
            next = chunk.ordinal.checked_add(1);
        }
        let step = |pair: &[Filed]| u16::try_from(pair[1].offset - pair[0].offset).unwrap_or(u16::MAX);
        let first = &chunks[0];
        Self {
            min_ms: first.min_ms,
            max_ms: first.max_ms,
            file: first.file,
            runs: runs.into(),
            whole: chunks.iter().step_by(STRIDE).map(|chunk| chunk.offset).collect(),
            steps: std::iter::once(0).chain(chunks.windows(2).map(step)).collect(),
        }
    }

    fn offset_of(&self, ordinal: u32) -> Option<u32> {
        let after = self.runs.partition_point(|&(first, _)| first <= ordinal);
        let (first, before) = *self.runs.get(after.checked_sub(1)?)?;
        let end = self
            .runs
            .get(after)
            .map_or(self.steps.len(), |run| run.1 as usize);
        let at = (before + (ordinal - first)) as usize;
        if at >= end {
            return None;
        }
        let whole = at / STRIDE;
        let steps = &self.steps[whole * STRIDE + 1..(at + 1).max(whole * STRIDE + 1)];
        Some(self.whole[whole] + steps.iter().map(|&step| u32::from(step)).sum::<u32>())
    }

    /// The first and last ordinal of each run.
    fn ranges(&self) -> impl Iterator<Item = (u32, u32)> {
        let ends = self.runs.iter().skip(1).map(|run| run.1);
        let ends = ends.chain([self.steps.len() as u32]);
        self.runs
            .iter()
            .zip(ends)
            .map(|(&(first, before), end)| (first, first + (end - before - 1)))
    }

    /// Writes the group down.
    ///
    /// ```text
    /// varint first time | varint last time | uvarint file
    /// uvarint n | n × (uvarint ordinals since the end of the run before | uvarint chunks)
    /// uvarint offset of the first chunk | of each later one u16, big-endian: how far it stands behind
    /// ```
    fn put(&self, into: &mut Vec<u8>) {
        varint::put_varint(into, self.min_ms);
        varint::put_varint(into, self.max_ms);
        varint::put_uvarint(into, u64::from(self.file));
        varint::put_uvarint(into, self.runs.len() as u64);
        let mut next = 0;
        for (first, last) in self.ranges() {
            varint::put_uvarint(into, u64::from(first - next));
            varint::put_uvarint(into, u64::from(last - first + 1));
            next = last + 1;
        }
        varint::put_uvarint(into, u64::from(self.whole.first().copied().unwrap_or(0)));
        for step in self.steps.iter().skip(1) {
            into.extend(step.to_be_bytes());
        }
    }

    /// Reads what [`Self::put`] has written. Ordinals are those of `moved`.
    fn read(from: &mut DecodeBuffer<'_>, moved: &[u32]) -> Result<Self, DecodeError> {
        let (min_ms, max_ms, file) = (from.varint()?, from.varint()?, from.uvarint32()?);
        let (mut runs, mut next, mut chunks) = (Vec::new(), 0u64, 0u32);
        for _ in 0..from.length()? {
            let first = next + u64::from(from.uvarint32()?);
            let count = from.uvarint32()?;
            next = first + u64::from(count);
            let place = usize::try_from(first).ok().and_then(|at| moved.get(at)).copied();
            let place = place.filter(|&place| place != u32::MAX && next <= moved.len() as u64 && count > 0);
            runs.push((place.ok_or_else(|| from.error("a series that is known"))?, chunks));
            // Below the number of series, which is below 2^32.
            chunks += count;
        }
        let mut offset = from.uvarint32()?;
        let (mut whole, mut steps) = (Vec::new(), Vec::with_capacity(chunks as usize));
        let bytes = from.bytes((chunks as usize).saturating_sub(1) * size_of::<u16>())?;
        let later = bytes
            .chunks_exact(2)
            .map(|step| u16::from_be_bytes([step[0], step[1]]));
        for (at, step) in std::iter::once(0).chain(later).take(chunks as usize).enumerate() {
            offset = offset
                .checked_add(u32::from(step))
                .ok_or_else(|| from.error("an offset below 4 GiB"))?;
            if at.is_multiple_of(STRIDE) {
                whole.push(offset);
            }
            steps.push(step);
        }
        Ok(Self {
            min_ms,
            max_ms,
            file,
            runs: runs.into(),
            whole: whole.into(),
            steps: steps.into(),
        })
    }

    fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.runs.len() * 8 + self.whole.len() * 4 + self.steps.len() * 2
    }
}

/// Whether `next` can stand behind `chunk` in one group.
fn follows(chunk: &Filed, next: &Filed) -> bool {
    let times = (chunk.min_ms, chunk.max_ms, chunk.file);
    let step = next.offset.checked_sub(chunk.offset);
    times == (next.min_ms, next.max_ms, next.file)
        && chunk.ordinal < next.ordinal
        && step.is_some_and(|step| step <= u32::from(u16::MAX))
}

/// The groups of a lane.
#[derive(Default)]
pub(crate) struct FiledChunks {
    groups: Vec<Option<Group>>,
    free: Vec<u32>,
    /// Groups that have a chunk of any of so many ordinals.
    by_block: Vec<Vec<u32>>,
    chunks: usize,
}

/// Puts chunks into groups; returns those that find no company.
pub(crate) fn gather(into: &mut FiledChunks, mut chunks: Vec<Filed>) -> Vec<Filed> {
    chunks.sort_unstable_by_key(|c| (c.min_ms, c.max_ms, c.file, c.ordinal));
    let mut alone = Vec::new();
    for company in chunks.chunk_by(follows) {
        match company.len() < GROUP_MIN {
            true => alone.extend_from_slice(company),
            false => into.add(Group::of(company)),
        }
    }
    alone
}

impl FiledChunks {
    fn add(&mut self, group: Group) {
        self.chunks += group.steps.len();
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.groups.push(None);
                u32::try_from(self.groups.len() - 1).expect("a lane has fewer than 2^32 groups")
            }
        };
        self.list(number, &group);
        self.groups[number as usize] = Some(group);
    }

    fn list(&mut self, number: u32, group: &Group) {
        for (first, last) in group.ranges() {
            let (first, last) = ((first / BLOCK) as usize, (last / BLOCK) as usize);
            if self.by_block.len() <= last {
                self.by_block.resize_with(last + 1, Vec::new);
            }
            for block in &mut self.by_block[first..=last] {
                // Runs ascend, so that a block meets a group's runs one after the other.
                if block.last() != Some(&number) {
                    block.push(number);
                }
            }
        }
    }

    fn groups_near(&self, ordinal: u32) -> impl Iterator<Item = &Group> {
        let numbers = self.by_block.get((ordinal / BLOCK) as usize);
        let numbers = numbers.into_iter().flatten();
        numbers.filter_map(|&number| self.groups[number as usize].as_ref())
    }

    /// The chunks of a series that end at `from_ms` or later, in no order.
    pub(crate) fn of(&self, ordinal: u32, from_ms: i64) -> impl Iterator<Item = Filed> {
        let near = self.groups_near(ordinal).filter(move |g| g.max_ms >= from_ms);
        near.filter_map(move |group| {
            Some(Filed {
                ordinal,
                min_ms: group.min_ms,
                max_ms: group.max_ms,
                file: group.file,
                offset: group.offset_of(ordinal)?,
            })
        })
    }

    /// Whether a series has any chunk here.
    pub(crate) fn has(&self, ordinal: u32) -> bool {
        self.groups_near(ordinal)
            .any(|group| group.offset_of(ordinal).is_some())
    }

    /// The first file that is needed.
    pub(crate) fn first_file(&self) -> Option<u32> {
        self.groups.iter().flatten().map(|group| group.file).min()
    }

    /// How many places for groups there are; until chunks are dropped each is a group that stays as it is.
    pub(crate) fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Writes down the group of a place, if there is one.
    pub(crate) fn put_group(&self, place: usize, into: &mut Vec<u8>) {
        if let Some(Some(group)) = self.groups.get(place) {
            group.put(into);
        }
    }

    /// Takes in a group that was written down; the series' ordinals of then lead to those of now.
    pub(crate) fn take_group(
        &mut self,
        from: &mut DecodeBuffer<'_>,
        moved: &[u32],
    ) -> Result<(), DecodeError> {
        let group = Group::read(from, moved)?;
        self.add(group);
        Ok(())
    }

    /// How many chunks.
    pub(crate) fn len(&self) -> usize {
        self.chunks
    }

    /// Drops the chunks that end before `from_ms`; returns how many.
    pub(crate) fn truncate(&mut self, from_ms: i64) -> usize {
        let before = self.chunks;
        for (number, place) in (0..).zip(&mut self.groups) {
            if let Some(group) = place.take_if(|group| group.max_ms < from_ms) {
                self.chunks -= group.steps.len();
                self.free.push(number);
            }
        }
        for block in &mut self.by_block {
            block.retain(|&number| self.groups[number as usize].is_some());
        }
        before - self.chunks
    }

    /// Follows series to new ordinals: `moved` has one for each that has chunks here, in the same order.
    pub(crate) fn renumber(&mut self, moved: &[u32]) {
        self.by_block = Vec::new();
        for number in 0..self.groups.len() {
            let Some(mut group) = self.groups[number].take() else {
                continue;
            };
            for run in &mut group.runs {
                run.0 = moved[run.0 as usize];
            }
            self.list(number as u32, &group);
            self.groups[number] = Some(group);
        }
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        let groups: usize = self.groups.iter().flatten().map(Group::held_bytes).sum();
        let blocks: usize = self.by_block.iter().map(|block| 24 + block.capacity() * 4).sum();
        groups + blocks + self.free.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(mut chunks: Vec<Filed>) -> Vec<Filed> {
        chunks.sort_unstable_by_key(|c| (c.ordinal, c.min_ms));
        chunks
    }

    /// Chunks as commits close them: (who takes part, how long each chunk is).
    fn closings() -> impl Strategy<Value = Vec<Vec<(bool, u32)>>> {
        let closing = prop::collection::vec((prop::bool::weighted(0.9), 30u32..2000), 1..700);
        prop::collection::vec(closing, 1..5)
    }

    fn chunks_of(closings: &[Vec<(bool, u32)>], first: u32) -> Vec<Filed> {
        let (mut chunks, mut offset, mut file) = (Vec::new(), 8, 1);
        for (closing, at_ms) in closings.iter().zip((0..).step_by(1000)) {
            for ((takes_part, len), ordinal) in closing.iter().zip(first..) {
                if *takes_part {
                    chunks.push(Filed {
                        ordinal,
                        min_ms: at_ms,
                        max_ms: at_ms + 999,
                        file,
                        offset,
                    });
                    offset += len;
                }
                if offset > 400_000 {
                    (offset, file) = (8, file + 1);
                }
            }
        }
        chunks
    }

    proptest! {
        #[test]
        fn every_chunk_is_found_and_no_other(closings in closings(), first in 0u32..600, cut in 0i64..5) {
            let chunks = chunks_of(&closings, first);
            let mut filed = FiledChunks::default();
            let alone = gather(&mut filed, chunks.clone());
            prop_assert_eq!(filed.len() + alone.len(), chunks.len());
            let all = |filed: &FiledChunks, from_ms| (0..1400).flat_map(|o| filed.of(o, from_ms).collect::<Vec<_>>()).collect::<Vec<_>>();
            prop_assert_eq!(sorted(all(&filed, 0).into_iter().chain(alone.clone()).collect()), sorted(chunks));
            let from_ms = cut * 1000;
            let kept: Vec<Filed> = all(&filed, 0).into_iter().filter(|c| c.max_ms >= from_ms).collect();
            prop_assert_eq!(sorted(all(&filed, from_ms)), sorted(kept.clone()));
            let before = filed.len();
            prop_assert_eq!(filed.truncate(from_ms), before - kept.len());
            prop_assert_eq!(sorted(all(&filed, 0)), sorted(kept.clone()));
            prop_assert_eq!(filed.first_file(), kept.iter().map(|c| c.file).min());
            let have: std::collections::BTreeSet<u32> = kept.iter().map(|c| c.ordinal).collect();
            prop_assert!((0..1400).all(|o| filed.has(o) == have.contains(&o)));
            // Written down and taken in they are the same.
            let mut bytes = Vec::new();
            (0..filed.group_count()).for_each(|place| filed.put_group(place, &mut bytes));
            let (mut taken, same) = (FiledChunks::default(), (0..1400).collect::<Vec<u32>>());
            let mut rest = DecodeBuffer::new(&bytes);
            while !rest.is_empty() {
                taken.take_group(&mut rest, &same).unwrap();
            }
            prop_assert_eq!(sorted(all(&taken, 0)), sorted(kept.clone()));
            for len in (1..bytes.len()).step_by(97) {
                let mut rest = DecodeBuffer::new(&bytes[..len]);
                while !rest.is_empty() && taken.take_group(&mut rest, &same).is_ok() {}
            }
            // Series without chunks leave.
            let mut moved = vec![u32::MAX; 1400];
            for (new, &old) in (0..).zip(&have) {
                moved[old as usize] = new;
            }
            filed.renumber(&moved);
            let followed = kept.iter().map(|c| Filed { ordinal: moved[c.ordinal as usize], ..*c }).collect();
            prop_assert_eq!(sorted(all(&filed, 0)), sorted(followed));
        }
    }

    #[test]
    fn what_a_target_closes_takes_little_more_than_two_bytes_a_chunk() {
        let closings = vec![vec![(true, 150); 500]; 6];
        let mut filed = FiledChunks::default();
        assert!(gather(&mut filed, chunks_of(&closings, 512)).is_empty());
        assert!(filed.held_bytes() < filed.len() * 5 / 2, "{}", filed.held_bytes());
    }

    #[test]
    fn the_same_place_is_used_again() {
        let mut filed = FiledChunks::default();
        for _ in 0..10 {
            gather(&mut filed, chunks_of(&[vec![(true, 150); 500]], 0));
            assert_eq!(filed.truncate(i64::MAX), 500);
        }
        assert_eq!((filed.len(), filed.groups.len()), (0, 1));
    }
}
