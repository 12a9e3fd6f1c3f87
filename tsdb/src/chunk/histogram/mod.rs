//! Chunks of native histograms, of whole counts and of float counts.
//!
//! ```text
//! u16 samples │ u8 reset header │ layout │ sample 0: time, count, zero count, sum, buckets
//!                                        │ sample n: how each of these differs from before
//! layout        zero threshold │ schema │ positive spans │ negative spans │ custom bounds
//! ```
//!
//! All samples of a chunk have one layout. Where a sample brings new buckets, the chunk is encoded anew with
//! room for them ([`Appender::append`]); where counts fell or the schema changed, a new chunk begins, whose
//! header says what is known about a reset before it. The first sample of a chunk is read without a hint,
//! since nobody can tell which chunk comes before it.
//!
//! The two forms differ in what a bucket is and how a difference is written: see [`Form`].

mod append;
mod buckets;
mod decode;
mod form;
mod layout;

pub use append::Appender;
pub(super) use decode::decode_all;
pub use form::Form;

/// Bytes before the layout.
pub const HEADER_BYTES: usize = 3;

/// Where the reset header is.
const RESET_AT: usize = 2;

/// The bits of the reset header.
const RESET_MASK: u8 = 0b1100_0000;

/// What a chunk says of the time before its first sample; the number is what stands in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reset {
    /// Nothing.
    Unknown = 0b0000_0000,
    /// Counters did not fall.
    Not = 0b0100_0000,
    /// Counters fell.
    Certain = 0b1000_0000,
    /// These are gauges, for which it means nothing.
    Gauge = 0b1100_0000,
}

impl Reset {
    /// Reads the header's two bits.
    fn of(byte: u8) -> Self {
        match byte & RESET_MASK {
            0b1100_0000 => Self::Gauge,
            0b1000_0000 => Self::Certain,
            0b0100_0000 => Self::Not,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
