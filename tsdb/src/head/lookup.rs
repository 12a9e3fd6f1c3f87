//! From a series' number to its place: pages of 1 024 numbers, so that the rows of one scrape, whose
//! numbers follow each other, find their page once.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// Numbers of series are below this: places of chunks hold them in five bytes.
pub(crate) const REFS_END: u64 = 1 << 40;

const PAGE: u64 = 1024;
const EMPTY: u32 = u32::MAX;
const ORDINAL_BITS: u32 = 30;

/// Where a series is: its lane and its ordinal there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address(u32);

impl Address {
    /// Stands for "nowhere".
    pub(crate) const NONE: Self = Self(EMPTY);

    pub(crate) fn new(lane: usize, ordinal: u32) -> Self {
        assert!(
            ordinal < (1 << ORDINAL_BITS) - 1,
            "a lane has fewer than 2^30 series"
        );
        Self(((lane as u32) << ORDINAL_BITS) | ordinal)
    }

    /// As [`Self::new`], of numbers from a file.
    pub(crate) fn checked(lane: usize, ordinal: u32) -> Option<Self> {
        (lane < 4 && ordinal < (1 << ORDINAL_BITS) - 1).then(|| Self::new(lane, ordinal))
    }

    #[inline]
    pub(crate) fn lane(self) -> usize {
        (self.0 >> ORDINAL_BITS) as usize
    }

    #[inline]
    pub(crate) fn ordinal(self) -> u32 {
        self.0 & ((1 << ORDINAL_BITS) - 1)
    }
}

/// The places of all series of the head.
#[derive(Default)]
pub(crate) struct RefTable {
    pages: HashMap<u64, Box<[u32; PAGE as usize]>, foldhash::fast::RandomState>,
}

impl RefTable {
    /// Where series `number` is.
    #[inline]
    pub(crate) fn get(&self, number: u64) -> Option<Address> {
        let page = self.pages.get(&(number / PAGE))?;
        Some(Address(page[(number % PAGE) as usize])).filter(|&a| a != Address::NONE)
    }

    /// Looks up numbers that are near each other.
    pub(crate) fn near(&self) -> Near<'_> {
        Near {
            table: self,
            at: u64::MAX,
            page: None,
        }
    }

    /// Places of a batch's rows, [`Address::NONE`] for those that are not here.
    pub(crate) fn locate(&self, numbers: impl Iterator<Item = u64>, into: &mut Vec<Address>) {
        into.clear();
        let mut near = self.near();
        into.extend(numbers.map(|number| near.get(number)));
    }

    pub(crate) fn insert(&mut self, number: u64, address: Address) {
        let page = self
            .pages
            .entry(number / PAGE)
            .or_insert_with(|| Box::new([EMPTY; PAGE as usize]));
        page[(number % PAGE) as usize] = address.0;
    }

    /// Inserts series of one lane by their ordinals, of which the first is `from`. It is fast where numbers follow
    /// each other.
    pub(crate) fn extend(&mut self, lane: usize, from: u32, numbers: impl Iterator<Item = u64>) {
        let mut numbers = numbers.zip(from..).peekable();
        while let Some(&(first, _)) = numbers.peek() {
            let page = self
                .pages
                .entry(first / PAGE)
                .or_insert_with(|| Box::new([EMPTY; PAGE as usize]));
            while let Some((number, ordinal)) = numbers.next_if(|next| next.0 / PAGE == first / PAGE) {
                page[(number % PAGE) as usize] = Address::new(lane, ordinal).0;
            }
        }
    }

    /// Takes over the places of another table, where there are none yet.
    pub(crate) fn take(&mut self, other: Self) {
        for (at, page) in other.pages {
            match self.pages.entry(at) {
                Entry::Vacant(vacant) => drop(vacant.insert(page)),
                Entry::Occupied(mut here) => {
                    for (here, there) in here.get_mut().iter_mut().zip(page.iter()) {
                        *here = if *here == EMPTY { *there } else { *here };
                    }
                }
            }
        }
    }

    /// Changes all places as `change` says; `None` removes.
    pub(crate) fn rewrite(&mut self, mut change: impl FnMut(u64, Address) -> Option<Address>) {
        self.pages.retain(|&at, page| {
            let mut left = false;
            for (number, place) in (at * PAGE..).zip(page.iter_mut()).filter(|(_, p)| **p != EMPTY) {
                *place = change(number, Address(*place)).map_or(EMPTY, |address| address.0);
                left |= *place != EMPTY;
            }
            left
        });
    }

    /// Calls `each` with all numbers and places.
    pub(crate) fn each(&self, mut each: impl FnMut(u64, Address)) {
        for (&at, page) in &self.pages {
            for (number, &place) in (at * PAGE..)
                .zip(page.iter())
                .filter(|(_, place)| **place != EMPTY)
            {
                each(number, Address(place));
            }
        }
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pages.len() * PAGE as usize * 4 + self.pages.allocation_size()
    }
}

/// Finds a page once for the numbers on it.
pub(crate) struct Near<'a> {
    table: &'a RefTable,
    at: u64,
    page: Option<&'a [u32; PAGE as usize]>,
}

impl Near<'_> {
    /// Where series `number` is, [`Address::NONE`] if it is not here.
    #[inline]
    pub(crate) fn get(&mut self, number: u64) -> Address {
        if number / PAGE != self.at {
            self.at = number / PAGE;
            self.page = self.table.pages.get(&self.at).map(|page| &**page);
        }
        self.page
            .map_or(Address::NONE, |page| Address(page[(number % PAGE) as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_far_apart_are_found_and_others_are_not() {
        let mut table = RefTable::default();
        for (number, ordinal) in [(1, 5), (2, 6), (1 << 39, 7)] {
            table.insert(number, Address::new(3, ordinal));
        }
        let mut found = Vec::new();
        table.locate([1, 2, 3, 1 << 39, 1 << 38].into_iter(), &mut found);
        let at = |o| Address::new(3, o);
        assert_eq!(found, [at(5), at(6), Address::NONE, at(7), Address::NONE]);
        assert_eq!((at(7).lane(), at(7).ordinal()), (3, 7));
        table.rewrite(|number, address| (number == 2).then_some(address));
        assert_eq!((table.get(1), table.get(2)), (None, Some(at(6))));
        assert_eq!(table.pages.len(), 1);
        let mut other = RefTable::default();
        other.insert(2, at(1));
        other.insert(3, at(2));
        table.take(other);
        assert_eq!((table.get(2), table.get(3)), (Some(at(6)), Some(at(2))));
    }
}
