//! Sorting by value as Prometheus' runtime does it, so that equal values come out in the same order.
//!
//! Go's `sort.Sort` is not stable: where values are equal, the order of an answer is what its algorithm
//! leaves behind, and dashboards show it. The algorithm is pattern-defeating quicksort (Orson Peters'), with
//! insertion sort below thirteen elements and heap sort when pivots keep being bad. It asks only `less`, also
//! where `less` contradicts itself (NaN), and never panics on it.

/// Ranges no longer than this are sorted by insertion.
const INSERTION_MAX: usize = 12;
/// From this length on the pivot is a median of medians, and nearly sorted ranges are worth repairing.
const NINTHER_MIN: usize = 50;
/// How often a nearly sorted range is repaired before it is given up.
const REPAIRS_MAX: usize = 5;
/// If choosing a pivot met this many pairs out of order, that is all of them: the range is descending.
const PIVOT_SWAPS_MAX: usize = 12;

/// Whether value `a` comes before `b`: ascending or descending, NaN last in both.
pub(crate) fn after(a: f64, b: f64, is_descending: bool) -> bool {
    // Both orders are the reverse of one that begins with NaN.
    b.is_nan() || if is_descending { b < a } else { b > a }
}

/// Sorts `items` by `less`.
pub(crate) fn sort<T>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    let bad_pivots_max = usize::BITS - items.len().leading_zeros();
    let end = items.len();
    Sorter { items, less }.quick(0, end, bad_pivots_max);
}

struct Sorter<'i, T, L> {
    items: &'i mut [T],
    less: L,
}

/// What choosing a pivot showed of a range.
#[derive(Clone, Copy, PartialEq)]
enum Seems {
    Unordered,
    Ascending,
    Descending,
}

