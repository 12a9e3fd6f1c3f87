//! CRC-32C (Castagnoli), the checksum of all of Prometheus' files.

use crc_fast::{CrcAlgorithm, Digest};

/// The checksum of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    narrow(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes))
}

/// A checksum of bytes that come in pieces.
#[derive(Clone, Debug)]
pub struct Crc32c {
    digest: Digest,
}

impl Default for Crc32c {
    fn default() -> Self {
        Self {
            digest: Digest::new(CrcAlgorithm::Crc32Iscsi),
        }
    }
}

impl Crc32c {
    /// The checksum of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// The checksum of all pieces.
    pub fn finish(&self) -> u32 {
        narrow(self.digest.finalize())
    }
}

/// The crate counts all its checksums in 64 bits.
fn narrow(checksum: u64) -> u32 {
    (checksum & u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn pieces_give_the_same_as_the_whole() {
        let mut pieces = Crc32c::new();
        pieces.update(b"1234");
        pieces.update(b"");
        pieces.update(b"56789");
        assert_eq!(pieces.finish(), crc32c(b"123456789"));
    }
}
