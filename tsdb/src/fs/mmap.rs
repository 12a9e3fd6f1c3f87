#![expect(
    unsafe_code,
    reason = "maps files into memory; the only unsafe file of the crate"
)]

//! Mapping whole files for reading.
//!
//! A mapping is sound only while nobody truncates the file under it. Everything in a data directory
//! that is mapped is written once and then only renamed or unlinked, which leaves a mapping whole;
//! `RealFs::create` makes a new file rather than emptying one that may be mapped.

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// The bytes of one mapped file.
#[derive(Debug)]
pub(super) struct MappedFile {
    map: Mmap,
}

impl MappedFile {
    /// Maps all of `file`, which must not be empty.
    pub(super) fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the file is mapped read-only and privately; files of a data directory are never
        // shortened in place by us (see the module's head), so that every mapped page stays backed.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self { map })
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}
