//! Quantiles of sliding windows: how many samples of each rank a window holds, in a tree of sums.
//!
//! All samples of a series are ranked once. A window that moves on takes its new samples in and its old ones
//! out, each in as many steps as the count of ranks has bits, and finds the one in any place likewise. So a
//! step costs by what moves, not by what the window holds.

use super::rate::Window;
use crate::quantile::{between, order};

/// Below so many samples a window, sorting each is as good.
const WORTH_SAMPLES: usize = 32;

/// The samples of a window by rank.
pub(super) struct Ranks {
    /// The values in order, each once.
    values: Vec<f64>,
    /// The rank of each sample.
    ranks: Vec<u32>,
    /// Node `i` (from 1) counts those of the ranks `i - (i & -i) .. i`.
    tree: Vec<u32>,
    lo: usize,
    hi: usize,
}

impl Ranks {
    /// For the windows of `v`, which hold about `window_samples`, if that pays.
    pub(super) fn of(v: &[f64], window_samples: usize) -> Option<Self> {
        if window_samples < WORTH_SAMPLES {
            return None;
        }
        let mut by_value: Vec<u32> = (0..u32::try_from(v.len()).ok()?).collect();
        by_value.sort_unstable_by(|&a, &b| order(&v[a as usize], &v[b as usize]));
        let (mut values, mut ranks) = (Vec::<f64>::new(), vec![0; v.len()]);
        for at in by_value {
            let value = v[at as usize];
            if values.last().is_none_or(|last| order(last, &value).is_ne()) {
                values.push(value);
            }
            ranks[at as usize] = values.len() as u32 - 1;
        }
        let tree = vec![0; values.len() + 1];
        Some(Self {
            values,
            ranks,
            tree,
            lo: 0,
            hi: 0,
        })
    }

    /// The φ-quantile of a window, `q` between 0 and 1; windows must not go back.
    pub(super) fn quantile(&mut self, window: &Window, q: f64) -> f64 {
        if self.hi <= window.lo {
            // Nothing of the last window is left.
            self.tree.fill(0);
            (self.lo, self.hi) = (window.lo, window.lo);
        }
        for at in self.hi..window.hi {
            self.change(at, 1);
        }
        for at in self.lo..window.lo {
            self.change(at, u32::MAX);
        }
        (self.lo, self.hi) = (window.lo, window.hi);
        between(q, window.hi - window.lo, |place| self.value_at(place))
    }

    /// Adds `by` (modulo 2^32) to what is counted of a sample's rank.
    fn change(&mut self, sample: usize, by: u32) {
        let mut node = self.ranks[sample] as usize + 1;
        while node < self.tree.len() {
            self.tree[node] = self.tree[node].wrapping_add(by);
            node += node & node.wrapping_neg();
        }
    }

    /// The value in a place of the window's order, counted from 0.
    fn value_at(&self, place: usize) -> f64 {
        let (mut node, mut left) = (0, place as u32);
        let mut width = self.tree.len().next_power_of_two() / 2;
        while width > 0 {
            if let Some(&count) = self.tree.get(node + width)
                && count <= left
            {
                node += width;
                left -= count;
            }
            width /= 2;
        }
        self.values[node.min(self.values.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quantile::quantile;

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let odd = prop_oneof![
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(0.0),
            Just(-0.0)
        ];
        let some = (-5..6).prop_map(f64::from);
        prop::collection::vec(prop_oneof![5 => -1e3..1e3, 3 => some, 1 => odd], 1..90)
    }

    proptest! {
        #[test]
        fn sliding_gives_the_digits_of_sorting(
            v in values(),
            width in 1_usize..60,
            stride in 1_usize..70,
            q in 0.0..=1.0,
        ) {
            let mut ranks = Ranks::of(&v, WORTH_SAMPLES).expect("windows are long enough");
            for hi in (1..=v.len()).step_by(stride) {
                let window = Window { step: 0, lo: hi.saturating_sub(width), hi, left_ms: 0, right_ms: 0 };
                let found = ranks.quantile(&window, q);
                let expected = quantile(q, &mut v[window.lo..hi].to_vec());
                prop_assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()));
            }
        }
    }
}
