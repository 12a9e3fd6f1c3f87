//! Hyperbolic functions and their inverse.

use std::f64::consts::LN_2;

use super::{exp, log, log1p};

/// The hyperbolic sine.
pub(crate) fn sinh(x: f64) -> f64 {
    const P: [f64; 4] = [
        -0.630_767_364_049_771_699_118_478_722_5e+6,
        -0.899_127_202_203_950_935_539_801_351_1e5,
        -0.289_421_135_598_956_380_728_466_036_6e4,
        -0.263_056_321_339_749_706_281_948_9e2,
    ];
    const Q: [f64; 3] = [
        -0.630_767_364_049_771_699_121_207_727_7e6,
        0.152_151_737_879_001_907_069_648_517_6e5,
        -0.173_678_953_558_233_699_533_450_911e3,
    ];
    let size = x.abs();
    let value = if size > 21.0 {
        exp(size) * 0.5
    } else if size > 0.5 {
        let e = exp(size);
        (e - 1.0 / e) * 0.5
    } else {
        let square = size * size;
        let p = (((P[3] * square + P[2]) * square + P[1]) * square + P[0]) * size;
        p / (((square + Q[2]) * square + Q[1]) * square + Q[0])
    };
    if x < 0.0 { -value } else { value.copysign(x) }
}

/// The hyperbolic cosine.
pub(crate) fn cosh(x: f64) -> f64 {
    let size = x.abs();
    if size > 21.0 {
        return exp(size) * 0.5;
    }
    let e = exp(size);
    (e + 1.0 / e) * 0.5
}

/// The hyperbolic tangent.
pub(crate) fn tanh(x: f64) -> f64 {
    const P: [f64; 3] = [
        -9.643_991_794_250_522_386_28e-1,
        -9.928_772_310_019_185_865_64e1,
        -1.614_687_684_417_084_479_52e3,
    ];
    const Q: [f64; 3] = [
        1.128_116_784_916_329_314_02e2,
        2.235_488_390_601_004_485_83e3,
        4.844_063_053_251_254_860_48e3,
    ];
    /// ln 2^127
    const LARGEST: f64 = 8.802_969_193_111_305_429_598_8e1;
    let size = x.abs();
    if size > 0.5 * LARGEST {
        return if x < 0.0 { -1.0 } else { 1.0 };
    }
    if size >= 0.625 {
        let value = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
        return if x < 0.0 { -value } else { value };
    }
    if x == 0.0 {
        return x;
    }
    let s = x * x;
    x + x * s * ((P[0] * s + P[1]) * s + P[2]) / (((s + Q[0]) * s + Q[1]) * s + Q[2])
}

/// 2^28, above which `x ± 1` makes no difference to the inverse functions.
const LARGE: f64 = 268_435_456.0;
/// 2^-28, below which they are the identity.
const SMALL: f64 = 1.0 / LARGE;

/// The number whose hyperbolic sine is `x`.
pub(crate) fn asinh(x: f64) -> f64 {
    if !x.is_finite() {
        return x;
    }
    let a = x.abs();
    let value = if a > LARGE {
        log(a) + LN_2
    } else if a > 2.0 {
        log(2.0 * a + 1.0 / ((a * a + 1.0).sqrt() + a))
    } else if a < SMALL {
        a
    } else {
        log1p(a + a * a / (1.0 + (1.0 + a * a).sqrt()))
    };
    value.copysign(x)
}

/// The number whose hyperbolic cosine is `x`.
pub(crate) fn acosh(x: f64) -> f64 {
    if x < 1.0 || x.is_nan() {
        f64::NAN
    } else if x == 1.0 {
        0.0
    } else if x >= LARGE {
        log(x) + LN_2
    } else if x > 2.0 {
        log(2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt()))
    } else {
        let t = x - 1.0;
        log1p(t + (2.0 * t + t * t).sqrt())
    }
}

/// The number whose hyperbolic tangent is `x`.
pub(crate) fn atanh(x: f64) -> f64 {
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
        0.5 * log1p(twice + twice * a / (1.0 - a))
    } else {
        0.5 * log1p((a + a) / (1.0 - a))
    };
    value.copysign(x)
}
