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

#[cfg(test)]
mod tests {
    use super::*;

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
