//! Exemplars records: framed as samples records, then `u64 value bits; uvarint n; n × (name, value)`.

use super::Kind;
use super::samples::{Framing, each_framed};
use crate::encoding::{DecodeError, varint};
use crate::model::{Exemplar, Labels};

/// Fills a record.
#[derive(Debug)]
pub struct Encoder<'a> {
    into: &'a mut Vec<u8>,
    base: Option<(u64, i64)>,
}

impl<'a> Encoder<'a> {
    /// Begins a record without exemplars, replacing what is in `into`.
    pub fn new(into: &'a mut Vec<u8>) -> Self {
        into.clear();
        into.push(Kind::Exemplars as u8);
        Self { into, base: None }
    }

    /// Adds an exemplar.
    pub fn push<'l>(
        &mut self,
        series: u64,
        t_ms: i64,
        value: f64,
        labels: impl ExactSizeIterator<Item = (&'l str, &'l str)>,
    ) {
        let (base_ref, base_t) = *self.base.get_or_insert_with(|| {
            self.into.extend_from_slice(&series.to_be_bytes());
            self.into.extend_from_slice(&t_ms.to_be_bytes());
            (series, t_ms)
        });
        varint::put_varint(self.into, series.wrapping_sub(base_ref).cast_signed());
        varint::put_varint(self.into, t_ms.wrapping_sub(base_t));
        self.into.extend_from_slice(&value.to_bits().to_be_bytes());
        varint::put_uvarint(self.into, labels.len() as u64);
        for (name, value) in labels {
            varint::put_str(self.into, name);
            varint::put_str(self.into, value);
        }
    }

    /// Whether no exemplar was added.
    pub fn is_empty(&self) -> bool {
        self.base.is_none()
    }
}

/// Calls `each` with (ref, exemplar) of every exemplar of a record; all have a time.
///
/// # Errors
/// When the bytes are no such record.
pub fn decode(record: &[u8], mut each: impl FnMut(u64, Exemplar)) -> Result<(), DecodeError> {
    let body = super::body(record, Kind::Exemplars)?;
    each_framed(body, Framing::First, |frame, from| {
        let value = f64::from_bits(from.u64()?);
        let count = from.length()?;
        let mut labels = Vec::new();
        for _ in 0..count {
            labels.push((from.str()?, from.str()?));
        }
        let exemplar = Exemplar {
            labels: Labels::from_sorted(labels.into_iter()),
            value,
            at_ms: Some(frame.t_ms),
        };
        each(frame.series, exemplar);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemplars_come_back_and_look_like_this() {
        let mut record = Vec::new();
        let mut encoder = Encoder::new(&mut record);
        encoder.push(3, 1000, 1.0, [("trace", "x")].into_iter());
        encoder.push(4, 999, 2.0, std::iter::empty());
        let mut expected = vec![4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0x03, 0xe8];
        expected.extend([0, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 1, 5]);
        expected.extend(b"trace\x01x");
        expected.extend([2, 1, 0x40, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(record, expected);
        let mut back = Vec::new();
        decode(&record, |series, e| {
            let labels: Vec<_> = e.labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
            back.push((series, e.at_ms, e.value, labels.concat()));
        })
        .unwrap();
        let expected = [(3, Some(1000), 1.0, "trace=x"), (4, Some(999), 2.0, "")];
        assert_eq!(back, expected.map(|(s, t, v, l)| (s, t, v, l.to_owned())));
        for len in (2..record.len()).filter(|&len| len != 17 && len != 36) {
            assert!(decode(&record[..len], |_, _| {}).is_err(), "{len}");
        }
    }
}
