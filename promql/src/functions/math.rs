//! Functions of one number.

use super::Function;
use crate::go_math;

/// The function of one number that `function` applies to each value, if it is such a one.
pub(crate) fn of_one(function: Function) -> Option<fn(f64) -> f64> {
    Some(match function {
        Function::Abs => f64::abs,
        Function::Acos => go_math::acos,
        Function::Acosh => go_math::acosh,
        Function::Asin => go_math::asin,
        Function::Asinh => go_math::asinh,
        Function::Atan => go_math::atan,
        Function::Atanh => go_math::atanh,
        Function::Ceil => f64::ceil,
        Function::Cos => go_math::cos,
        Function::Cosh => go_math::cosh,
        Function::Deg => |v| v * 180.0 / std::f64::consts::PI,
        Function::Exp => go_math::exp,
        Function::Floor => f64::floor,
        Function::Ln => go_math::log,
        Function::Log10 => go_math::log10,
        Function::Log2 => go_math::log2,
        Function::Rad => |v| v * std::f64::consts::PI / 180.0,
        Function::Sgn => sgn,
        Function::Sin => go_math::sin,
        Function::Sinh => go_math::sinh,
        Function::Sqrt => f64::sqrt,
        Function::Tan => go_math::tan,
        Function::Tanh => go_math::tanh,
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
}
