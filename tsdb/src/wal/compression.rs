//! How records are made smaller: as a whole, before they are cut into pages.

use std::io;

use super::page::{SNAPPY, ZSTD};

/// What new records are compressed with. Reading takes all three, record by record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// Snappy's block format: fast, roughly half the size.
    #[default]
    Snappy,
    /// One zstd frame a record: smaller, slower.
    Zstd,
}

/// A record ready for the pages.
#[derive(Clone, Debug, Default)]
pub struct Compressed {
    /// Bits for each fragment's first byte.
    pub flags: u8,
    /// The body, compressed or not.
    pub bytes: Vec<u8>,
}

/// Compresses records, keeping its tables between them.
pub struct Compressor {
    kind: Compression,
    snappy: snap::raw::Encoder,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compressor({:?})", self.kind)
    }
}

impl Compressor {
    /// A compressor of the given kind.
    pub fn new(kind: Compression) -> Self {
        Self {
            kind,
            snappy: snap::raw::Encoder::new(),
        }
    }

    /// Compresses `raw` into `into`; a record that does not shrink is kept as it is.
    ///
    /// # Errors
    /// Those of the library; with memory at hand there are none.
    pub fn compress(&mut self, raw: &[u8], into: &mut Compressed) -> io::Result<()> {
        into.bytes.clear();
        into.flags = 0;
        match self.kind {
            Compression::None => {}
            Compression::Snappy => {
                into.bytes.resize(snap::raw::max_compress_len(raw.len()), 0);
                let len = self
                    .snappy
                    .compress(raw, &mut into.bytes)
                    .map_err(io::Error::other)?;
                into.bytes.truncate(len);
                into.flags = SNAPPY;
            }
            Compression::Zstd => {
                into.bytes = zstd::bulk::compress(raw, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                into.flags = ZSTD;
            }
        }
        if into.flags == 0 || into.bytes.len() >= raw.len() {
            into.flags = 0;
            into.bytes.clear();
            into.bytes.extend_from_slice(raw);
        }
        Ok(())
    }
}

/// No record of Prometheus' comes near this; a length above it is damage.
const RECORD_BYTES_MAX: usize = 1 << 30;

/// Undoes [`Compressor::compress`] for a record whose fragments carried `flags`.
///
/// # Errors
/// When the bytes are not what the flags say; the text says why.
pub fn decompress(flags: u8, bytes: &[u8], into: &mut Vec<u8>) -> Result<(), String> {
    match flags & (SNAPPY | ZSTD) {
        SNAPPY => {
            let len = snap::raw::decompress_len(bytes).map_err(|e| e.to_string())?;
            // Snappy expands at most about 21-fold (a 3-byte copy yields 64 bytes).
            if len > RECORD_BYTES_MAX || len / 64 > bytes.len() {
                return Err(format!("snappy length {len} for {} bytes", bytes.len()));
            }
            // What is there is overwritten, so that it need not be zeros.
            into.resize(len, 0);
            snap::raw::Decoder::new()
                .decompress(bytes, into)
                .map_err(|e| e.to_string())?;
            Ok(())
        }
        ZSTD => {
            use std::io::Read;
            into.clear();
            let decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|e| e.to_string())?;
            let read = decoder
                .take(RECORD_BYTES_MAX as u64 + 1)
                .read_to_end(into)
                .map_err(|e| e.to_string())?;
            if read > RECORD_BYTES_MAX {
                return Err("zstd record above 1 GiB".to_owned());
            }
            Ok(())
        }
        0 => {
            into.clear();
            into.extend_from_slice(bytes);
            Ok(())
        }
        _ => Err("both snappy and zstd are flagged".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_as_it_went_in() {
        let raw: Vec<u8> = (0..5000u32).map(|i| (i / 50) as u8).collect();
        for kind in [Compression::None, Compression::Snappy, Compression::Zstd] {
            let (mut small, mut back) = (Compressed::default(), Vec::new());
            Compressor::new(kind).compress(&raw, &mut small).unwrap();
            assert_eq!(small.bytes.len() < raw.len(), kind != Compression::None);
            decompress(small.flags, &small.bytes, &mut back).unwrap();
            assert_eq!(back, raw);
        }
    }

    #[test]
    fn a_record_that_does_not_shrink_is_stored_without_a_flag() {
        let mut small = Compressed::default();
        Compressor::new(Compression::Snappy)
            .compress(&[1, 2, 3], &mut small)
            .unwrap();
        assert_eq!((small.flags, &small.bytes[..]), (0, &[1, 2, 3][..]));
    }

    #[test]
    fn a_length_that_the_bytes_cannot_hold_is_refused_before_memory_is_taken() {
        assert!(decompress(SNAPPY, &[0xff, 0xff, 0xff, 0xff, 0x03, 0x00], &mut Vec::new()).is_err());
    }
}
