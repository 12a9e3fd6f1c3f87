//! Runs of short float chunks of one series made into few long ones.
//!
//! Prometheus cuts chunks for the head and keeps them for ever. Longer ones take fewer bytes, in the chunk files
//! and in the index. Other kinds of chunks stay as they are, and so do chunks that are long already.

use super::merge_chunks::Piece;
use crate::chunk::encode::Packer;
use crate::chunk::{ChunkError, Encoding, decode_all, sample_count};
use crate::model::Columns;

/// How many long chunks are made at a time: that many are in memory as samples.
const CHUNKS_AT_A_TIME: usize = 16;

/// Chunks that are encoded anew when at least so many parts in [`PARTS`] of them go.
const PARTS_SAVED_MIN: usize = 1;
const PARTS: usize = 4;

/// Makes long chunks of an ascending list that does not overlap.
pub(super) fn lengthen<'a>(
    pieces: Vec<Piece<'a>>,
    packer: &mut Packer,
) -> Result<Vec<Piece<'a>>, ChunkError> {
    let mut longer = Longer {
        packer,
        run: Vec::new(),
        samples: 0,
        done: Vec::with_capacity(pieces.len()),
    };
    for piece in pieces {
        longer.add(piece)?;
    }
    longer.finish_run()?;
    Ok(longer.done)
}

struct Longer<'a, 'p> {
    packer: &'p mut Packer,
    /// Float chunks that follow each other.
    run: Vec<Piece<'a>>,
    /// How many samples they hold.
    samples: usize,
    done: Vec<Piece<'a>>,
}

impl<'a> Longer<'a, '_> {
    fn add(&mut self, piece: Piece<'a>) -> Result<(), ChunkError> {
        let follows = self.run.last().is_none_or(|last| last.max_ms < piece.min_ms);
        let is_full = self.samples >= CHUNKS_AT_A_TIME * self.packer.samples();
        if piece.encoding != Encoding::Xor || !follows || is_full {
            self.finish_run()?;
        }
        if piece.encoding == Encoding::Xor {
            self.samples += usize::from(sample_count(piece.encoding, piece.bytes())?);
            self.run.push(piece);
        } else {
            self.done.push(piece);
        }
        Ok(())
    }

    fn finish_run(&mut self) -> Result<(), ChunkError> {
        let samples = std::mem::take(&mut self.samples);
        let (before, after) = (self.run.len(), self.packer.chunk_count(samples));
        if after * PARTS > before * (PARTS - PARTS_SAVED_MIN) {
            self.done.append(&mut self.run);
            return Ok(());
        }
        let mut columns = Columns::default();
        for piece in self.run.drain(..) {
            decode_all(piece.encoding, piece.bytes(), &mut columns)?;
        }
        let mut chunks = Vec::with_capacity(after);
        self.packer.encode_floats(&columns.t_ms, &columns.v, &mut chunks);
        self.done.extend(chunks.into_iter().map(Piece::from));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::merge_chunks::{encoded, samples_of};
    use super::*;
    use crate::model::{Histogram, IntHistogram};

    /// A chunk of each length, one behind the other.
    fn pieces(lengths: &[i64]) -> Vec<Piece<'static>> {
        let mut next_ms = 0;
        let mut piece = |length: i64| {
            let t_ms: Vec<i64> = (next_ms..next_ms + length).collect();
            next_ms += length;
            let samples = Columns {
                v: t_ms.iter().map(|t| (t / 7) as f64).collect(),
                t_ms,
                ..Columns::default()
            };
            encoded(&samples, usize::MAX).next().unwrap()
        };
        lengths.iter().map(|&length| piece(length)).collect()
    }

    fn samples(pieces: &[Piece<'_>]) -> Columns {
        let mut all = Columns::default();
        for piece in pieces {
            decode_all(piece.encoding, piece.bytes(), &mut all).unwrap();
        }
        all
    }

    #[track_caller]
    fn check(lengths: &[i64], longer: &[usize]) {
        let before = pieces(lengths);
        let after = lengthen(before.clone(), &mut Packer::new(480)).unwrap();
        let found = after.iter().map(|piece| samples_of(piece).unwrap().len());
        assert_eq!(found.collect::<Vec<_>>(), longer);
        let (before, found) = (samples(&before), samples(&after));
        assert_eq!((found.t_ms, found.v), (before.t_ms, before.v));
        assert!(after.iter().all(|piece| {
            let samples = samples_of(piece).unwrap();
            (piece.min_ms, piece.max_ms) == (samples.t_ms[0], samples.t_ms[samples.len() - 1])
        }));
    }

    #[test]
    fn short_chunks_become_long_ones() {
        check(&[120, 120, 120, 120], &[480]);
        check(&[120, 1], &[121]);
        check(&[120; 13], &[520, 520, 520]);
    }

    #[test]
    fn long_chunks_stay_as_they_are() {
        check(&[480, 480, 480], &[480, 480, 480]);
        check(&[400, 400, 400], &[400, 400, 400]);
        check(&[120], &[120]);
    }

    #[test]
    fn a_series_of_many_samples_is_done_part_by_part() {
        check(&[480; 40], &[480; 40]);
        check(&[120; 65], &[vec![480; 16], vec![120]].concat());
    }

    #[test]
    fn other_chunks_stay_and_are_not_reached_across() {
        let mut histogram = Columns::default();
        histogram.push_histogram(300, Histogram::Integer(IntHistogram::default()));
        let mut list = pieces(&[100, 100]);
        list.push(encoded(&histogram, usize::MAX).next().unwrap());
        let after = lengthen(list, &mut Packer::new(480)).unwrap();
        let kinds: Vec<_> = after.iter().map(|piece| piece.encoding).collect();
        assert_eq!(kinds, [Encoding::Xor, Encoding::Histogram]);
    }

    #[test]
    fn damage_is_told() {
        let mut list = pieces(&[100, 100]);
        list[1].bytes = super::super::merge_chunks::Bytes::Encoded(vec![0, 100, 1, 2]);
        assert!(lengthen(list, &mut Packer::new(480)).is_err());
    }
}
