//! Chunks: compressed runs of one series' samples.
//!
//! A chunk is an [`Encoding`] and bytes; how long the bytes are is known to whoever keeps them.
//! Written are [`xor`] chunks of float samples and [`histogram`] chunks; the encodings of later Prometheus
//! versions are read ([`decode_all()`]) and passed on as they are.

pub mod chain;
pub mod encode;
pub mod histogram;
pub mod segment;
mod start_times;
mod varbit;
pub mod xor;
mod xor2;

use std::fmt;

use crate::model::{Columns, FloatHistogram, IntHistogram};

/// Appends all samples of a chunk to the columns.
///
/// # Errors
/// When the bytes are no chunk of that encoding; the columns are then as they were.
#[inline]
pub fn decode_all(encoding: Encoding, chunk: &[u8], into: &mut Columns) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Xor if into.start_ms.is_empty() => xor::decode_all(chunk, &mut into.t_ms, &mut into.v),
        Encoding::Xor => {
            let decoded = xor::decode_all(chunk, &mut into.t_ms, &mut into.v);
            into.start_ms.resize(into.t_ms.len(), 0);
            decoded
        }
        Encoding::Histogram => histogram::decode_all::<IntHistogram>(chunk, false, into),
        Encoding::FloatHistogram => histogram::decode_all::<FloatHistogram>(chunk, false, into),
        Encoding::Xor2 => xor2::decode_all(chunk, into),
        Encoding::HistogramSt => histogram::decode_all::<IntHistogram>(chunk, true, into),
        Encoding::FloatHistogramSt => histogram::decode_all::<FloatHistogram>(chunk, true, into),
    }
}

/// Appends the samples of a chunk in `from_ms ..= through_ms` to the columns; perhaps more of them.
///
/// # Errors
/// As [`decode_all()`]; what lies behind the range may be damaged all the same.
#[inline]
pub fn decode_range(
    encoding: Encoding,
    chunk: &[u8],
    from_ms: i64,
    through_ms: i64,
    into: &mut Columns,
) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Xor if into.start_ms.is_empty() => {
            xor::decode_range(chunk, from_ms, through_ms, &mut into.t_ms, &mut into.v)
        }
        _ => decode_all(encoding, chunk, into),
    }
}

/// How many samples a chunk says it holds.
///
/// # Errors
/// When it is too short to say.
pub fn sample_count(encoding: Encoding, chunk: &[u8]) -> Result<u16, ChunkError> {
    let count = xor::sample_count(chunk)?;
    Ok(match encoding {
        Encoding::HistogramSt | Encoding::FloatHistogramSt => count & start_times::COUNT_MASK,
        _ => count,
    })
}

/// How a chunk's bytes are to be read; the number is what stands in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// Float samples: Gorilla's delta-of-deltas and XORs.
    Xor = 1,
    /// Native histograms with integer counts.
    Histogram = 2,
    /// Native histograms with float counts.
    FloatHistogram = 3,
    /// Float samples with start times; written by Prometheus 3.11 and later when asked to.
    Xor2 = 4,
    /// [`Self::Histogram`] with start times.
    HistogramSt = 5,
    /// [`Self::FloatHistogram`] with start times.
    FloatHistogramSt = 6,
}

impl Encoding {
    /// The encoding with this number.
    pub fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Xor,
            2 => Self::Histogram,
            3 => Self::FloatHistogram,
            4 => Self::Xor2,
            5 => Self::HistogramSt,
            6 => Self::FloatHistogramSt,
            _ => return None,
        })
    }

    /// Whether the samples are floats.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Xor | Self::Xor2)
    }

    /// The number in files.
    pub fn as_u8(self) -> u8 {
        self as u8
    }

    /// Prometheus' name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xor => "XOR",
            Self::Histogram => "histogram",
            Self::FloatHistogram => "floathistogram",
            Self::Xor2 => "XOR2",
            Self::HistogramSt => "histogramST",
            Self::FloatHistogramSt => "floathistogramST",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A chunk whose bytes cannot be what its encoding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkError {
    kind: ChunkErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkErrorKind {
    NoHeader,
    EndsWithin { samples: u16 },
    Window { samples: u16 },
    Number { sample: u16 },
    Layout,
    Schema(i64),
}

impl ChunkError {
    pub(crate) const NO_HEADER: Self = Self {
        kind: ChunkErrorKind::NoHeader,
    };

    pub(crate) const LAYOUT: Self = Self {
        kind: ChunkErrorKind::Layout,
    };

    pub(crate) fn schema(schema: i64) -> Self {
        Self {
            kind: ChunkErrorKind::Schema(schema),
        }
    }

    pub(crate) fn ends_within(samples: u16) -> Self {
        Self {
            kind: ChunkErrorKind::EndsWithin { samples },
        }
    }

    pub(crate) fn window(samples: u16) -> Self {
        Self {
            kind: ChunkErrorKind::Window { samples },
        }
    }

    pub(crate) fn number(sample: u16) -> Self {
        Self {
            kind: ChunkErrorKind::Number { sample },
        }
    }
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ChunkErrorKind::NoHeader => f.write_str("chunk is shorter than its header of 2 bytes"),
            ChunkErrorKind::EndsWithin { samples } => {
                write!(
                    f,
                    "chunk ends before the last of the {samples} samples it announces"
                )
            }
            ChunkErrorKind::Window { samples } => {
                write!(f, "chunk of {samples} samples has a window of more than 64 bits")
            }
            ChunkErrorKind::Layout => f.write_str("chunk has a layout larger than itself"),
            ChunkErrorKind::Schema(schema) => write!(
                f,
                "histogram has an unknown schema, which must be between -9 and 52 for exponential buckets, or \
                 -53 for custom buckets, got schema {schema}"
            ),
            ChunkErrorKind::Number { sample } => {
                write!(f, "chunk sample {sample} has a time of more than 64 bits")
            }
        }
    }
}

impl std::error::Error for ChunkError {}
