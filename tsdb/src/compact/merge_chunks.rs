//! The chunks of one series from several blocks as one ascending list.
//!
//! Chunks that overlap no other are passed on as they are. Those that do are decoded together and encoded
//! anew, unless they are the same chunk twice. Order and duplicates are decided as Prometheus decides them.
//! What [`super::lengthen`] makes of short chunks comes after that.

use crate::block::ChunkToWrite;
use crate::chunk::chain::{GoHeap, chain_columns};
use crate::chunk::encode::{Encoded, SAMPLES, encode};
use crate::chunk::{ChunkError, Encoding, decode_all};
use crate::model::Columns;

/// A chunk on its way from one block to another.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    pub(super) encoding: Encoding,
    pub(super) bytes: Bytes<'a>,
}

#[derive(Clone, Debug)]
pub(super) enum Bytes<'a> {
    /// As they lie in the block.
    Stored(&'a [u8]),
    Encoded(Vec<u8>),
}

impl Piece<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Stored(bytes) => bytes,
            Bytes::Encoded(bytes) => bytes,
        }
    }

    pub(super) fn to_write(&self) -> ChunkToWrite<'_> {
        ChunkToWrite {
            min_ms: self.min_ms,
            max_ms: self.max_ms,
            encoding: self.encoding,
            bytes: self.bytes(),
        }
    }
}

impl From<Encoded> for Piece<'_> {
    fn from(chunk: Encoded) -> Self {
        Self {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            encoding: chunk.encoding,
            bytes: Bytes::Encoded(chunk.bytes),
        }
    }
}

/// The samples of a chunk.
pub(super) fn samples_of(piece: &Piece<'_>) -> Result<Columns, ChunkError> {
    let mut samples = Columns::default();
    decode_all(piece.encoding, piece.bytes(), &mut samples)?;
    Ok(samples)
}

/// Samples as chunks of at most `samples_max`.
pub(super) fn encoded(samples: &Columns, samples_max: usize) -> impl Iterator<Item = Piece<'static>> {
    encode(samples, samples_max).into_iter().map(Piece::from)
}

/// Merges the chunks of one series, each list ascending, one list a block.
pub(super) fn merge<'a>(lists: Vec<Vec<Piece<'a>>>) -> Result<Vec<Piece<'a>>, ChunkError> {
    let mut merged = Vec::with_capacity(lists.iter().map(Vec::len).sum());
    let mut waiting = GoHeap::new(|a: &Waiting<'_>, b: &Waiting<'_>| {
        (a.next.min_ms, a.next.max_ms) < (b.next.min_ms, b.next.max_ms)
    });
    for list in lists {
        waiting.extend(Waiting::new(list.into_iter()));
    }
    while let Some(first) = waiting.pop() {
        let (current, rest) = first.advance();
        waiting.extend(rest);
        let mut reach_ms = current.max_ms;
        let mut others: Vec<Piece<'a>> = Vec::new();
        while waiting.top().is_some_and(|top| top.next.min_ms <= reach_ms) {
            let Some(top) = waiting.pop() else { break };
            let (next, rest) = top.advance();
            waiting.extend(rest);
            let before = others.last().unwrap_or(&current);
            let is_same = (next.min_ms, next.max_ms) == (before.min_ms, before.max_ms)
                && next.bytes() == before.bytes();
            if !is_same {
                reach_ms = reach_ms.max(next.max_ms);
                others.push(next);
            }
        }
        if others.is_empty() {
            merged.push(current);
        } else {
            others.push(current);
            merged.extend(encode_together(&others)?);
        }
    }
    Ok(merged)
}

fn encode_together<'a>(pieces: &[Piece<'a>]) -> Result<Vec<Piece<'a>>, ChunkError> {
    let decoded = pieces.iter().map(samples_of).collect::<Result<Vec<_>, _>>()?;
    let mut together = Columns::default();
    chain_columns(&decoded.iter().collect::<Vec<_>>(), &mut together);
    Ok(encoded(&together, SAMPLES).collect())
}

/// A list of which the next chunk is at hand.
struct Waiting<'a> {
    next: Piece<'a>,
    later: std::vec::IntoIter<Piece<'a>>,
}

