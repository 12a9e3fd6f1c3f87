//! Columns as chunks: each of one kind of sample, for blocks.

use super::histogram::{Appender, Form};
use super::{Encoding, xor};
use crate::model::{Columns, FloatHistogram, Histogram, IntHistogram};

/// A chunk that was encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Time of its first sample.
    pub min_ms: i64,
    /// Time of its last sample.
    pub max_ms: i64,
    /// How `bytes` are to be read.
    pub encoding: Encoding,
    /// The chunk.
    pub bytes: Vec<u8>,
}

/// Encodes all rows as chunks of at most `samples_max`, as Prometheus cuts them: also where the kind of sample
/// changes and where a histogram cannot follow the one before.
pub fn encode(columns: &Columns, samples_max: usize) -> Vec<Encoded> {
    let mut chunks = Vec::new();
    let mut row = 0;
    let mut histograms = columns.histograms.iter().peekable();
    while row < columns.len() {
        match histograms.peek() {
            Some((at, first)) if *at as usize == row => {
                // As many as are of one form and follow each other.
                let is_float = matches!(first, Histogram::Float(_));
                let mut run = Vec::new();
                while let Some((_, histogram)) = histograms.next_if(|(at, histogram)| {
                    *at as usize == row && matches!(histogram, Histogram::Float(_)) == is_float
                }) {
                    run.push((columns.t_ms[row], histogram));
                    row += 1;
                }
                match is_float {
                    true => encode_histograms::<FloatHistogram>(&run, samples_max, &mut chunks),
                    false => encode_histograms::<IntHistogram>(&run, samples_max, &mut chunks),
                }
            }
            next => {
                let end = next.map_or(columns.len(), |(at, _)| *at as usize);
                encode_floats(
                    &columns.t_ms[row..end],
                    &columns.v[row..end],
                    samples_max,
                    &mut chunks,
                );
                row = end;
            }
        }
    }
    chunks
}

fn encode_floats(t_ms: &[i64], v: &[f64], samples_max: usize, into: &mut Vec<Encoded>) {
    let samples_max = samples_max.min(usize::from(xor::SAMPLES_MAX));
    into.extend(
        t_ms.chunks(samples_max)
            .zip(v.chunks(samples_max))
            .map(|(t_ms, v)| {
                let mut bytes = Vec::new();
                xor::encode(
                    t_ms.iter().copied().zip(v.iter().map(|v| v.to_bits())),
                    &mut bytes,
                );
                Encoded {
                    min_ms: t_ms[0],
                    max_ms: t_ms[t_ms.len() - 1],
                    encoding: Encoding::Xor,
                    bytes,
                }
            }),
    );
}

fn encode_histograms<F: Form>(rows: &[(i64, &Histogram)], samples_max: usize, into: &mut Vec<Encoded>) {
    let samples_max = samples_max.min(usize::from(xor::SAMPLES_MAX));
    let mut finish = |done: Appender<F>| {
        let (min_ms, max_ms) = done.range_ms();
        into.push(Encoded {
            min_ms,
            max_ms,
            encoding: F::ENCODING,
            bytes: done.into_bytes(),
        });
    };
    let mut open: Option<Appender<F>> = None;
    for &(t_ms, histogram) in rows {
        let Some(histogram) = F::of(histogram).cloned() else {
            unreachable!("the run is of one form");
        };
        let next = match &mut open {
            None => Some(Appender::begin(None, t_ms, histogram)),
            Some(full) if usize::from(full.samples()) >= samples_max => {
                Some(Appender::begin(Some(full), t_ms, histogram))
            }
            Some(chunk) => chunk.append(t_ms, histogram),
        };
        if let Some(next) = next {
            open.replace(next).into_iter().for_each(&mut finish);
        }
    }
    open.into_iter().for_each(finish);
}
