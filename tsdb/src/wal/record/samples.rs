//! Samples records: `u64 base ref; i64 base time`, then for each sample, the first included,
//! `varint ref-base; varint t-base; u64 value bits`. Records of the newer kind, with start times, are read.

use super::Kind;
use crate::encoding::{DecodeBuffer, DecodeError, varint};

/// Fills a record, sample by sample.
#[derive(Debug)]
pub struct Encoder<'a> {
    into: &'a mut Vec<u8>,
    base: Option<(u64, i64)>,
}

impl<'a> Encoder<'a> {
    /// Begins a record without samples, replacing what is in `into`.
    pub fn new(into: &'a mut Vec<u8>) -> Self {
        into.clear();
        into.push(Kind::Samples as u8);
        Self { into, base: None }
    }

    /// Adds a sample.
    #[inline]
    pub fn push(&mut self, series: u64, t_ms: i64, bits: u64) {
        let (base_ref, base_t) = match self.base {
            Some(base) => base,
            None => {
                self.into.extend_from_slice(&series.to_be_bytes());
                self.into.extend_from_slice(&t_ms.to_be_bytes());
                *self.base.insert((series, t_ms))
            }
        };
        varint::put_varint(self.into, series.wrapping_sub(base_ref).cast_signed());
        varint::put_varint(self.into, t_ms.wrapping_sub(base_t));
        self.into.extend_from_slice(&bits.to_be_bytes());
    }

    /// Whether no sample was added.
    pub fn is_empty(&self) -> bool {
        self.base.is_none()
    }
}

/// Calls `each` with (ref, time in ms, value bits) of every sample of a record, with start times or without;
/// those are passed over.
///
/// # Errors
/// When the bytes are no such record.
pub fn decode(record: &[u8], mut each: impl FnMut(u64, i64, u64)) -> Result<(), DecodeError> {
    if Kind::of(record) == Some(Kind::SamplesV2) {
        return each_framed(&record[1..], Framing::WithStart, |frame, from| {
            each(frame.series, frame.t_ms, from.u64()?);
            Ok(())
        });
    }
    let mut rest = DecodeBuffer::new(super::body(record, Kind::Samples)?);
    if rest.is_empty() {
        return Ok(());
    }
    let base_ref = rest.u64()?;
    let base_t = rest.i64()?;
    while !rest.is_empty() {
        let series = base_ref.wrapping_add_signed(rest.varint()?);
        let t_ms = base_t.wrapping_add(rest.varint()?);
        each(series, t_ms, rest.u64()?);
    }
    Ok(())
}

/// Calls `each` with the ref of every sample of a record without start times, which is checked to its end: what
/// this takes [`decode`] takes, too.
///
/// # Errors
/// When the bytes are no such record.
pub fn each_series(record: &[u8], mut each: impl FnMut(u64)) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(super::body(record, Kind::Samples)?);
    if rest.is_empty() {
        return Ok(());
    }
    let base_ref = rest.u64()?;
    rest.i64()?;
    while !rest.is_empty() {
        let series = base_ref.wrapping_add_signed(rest.varint()?);
        rest.varint()?;
        rest.u64()?;
        each(series);
    }
    Ok(())
}

/// What stands before the value of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whose sample it is.
    pub series: u64,
    /// When.
    pub t_ms: i64,
    /// Since when its counter counts, 0 if that is not known.
    pub start_ms: i64,
}

/// How the values of a record are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// All by their distance to the first, whose ref and time stand in front in full.
    First,
    /// `varint ref, t, start` of the first; of later ones `varint ref` by its distance to the one before,
    /// `varint t` by its distance to the first, and the start: 0 for none, 1 for that of the one before,
    /// 2 and `varint` by its distance to the first's. Written by Prometheus 3.11 and later.
    WithStart,
}

/// Calls `value` with each frame and what follows it, of which it reads the value.
pub(super) fn each_framed(
    body: &[u8],
    framing: Framing,
    mut value: impl FnMut(Frame, &mut DecodeBuffer<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(body);
    if rest.is_empty() {
        return Ok(());
    }
    let first = match framing {
        Framing::First => Frame {
            series: rest.u64()?,
            t_ms: rest.i64()?,
            start_ms: 0,
        },
        Framing::WithStart => Frame {
            series: rest.varint()?.cast_unsigned(),
            t_ms: rest.varint()?,
            start_ms: rest.varint()?,
        },
    };
    let mut last = first;
    if framing == Framing::WithStart {
        value(first, &mut rest)?;
    }
    while !rest.is_empty() {
        last = match framing {
            Framing::First => Frame {
                series: first.series.wrapping_add_signed(rest.varint()?),
                t_ms: first.t_ms.wrapping_add(rest.varint()?),
                start_ms: 0,
            },
            Framing::WithStart => Frame {
                series: last.series.wrapping_add_signed(rest.varint()?),
                t_ms: first.t_ms.wrapping_add(rest.varint()?),
                start_ms: match rest.u8()? {
                    0 => 0,
                    1 => last.start_ms,
                    _ => first.start_ms.wrapping_add(rest.varint()?),
                },
            },
        };
        value(last, &mut rest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(samples: &[(u64, i64, u64)]) -> Vec<u8> {
        let mut record = Vec::new();
        let mut encoder = Encoder::new(&mut record);
        for &(series, t_ms, bits) in samples {
            encoder.push(series, t_ms, bits);
        }
        record
    }

    #[test]
    fn the_bytes_of_two_samples_are_these() {
        let mut expected = vec![2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x03, 0xe8];
        expected.extend([0, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
        expected.extend([1, 2, 0x40, 0, 0, 0, 0, 0, 0, 0]);
        let one_and_two = [(7, 1000, 1f64.to_bits()), (6, 1001, 2f64.to_bits())];
        assert_eq!(encoded(&one_and_two), expected);
    }

    #[test]
    fn a_record_cut_short_is_refused() {
        let whole = encoded(&[(1, 2, 3)]);
        for len in (0..whole.len()).filter(|&len| len != 1 && len != 17) {
            assert!(decode(&whole[..len], |_, _, _| {}).is_err(), "{len}");
            assert!(each_series(&whole[..len], |_| {}).is_err(), "{len}");
        }
    }

    proptest! {
        #[test]
        fn samples_come_back(samples in prop::collection::vec(any::<(u64, i64, u64)>(), 0..20)) {
            let mut back = Vec::new();
            decode(&encoded(&samples), |r, t, v| back.push((r, t, v))).unwrap();
            prop_assert_eq!(&back, &samples);
            let mut series = Vec::new();
            each_series(&encoded(&samples), |r| series.push(r)).unwrap();
            prop_assert_eq!(series, samples.iter().map(|sample| sample.0).collect::<Vec<_>>());
        }
    }
}
