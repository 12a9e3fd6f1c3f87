//! The table of contents: the last bytes of an index say where its sections begin.

use crate::encoding::{DecodeBuffer, crc32c};

/// Bytes at the end of the file.
pub(super) const TOC_BYTES: usize = 6 * 8 + 4;

/// Where the sections begin; 0 for one that is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Toc {
    pub(super) symbols: u64,
    pub(super) series: u64,
    pub(super) label_indices: u64,
    pub(super) label_indices_table: u64,
    pub(super) postings: u64,
    pub(super) postings_table: u64,
}

impl Toc {
    pub(super) fn encode(&self) -> Vec<u8> {
        let fields = [
            self.symbols,
            self.series,
            self.label_indices,
            self.label_indices_table,
            self.postings,
            self.postings_table,
        ];
        let mut out: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
        out.extend(crc32c(&out).to_be_bytes());
        out
    }

    /// Reads the end of `file`; the error says what is wrong.
    pub(super) fn decode(file: &[u8]) -> Result<Self, String> {
        let Some((_, tail)) = file.split_last_chunk::<TOC_BYTES>() else {
            return Err(format!(
                "expected at least {TOC_BYTES} bytes for the table of contents, found {}",
                file.len()
            ));
        };
        let mut buffer = DecodeBuffer::new(tail);
        let mut fields = [0; 6];
        for field in &mut fields {
            *field = buffer.u64().map_err(|error| error.to_string())?;
        }
        let stored = buffer.u32().map_err(|error| error.to_string())?;
        let computed = crc32c(&tail[..TOC_BYTES - 4]);
        if stored != computed {
            return Err(format!(
                "table of contents has checksum {computed:#010x}, its footer says {stored:#010x}"
            ));
        }
        let [
            symbols,
            series,
            label_indices,
            label_indices_table,
            postings,
            postings_table,
        ] = fields;
        Ok(Self {
            symbols,
            series,
            label_indices,
            label_indices_table,
            postings,
            postings_table,
        })
    }
}
