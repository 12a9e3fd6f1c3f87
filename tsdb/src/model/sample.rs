//! Bit patterns of sample values that carry a meaning of their own.
//!
//! Values are moved as bits wherever possible: a NaN's payload tells a staleness marker from an ordinary NaN,
//! and arithmetic may lose it.

/// The value that says "this series ended here" (Prometheus' `model/value`).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The quiet NaN that Prometheus itself writes for "not a number".
pub const NORMAL_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// Whether `value` is the staleness marker; compares bits, since every NaN differs from itself.
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// The staleness marker as a float.
#[inline]
pub fn stale_marker() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}
