//! Indexes of blocks. Checksums would stop nearly every input, so that they are put right first wherever a
//! section is found.

use std::path::Path;
use std::sync::Arc;

use tsdb::encoding::crc32c;
use tsdb::index::IndexReader;
use tsdb::model::{MatchKind, Matcher};
use tsdb::postings::matching;

const TOC_BYTES: usize = 52;

/// Writes the right checksum behind a section that begins with its length.
fn seal(bytes: &mut [u8], at: u64) {
    let Some(section) = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at..)) else {
        return;
    };
    let Some((len, rest)) = section.split_first_chunk_mut::<4>() else {
        return;
    };
    let len = u32::from_be_bytes(*len) as usize;
    if rest.len() >= len.saturating_add(4) {
        let crc = crc32c(&rest[..len]);
        rest[len..len + 4].copy_from_slice(&crc.to_be_bytes());
    }
}

/// Writes the right checksums wherever a section is found, as far as one can tell.
pub(crate) fn seal_all(bytes: &mut [u8]) {
    let Some(toc) = bytes.len().checked_sub(TOC_BYTES) else {
        return;
    };
    let field = |at: usize| u64::from_be_bytes(bytes[toc + at * 8..][..8].try_into().expect("eight bytes"));
    let (symbols, postings, table) = (field(0), field(4), field(5));
    for at in [symbols, postings, table] {
        seal(bytes, at);
    }
    let crc = crc32c(&bytes[toc..toc + TOC_BYTES - 4]);
    bytes[toc + TOC_BYTES - 4..].copy_from_slice(&crc.to_be_bytes());
}

/// Any bytes as an index of version 1 or 2: refused, or walked to its last series.
pub(crate) fn any_bytes_as_an_index(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    seal_all(&mut bytes);
    let Ok(index) = IndexReader::from_mapped(Arc::new(bytes), Path::new("index")) else {
        return;
    };
    for symbol in index.symbols().flatten() {
        let _found = index.find_symbol(symbol);
    }
    let names: Vec<String> = index.label_names().map(str::to_owned).collect();
    for name in &names {
        for (kind, value) in [
            (MatchKind::NotEqual, "x"),
            (MatchKind::Equal, "x"),
            (MatchKind::Regex, ".+a.*"),
            (MatchKind::NotRegex, "a|b|x"),
        ] {
            let matcher = Matcher::new(kind, name, value).expect("a good pattern");
            // Whether postings with the right checksum ascend is not looked at.
            let _found = matching(&index, &[matcher]);
        }
    }
    let mut all = Vec::new();
    let _damaged = index.all_postings(&mut all);
    for series in all {
        let _damaged = index.series(series, &mut Vec::new(), &mut Vec::new());
        let _damaged = index.chunks(series, &mut Vec::new());
    }
}
