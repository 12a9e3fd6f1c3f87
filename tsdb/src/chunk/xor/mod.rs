//! Float samples as delta-of-deltas of time and XORs of value: encoding 1.
//!
//! ```text
//! u16 samples │ varint t0, 64 bits v0 │ uvarint t1-t0, value │ dod, value │ dod, value │ … zeros to a byte
//!
//! value (XOR with the one before)              dod (ms)
//!   0                      same                  0         none
//!   10 + window bits       in the last window    10 + 14   -8 191 ..= 8 192
//!   11 + 5 + 6 + bits      opens a window        110 + 17  -65 535 ..= 65 536
//!                                                1110 + 20 -524 287 ..= 524 288
//!                                                1111 + 64 any
//! ```
//!
//! A window is (leading zeros, at most 31; significant bits, 0 standing for 64). The ranges lean one to
//! the right because a reader subtracts 2^n only above 2^(n-1).
//!
//! [`Appender`] writes as Prometheus does, byte for byte; [`PackedEncoder`] writes whole chunks in the fewest
//! bits; [`decode_all()`] reads whole chunks, [`decode_range()`] part of one.

mod append;
mod decode_all;
mod decode_range;
mod windows;

pub(crate) use append::WindowWriter;
pub use append::{Appender, REPEAT_BITS, SAMPLE_BYTES_MAX, encode};
pub(crate) use decode_all::Window;
pub use decode_all::{decode_all, sample_count};
pub use decode_range::decode_range;
pub use windows::PackedEncoder;

/// Bytes of the count that a chunk begins with.
pub const HEADER_BYTES: usize = 2;

/// As many samples as the count can say.
pub const SAMPLES_MAX: u16 = u16::MAX;

#[cfg(test)]
mod tests;
