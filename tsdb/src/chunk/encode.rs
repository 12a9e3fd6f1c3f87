//! Columns as chunks: each of one kind of sample, for blocks.
//!
//! [`encode`] cuts and writes as Prometheus does; a [`Packer`] makes fewer and longer chunks of float samples, in
//! as few bits as their readers allow.

use super::histogram::{Appender, Form};
use super::xor::PackedEncoder;
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

/// How many samples a chunk of a block holds that Prometheus writes.
pub const SAMPLES: usize = 120;

/// Encodes all rows as chunks of at most `samples_max`, as Prometheus cuts them: also where the kind of sample
/// changes and where a histogram cannot follow the one before.
pub fn encode(columns: &Columns, samples_max: usize) -> Vec<Encoded> {
    encode_kinds(columns, samples_max, &mut |t_ms, v, chunks| {
        encode_floats(t_ms, v, samples_max, chunks);
    })
}

/// Appends the chunks of float samples, whose times and values are given.
type EncodeFloats<'a> = dyn FnMut(&[i64], &[f64], &mut Vec<Encoded>) + 'a;

/// Encodes each run of float samples with `floats`, histograms as chunks of at most `samples_max`.
fn encode_kinds(columns: &Columns, samples_max: usize, floats: &mut EncodeFloats<'_>) -> Vec<Encoded> {
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
                floats(&columns.t_ms[row..end], &columns.v[row..end], &mut chunks);
                row = end;
            }
        }
    }
    chunks
}

/// How the float samples of a block become chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// As Prometheus does it: 120 samples a chunk, windows kept for as long as XORs fit.
    Plain,
    /// About so many samples a chunk, in as few bits as possible.
    Packed {
        /// Samples a chunk.
        samples: usize,
    },
}

/// The longest chunk that a [`Packer`] makes. Object stores' readers fetch so much at a time.
const PACKED_BYTES_MAX: usize = 16 << 10;

/// Encodes columns as [`encode`] does, but float samples as long chunks in as few bits as possible.
#[derive(Debug)]
pub struct Packer {
    samples: usize,
    encoder: PackedEncoder,
}

impl Packer {
    /// Makes chunks of about so many samples: from two thirds of that to one and a half, all of a series alike.
    pub fn new(samples: usize) -> Self {
        Self {
            samples: samples.clamp(1, usize::from(xor::SAMPLES_MAX) / 2),
            encoder: PackedEncoder::default(),
        }
    }

    /// Samples a chunk, about.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// How many chunks so many float samples become, if they do not take much room each.
    pub fn chunk_count(&self, samples: usize) -> usize {
        ((samples + self.samples / 2) / self.samples).max(1)
    }

    /// Encodes all rows; histograms as Prometheus does.
    pub fn encode(&mut self, columns: &Columns) -> Vec<Encoded> {
        encode_kinds(columns, SAMPLES, &mut |t_ms, v, chunks| {
            self.encode_floats(t_ms, v, chunks);
        })
    }

    /// Encodes float samples and appends the chunks to `into`.
    pub fn encode_floats(&mut self, t_ms: &[i64], v: &[f64], into: &mut Vec<Encoded>) {
        let samples = t_ms.len().div_ceil(self.chunk_count(t_ms.len())).max(1);
        for (t_ms, v) in t_ms.chunks(samples).zip(v.chunks(samples)) {
            self.encode_chunk(t_ms, v, into);
        }
    }

    fn encode_chunk(&mut self, t_ms: &[i64], v: &[f64], into: &mut Vec<Encoded>) {
        let bytes = self.encoder.encode(t_ms, v);
        if bytes.len() > PACKED_BYTES_MAX && t_ms.len() > 1 {
            let half = t_ms.len() / 2;
            self.encode_chunk(&t_ms[..half], &v[..half], into);
            return self.encode_chunk(&t_ms[half..], &v[half..], into);
        }
        into.push(Encoded {
            min_ms: t_ms[0],
            max_ms: t_ms[t_ms.len() - 1],
            encoding: Encoding::Xor,
            bytes,
        });
    }
}

/// Encodes the columns of a block, series by series.
#[derive(Debug)]
pub struct ColumnEncoder {
    packer: Option<Packer>,
}

impl ColumnEncoder {
    /// Encodes as `chunking` says.
    pub fn new(chunking: Chunking) -> Self {
        let packer = match chunking {
            Chunking::Plain => None,
            Chunking::Packed { samples } => Some(Packer::new(samples)),
        };
        Self { packer }
    }

    /// The rows as chunks.
    pub fn encode(&mut self, columns: &Columns) -> Vec<Encoded> {
        match &mut self.packer {
            Some(packer) => packer.encode(columns),
            None => encode(columns, SAMPLES),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(count: usize, value: impl Fn(usize) -> f64) -> Columns {
        Columns {
            t_ms: (0..count as i64).map(|i| i * 15_000).collect(),
            v: (0..count).map(value).collect(),
            ..Columns::default()
        }
    }

    #[track_caller]
    fn check_counts(wanted: usize, samples: usize, counts: &[u16]) {
        let chunks = Packer::new(wanted).encode(&columns(samples, |i| i as f64));
        let found = chunks
            .iter()
            .map(|chunk| xor::sample_count(&chunk.bytes).unwrap());
        assert_eq!(found.collect::<Vec<_>>(), counts);
    }

    #[test]
    fn samples_are_dealt_out_evenly() {
        check_counts(480, 0, &[]);
        check_counts(480, 1, &[1]);
        check_counts(480, 481, &[481]);
        check_counts(480, 720, &[360, 360]);
        check_counts(960, 1440, &[720, 720]);
        check_counts(960, 4320, &[864, 864, 864, 864, 864]);
    }

    #[test]
    fn what_takes_much_room_is_cut_shorter() {
        let random = |i: usize| f64::from_bits((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
        let samples = columns(5000, random);
        let chunks = Packer::new(5000).encode(&samples);
        assert_eq!(chunks.len(), 4);
        assert!(chunks.iter().all(|chunk| chunk.bytes.len() <= PACKED_BYTES_MAX));
        let mut found = Columns::default();
        for chunk in &chunks {
            crate::chunk::decode_all(chunk.encoding, &chunk.bytes, &mut found).unwrap();
        }
        assert_eq!((found.t_ms, found.v), (samples.t_ms, samples.v));
    }

    #[test]
    fn histograms_are_cut_as_ever() {
        let mut samples = columns(500, |i| i as f64);
        for t_ms in 0..130 {
            samples.push_histogram(8_000_000 + t_ms, Histogram::Integer(IntHistogram::default()));
        }
        let chunks = Packer::new(480).encode(&samples);
        let kinds: Vec<_> = chunks.iter().map(|chunk| chunk.encoding).collect();
        assert_eq!(kinds, [Encoding::Xor, Encoding::Histogram, Encoding::Histogram]);
    }
}
