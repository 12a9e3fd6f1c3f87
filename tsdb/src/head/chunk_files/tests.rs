//! Files of head chunks: round trips, bytes, damage.

use super::*;
use crate::chunk::xor;
use crate::fs::memory::MemoryFs;

fn chunk_of(times_ms: std::ops::Range<i64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    xor::encode(times_ms.map(|t| (t, 0)), &mut bytes);
    bytes
}

fn written(fs: &MemoryFs, chunks: &[(u64, std::ops::Range<i64>)], file_bytes_max: u64) -> Vec<(u32, u32)> {
    let dir = PathBuf::from("/chunks_head");
    fs.create_dir_all(&dir).unwrap();
    let mut files = ChunkFiles::new(Arc::new(fs.clone()), dir, 1);
    files.file_bytes_max = file_bytes_max;
    let mut data = Vec::new();
    let to_write: Vec<ToWrite> = chunks
        .iter()
        .map(|(series, times)| {
            let from = data.len();
            data.extend(chunk_of(times.clone()));
            ToWrite {
                series: *series,
                min_ms: times.start,
                max_ms: times.end - 1,
                encoding: Encoding::Xor,
                is_late: false,
                bytes: from..data.len(),
            }
        })
        .collect();
    files.write(&to_write, &data).unwrap()
}

fn scanned(fs: &MemoryFs) -> Scan {
    scan(fs, Path::new("/chunks_head"), |_| 0).unwrap()
}

#[test]
fn the_bytes_of_one_chunk_are_these() {
    let fs = MemoryFs::new();
    assert_eq!(written(&fs, &[(7, 5..6)], FILE_BYTES_MAX), [(1, 8)]);
    let bytes = fs.read(Path::new("/chunks_head/000001")).unwrap();
    let mut expected = vec![0x01, 0x30, 0xbc, 0x91, 1, 0, 0, 0];
    expected.extend([
        0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5,
    ]);
    // XOR, eleven bytes: one sample at 5 ms of value 0.
    expected.extend([1, 11, 0, 1, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
    let checksum = crc32c(&expected[8..]);
    expected.extend(checksum.to_be_bytes());
    assert_eq!(bytes, expected);
}

#[test]
fn chunks_come_back_by_series_and_from_all_files() {
    let fs = MemoryFs::new();
    written(&fs, &[(1, 0..10), (2, 0..10), (1, 10..30), (2, 10..30)], 150);
    let found = scanned(&fs);
    assert!(found.files.len() > 1 && found.damage.is_none());
    let of_one: Vec<_> = found.of(1).map(|c| (c.min_ms, c.max_ms, c.samples)).collect();
    assert_eq!(of_one, [(0, 9, 10), (10, 29, 20)]);
}

#[test]
fn zeros_behind_the_chunks_are_no_damage() {
    let fs = MemoryFs::new();
    written(&fs, &[(1, 0..10)], FILE_BYTES_MAX);
    let mut file = fs.open(Path::new("/chunks_head/000001")).unwrap();
    for zeros in [10, 100_000] {
        file.append(&vec![0; zeros]).unwrap();
        let found = scanned(&fs);
        assert!(found.damage.is_none());
        assert_eq!(found.chunks.len(), 1);
    }
}

#[test]
fn a_flipped_bit_anywhere_makes_the_file_unusable() {
    let fs = MemoryFs::new();
    written(&fs, &[(1, 0..30)], FILE_BYTES_MAX);
    let path = Path::new("/chunks_head/000001");
    let good = fs.read(path).unwrap();
    for at in (0..good.len()).filter(|at| !(4..8).contains(at)) {
        let mut file = fs.open(path).unwrap();
        file.write_at(at as u64, &[good[at] ^ 0x10]).unwrap();
        let found = scan(&fs, Path::new("/chunks_head"), |_| 0).unwrap();
        assert_eq!(found.unusable, [1], "byte {at}");
        assert!(found.damage.is_some());
        file.write_at(at as u64, &[good[at]]).unwrap();
    }
}

#[test]
fn an_encoding_that_is_not_known_is_refused_by_name_and_place() {
    let fs = MemoryFs::new();
    written(&fs, &[(1, 0..30)], FILE_BYTES_MAX);
    let path = Path::new("/chunks_head/000001");
    let mut bytes = fs.read(path).unwrap();
    bytes[8 + 24] = 7;
    let end = bytes.len() - 4;
    let checksum = crc32c(&bytes[8..end]).to_be_bytes();
    bytes[end..].copy_from_slice(&checksum);
    fs.create(path).unwrap().append(&bytes).unwrap();
    let error = scan(&fs, Path::new("/chunks_head"), |_| 0).err().unwrap();
    assert!(error.is_foreign());
    assert_eq!(
        error.to_string(),
        "/chunks_head/000001: at offset 8: a chunk with encoding 7, which this version does not know"
    );
}

#[test]
fn a_last_file_that_was_only_just_begun_is_dropped_without_ado() {
    let fs = MemoryFs::new();
    written(&fs, &[(1, 0..30)], FILE_BYTES_MAX);
    let mut file = fs.create(Path::new("/chunks_head/000002")).unwrap();
    file.append(&[0; 4096]).unwrap();
    let found = scanned(&fs);
    assert_eq!((found.unusable, found.chunks.len()), (vec![2], 1));
    assert!(found.damage.is_none());
}
