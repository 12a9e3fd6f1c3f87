//! Protobuf as bytes: fields one after the other, nothing copied.
//!
//! It knows tags and wire types but no message. Groups, which no message of ours has, are refused.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use std::fmt;

use tsdb::encoding::varint::read_uvarint;

/// The fields of a message, in their order.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// A field's value as it lies on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1: a double, most often.
    Fixed64(u64),
    /// Wire type 2: a text, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// Bytes that are no message of the kind that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireError {
    /// The bytes end inside a field.
    Truncated,
    /// A wire type that is none, or a group.
    WireType(u64),
    /// A field number that is none.
    Number,
    /// A known field of another type: its name, and the wire type that was found.
    Mismatch(&'static str, u8),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("unexpected EOF"),
            Self::WireType(found) => write!(f, "proto: illegal wireType {found}"),
            Self::Number => f.write_str("proto: illegal tag 0"),
            Self::Mismatch(field, found) => write!(f, "proto: wrong wireType = {found} for field {field}"),
        }
    }
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field's number and value; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(WireError::Number);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(WireError::WireType(other)),
        };
        Ok(Some((number, value)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        let (value, length) = read_uvarint(self.rest).ok_or(WireError::Truncated)?;
        self.rest = &self.rest[length..];
        Ok(value)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

impl<'a> Value<'a> {
    /// A text, bytes or message.
    #[inline]
    pub(super) fn bytes(self, field: &'static str) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(other.mismatch(field)),
        }
    }

    /// A double, as bits.
    #[inline]
    pub(super) fn double_bits(self, field: &'static str) -> Result<u64, WireError> {
        match self {
            Self::Fixed64(bits) => Ok(bits),
            other => Err(other.mismatch(field)),
        }
    }

    /// An uint64.
    #[inline]
    pub(super) fn uint64(self, field: &'static str) -> Result<u64, WireError> {
        match self {
            Self::Varint(value) => Ok(value),
            other => Err(other.mismatch(field)),
        }
    }

    /// An int64.
    #[inline]
    pub(super) fn int64(self, field: &'static str) -> Result<i64, WireError> {
        self.uint64(field).map(u64::cast_signed)
    }

    fn mismatch(self, field: &'static str) -> WireError {
        let found = match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32(_) => 5,
        };
        WireError::Mismatch(field, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &[(u64, Value<'_>)]) {
        let (mut fields, mut found) = (Fields::new(bytes), Vec::new());
        while let Some(field) = fields.next().unwrap() {
            found.push(field);
        }
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], expected: WireError) {
        assert_eq!(Fields::new(bytes).next(), Err(expected));
    }

    #[test]
    fn fields_come_in_their_order_with_their_bytes() {
        check(
            &[0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 0, 0, 0],
            &[
                (1, Value::Varint(150)),
                (2, Value::Bytes(b"hi")),
                (3, Value::Fixed32(1)),
            ],
        );
        check(&[0x21, 1, 0, 0, 0, 0, 0, 0, 0], &[(4, Value::Fixed64(1))]);
        check(&[], &[]);
    }

    #[test]
    fn damage_is_refused() {
        check_refused(&[0x08], WireError::Truncated);
        check_refused(&[0x08, 0x80], WireError::Truncated);
        check_refused(&[0x12, 3, b'h', b'i'], WireError::Truncated);
        check_refused(
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            WireError::Truncated,
        );
        check_refused(&[0x21, 0], WireError::Truncated);
        check_refused(&[0x0b], WireError::WireType(3));
        check_refused(&[0x0f], WireError::WireType(7));
        check_refused(&[0x00, 0], WireError::Number);
    }
}
