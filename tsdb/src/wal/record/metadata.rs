//! Metadata records: `uvarint ref; u8 kind; uvarint n; n × (name, value)`, of which the names "UNIT" and "HELP"
//! are known.

use super::Kind;
use crate::encoding::{DecodeBuffer, DecodeError, varint};
use crate::model::{Metadata, MetricKind};

/// Kinds of metrics by the number that stands in files.
const KINDS: [MetricKind; 8] = [
    MetricKind::Unknown,
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Histogram,
    MetricKind::GaugeHistogram,
    MetricKind::Summary,
    MetricKind::Info,
    MetricKind::StateSet,
];

/// Begins a record without metadata.
pub fn begin(into: &mut Vec<u8>) {
    into.clear();
    into.push(Kind::Metadata as u8);
}

/// Adds what is said of a series to a record.
pub fn push(into: &mut Vec<u8>, series: u64, metadata: &Metadata) {
    varint::put_uvarint(into, series);
    let number = KINDS.iter().zip(0u8..).find(|(kind, _)| **kind == metadata.kind);
    into.push(number.map_or(0, |(_, number)| number));
    let fields = [("UNIT", &metadata.unit), ("HELP", &metadata.help)];
    varint::put_uvarint(into, fields.len() as u64);
    for (name, value) in fields {
        varint::put_str(into, name);
        varint::put_str(into, value);
    }
}

/// Calls `each` with (ref, metadata) of everything that a record says.
///
/// # Errors
/// When the bytes are no such record.
pub fn decode(record: &[u8], mut each: impl FnMut(u64, Metadata)) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(super::body(record, Kind::Metadata)?);
    while !rest.is_empty() {
        let series = rest.uvarint()?;
        let kind = KINDS.get(usize::from(rest.u8()?)).copied();
        let mut metadata = Metadata {
            kind: kind.unwrap_or_default(),
            ..Metadata::default()
        };
        for _ in 0..rest.length()? {
            let (name, value) = (rest.str()?, rest.str()?);
            match name {
                "UNIT" => value.clone_into(&mut metadata.unit),
                "HELP" => value.clone_into(&mut metadata.help),
                // Said by a later version; its number of fields lets older ones pass over it.
                _ => {}
            }
        }
        each(series, metadata);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back_and_looks_like_this() {
        let said = Metadata {
            kind: MetricKind::Gauge,
            unit: "s".to_owned(),
            help: "How long.".to_owned(),
        };
        let mut record = Vec::new();
        begin(&mut record);
        push(&mut record, 300, &said);
        assert_eq!(record, b"\x06\xac\x02\x02\x02\x04UNIT\x01s\x04HELP\x09How long.");
        let mut back = Vec::new();
        decode(&record, |series, metadata| back.push((series, metadata))).unwrap();
        assert_eq!(back, [(300, said)]);
        for len in 2..record.len() {
            assert!(decode(&record[..len], |_, _| {}).is_err(), "{len}");
        }
    }
}
