//! Functions of one number, as Go's `math` defines them where languages differ.

use super::Function;

/// The function of one number that `function` applies to each value, if it is such a one.
pub(crate) fn of_one(function: Function) -> Option<fn(f64) -> f64> {
    Some(match function {
        Function::Abs => f64::abs,
        Function::Acos => f64::acos,
        Function::Acosh => acosh,
        Function::Asin => f64::asin,
        Function::Asinh => asinh,
        Function::Atan => f64::atan,
        Function::Atanh => atanh,
        Function::Ceil => f64::ceil,
        Function::Cos => f64::cos,
        Function::Cosh => f64::cosh,
        Function::Deg => |v| v * 180.0 / std::f64::consts::PI,
        Function::Exp => f64::exp,
        Function::Floor => f64::floor,
        Function::Ln => f64::ln,
        Function::Log10 => f64::log10,
        Function::Log2 => f64::log2,
        Function::Rad => |v| v * std::f64::consts::PI / 180.0,
        Function::Sgn => sgn,
        Function::Sin => f64::sin,
        Function::Sinh => f64::sinh,
        Function::Sqrt => f64::sqrt,
        Function::Tan => f64::tan,
        Function::Tanh => f64::tanh,
        _ => return None,
    })
}

/// Go's `math.Max`: infinity wins over NaN, NaN over numbers, +0 over -0.
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { b } else { a };
    }
    if a > b { a } else { b }
}

/// Go's `math.Min`: negative infinity wins over NaN, NaN over numbers, -0 over +0.
pub(crate) fn min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { a } else { b };
    }
    if a < b { a } else { b }
}

/// `clamp`: at least `low`, at most `high`; nothing if they cross.
pub(crate) fn clamp(v: f64, low: f64, high: f64) -> Option<f64> {
    if high < low {
        return None;
    }
    Some(max(low, min(high, v)))
}

/// `round`: to the nearest multiple of `to_nearest`, ties up.
pub(crate) fn round(v: f64, to_nearest: f64) -> f64 {
    // Multiplying by the inverse loses less than dividing does.
    let inverse = 1.0 / to_nearest;
    (v * inverse + 0.5).floor() / inverse
}

fn sgn(v: f64) -> f64 {
    if v < 0.0 {
        -1.0
    } else if v > 0.0 {
        1.0
    } else {
        v
    }
}

/// 2^28, above which `x ± 1` makes no difference to the inverse hyperbolic functions.
const LARGE: f64 = 268_435_456.0;
/// 2^-28, below which they are the identity.
const SMALL: f64 = 1.0 / LARGE;

fn asinh(x: f64) -> f64 {
    if x.is_nan() || x.is_infinite() {
        return x;
    }
    let a = x.abs();
    let value = if a > LARGE {
        a.ln() + std::f64::consts::LN_2
    } else if a > 2.0 {
        (2.0 * a + 1.0 / ((a * a + 1.0).sqrt() + a)).ln()
    } else if a < SMALL {
        a
    } else {
        (a + a * a / (1.0 + (1.0 + a * a).sqrt())).ln_1p()
    };
    value.copysign(x)
}

fn acosh(x: f64) -> f64 {
    if x < 1.0 || x.is_nan() {
        f64::NAN
    } else if x == 1.0 {
        0.0
    } else if x >= LARGE {
        x.ln() + std::f64::consts::LN_2
    } else if x > 2.0 {
        (2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt())).ln()
    } else {
        let t = x - 1.0;
        (t + (2.0 * t + t * t).sqrt()).ln_1p()
    }
}

fn atanh(x: f64) -> f64 {
    if !(-1.0..=1.0).contains(&x) {
        return f64::NAN;
    }
    let a = x.abs();
    let value = if a == 1.0 {
        f64::INFINITY
    } else if a < SMALL {
        a
    } else if a < 0.5 {
        let twice = a + a;
        0.5 * (twice + twice * a / (1.0 - a)).ln_1p()
    } else {
        0.5 * ((a + a) / (1.0 - a)).ln_1p()
    };
    value.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_wins_over_nan_and_nan_over_numbers() {
        assert_eq!(max(f64::INFINITY, f64::NAN), f64::INFINITY);
        assert!(max(1.0, f64::NAN).is_nan());
        assert_eq!(min(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert!(min(0.0, -0.0).is_sign_negative());
    }

    #[test]
    fn ties_round_up_also_below_zero() {
        assert_eq!(
            [round(2.5, 1.0), round(-2.5, 1.0), round(5.015, 0.1)],
            [3.0, -2.0, 5.0]
        );
    }

    #[test]
    fn inverse_hyperbolic_functions_undo_the_hyperbolic_ones() {
        for x in [0.001, 0.3, 0.7, 1.5, 3.0, 30.0] {
            assert!((asinh(f64::sinh(x)) - x).abs() < 1e-12 * x);
            assert!((acosh(f64::cosh(x)) - x).abs() < 1e-9);
        }
        assert!((atanh(f64::tanh(0.7)) - 0.7).abs() < 1e-12);
        assert_eq!(atanh(-1.0), f64::NEG_INFINITY);
        assert!(atanh(1.5).is_nan());
    }
}
