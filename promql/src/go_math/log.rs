//! Logarithms.

use super::split;

const LN2_HI: f64 = 6.931_471_803_691_238_164_90e-1;
const LN2_LO: f64 = 1.908_214_929_270_587_700_02e-10;
const L: [f64; 7] = [
    6.666_666_666_666_735_130e-1,
    3.999_999_999_940_941_908e-1,
    2.857_142_874_366_239_149e-1,
    2.222_219_843_214_978_396e-1,
    1.818_357_216_161_805_012e-1,
    1.531_383_769_920_937_332e-1,
    1.479_819_860_511_658_591e-1,
];
/// The bits of a float's fraction.
const FRACTION: u64 = 0x000f_ffff_ffff_ffff;

/// The natural logarithm.
pub(crate) fn log(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    if !x.is_finite() {
        return x;
    }
    // The exponent bits are taken as they are, also where they mean a subnormal number.
    let bits = x.to_bits();
    let mut fraction = f64::from_bits((bits & FRACTION) | 0.5_f64.to_bits());
    let mut k = f64::from((bits >> 52) as i32 - 0x3fe);
    if fraction <= std::f64::consts::FRAC_1_SQRT_2 {
        k -= 1.0;
        fraction *= 2.0;
    }
    let f = fraction - 1.0;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let t1 = s2 * (L[0] + s4 * (L[2] + s4 * (L[4] + s4 * L[6])));
    let t2 = s4 * (L[1] + s4 * (L[3] + s4 * L[5]));
    let r = t1 + t2;
    let half_square = 0.5 * f * f;
    k * LN2_HI - ((half_square - (s * (half_square + r) + k * LN2_LO)) - f)
}

/// The binary logarithm, exact for powers of two.
pub(crate) fn log2(x: f64) -> f64 {
    let (fraction, exponent) = split(x);
    if fraction == 0.5 {
        return f64::from(exponent - 1);
    }
    log(fraction) * std::f64::consts::LOG2_E + f64::from(exponent)
}

/// The decimal logarithm.
pub(crate) fn log10(x: f64) -> f64 {
    log(x) * std::f64::consts::LOG10_E
}

/// The natural logarithm of `1 + x`.
pub(crate) fn log1p(x: f64) -> f64 {
    if x < -1.0 || x.is_nan() {
        return f64::NAN;
    }
    if x == -1.0 {
        return f64::NEG_INFINITY;
    }
    if x == f64::INFINITY {
        return x;
    }
    let size = x.abs();
    // √2 − 1 and √2/2 − 1
    if size < 4.142_135_623_730_950_488_017e-1 {
        // 2^-29 and 2^-54
        if size < 1.862_645_149_230_957e-9 {
            if size < 5.551_115_123_125_783e-17 {
                return x;
            }
            return x - x * x * 0.5;
        }
        if x > -2.928_932_188_134_524_755_992e-1 {
            return near_one(x, 0.0, 0.0, false);
        }
    }
    let (u, c);
    let mut k;
    if size < 9_007_199_254_740_992.0 {
        u = 1.0 + x;
        k = (u.to_bits() >> 52) as i64 - 1023;
        let lost = if k > 0 { 1.0 - (u - x) } else { x - (u - 1.0) };
        c = lost / u;
    } else {
        u = x;
        k = (u.to_bits() >> 52) as i64 - 1023;
        c = 0.0;
    }
    let mut bits = u.to_bits() & FRACTION;
    let u = if bits < 0x0006_a09e_667f_3bcd {
        f64::from_bits(bits | 1.0_f64.to_bits())
    } else {
        k += 1;
        let halved = f64::from_bits(bits | 0.5_f64.to_bits());
        bits = (0x0010_0000_0000_0000 - bits) >> 2;
        halved
    };
    near_one(u - 1.0, k as f64, c, bits == 0)
}

/// ln(1 + f) + k ln 2, `c` being what rounding took from `1 + f`; whether `f` is tiny is known.
fn near_one(f: f64, k: f64, mut c: f64, is_tiny: bool) -> f64 {
    let half_square = 0.5 * f * f;
    if is_tiny {
        if f == 0.0 {
            if k == 0.0 {
                return 0.0;
            }
            c += k * LN2_LO;
            return k * LN2_HI + c;
        }
        let r = half_square * (1.0 - 0.666_666_666_666_666_66 * f);
        if k == 0.0 {
            return f - r;
        }
        return k * LN2_HI - ((r - (k * LN2_LO + c)) - f);
    }
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * (L[0] + z * (L[1] + z * (L[2] + z * (L[3] + z * (L[4] + z * (L[5] + z * L[6]))))));
    if k == 0.0 {
        return f - (half_square - s * (half_square + r));
    }
    k * LN2_HI - ((half_square - (s * (half_square + r) + (k * LN2_LO + c))) - f)
}
