//! Pure functions between values and bytes: variable-length integers, bit streams, checksums.
//!
//! Nothing here knows what the bytes mean. Fixed-width integers are big-endian throughout.
//! Writers append to a `Vec<u8>`; [`decode_buffer::DecodeBuffer`] reads and never panics.

pub mod bits;
pub mod crc32c;
pub mod decode_buffer;
pub mod varint;

pub use crc32c::crc32c;
pub use decode_buffer::{DecodeBuffer, DecodeError};
