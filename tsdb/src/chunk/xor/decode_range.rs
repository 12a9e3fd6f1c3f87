//! Reading: the samples of a chunk within a range, no further than to its end.
//!
//! What lies before has to be decoded, since each sample is told by the one before it, but is not kept. Five
//! minutes of a long chunk cost a half of the whole on average.

use super::HEADER_BYTES;
use super::decode_all::{Window, possible_count};
use crate::chunk::ChunkError;
use crate::encoding::bits::BitReader;
use crate::encoding::varint;

/// Where the reader of a chunk stands.
struct Reading<'a> {
    reader: BitReader<'a>,
    window: Window,
    t_ms: i64,
    delta_ms: u64,
    bits: u64,
}

impl Reading<'_> {
    /// Goes on to a sample: the first two are told in another way than the later ones.
    #[inline(always)]
    fn step(&mut self, sample: u16) -> Result<(), ChunkError> {
        if sample >= 2 {
            self.window
                .read_sample(&mut self.reader, &mut self.delta_ms, &mut self.bits);
            self.t_ms = self.t_ms.wrapping_add_unsigned(self.delta_ms);
            return Ok(());
        }
        self.step_first(sample)
    }

    #[cold]
    fn step_first(&mut self, sample: u16) -> Result<(), ChunkError> {
        let code = self.reader.read_uvarint().ok_or(ChunkError::number(sample))?;
        if sample == 0 {
            self.t_ms = varint::unzigzag(code);
            self.bits = self.reader.read(64);
        } else {
            self.delta_ms = code;
            self.t_ms = self.t_ms.wrapping_add_unsigned(code);
            self.bits ^= self.window.read_xor(&mut self.reader);
        }
        Ok(())
    }
}

/// Appends the samples in `from_ms ..= through_ms` of a chunk, whose times ascend, to the columns.
///
/// # Errors
/// When the bytes up to there are no chunk; the columns are then as they were.
pub fn decode_range(
    chunk: &[u8],
    from_ms: i64,
    through_ms: i64,
    t_ms: &mut Vec<i64>,
    v: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    let count = possible_count(chunk)?;
    let body = chunk.get(HEADER_BYTES..).ok_or(ChunkError::NO_HEADER)?;
    let mut at = Reading {
        reader: BitReader::new(body),
        window: Window::default(),
        t_ms: 0,
        delta_ms: 0,
        bits: 0,
    };
    let begin = t_ms.len();
    let mut sample = 0;
    let mut decode = || -> Result<(), ChunkError> {
        while sample < count {
            at.step(sample)?;
            sample += 1;
            if at.t_ms >= from_ms {
                break;
            }
        }
        if at.t_ms < from_ms {
            return Ok(());
        }
        while at.t_ms <= through_ms && count > 0 {
            t_ms.push(at.t_ms);
            v.push(f64::from_bits(at.bits));
            if sample == count {
                break;
            }
            at.step(sample)?;
            sample += 1;
        }
        Ok(())
    };
    let mut decoded = decode();
    if decoded.is_ok() && at.reader.overran() {
        decoded = Err(ChunkError::ends_within(count));
    }
    if decoded.is_ok() && at.window.is_broken() {
        decoded = Err(ChunkError::window(count));
    }
    if decoded.is_err() {
        t_ms.truncate(begin);
        v.truncate(v.len().min(begin));
    }
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{decode_all, encode};
    use super::*;

    fn example(count: i64) -> Vec<u8> {
        let mut chunk = Vec::new();
        let value = |i: i64| if i % 7 < 3 { 1.5 } else { (i * i) as f64 / 10.0 };
        encode(
            (0..count).map(|i| (1000 + i * 10 + i % 3, value(i).to_bits())),
            &mut chunk,
        );
        chunk
    }

    fn found(chunk: &[u8], from_ms: i64, through_ms: i64) -> Result<(Vec<i64>, Vec<f64>), ChunkError> {
        let (mut t_ms, mut v) = (vec![7], vec![7.0]);
        let decoded = decode_range(chunk, from_ms, through_ms, &mut t_ms, &mut v);
        assert_eq!((t_ms.remove(0), v.remove(0)), (7, 7.0));
        match decoded {
            Ok(()) => Ok((t_ms, v)),
            Err(error) => {
                assert!(t_ms.is_empty() && v.is_empty());
                Err(error)
            }
        }
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        assert_eq!(found(&[0, 0], i64::MIN, i64::MAX), Ok((vec![], vec![])));
        assert_eq!(found(&[0], 0, 1), Err(ChunkError::NO_HEADER));
    }

    #[test]
    fn a_chunk_cut_short_is_refused_where_it_is_needed() {
        let chunk = example(50);
        let cut = &chunk[..chunk.len() / 2];
        assert!(found(cut, i64::MIN, i64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn the_samples_of_the_range_are_found(count in 0i64..60, from_ms in 900i64..1700, length_ms in -10i64..800) {
            let chunk = example(count);
            let (mut t_ms, mut v) = (Vec::new(), Vec::new());
            decode_all(&chunk, &mut t_ms, &mut v).unwrap();
            let through_ms = from_ms + length_ms;
            let wanted = |t: &i64| from_ms <= *t && *t <= through_ms;
            let expected: (Vec<i64>, Vec<f64>) =
                t_ms.into_iter().zip(v).filter(|(t, _)| wanted(t)).unzip();
            prop_assert_eq!(found(&chunk, from_ms, through_ms), Ok(expected));
        }
    }
}
