//! Series that are gone, and until when samples of theirs can be in the log.
//!
//! Numbers are given out one after the other and a target's series go together, so that most take two or three bytes:
//!
//! ```text
//! bytes   uvarint number - number before | varint until - until before, ms
//! marks   every 64 entries: number and time before, place        for finding
//! ```

use crate::encoding::varint;
use crate::memory::{self, LargeVec, SystemMemory};

/// So many entries lie between two marks.
const STRIDE: usize = 64;

/// Numbers of series with times, by number.
#[derive(Debug)]
pub(crate) struct Expiries {
    bytes: LargeVec<u8>,
    marks: Vec<Mark>,
    last: Mark,
    len: usize,
}

/// Behind which entry one is, and where it begins.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    number: u64,
    until_ms: i64,
    at: usize,
}

impl Default for Expiries {
    fn default() -> Self {
        Self {
            bytes: LargeVec::new_in(SystemMemory),
            marks: Vec::new(),
            last: Mark::default(),
            len: 0,
        }
    }
}

impl Expiries {
    /// Until when samples of this series can be in the log, if it is gone.
    pub(crate) fn get(&self, number: u64) -> Option<i64> {
        let after = self.marks.partition_point(|mark| mark.number < number);
        let from = self.marks.get(after.max(1) - 1)?;
        let mut near = self.entries_from(*from).take_while(|entry| entry.0 <= number);
        near.find(|entry| entry.0 == number).map(|entry| entry.1)
    }

    /// All, by number.
    fn iter(&self) -> impl Iterator<Item = (u64, i64)> {
        self.entries_from(Mark::default())
    }

    /// All, by number.
    pub(crate) fn to_vec(&self) -> Vec<(u64, i64)> {
        let mut all = Vec::with_capacity(self.len);
        all.extend(self.iter());
        all
    }

    fn entries_from(&self, mut before: Mark) -> impl Iterator<Item = (u64, i64)> {
        std::iter::from_fn(move || {
            let (more, len) = varint::read_uvarint(&self.bytes[before.at..])?;
            before.at += len;
            let (later, len) = varint::read_varint(&self.bytes[before.at..])?;
            before.at += len;
            before.number += more;
            before.until_ms = before.until_ms.wrapping_add(later);
            Some((before.number, before.until_ms))
        })
    }

    /// Adds series; of one that is here already the time changes.
    pub(crate) fn add(&mut self, mut added: Vec<(u64, i64)>) {
        added.sort_by_key(|&(number, _)| number);
        // The sort was stable: of several the last that was said counts.
        added.reverse();
        added.dedup_by_key(|&mut (number, _)| number);
        added.reverse();
        let mut all = Self::default();
        let mut added = added.into_iter().peekable();
        for entry in self.iter() {
            while let Some(earlier) = added.next_if(|other| other.0 < entry.0) {
                all.push(earlier);
            }
            if added.peek().is_none_or(|next| next.0 != entry.0) {
                all.push(entry);
            }
        }
        added.for_each(|entry| all.push(entry));
        *self = all;
    }

    /// Forgets those that no sample from `from_ms` on can be of.
    pub(crate) fn forget_before(&mut self, from_ms: i64) {
        let mut left = Self::default();
        self.iter()
            .filter(|&(_, until_ms)| until_ms >= from_ms)
            .for_each(|entry| left.push(entry));
        *self = left;
    }

    /// Adds a series whose number is larger than all before.
    fn push(&mut self, (number, until_ms): (u64, i64)) {
        if self.len.is_multiple_of(STRIDE) {
            self.marks.push(self.last);
        }
        let mut entry = Vec::with_capacity(2 * varint::BYTES_MAX);
        varint::put_uvarint(&mut entry, number - self.last.number);
        varint::put_varint(&mut entry, until_ms.wrapping_sub(self.last.until_ms));
        memory::extend(&mut self.bytes, &entry);
        self.len += 1;
        self.last = Mark {
            number,
            until_ms,
            at: self.bytes.len(),
        };
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        memory::held_bytes(&self.bytes) + self.marks.capacity() * size_of::<Mark>()
    }
}

impl FromIterator<(u64, i64)> for Expiries {
    fn from_iter<I: IntoIterator<Item = (u64, i64)>>(all: I) -> Self {
        let mut expiries = Self::default();
        expiries.add(all.into_iter().collect());
        expiries
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn entries() -> impl Strategy<Value = Vec<(u64, i64)>> {
        let number = prop_oneof![0u64..300, any::<u64>()];
        let until_ms = prop_oneof![0i64..100, any::<i64>()];
        prop::collection::vec((number, until_ms), 0..200)
    }

    proptest! {
        #[test]
        fn numbers_have_the_time_that_was_said_last(first in entries(), then in entries(), from_ms: i64) {
            let mut known: BTreeMap<u64, i64> = first.iter().copied().collect();
            let mut expiries: Expiries = first.into_iter().collect();
            known.extend(then.iter().copied());
            expiries.add(then);
            for from_ms in [i64::MIN, from_ms] {
                expiries.forget_before(from_ms);
                known.retain(|_, until_ms| *until_ms >= from_ms);
                prop_assert!(expiries.iter().eq(known.iter().map(|(&number, &until_ms)| (number, until_ms))));
                for &number in known.keys() {
                    prop_assert_eq!(expiries.get(number), known.get(&number).copied());
                    let next = number.wrapping_add(1);
                    prop_assert_eq!(expiries.get(next), known.get(&next).copied());
                }
            }
        }
    }

    #[test]
    fn series_of_targets_that_went_take_three_bytes_each() {
        let gone =
            (0..100_000).map(|number| (5_000_000 + number, 1_700_000_000_000 + (number / 500 * 31) as i64));
        let expiries: Expiries = gone.collect();
        assert!(expiries.held_bytes() < 300_000, "{}", expiries.held_bytes());
        assert_eq!(expiries.get(5_000_777), Some(1_700_000_000_031));
    }
}
