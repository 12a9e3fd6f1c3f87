//! Sine, cosine and tangent.

use std::f64::consts::{FRAC_PI_4, PI};

/// π/4 in three parts.
const PI_4: [f64; 3] = [
    7.853_981_256_484_985_351_56e-1,
    3.774_894_707_930_798_176_68e-8,
    2.695_151_429_079_059_526_45e-15,
];
/// From here on three parts of π/4 are not enough: 2^29.
const LARGE: f64 = 536_870_912.0;

const SIN: [f64; 6] = [
    1.589_623_015_765_465_680_60e-10,
    -2.505_074_776_285_780_728_66e-8,
    2.755_731_362_138_572_452_13e-6,
    -1.984_126_982_958_953_859_96e-4,
    8.333_333_333_322_118_588_78e-3,
    -1.666_666_666_666_663_072_95e-1,
];
const COS: [f64; 6] = [
    -1.135_853_652_138_768_173_00e-11,
    2.087_570_084_197_473_167_78e-9,
    -2.755_731_417_929_673_881_12e-7,
    2.480_158_728_885_170_453_48e-5,
    -1.388_888_888_887_305_641_16e-3,
    4.166_666_666_666_659_292_18e-2,
];
const TAN_P: [f64; 3] = [
    -1.309_369_391_813_837_776_46e4,
    1.153_516_648_385_874_161_40e6,
    -1.795_652_519_764_848_779_88e7,
];
const TAN_Q: [f64; 4] = [
    1.368_129_634_706_929_546_78e4,
    -1.320_892_344_402_109_674_47e6,
    2.500_838_018_233_579_158_39e7,
    -5.386_957_559_294_546_298_81e7,
];

/// The sine.
pub(crate) fn sin(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::NAN;
    }
    let (mut octant, z) = reduce(x.abs());
    let mut is_negative = x < 0.0;
    if octant > 3 {
        is_negative = !is_negative;
        octant -= 4;
    }
    let y = if octant == 1 || octant == 2 {
        cosine(z)
    } else {
        sine(z)
    };
    if is_negative { -y } else { y }
}

/// The cosine.
pub(crate) fn cos(x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let (mut octant, z) = reduce(x.abs());
    let mut is_negative = false;
    if octant > 3 {
        octant -= 4;
        is_negative = !is_negative;
    }
    if octant > 1 {
        is_negative = !is_negative;
    }
    let y = if octant == 1 || octant == 2 {
        sine(z)
    } else {
        cosine(z)
    };
    if is_negative { -y } else { y }
}

/// The tangent.
pub(crate) fn tan(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::NAN;
    }
    let (octant, z) = reduce(x.abs());
    let zz = z * z;
    let mut y = z;
    if zz > 1e-14 {
        let p = ((TAN_P[0] * zz) + TAN_P[1]) * zz + TAN_P[2];
        let q = (((zz + TAN_Q[0]) * zz + TAN_Q[1]) * zz + TAN_Q[2]) * zz + TAN_Q[3];
        y = z + z * (zz * p / q);
    }
    if octant & 2 == 2 {
        y = -1.0 / y;
    }
    if x < 0.0 { -y } else { y }
}

fn polynomial(terms: &[f64; 6], zz: f64) -> f64 {
    terms[1..].iter().fold(terms[0], |sum, term| sum * zz + term)
}

fn sine(z: f64) -> f64 {
    let zz = z * z;
    z + z * zz * polynomial(&SIN, zz)
}

fn cosine(z: f64) -> f64 {
    let zz = z * z;
    1.0 - 0.5 * zz + zz * zz * polynomial(&COS, zz)
}

/// In which eighth of a turn a positive number lies, rounded to an even one, and how far from its begin.
fn reduce(x: f64) -> (u64, f64) {
    if x >= LARGE {
        return reduce_large(x);
    }
    let mut octant = (x * (4.0 / PI)) as u64;
    let mut y = octant as f64;
    if octant & 1 == 1 {
        octant += 1;
        y += 1.0;
    }
    let z = ((x - y * PI_4[0]) - y * PI_4[1]) - y * PI_4[2];
    (octant & 7, z)
}

/// 4/π in binary, 64 digits each, of which the first word is the whole part.
const FOUR_BY_PI: [u64; 20] = [
    0x0000_0000_0000_0001,
    0x45f3_06dc_9c88_2a53,
    0xf84e_afa3_ea69_bb81,
    0xb6c5_2b32_7887_2083,
    0xfca2_c757_bd77_8ac3,
    0x6e48_dc74_849b_a5c0,
    0x0c92_5dd4_13a3_2439,
    0xfc3b_d639_6253_4e7d,
    0xd104_6bea_5d76_8909,
    0xd338_e04d_68be_fc82,
    0x7323_ac73_06a6_73e9,
    0x3908_bf17_7bf2_5076,
    0x3ff1_2fff_bc0b_301f,
    0xde5e_2316_b414_da3e,
    0xda6c_fd9e_4f96_136e,
    0x9e8c_7ecd_3cbf_d45a,
    0xea4f_758f_d7cb_e2f6,
    0x7a0e_73ef_14a5_25d4,
    0xd7f6_bf62_3f1a_ba10,
    0xac06_608d_f8f6_d757,
];

/// As [`reduce`], with as many digits of 4/π as it takes.
fn reduce_large(x: f64) -> (u64, f64) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023 - 52;
    let mantissa = (bits & 0x000f_ffff_ffff_ffff) | (1 << 52);
    let (digit, shift) = ((exponent + 61) as usize / 64, (exponent + 61) as u32 % 64);
    let word = |at: usize| {
        let low = FOUR_BY_PI[at + 1].checked_shr(64 - shift).unwrap_or(0);
        (FOUR_BY_PI[at] << shift) | low
    };
    let high_of = |a: u64| ((u128::from(a) * u128::from(mantissa)) >> 64) as u64;
    let (z0, z1, z2) = (word(digit), word(digit + 1), word(digit + 2));
    let (low, carry) = z1.wrapping_mul(mantissa).overflowing_add(high_of(z2));
    let high = z0
        .wrapping_mul(mantissa)
        .wrapping_add(high_of(z1))
        .wrapping_add(u64::from(carry));
    let mut octant = high >> 61;
    let fraction = (high << 3) | (low >> 61);
    let zeros = fraction.leading_zeros();
    let biased = u64::from(1023 - (zeros + 1));
    let after_first = fraction.checked_shl(zeros + 1).unwrap_or(0);
    let fraction = (after_first | (low.checked_shr(64 - (zeros + 1)).unwrap_or(0))) >> 12;
    let mut z = f64::from_bits(fraction | (biased << 52));
    if octant & 1 == 1 {
        octant = (octant + 1) & 7;
        z -= 1.0;
    }
    (octant, z * FRAC_PI_4)
}