impl<'a> Waiting<'a> {
    fn new(mut list: std::vec::IntoIter<Piece<'a>>) -> Option<Self> {
        let next = list.next()?;
        Some(Self { next, later: list })
    }

    fn advance(self) -> (Piece<'a>, Option<Self>) {
        (self.next, Self::new(self.later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Histogram, IntHistogram};

    fn piece(samples: &[(i64, f64)]) -> Piece<'static> {
        let samples = Columns {
            t_ms: samples.iter().map(|s| s.0).collect(),
            v: samples.iter().map(|s| s.1).collect(),
            ..Columns::default()
        };
        encoded(&samples, usize::MAX).next().unwrap()
    }

    fn numbers(from: i64, count: i64, v: f64) -> Vec<(i64, f64)> {
        (from..from + count).map(|t| (t, v)).collect()
    }

    fn merged(lists: Vec<Vec<Piece<'_>>>) -> Vec<Vec<(i64, f64)>> {
        let found = merge(lists).unwrap();
        let samples = |piece| {
            let Columns { t_ms, v, .. } = samples_of(&piece).unwrap();
            t_ms.into_iter().zip(v).collect()
        };
        found.into_iter().map(samples).collect()
    }

    #[test]
    fn chunks_that_do_not_overlap_stay_as_they_are() {
        let (a, b, c) = (numbers(0, 5, 1.0), numbers(10, 500, 2.0), numbers(5, 5, 3.0));
        let found = merged(vec![vec![piece(&a), piece(&b)], vec![piece(&c)]]);
        assert_eq!(found, [a, c, b]);
    }

    #[test]
    fn the_same_chunk_twice_is_taken_once_and_not_encoded_anew() {
        let a = numbers(0, 300, 1.0);
        let found = merged(vec![vec![piece(&a)], vec![piece(&a)], vec![piece(&a)]]);
        assert_eq!(found, [a]);
    }

    #[test]
    fn chunks_that_overlap_become_chunks_of_120_samples() {
        let even: Vec<_> = (0..150).map(|i| (i * 2, 0.0)).collect();
        let odd: Vec<_> = (0..150).map(|i| (i * 2 + 1, 1.0)).collect();
        let found = merged(vec![vec![piece(&even)], vec![piece(&odd)]]);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [120, 120, 60]);
        let all: Vec<_> = (0..300).map(|i| (i, (i % 2) as f64)).collect();
        assert_eq!(found.concat(), all);
    }

    #[test]
    fn chunks_that_share_one_time_overlap() {
        let found = merged(vec![
            vec![piece(&[(0, 1.0), (5, 1.0)])],
            vec![piece(&[(5, 2.0), (6, 2.0)])],
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].iter().map(|s| s.0).collect::<Vec<_>>(), [0, 5, 6]);
    }

    #[test]
    fn histograms_that_overlap_are_encoded_anew_and_know_nothing_of_resets_between_runs() {
        let histogram = |times_ms: &[i64]| {
            let mut samples = Columns::default();
            for &t_ms in times_ms {
                let counting = IntHistogram {
                    count: t_ms.unsigned_abs(),
                    zero_count: t_ms.unsigned_abs(),
                    ..IntHistogram::default()
                };
                samples.push_histogram(t_ms, Histogram::Integer(counting));
            }
            encoded(&samples, usize::MAX).next().unwrap()
        };
        let found = merge(vec![vec![histogram(&[1, 3, 5])], vec![histogram(&[2, 4, 6])]]).unwrap();
        assert_eq!(found.len(), 1);
        let samples = samples_of(&found[0]).unwrap();
        assert_eq!(samples.t_ms, [1, 2, 3, 4, 5, 6]);
        assert_eq!(samples.histograms.len(), 6);
        let mixed = merge(vec![vec![histogram(&[1, 5])], vec![piece(&[(2, 1.0), (3, 1.0)])]]).unwrap();
        let encodings: Vec<_> = mixed.iter().map(|piece| piece.encoding).collect();
        assert_eq!(
            encodings,
            [Encoding::Histogram, Encoding::Xor, Encoding::Histogram]
        );
    }
}
