//! What few series have: tombstones, metadata, chunks in no file, places of late chunks. It is written anew with
//! each part. Where there are records for a thing, those of the log are used, with ordinals for numbers.
//!
//! ```text
//! block   uvarint n | n × uvarint ordinal        series that are not in the log, which are not kept
//!         uvarint length | tombstones record
//!         uvarint length | metadata record, one entry a text
//!         uvarint n | n × (uvarint ordinal | uvarint entry)
//!         uvarint n | n × (uvarint ordinal | i64 first | i64 last | u32 file | u32 offset)     late chunks
//! held    uvarint ordinal | i64 first | i64 last | u16 samples | u8 encoding | uvarint length | chunk
//! ```

use std::sync::Arc;

use hashbrown::HashMap;

use crate::chunk::Encoding;
use crate::chunk::encode::Encoded;
use crate::encoding::{DecodeBuffer, DecodeError, varint};
use crate::head::lane::LaneData;
use crate::head::late::{LateChunk, LatePlace};
use crate::model::Metadata;
use crate::wal::record::{metadata, tombstones};

/// Adds the lane's block.
pub(super) fn put(into: &mut Vec<u8>, data: &LaneData, unlogged: &[u32]) {
    varint::put_uvarint(into, unlogged.len() as u64);
    for &ordinal in unlogged {
        varint::put_uvarint(into, u64::from(ordinal));
    }
    let mut record = Vec::new();
    tombstones::begin(&mut record);
    for (&ordinal, intervals) in &data.tombstones {
        for &(from_ms, through_ms) in intervals {
            tombstones::push(&mut record, u64::from(ordinal), from_ms, through_ms);
        }
    }
    put_prefixed(into, &record);
    metadata::begin(&mut record);
    let mut entries: HashMap<*const Metadata, u64> = HashMap::new();
    let mut said = Vec::with_capacity(data.metadata.len());
    for (&ordinal, text) in &data.metadata {
        let next = entries.len() as u64;
        let entry = *entries.entry(Arc::as_ptr(text)).or_insert_with(|| {
            metadata::push(&mut record, next, text);
            next
        });
        said.push((ordinal, entry));
    }
    put_prefixed(into, &record);
    varint::put_uvarint(into, said.len() as u64);
    for (ordinal, entry) in said {
        varint::put_uvarint(into, u64::from(ordinal));
        varint::put_uvarint(into, entry);
    }
    let late = data.late.iter().flat_map(|(&ordinal, late)| {
        let in_files = late.closed.iter().filter_map(move |chunk| match chunk.place {
            LatePlace::File { number, offset } => Some((ordinal, chunk.min_ms, chunk.max_ms, number, offset)),
            // The write-behind log has them.
            LatePlace::Memory(..) => None,
        });
        in_files.collect::<Vec<_>>()
    });
    let late: Vec<_> = late.collect();
    varint::put_uvarint(into, late.len() as u64);
    for (ordinal, min_ms, max_ms, number, offset) in late {
        varint::put_uvarint(into, u64::from(ordinal));
        into.extend(min_ms.to_be_bytes());
        into.extend(max_ms.to_be_bytes());
        into.extend(number.to_be_bytes());
        into.extend(offset.to_be_bytes());
    }
}

pub(super) fn put_prefixed(into: &mut Vec<u8>, bytes: &[u8]) {
    varint::put_uvarint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

/// The series that are not in the log, ascending.
pub(super) fn unlogged(bytes: &[u8]) -> Result<Vec<u64>, DecodeError> {
    let mut rest = DecodeBuffer::new(bytes);
    let count = rest.length()?;
    let mut ordinals = Vec::new();
    for _ in 0..count {
        ordinals.push(rest.uvarint()?);
    }
    Ok(ordinals)
}

/// Gives a lane what its block says; `moved` knows the series' ordinals of now.
pub(super) fn take(
    bytes: &[u8],
    data: &mut LaneData,
    moved: &dyn Fn(u64) -> Option<u32>,
) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(bytes);
    for _ in 0..rest.length()? {
        rest.uvarint()?;
    }
    tombstones::decode(rest.prefixed_bytes()?, |ordinal, from_ms, through_ms| {
        if let Some(ordinal) = moved(ordinal) {
            data.bury(ordinal, from_ms, through_ms);
        }
    })?;
    let mut entries = Vec::new();
    metadata::decode(rest.prefixed_bytes()?, |_, said| entries.push(said))?;
    for _ in 0..rest.length()? {
        let ordinal = moved(rest.uvarint()?);
        let entry = entries
            .get(rest.length()?)
            .ok_or_else(|| rest.error("an entry"))?;
        if let Some(ordinal) = ordinal {
            data.describe(ordinal, entry);
        }
    }
    for _ in 0..rest.length()? {
        let ordinal = moved(rest.uvarint()?);
        let chunk = LateChunk {
            min_ms: rest.i64()?,
            max_ms: rest.i64()?,
            place: LatePlace::File {
                number: rest.u32()?,
                offset: rest.u32()?,
            },
        };
        if let Some(ordinal) = ordinal {
            data.late.entry(ordinal).or_default().closed.push(chunk);
        }
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err(rest.error("the end")),
    }
}

/// Adds a chunk that is in no file yet.
pub(super) fn put_held(
    into: &mut Vec<u8>,
    ordinal: u32,
    range_ms: (i64, i64),
    samples: u16,
    encoding: Encoding,
    chunk: &[u8],
) {
    varint::put_uvarint(into, u64::from(ordinal));
    into.extend(range_ms.0.to_be_bytes());
    into.extend(range_ms.1.to_be_bytes());
    into.extend(samples.to_be_bytes());
    into.push(encoding.as_u8());
    put_prefixed(into, chunk);
}

/// Calls `each` with ordinal, chunk and number of samples of every chunk of a block.
pub(super) fn each_held(bytes: &[u8], mut each: impl FnMut(u64, Encoded, u16)) -> Result<(), DecodeError> {
    let mut rest = DecodeBuffer::new(bytes);
    while !rest.is_empty() {
        let ordinal = rest.uvarint()?;
        let (min_ms, max_ms) = (rest.i64()?, rest.i64()?);
        let samples = rest.u16()?;
        let encoding = Encoding::from_u8(rest.u8()?).ok_or_else(|| rest.error("an encoding"))?;
        let bytes = rest.prefixed_bytes()?.to_vec();
        let chunk = Encoded {
            min_ms,
            max_ms,
            encoding,
            bytes,
        };
        each(ordinal, chunk, samples);
    }
    Ok(())
}
