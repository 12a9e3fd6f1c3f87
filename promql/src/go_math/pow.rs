//! Powers.

use super::{exp, join, log, split};

/// 2^63: whole numbers from here on are even.
const HUGE: f64 = 9_223_372_036_854_775_808.0;
/// An exponent beyond these overflows, or comes to zero, whatever follows.
const EXPONENT_MAX: i64 = 1 << 12;

/// `x` to the power of `y`.
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    if let Some(special) = special(x, y) {
        return special;
    }
    let size = y.abs();
    let (mut whole, mut fraction) = (size.trunc(), size - size.trunc());
    if fraction != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= HUGE {
        return if x == -1.0 {
            1.0
        } else if (x.abs() < 1.0) == (y > 0.0) {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let (mut answer, mut exponent) = (1.0, 0_i64);
    if fraction != 0.0 {
        if fraction > 0.5 {
            fraction -= 1.0;
            whole += 1.0;
        }
        answer = exp(fraction * log(x));
    }
    let (mut square, power) = split(x);
    let mut power = i64::from(power);
    let mut rest = whole as i64;
    while rest != 0 {
        if !(-EXPONENT_MAX..=EXPONENT_MAX).contains(&power) {
            exponent += power;
            break;
        }
        if rest & 1 == 1 {
            answer *= square;
            exponent += power;
        }
        square *= square;
        power <<= 1;
        if square < 0.5 {
            square += square;
            power -= 1;
        }
        rest >>= 1;
    }
    if y < 0.0 {
        answer = 1.0 / answer;
        exponent = -exponent;
    }
    join(answer, exponent)
}

fn special(x: f64, y: f64) -> Option<f64> {
    if y == 0.0 || x == 1.0 {
        return Some(1.0);
    }
    if y == 1.0 {
        return Some(x);
    }
    if x.is_nan() || y.is_nan() {
        return Some(f64::NAN);
    }
    if x == 0.0 {
        let size = if y < 0.0 { f64::INFINITY } else { 0.0 };
        return Some(if is_odd(y) { size.copysign(x) } else { size });
    }
    if y.is_infinite() {
        return Some(if x == -1.0 {
            1.0
        } else if (x.abs() < 1.0) == (y > 0.0) {
            0.0
        } else {
            f64::INFINITY
        });
    }
    if x == f64::NEG_INFINITY {
        return Some(pow(-0.0, -y));
    }
    if x == f64::INFINITY {
        return Some(if y < 0.0 { 0.0 } else { f64::INFINITY });
    }
    if y == 0.5 {
        return Some(x.sqrt());
    }
    (y == -0.5).then(|| 1.0 / x.sqrt())
}

fn is_odd(y: f64) -> bool {
    y.abs() < 9_007_199_254_740_992.0 && y.trunc() == y && y % 2.0 != 0.0
}
