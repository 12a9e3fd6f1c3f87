//! Gzip for those who accept it: whole bodies at once, streams piece by piece.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, HeaderMap};

/// Whether the client takes gzip.
pub(super) fn is_accepted(request: &HeaderMap) -> bool {
    let encodings = request
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    encodings.flat_map(|list| list.split(',')).any(|clause| {
        let (name, weight) = clause.split_once(';').unwrap_or((clause, ""));
        name.trim() == "gzip" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// Compresses a stream of pieces.
#[derive(Debug)]
pub(super) struct Gzip {
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl Gzip {
    /// A stream not begun.
    pub(super) fn new() -> Self {
        Self {
            encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())),
        }
    }

    /// Compresses a piece; what comes out may be empty.
    pub(super) fn piece(&mut self, piece: &[u8]) -> std::io::Result<Bytes> {
        let Some(encoder) = &mut self.encoder else {
            return Ok(Bytes::new());
        };
        encoder.write_all(piece)?;
        Ok(Bytes::from(std::mem::take(encoder.get_mut())))
    }

    /// What is left; `None` when the stream has ended already.
    pub(super) fn finish(&mut self) -> std::io::Result<Option<Bytes>> {
        let Some(encoder) = self.encoder.take() else {
            return Ok(None);
        };
        encoder.finish().map(|bytes| Some(Bytes::from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn pieces_make_one_gzip_stream() {
        let mut gzip = Gzip::new();
        let mut all = Vec::new();
        for piece in ["one ", "two ", "three"] {
            all.extend_from_slice(&gzip.piece(piece.as_bytes()).unwrap());
        }
        all.extend_from_slice(&gzip.finish().unwrap().unwrap());
        assert!(gzip.finish().unwrap().is_none());
        let mut text = String::new();
        flate2::read::GzDecoder::new(&all[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "one two three");
    }

    #[test]
    fn a_weight_of_zero_refuses() {
        for (header, accepted) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, header.parse().unwrap());
            assert_eq!(is_accepted(&headers), accepted, "{header}");
        }
    }
}
