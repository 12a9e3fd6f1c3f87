//! A cursor over bytes that come from a file: every read is checked, a failed one says where.

use std::fmt;

use super::varint;

/// Bytes being read from the front.
#[derive(Clone, Copy, Debug)]
pub struct DecodeBuffer<'a> {
    bytes: &'a [u8],
    offset: usize,
}

/// Bytes that are not what was expected, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    offset: usize,
    expected: &'static str,
}

impl DecodeError {
    /// At `offset` something other than `expected` was found.
    pub fn new(offset: usize, expected: &'static str) -> Self {
        Self { offset, expected }
    }

    /// Where, counted from the start of the buffer.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The same of a buffer that began `before` bytes earlier.
    #[must_use]
    pub fn behind(self, before: usize) -> Self {
        Self::new(before + self.offset, self.expected)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.offset)
    }
}

impl std::error::Error for DecodeError {}

impl<'a> DecodeBuffer<'a> {
    /// Reads `bytes` from their start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// How many bytes are left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// Whether all is read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// An error at the present place.
    #[cold]
    pub fn error(&self, expected: &'static str) -> DecodeError {
        DecodeError::new(self.offset, expected)
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.offset.checked_add(len);
        match end.and_then(|end| self.bytes.get(self.offset..end)) {
            Some(found) => {
                self.offset += len;
                Ok(found)
            }
            None => Err(self.error("more bytes")),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.bytes[self.offset..].first_chunk::<N>() {
            Some(found) => {
                self.offset += N;
                Ok(*found)
            }
            None => Err(self.error("more bytes")),
        }
    }

    /// One byte.
    ///
    /// # Errors
    /// When none is left.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A big-endian 16-bit number.
    ///
    /// # Errors
    /// When too few bytes are left.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A big-endian 32-bit number.
    ///
    /// # Errors
    /// When too few bytes are left.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A big-endian 64-bit number.
    ///
    /// # Errors
    /// When too few bytes are left.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A big-endian signed 64-bit number.
    ///
    /// # Errors
    /// When too few bytes are left.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    /// An unsigned variable-length number.
    ///
    /// # Errors
    /// When the bytes end within it or it does not fit.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u64, DecodeError> {
        match varint::read_uvarint(&self.bytes[self.offset..]) {
            Some((value, len)) => {
                self.offset += len;
                Ok(value)
            }
            None => Err(self.error("a variable-length number")),
        }
    }

    /// As [`Self::uvarint`], for numbers that take one byte or two by turns.
    ///
    /// # Errors
    /// As [`Self::uvarint`].
    #[inline(always)]
    pub fn uvarint_short(&mut self) -> Result<u64, DecodeError> {
        if let Some(&[first, second]) = self.bytes[self.offset..].first_chunk()
            && first & second < 0x80
        {
            // Which of both it is nobody can foretell, so that nothing hangs on it.
            let goes_on = first >> 7;
            self.offset += 1 + usize::from(goes_on);
            return Ok(u64::from(first & 0x7f) | u64::from(second * goes_on) << 7);
        }
        self.uvarint()
    }

    /// An unsigned variable-length number of at most 32 bits.
    ///
    /// # Errors
    /// As [`Self::uvarint`].
    #[inline(always)]
    pub fn uvarint32(&mut self) -> Result<u32, DecodeError> {
        let before = self.offset;
        let wide = self.uvarint()?;
        u32::try_from(wide).map_err(|_| DecodeError::new(before, "a number below 2^32"))
    }

    /// A length or count, as [`Self::uvarint`].
    ///
    /// # Errors
    /// As [`Self::uvarint`].
    #[inline]
    pub fn length(&mut self) -> Result<usize, DecodeError> {
        let before = self.offset;
        let wide = self.uvarint()?;
        usize::try_from(wide).map_err(|_| DecodeError::new(before, "a length"))
    }

    /// A signed variable-length number.
    ///
    /// # Errors
    /// As [`Self::uvarint`].
    #[inline]
    pub fn varint(&mut self) -> Result<i64, DecodeError> {
        self.uvarint().map(varint::unzigzag)
    }

    /// Bytes preceded by their length.
    ///
    /// # Errors
    /// When fewer are left than the length says.
    #[inline]
    pub fn prefixed_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.length()?;
        self.bytes(len)
    }

    /// A text preceded by its length.
    ///
    /// # Errors
    /// When fewer bytes are left than the length says, or they are not UTF-8.
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        let before = self.offset;
        let bytes = self.prefixed_bytes()?;
        std::str::from_utf8(bytes).map_err(|_| DecodeError::new(before, "UTF-8 text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_order_they_were_written() {
        let mut bytes = vec![7];
        bytes.extend(258u16.to_be_bytes());
        bytes.extend(1u32.to_be_bytes());
        bytes.extend((-1i64).to_be_bytes());
        varint::put_varint(&mut bytes, -300);
        varint::put_str(&mut bytes, "job");
        let mut buffer = DecodeBuffer::new(&bytes);
        assert_eq!(buffer.u8(), Ok(7));
        assert_eq!(buffer.u16(), Ok(258));
        assert_eq!(buffer.u32(), Ok(1));
        assert_eq!(buffer.i64(), Ok(-1));
        let mut short = buffer;
        assert_eq!(short.uvarint_short(), Ok(599));
        assert_eq!(short.uvarint_short(), Ok(3));
        assert_eq!(buffer.varint(), Ok(-300));
        assert_eq!(buffer.str(), Ok("job"));
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_failed_read_says_where_and_moves_nothing() {
        let mut buffer = DecodeBuffer::new(&[1, 200]);
        buffer.u8().unwrap();
        let error = buffer.u32().unwrap_err();
        assert_eq!(error.to_string(), "expected more bytes at byte 1");
        assert_eq!(buffer.uvarint().unwrap_err().offset(), 1);
        assert_eq!(buffer.remaining(), 1);
        assert!(DecodeBuffer::new(&[0xff, 0xff, 0x7f]).prefixed_bytes().is_err());
        assert!(DecodeBuffer::new(&[1, 0xff]).str().is_err());
    }
}
