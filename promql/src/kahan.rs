//! Sums that keep what rounding loses (Kahan, improved by Neumaier).
//!
//! Prometheus sums this way, and the order and the kind of summation show in the last digits, so every sum
//! here is taken in Prometheus' order and by this function.

/// Adds `inc` to the sum `sum` with compensation `c`; gives both anew.
#[inline(always)]
pub(crate) fn add(inc: f64, sum: f64, c: f64) -> (f64, f64) {
    let t = sum + inc;
    let c = if t.is_infinite() {
        0.0
    } else if sum.abs() >= inc.abs() {
        c + ((sum - t) + inc)
    } else {
        c + ((inc - t) + sum)
    };
    (t, c)
}

/// As [`add`] without its branches, so that several sums go side by side in one register.
///
/// What an addition loses is a float, so both find the same one (here by Knuth's six additions). Only where
/// the sum or the compensation ends up infinite or no number do the two differ; whoever calls this looks at
/// the end and takes such a sum anew with `add`. An infinite sum never becomes finite again.
#[inline(always)]
pub(crate) fn add_finite(inc: f64, sum: f64, c: f64) -> (f64, f64) {
    let t = sum + inc;
    let added = t - sum;
    let lost = (sum - (t - added)) + (inc - added);
    (t, c + lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn without_branches_the_digits_are_the_same(v in prop::collection::vec(proptest::num::f64::ANY, 0..9)) {
            let (mut exact, mut quick) = ((0.0, 0.0), (0.0, 0.0));
            for v in v {
                exact = add(v, exact.0, exact.1);
                quick = add_finite(v, quick.0, quick.1);
                if !(quick.0 + quick.1).is_finite() {
                    break;
                }
                prop_assert_eq!((exact.0.to_bits(), exact.1.to_bits()), (quick.0.to_bits(), quick.1.to_bits()));
            }
        }
    }

    #[test]
    fn what_a_plain_sum_loses_is_in_the_compensation() {
        let (mut sum, mut c) = (0.0, 0.0);
        for v in [5.0, 1e100, -1e100] {
            (sum, c) = add(v, sum, c);
        }
        assert_eq!(sum + c, 5.0);
    }

    #[test]
    fn an_infinite_sum_has_no_compensation() {
        assert_eq!(add(f64::INFINITY, 1.0, 0.5), (f64::INFINITY, 0.0));
    }
}
