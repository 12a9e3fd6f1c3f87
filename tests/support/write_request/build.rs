//! Requests of remote write 1.0, built field by field as a sender builds them.
//!
//! Nothing is checked, so that what is wrong can be built too. Start with [`series`] and [`pack`].

use tsdb::encoding::varint::{put_uvarint, put_varint};

/// A message of protobuf, grown field by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    fn tag(mut self, field: u64, wire_type: u64) -> Self {
        put_uvarint(&mut self.0, field << 3 | wire_type);
        self
    }

    /// A number without a sign.
    pub(crate) fn number(self, field: u64, value: u64) -> Self {
        let mut message = self.tag(field, 0);
        put_uvarint(&mut message.0, value);
        message
    }

    /// A number whose sign is kept in its lowest bit.
    pub(crate) fn signed(self, field: u64, value: i64) -> Self {
        let mut message = self.tag(field, 0);
        put_varint(&mut message.0, value);
        message
    }

    /// Eight bytes.
    pub(crate) fn double(self, field: u64, value: f64) -> Self {
        let mut message = self.tag(field, 1);
        message.0.extend_from_slice(&value.to_le_bytes());
        message
    }

    /// A text, or a message within.
    pub(crate) fn bytes(self, field: u64, value: &[u8]) -> Self {
        let mut message = self.tag(field, 2);
        put_uvarint(&mut message.0, value.len() as u64);
        message.0.extend_from_slice(value);
        message
    }

    /// Many signed numbers in one field; none is no field.
    fn packed_signed(self, field: u64, values: &[i64]) -> Self {
        let mut packed = Vec::new();
        for value in values {
            put_varint(&mut packed, *value);
        }
        if packed.is_empty() {
            self
        } else {
            self.bytes(field, &packed)
        }
    }

    fn packed_doubles(self, field: u64, values: &[f64]) -> Self {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        if packed.is_empty() {
            self
        } else {
            self.bytes(field, &packed)
        }
    }

    fn spans(self, field: u64, spans: &[(i64, u64)]) -> Self {
        spans.iter().fold(self, |message, (offset, length)| {
            let span = Message::default().signed(1, *offset).number(2, *length);
            message.bytes(field, &span.0)
        })
    }
}

/// The counts of a native histogram: how it stores buckets depends on their kind.
#[derive(Clone, Debug)]
pub(crate) enum Counts {
    /// Integers; a bucket is told by how far it is from the one before.
    Integer {
        count: u64,
        zero: u64,
        positive_deltas: Vec<i64>,
        negative_deltas: Vec<i64>,
    },
    /// Floats; a bucket is told by its count.
    Float {
        count: f64,
        zero: f64,
        positive: Vec<f64>,
        negative: Vec<f64>,
    },
}

/// A native histogram.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    pub(crate) at_ms: i64,
    pub(crate) schema: i64,
    pub(crate) sum: f64,
    pub(crate) zero_threshold: f64,
    pub(crate) counts: Counts,
    /// How far from the end of the one before, and how many buckets.
    pub(crate) positive_spans: Vec<(i64, u64)>,
    pub(crate) negative_spans: Vec<(i64, u64)>,
    /// 0 unknown, 1 reset, 2 no reset, 3 gauge.
    pub(crate) hint: u64,
    pub(crate) custom_values: Vec<f64>,
}

impl Histogram {
    fn message(&self) -> Message {
        let message = match &self.counts {
            Counts::Integer { count, .. } => Message::default().number(1, *count),
            Counts::Float { count, .. } => Message::default().double(2, *count),
        };
        let message = message
            .double(3, self.sum)
            .signed(4, self.schema)
            .double(5, self.zero_threshold);
        let message = match &self.counts {
            Counts::Integer {
                zero,
                positive_deltas,
                negative_deltas,
                ..
            } => message
                .number(6, *zero)
                .spans(8, &self.negative_spans)
                .packed_signed(9, negative_deltas)
                .spans(11, &self.positive_spans)
                .packed_signed(12, positive_deltas),
            Counts::Float {
                zero,
                positive,
                negative,
                ..
            } => message
                .double(7, *zero)
                .spans(8, &self.negative_spans)
                .packed_doubles(10, negative)
                .spans(11, &self.positive_spans)
                .packed_doubles(13, positive),
        };
        message
            .number(14, self.hint)
            .number(15, self.at_ms.cast_unsigned())
            .packed_doubles(16, &self.custom_values)
    }
}

/// A sample of a series.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    /// A number at a time in milliseconds.
    Float(i64, f64),
    /// A native histogram, which knows its time.
    Histogram(Histogram),
    /// An exemplar at a time, of a value, with its labels.
    Exemplar(i64, f64, Vec<(String, String)>),
}

fn label(name: &str, value: &str) -> Vec<u8> {
    Message::default()
        .bytes(1, name.as_bytes())
        .bytes(2, value.as_bytes())
        .0
}

/// One series of a request, its labels in the order given.
pub(crate) fn series_of(labels: &[(&str, &str)], samples: &[Sample]) -> Vec<u8> {
    let mut message = Message::default();
    for (name, value) in labels {
        message = message.bytes(1, &label(name, value));
    }
    for sample in samples {
        message = match sample {
            Sample::Float(at_ms, value) => {
                let sample = Message::default()
                    .double(1, *value)
                    .number(2, at_ms.cast_unsigned());
                message.bytes(2, &sample.0)
            }
            Sample::Exemplar(at_ms, value, labels) => {
                let pairs = labels.iter().map(|(name, value)| label(name, value));
                let exemplar = pairs.fold(Message::default(), |message, pair| message.bytes(1, &pair));
                let exemplar = exemplar.double(2, *value).number(3, at_ms.cast_unsigned());
                message.bytes(3, &exemplar.0)
            }
            Sample::Histogram(histogram) => message.bytes(4, &histogram.message().0),
        };
    }
    Message::default().bytes(1, &message.0).0
}

/// One series of a request with numbers: times in milliseconds and values.
pub(crate) fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Vec<u8> {
    let samples: Vec<Sample> = samples
        .iter()
        .map(|(at_ms, v)| Sample::Float(*at_ms, *v))
        .collect();
    series_of(labels, &samples)
}

/// The body of a request: all its series, packed by snappy.
pub(crate) fn pack(series: &[Vec<u8>]) -> Vec<u8> {
    let packed = snap::raw::Encoder::new().compress_vec(&series.concat());
    packed.expect("pack a request")
}
