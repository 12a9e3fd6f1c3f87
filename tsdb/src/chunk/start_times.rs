//! Start times in the chunks of Prometheus 3.11 and later: since when each sample's counter counts.
//!
//! A header byte says whether the first sample has one (bit 7) and from which sample on the others do
//! (bits 6-0, 0 for never). The first is written as its distance to its own sample, the others as theirs to the
//! sample before: whole, then by how much it changed.

use super::varbit;
use crate::encoding::bits::BitReader;
use crate::encoding::varint;

/// In a histogram chunk's count, the two bits above are the reset header.
pub(super) const COUNT_MASK: u16 = 0x3fff;

/// Reads start times along with their samples.
#[derive(Debug, Default)]
pub(super) struct StartTimes {
    first_known: bool,
    change_on: u16,
    start_ms: i64,
    distance_ms: i64,
}

impl StartTimes {
    /// What the header byte says.
    pub(super) fn of(header: u8) -> Self {
        Self {
            first_known: header & 0x80 != 0,
            change_on: u16::from(header & 0x7f),
            ..Self::default()
        }
    }

    /// The start time of sample number `sample`, 0 if it has none; reads what the chunk says of it. `None` when
    /// that is no number.
    pub(super) fn read(
        &mut self,
        sample: u16,
        t_ms: i64,
        before_ms: i64,
        from: &mut BitReader<'_>,
    ) -> Option<i64> {
        if sample == 0 {
            if self.first_known {
                self.start_ms = t_ms.wrapping_sub(varint::unzigzag(from.read_uvarint()?));
            }
        } else if self.change_on > 0 && sample >= self.change_on {
            let change = varbit::read_int(from);
            self.distance_ms = match sample == self.change_on {
                true => change,
                false => self.distance_ms.wrapping_add(change),
            };
            self.start_ms = before_ms.wrapping_sub(self.distance_ms);
        }
        Some(self.start_ms)
    }
}
