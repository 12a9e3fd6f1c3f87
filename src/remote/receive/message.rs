//! `prometheus.WriteRequest` (remote write 1.0): series with labels and samples, read where they lie.
//!
//! What a request says of metrics besides (its metadata) is passed over, as Prometheus does.
//! Source: <https://github.com/prometheus/prometheus/blob/main/prompb/types.proto>.

use tsdb::model::Histogram;

use super::histogram;
use super::wire::{Fields, WireError};

/// One series of a request. Kept from one to the next for its memory.
#[derive(Debug, Default)]
pub(super) struct Series<'a> {
    /// Names and values as sent.
    pub(super) labels: Vec<(&'a [u8], &'a [u8])>,
    /// Times in milliseconds and bits of values, as sent.
    pub(super) samples: Vec<(i64, u64)>,
    /// Exemplars as sent.
    pub(super) exemplars: Vec<SentExemplar<'a>>,
    /// Times in milliseconds and histograms.
    pub(super) histograms: Vec<(i64, Histogram)>,
}

/// One exemplar of a series.
#[derive(Debug, Default)]
pub(super) struct SentExemplar<'a> {
    pub(super) labels: Vec<(&'a [u8], &'a [u8])>,
    pub(super) value: f64,
    pub(super) at_ms: i64,
}

/// Calls `each` for every series of a request.
///
/// # Errors
/// The first thing that is no `WriteRequest`; the series before it were seen.
pub(super) fn read<'a, E: From<WireError>>(
    request: &'a [u8],
    mut each: impl FnMut(&mut Series<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut fields = Fields::new(request);
    let mut series = Series::default();
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            series.read(value.bytes("Timeseries")?)?;
            each(&mut series)?;
        }
    }
    Ok(())
}

impl<'a> Series<'a> {
    fn read(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        self.labels.clear();
        self.samples.clear();
        self.exemplars.clear();
        self.histograms.clear();
        let mut fields = Fields::new(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => self.labels.push(label(value.bytes("Labels")?)?),
                2 => self.samples.push(sample(value.bytes("Samples")?)?),
                3 => self.exemplars.push(exemplar(value.bytes("Exemplars")?)?),
                4 => self.histograms.push(histogram::read(value.bytes("Histograms")?)?),
                _ => {}
            }
        }
        Ok(())
    }
}

fn label(bytes: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let (mut name, mut text): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.bytes("Name")?,
            2 => text = value.bytes("Value")?,
            _ => {}
        }
    }
    Ok((name, text))
}

fn exemplar(bytes: &[u8]) -> Result<SentExemplar<'_>, WireError> {
    let mut exemplar = SentExemplar::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => exemplar.labels.push(label(value.bytes("Labels")?)?),
            2 => exemplar.value = f64::from_bits(value.double_bits("Value")?),
            3 => exemplar.at_ms = value.int64("Timestamp")?,
            _ => {}
        }
    }
    Ok(exemplar)
}

fn sample(bytes: &[u8]) -> Result<(i64, u64), WireError> {
    let (mut at_ms, mut bits) = (0, 0);
    let mut fields = Fields::new(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => bits = value.double_bits("Value")?,
            2 => at_ms = value.int64("Timestamp")?,
            _ => {}
        }
    }
    Ok((at_ms, bits))
}
