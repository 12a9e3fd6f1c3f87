//! The functions of Go's `math` on amd64, bit for bit: their last digits show in Prometheus' answers.
//!
//! | function | algorithm |
//! |---|---|
//! | [`exp()`] | Shibata's Taylor series with fused multiply-add, as Go's assembly has it |
//! | [`log()`] | FreeBSD's msun, as Go's assembly has it: what it gets wrong for subnormal numbers included |
//! | [`exp2`], [`log1p`] | FreeBSD's msun |
//! | [`log2`], [`log10`] | by way of [`log()`] |
//! | [`pow()`] | repeated squaring of the fraction, its exponent apart |
//! | [`sin`], [`cos`], [`tan`], [`atan`] and relatives | Cephes; Payne and Hanek's reduction for large arguments |
//! | [`sinh`] | Hart and Cheney's polynomials near zero |
//!
//! What rounds exactly in every language (`sqrt`, `floor`, `%`) is not here. The operations are in Go's
//! order and must stay in it: `a * 0.5` for `a / 2.0` is fine, `a * b * c` for `a * (b * c)` is not.

#![expect(
    clippy::excessive_precision,
    reason = "constants have the digits they were published with"
)]

mod arc;
mod exp;
mod hyperbolic;
mod log;
mod pow;
mod trig;

pub(crate) use arc::{acos, asin, atan, atan2};
pub(crate) use exp::{exp, exp2};
pub(crate) use hyperbolic::{acosh, asinh, atanh, cosh, sinh, tanh};
pub(crate) use log::{log, log1p, log2, log10};
pub(crate) use pow::pow;
pub(crate) use trig::{cos, sin, tan};

/// `v` as a fraction in 0.5 … 1 and an exponent of two; zero, NaN and the infinities as they are.
fn split(v: f64) -> (f64, i32) {
    if v == 0.0 || !v.is_finite() {
        return (v, 0);
    }
    let (v, shift) = if v.is_subnormal() {
        (v * (1_u64 << 52) as f64, -52)
    } else {
        (v, 0)
    };
    let bits = v.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1022 + shift;
    let fraction = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    (fraction, exponent)
}

/// `fraction × 2^exponent`, rounded once.
fn join(fraction: f64, exponent: i64) -> f64 {
    if fraction == 0.0 || !fraction.is_finite() {
        return fraction;
    }
    let (fraction, own) = split(fraction);
    let exponent = exponent.saturating_add(i64::from(own));
    if exponent < -1074 {
        return 0.0_f64.copysign(fraction);
    }
    if exponent > 1024 {
        return f64::INFINITY.copysign(fraction);
    }
    let power = |exponent: i64| f64::from_bits(((exponent + 1023) as u64) << 52);
    if exponent < -1021 {
        return fraction * power(exponent + 53) * power(-53);
    }
    // 2^1024 itself is no float, so the fraction is doubled first.
    fraction * 2.0 * power(exponent - 1)
}

#[cfg(test)]
mod tests;