impl<T, L: Fn(&T, &T) -> bool> Sorter<'_, T, L> {
    fn less(&self, a: usize, b: usize) -> bool {
        (self.less)(&self.items[a], &self.items[b])
    }

    /// Sorts `from..end`; everything before `from` is smaller or equal.
    fn quick(&mut self, mut from: usize, mut end: usize, mut bad_pivots_left: u32) {
        let (mut was_balanced, mut was_partitioned) = (true, true);
        loop {
            let length = end - from;
            if length <= INSERTION_MAX {
                return self.insertion(from, end);
            }
            if bad_pivots_left == 0 {
                return self.heap(from, end);
            }
            if !was_balanced {
                self.break_patterns(from, end);
                bad_pivots_left -= 1;
            }
            let (mut pivot, mut seems) = self.choose_pivot(from, end);
            if seems == Seems::Descending {
                self.items[from..end].reverse();
                pivot = (end - 1) - (pivot - from);
                seems = Seems::Ascending;
            }
            let may_be_sorted = was_balanced && was_partitioned && seems == Seems::Ascending;
            if may_be_sorted && self.repair(from, end) {
                return;
            }
            if from > 0 && !self.less(from - 1, pivot) {
                // The pivot equals what stands before: all equal to it are done with at once.
                from = self.partition_equal(from, end, pivot);
                continue;
            }
            let (middle, was_already) = self.partition(from, end, pivot);
            was_partitioned = was_already;
            let (left, right) = (middle - from, end - middle);
            was_balanced = left.min(right) >= length / 8;
            if left < right {
                self.quick(from, middle, bad_pivots_left);
                from = middle + 1;
            } else {
                self.quick(middle + 1, end, bad_pivots_left);
                end = middle;
            }
        }
    }

    fn insertion(&mut self, from: usize, end: usize) {
        for i in from + 1..end {
            let mut j = i;
            while j > from && self.less(j, j - 1) {
                self.items.swap(j, j - 1);
                j -= 1;
            }
        }
    }

    fn heap(&mut self, from: usize, end: usize) {
        let length = end - from;
        for root in (0..=(length - 1) / 2).rev() {
            self.sift_down(root, length, from);
        }
        for last in (0..length).rev() {
            self.items.swap(from, from + last);
            self.sift_down(0, last, from);
        }
    }

    fn sift_down(&mut self, mut root: usize, end: usize, from: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= end {
                return;
            }
            if child + 1 < end && self.less(from + child, from + child + 1) {
                child += 1;
            }
            if !self.less(from + root, from + child) {
                return;
            }
            self.items.swap(from + root, from + child);
            root = child;
        }
    }

    /// Puts the pivot where it belongs; whether the range was partitioned already.
    fn partition(&mut self, from: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.items.swap(from, pivot);
        let (mut i, mut j) = (from + 1, end - 1);
        let mut is_first = true;
        loop {
            while i <= j && self.less(i, from) {
                i += 1;
            }
            while i <= j && !self.less(j, from) {
                j -= 1;
            }
            if i > j {
                break;
            }
            self.items.swap(i, j);
            i += 1;
            j -= 1;
            is_first = false;
        }
        self.items.swap(j, from);
        (j, is_first)
    }

    /// Gathers what equals the pivot at the front; returns where the rest begins.
    fn partition_equal(&mut self, from: usize, end: usize, pivot: usize) -> usize {
        self.items.swap(from, pivot);
        let (mut i, mut j) = (from + 1, end - 1);
        loop {
            while i <= j && !self.less(from, i) {
                i += 1;
            }
            while i <= j && self.less(from, j) {
                j -= 1;
            }
            if i > j {
                return i;
            }
            self.items.swap(i, j);
            i += 1;
            j -= 1;
        }
    }

    /// Sorts a range that nearly is; whether that succeeded.
    fn repair(&mut self, from: usize, end: usize) -> bool {
        let mut i = from + 1;
        for _ in 0..REPAIRS_MAX {
            while i < end && !self.less(i, i - 1) {
                i += 1;
            }
            if i == end {
                return true;
            }
            if end - from < NINTHER_MIN {
                return false;
            }
            self.items.swap(i, i - 1);
            if i - from >= 2 {
                let mut j = i - 1;
                while j >= 1 && self.less(j, j - 1) {
                    self.items.swap(j, j - 1);
                    j -= 1;
                }
            }
            if end - i >= 2 {
                let mut j = i + 1;
                while j < end && self.less(j, j - 1) {
                    self.items.swap(j, j - 1);
                    j += 1;
                }
            }
        }
        false
    }

    /// Scatters three elements around the middle, by a generator seeded with the length.
    fn break_patterns(&mut self, from: usize, end: usize) {
        let length = end - from;
        if length < 8 {
            return;
        }
        let mut random = length as u64;
        let mask = (1_usize << (usize::BITS - length.leading_zeros())) - 1;
        let middle = from + (length / 4) * 2;
        for i in 0..3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut other = random as usize & mask;
            if other >= length {
                other -= length;
            }
            self.items.swap(middle - 1 + i, from + other);
        }
    }

    fn choose_pivot(&mut self, from: usize, end: usize) -> (usize, Seems) {
        let length = end - from;
        let mut swaps = 0;
        let quarter = length / 4;
        let [mut i, mut j, mut k] = [1, 2, 3].map(|n| from + quarter * n);
        if length >= 8 {
            if length >= NINTHER_MIN {
                [i, j, k] = [i, j, k].map(|at| self.median([at - 1, at, at + 1], &mut swaps));
            }
            j = self.median([i, j, k], &mut swaps);
        }
        let seems = match swaps {
            0 => Seems::Ascending,
            PIVOT_SWAPS_MAX => Seems::Descending,
            _ => Seems::Unordered,
        };
        (j, seems)
    }

    /// The index of the middle of three elements; counts pairs that were out of order.
    fn median(&self, [mut a, mut b, mut c]: [usize; 3], swaps: &mut usize) -> usize {
        let mut order = |a: &mut usize, b: &mut usize| {
            if self.less(*b, *a) {
                *swaps += 1;
                std::mem::swap(a, b);
            }
        };
        order(&mut a, &mut b);
        order(&mut b, &mut c);
        order(&mut a, &mut b);
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_comes_out_sorted(mut items in prop::collection::vec(0_u8..40, 0..400)) {
            let mut expected = items.clone();
            expected.sort_unstable();
            sort(&mut items, |a, b| a < b);
            prop_assert_eq!(items, expected);
        }

        #[test]
        fn contradictions_do_no_harm(mut items in prop::collection::vec(prop_oneof![Just(f64::NAN), 0.0..4.0], 0..200)) {
            let length = items.len();
            sort(&mut items, |a, b| after(*a, *b, false));
            prop_assert_eq!(items.len(), length);
        }
    }

    #[test]
    fn few_equal_elements_keep_their_order() {
        let mut items: Vec<(u8, usize)> = (0..12).map(|i| (u8::from(i % 3 == 0), i)).collect();
        sort(&mut items, |a, b| a.0 < b.0);
        let order: Vec<usize> = items.iter().map(|(_, i)| *i).collect();
        assert_eq!(order, [1, 2, 4, 5, 7, 8, 10, 11, 0, 3, 6, 9]);
    }
}
