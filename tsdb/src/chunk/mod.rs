//! Chunks: compressed runs of one series' samples.
//!
//! A chunk is an [`Encoding`] and bytes; how long the bytes are is known to whoever keeps them.
//! The codec of float samples is [`xor`]. Histograms and the encodings of later Prometheus versions are
//! known by number, so that they can be refused by name.

pub mod chain;
pub mod segment;
pub mod xor;

use std::fmt;

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
}

impl ChunkError {
    pub(crate) const NO_HEADER: Self = Self {
        kind: ChunkErrorKind::NoHeader,
    };

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
            ChunkErrorKind::Number { sample } => {
                write!(f, "chunk sample {sample} has a time of more than 64 bits")
            }
        }
    }
}

impl std::error::Error for ChunkError {}
