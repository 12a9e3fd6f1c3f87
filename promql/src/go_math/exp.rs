//! e and 2 to a power.

use super::join;

const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// ln 2, its upper half and what that leaves out.
const LN2_UPPER: f64 = 0.693_147_180_559_662_956_511_601_805_686_950_683_593_75;
const LN2_LOWER: f64 = 0.282_352_905_630_315_771_225_884_481_750_134_360_255_254_120_68e-12;
/// e to anything larger is infinite.
const LARGEST: f64 = 7.097_827_128_933_84e2;

/// 1/8! … 1/3!, 1/2!, 1/1!
const TAYLOR: [f64; 8] = [
    2.480_158_730_158_730_158_7e-5,
    1.984_126_984_126_984_127_0e-4,
    1.388_888_888_888_888_888_9e-3,
    8.333_333_333_333_333_333_3e-3,
    4.166_666_666_666_666_666_7e-2,
    1.666_666_666_666_666_666_7e-1,
    0.5,
    1.0,
];

/// e to the power of `x`.
pub(crate) fn exp(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x > LARGEST {
        return f64::INFINITY;
    }
    let whole = (x * LOG2_E).round_ties_even();
    if whole < -2000.0 {
        return 0.0;
    }
    let mut r = (-whole).mul_add(LN2_UPPER, x);
    r = (-whole).mul_add(LN2_LOWER, r);
    // e^r − 1 for a sixteenth of r, then squared four times: (1 + y)² − 1 = y (y + 2).
    r *= 0.0625;
    let mut series = TAYLOR[0];
    for term in &TAYLOR[1..] {
        series = r.mul_add(series, *term);
    }
    let mut y = series * r;
    for _ in 0..3 {
        y *= y + 2.0;
    }
    y = (y + 2.0).mul_add(y, 1.0);
    scale(y, whole as i32)
}

/// `y × 2^exponent` in the steps of Go's assembly: what is subnormal is rounded once, by the last.
fn scale(y: f64, exponent: i32) -> f64 {
    let power = |biased: i32| f64::from_bits((biased as u64) << 52);
    let biased = exponent + 0x3ff;
    match biased {
        0x7ff.. => f64::INFINITY,
        1.. => y * power(biased),
        -52.. => y * power(biased + 0x3fe) * power(1),
        _ => 0.0,
    }
}

const LN2_HI: f64 = 6.931_471_803_691_238_164_90e-1;
const LN2_LO: f64 = 1.908_214_929_270_587_700_02e-10;

/// 2 to the power of `x`.
pub(crate) fn exp2(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x > 1.023_999_999_999_999_9e3 {
        return f64::INFINITY;
    }
    if x < -1.074e3 {
        return 0.0;
    }
    let whole = if x > 0.0 {
        (x + 0.5).trunc()
    } else {
        (x - 0.5).trunc()
    };
    let t = x - whole;
    of_parts(t * LN2_HI, -t * LN2_LO, whole as i64)
}

/// e to the power of `hi - lo`, times 2^`exponent`.
fn of_parts(hi: f64, lo: f64, exponent: i64) -> f64 {
    const P: [f64; 5] = [
        1.666_666_666_666_666_574_15e-1,
        -2.777_777_777_701_559_338_42e-3,
        6.613_756_321_437_934_361_17e-5,
        -1.653_390_220_546_525_153_90e-6,
        4.138_136_797_057_238_460_39e-8,
    ];
    let r = hi - lo;
    let t = r * r;
    let c = r - t * (P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * P[4]))));
    let y = 1.0 - ((lo - (r * c) / (2.0 - c)) - hi);
    join(y, exponent)
}
