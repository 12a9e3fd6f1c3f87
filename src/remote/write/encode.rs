//! Requests of remote write 1.0 as protobuf (`prometheus.WriteRequest`), written straight into one buffer.
//!
//! A series' labels are encoded once, when it is first seen, and copied from then on.
//!
//! | message | fields written, in this order |
//! |---|---|
//! | WriteRequest | 1 TimeSeries…, 3 MetricMetadata… |
//! | TimeSeries | 1 Label…, 2 Sample, 3 Exemplar |
//! | Label | 1 name, 2 value |
//! | Sample | 1 value (double), 2 timestamp (ms) |
//! | Exemplar | 1 Label…, 2 value (double), 3 timestamp (ms) |
//! | MetricMetadata | 1 kind, 2 family, 4 help, 5 unit |
//!
//! A field of zero is left out, as protobuf has it; a zero with a sign is none.

use std::sync::Arc;

use tsdb::encoding::varint::put_uvarint;
use tsdb::model::{Metadata, MetricKind};

/// Labels as they stand in a TimeSeries or an Exemplar.
pub(super) type EncodedLabels = Arc<[u8]>;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;

const fn tag(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}

/// Labels, to be put into any number of requests.
pub(super) fn labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> EncodedLabels {
    let mut out = Vec::new();
    for (name, value) in labels {
        out.push(tag(1, BYTES));
        put_uvarint(&mut out, (text_len(name) + text_len(value)) as u64);
        put_text(&mut out, 1, name);
        put_text(&mut out, 2, value);
    }
    out.into()
}

/// Adds a series with one sample to a request.
pub(super) fn put_sample(out: &mut Vec<u8>, labels: &[u8], at_ms: i64, bits: u64) {
    let sample_len = point_len(at_ms, bits);
    put_series_head(out, labels, sample_len);
    out.push(tag(2, BYTES));
    put_uvarint(out, sample_len as u64);
    put_point(out, (1, bits), (2, at_ms));
}

/// Adds a series with one exemplar to a request.
pub(super) fn put_exemplar(out: &mut Vec<u8>, labels: &[u8], own_labels: &[u8], at_ms: i64, bits: u64) {
    let exemplar_len = own_labels.len() + point_len(at_ms, bits);
    put_series_head(out, labels, exemplar_len);
    out.push(tag(3, BYTES));
    put_uvarint(out, exemplar_len as u64);
    out.extend_from_slice(own_labels);
    put_point(out, (2, bits), (3, at_ms));
}

/// Adds what is said of a metric to a request.
pub(super) fn put_metadata(out: &mut Vec<u8>, family: &str, said: &Metadata) {
    let kind = kind_number(said.kind);
    let kind_len = if kind == 0 { 0 } else { 2 };
    let len = kind_len + text_len(family) + text_len(&said.help) + text_len(&said.unit);
    out.push(tag(3, BYTES));
    put_uvarint(out, len as u64);
    if kind != 0 {
        out.extend_from_slice(&[tag(1, VARINT), kind]);
    }
    put_text(out, 2, family);
    put_text(out, 4, &said.help);
    put_text(out, 5, &said.unit);
}

fn kind_number(kind: MetricKind) -> u8 {
    match kind {
        MetricKind::Unknown => 0,
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::GaugeHistogram => 4,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        MetricKind::StateSet => 7,
    }
}

fn put_series_head(out: &mut Vec<u8>, labels: &[u8], inner_len: usize) {
    out.push(tag(1, BYTES));
    let len = labels.len() + 1 + varint_len(inner_len as u64) + inner_len;
    put_uvarint(out, len as u64);
    out.extend_from_slice(labels);
}

fn put_point(out: &mut Vec<u8>, (value_field, bits): (u8, u64), (time_field, at_ms): (u8, i64)) {
    if bits != 0 {
        out.push(tag(value_field, FIXED64));
        out.extend_from_slice(&bits.to_le_bytes());
    }
    if at_ms != 0 {
        out.push(tag(time_field, VARINT));
        put_uvarint(out, at_ms.cast_unsigned());
    }
}

fn point_len(at_ms: i64, bits: u64) -> usize {
    let value = if bits == 0 { 0 } else { 9 };
    let time = match at_ms {
        0 => 0,
        _ => 1 + varint_len(at_ms.cast_unsigned()),
    };
    value + time
}

fn put_text(out: &mut Vec<u8>, field: u8, text: &str) {
    if !text.is_empty() {
        out.push(tag(field, BYTES));
        put_uvarint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

fn text_len(text: &str) -> usize {
    match text.len() {
        0 => 0,
        len => 1 + varint_len(len as u64) + len,
    }
}

/// Bytes of a varint: seven bits each.
fn varint_len(number: u64) -> usize {
    // At most ten.
    ((64 - (number | 1).leading_zeros()).div_ceil(7)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_one_sample_are_these() {
        let mut out = Vec::new();
        let labels = labels([("a", "b")].into_iter());
        put_sample(&mut out, &labels, 300, 1f64.to_bits());
        let label = [0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'b'];
        let sample = [0x12, 12, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0xac, 0x02];
        let expected: Vec<u8> = [0x0a, 22].into_iter().chain(label).chain(sample).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn zeros_are_left_out_unless_they_have_a_sign() {
        let mut out = Vec::new();
        put_sample(&mut out, &[], 0, 0);
        assert_eq!(out, [0x0a, 2, 0x12, 0]);
        out.clear();
        put_sample(&mut out, &[], 0, (-0f64).to_bits());
        assert_eq!(out, [0x0a, 11, 0x12, 9, 0x09, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    }

    #[test]
    fn an_exemplar_has_labels_of_its_own() {
        let mut out = Vec::new();
        let (series, own) = (labels([("a", "b")].into_iter()), labels([("t", "1")].into_iter()));
        put_exemplar(&mut out, &series, &own, 1, 1f64.to_bits());
        let label = [0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'b'];
        let own = [0x0a, 6, 0x0a, 1, b't', 0x12, 1, b'1'];
        let point = [0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x18, 1];
        let expected = [0x0a, 29].into_iter().chain(label).chain([0x1a, 19]);
        assert_eq!(out, expected.chain(own).chain(point).collect::<Vec<u8>>());
    }

    #[test]
    fn the_bytes_of_metadata_are_these() {
        let mut out = Vec::new();
        let said = Metadata {
            kind: MetricKind::Gauge,
            unit: String::new(),
            help: "h".to_owned(),
        };
        put_metadata(&mut out, "m", &said);
        assert_eq!(out, [0x1a, 8, 0x08, 2, 0x12, 1, b'm', 0x22, 1, b'h']);
    }

    #[test]
    fn a_varint_is_as_long_as_it_is_written() {
        for shift in 0..64 {
            for number in [(1u64 << shift) - 1, 1 << shift] {
                let mut out = Vec::new();
                put_uvarint(&mut out, number);
                assert_eq!(varint_len(number), out.len(), "{number}");
            }
        }
    }
}
