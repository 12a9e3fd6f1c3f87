//! What is inside a record: a byte for the kind, then a list.
//!
//! | kind | list of |
//! |---:|---|
//! | 1 | series: ref and labels |
//! | 2 | float samples |
//! | 3 | tombstones: ref and an interval of deleted times |
//! | 4 | exemplars |
//! | 5 | places of out-of-order chunks, in the write-behind log alone |
//! | 6 | metadata: kind, unit, help |
//! | 7, 8 | histograms of whole counts, of float counts |
//! | 9, 10 | likewise, with custom bounds |
//! | 11, 12, 13 | 2, 7 and 9, 8 and 10 with start times: read, never written |
//!
//! A directory with records of other kinds is refused rather than thinned out.

pub mod exemplars;
pub mod histograms;
pub mod markers;
pub mod metadata;
pub mod samples;
pub mod series;
pub mod tombstones;

use crate::encoding::DecodeError;

/// The kinds of records that Prometheus writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`series`]
    Series = 1,
    /// [`samples`]
    Samples = 2,
    /// [`tombstones`]
    Tombstones = 3,
    /// Exemplars.
    Exemplars = 4,
    /// Where out-of-order chunks were written; in the write-behind log only.
    MmapMarkers = 5,
    /// Kind, unit and help of a series.
    Metadata = 6,
    /// Integer histograms.
    HistogramSamples = 7,
    /// Float histograms.
    FloatHistogramSamples = 8,
    /// Integer histograms with custom bounds.
    CustomBucketsHistogramSamples = 9,
    /// Float histograms with custom bounds.
    CustomBucketsFloatHistogramSamples = 10,
    /// Float samples with start times; of Prometheus 3.11 and later.
    SamplesV2 = 11,
    /// Integer histograms with start times.
    HistogramSamplesV2 = 12,
    /// Float histograms with start times.
    FloatHistogramSamplesV2 = 13,
}

impl Kind {
    /// The kind in a record's first byte, if it is known.
    pub fn of(record: &[u8]) -> Option<Self> {
        Some(match record.first()? {
            1 => Self::Series,
            2 => Self::Samples,
            3 => Self::Tombstones,
            4 => Self::Exemplars,
            5 => Self::MmapMarkers,
            6 => Self::Metadata,
            7 => Self::HistogramSamples,
            8 => Self::FloatHistogramSamples,
            9 => Self::CustomBucketsHistogramSamples,
            10 => Self::CustomBucketsFloatHistogramSamples,
            11 => Self::SamplesV2,
            12 => Self::HistogramSamplesV2,
            13 => Self::FloatHistogramSamplesV2,
            _ => return None,
        })
    }

    /// Prometheus' word for the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Series => "series",
            Self::Samples => "samples",
            Self::Tombstones => "tombstones",
            Self::Exemplars => "exemplars",
            Self::MmapMarkers => "mmapmarkers",
            Self::Metadata => "metadata",
            Self::HistogramSamples => "histogram_samples",
            Self::FloatHistogramSamples => "float_histogram_samples",
            Self::CustomBucketsHistogramSamples => "custom_buckets_histogram_samples",
            Self::CustomBucketsFloatHistogramSamples => "custom_buckets_float_histogram_samples",
            Self::SamplesV2 => "samples_v2",
            Self::HistogramSamplesV2 => "histogram_samples_v2",
            Self::FloatHistogramSamplesV2 => "float_histogram_samples_v2",
        }
    }
}

/// Body of a record behind its first byte.
fn body(record: &[u8], kind: Kind) -> Result<&[u8], DecodeError> {
    match record.split_first() {
        Some((&first, body)) if first == kind as u8 => Ok(body),
        _ => Err(DecodeError::new(0, kind.as_str())),
    }
}
