//! The smaller files of blocks: chunks, tombstones, descriptions.

use std::path::Path;

use tsdb::block::{Meta, Tombstones};
use tsdb::chunk::segment::{ChunkRef, Segments};
use tsdb::encoding::crc32c;
use tsdb::fs::{MemoryFs, Vfs};

/// Entries of tombstones, with the right frame around them, and the bytes as they are.
pub(crate) fn any_bytes_as_tombstones(bytes: &[u8]) {
    let _refused = Tombstones::decode(bytes);
    let framed = [
        &[0x01, 0x30, 0xba, 0x30, 1][..],
        bytes,
        &crc32c(bytes).to_be_bytes(),
    ]
    .concat();
    let Ok(read) = Tombstones::decode(&framed) else {
        return;
    };
    for (_, intervals) in read.iter() {
        let apart = |pair: &[tsdb::block::Interval]| pair[0].max_ms < pair[1].min_ms;
        assert!(intervals.as_slice().windows(2).all(apart));
    }
    let again = Tombstones::decode(&read.encode()).expect("our own tombstones");
    assert!(again == read);
}

/// A `meta.json`.
pub(crate) fn any_bytes_as_a_meta(bytes: &[u8]) {
    let fs = MemoryFs::new();
    let dir = Path::new("/b");
    fs.create_dir_all(dir).expect("memory");
    let mut file = fs.create(&dir.join("meta.json")).expect("memory");
    file.append(bytes).expect("memory");
    let Ok(meta) = Meta::read(&fs, dir) else { return };
    meta.write(&fs, dir).expect("memory");
    assert_eq!(Meta::read(&fs, dir).expect("our own meta"), meta);
}

/// Chunk files of a block: any place in them is a chunk or an error.
pub(crate) fn any_bytes_as_chunk_files(bytes: &[u8]) {
    let fs = MemoryFs::new();
    let dir = Path::new("/chunks");
    fs.create_dir_all(dir).expect("memory");
    let mut file = fs.create(&dir.join("000001")).expect("memory");
    file.append(&[0x85, 0xbd, 0x40, 0xdd, 1, 0, 0, 0])
        .expect("memory");
    file.append(bytes).expect("memory");
    let segments = Segments::open(&fs, dir).expect("the header is right");
    for at in (0..bytes.len() as u64 + 20).chain([u64::MAX, 1 << 32, u64::from(u32::MAX)]) {
        let _found = segments.chunk(ChunkRef(at));
        let _found = segments.encoding(ChunkRef(at));
    }
}
