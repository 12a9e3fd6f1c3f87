//! Requests of remote write 1.0, read as a receiver reads them.

/// What a request holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WriteRequest {
    pub(crate) series: Vec<Series>,
    /// Family, kind, help and unit.
    pub(crate) metadata: Vec<(String, u64, String, String)>,
}

/// One series of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Vec<(String, String)>,
    /// Times in milliseconds with the bits of values.
    pub(crate) samples: Vec<(i64, u64)>,
}

/// A field's number and value.
enum Field<'a> {
    Number(u64, u64),
    Bits(u64, u64),
    Bytes(u64, &'a [u8]),
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    #[track_caller]
    fn varint(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().expect("a varint ends");
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        panic!("a varint has at most ten bytes");
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Field<'a>;

    #[track_caller]
    fn next(&mut self) -> Option<Field<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let tag = self.varint();
        Some(match tag & 7 {
            0 => Field::Number(tag >> 3, self.varint()),
            1 => {
                let (bits, rest) = self.0.split_first_chunk().expect("eight bytes");
                self.0 = rest;
                Field::Bits(tag >> 3, u64::from_le_bytes(*bits))
            }
            2 => {
                let len = usize::try_from(self.varint()).expect("a length");
                let (bytes, rest) = self.0.split_at(len);
                self.0 = rest;
                Field::Bytes(tag >> 3, bytes)
            }
            kind => panic!("wire type {kind}"),
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

impl WriteRequest {
    /// Reads a request's body: snappy, then protobuf.
    #[track_caller]
    pub(crate) fn decode(body: &[u8]) -> Self {
        let raw = snap::raw::Decoder::new()
            .decompress_vec(body)
            .expect("snappy's block format");
        let mut request = Self::default();
        for field in Reader(&raw) {
            match field {
                Field::Bytes(1, bytes) => request.series.push(Series::decode(bytes)),
                Field::Bytes(3, bytes) => {
                    let (mut family, mut kind) = (String::new(), 0);
                    let (mut help, mut unit) = (String::new(), String::new());
                    for field in Reader(bytes) {
                        match field {
                            Field::Number(1, number) => kind = number,
                            Field::Bytes(2, bytes) => family = text(bytes),
                            Field::Bytes(4, bytes) => help = text(bytes),
                            Field::Bytes(5, bytes) => unit = text(bytes),
                            _ => panic!("an unknown field of MetricMetadata"),
                        }
                    }
                    request.metadata.push((family, kind, help, unit));
                }
                _ => panic!("an unknown field of WriteRequest"),
            }
        }
        request
    }
}

impl Series {
    fn decode(bytes: &[u8]) -> Self {
        let mut series = Self::default();
        for field in Reader(bytes) {
            match field {
                Field::Bytes(1, bytes) => {
                    let mut pair = (String::new(), String::new());
                    for field in Reader(bytes) {
                        match field {
                            Field::Bytes(1, bytes) => pair.0 = text(bytes),
                            Field::Bytes(2, bytes) => pair.1 = text(bytes),
                            _ => panic!("an unknown field of Label"),
                        }
                    }
                    series.labels.push(pair);
                }
                Field::Bytes(2, bytes) => {
                    let (mut at_ms, mut bits) = (0, 0);
                    for field in Reader(bytes) {
                        match field {
                            Field::Bits(1, value) => bits = value,
                            Field::Number(2, value) => at_ms = value.cast_signed(),
                            _ => panic!("an unknown field of Sample"),
                        }
                    }
                    series.samples.push((at_ms, bits));
                }
                _ => panic!("an unknown field of TimeSeries"),
            }
        }
        series
    }
}
