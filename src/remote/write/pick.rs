//! What of a record is sent: not what is too old, nor what relabelling drops, nor what nobody knows.

use std::collections::VecDeque;

use super::encode::EncodedLabels;
use super::send::{Counts, Item};
use super::series::{Known, SeriesTable};

/// Goes over a record's samples or exemplars.
#[derive(Debug)]
pub(super) struct Picker<'a> {
    series: &'a SeriesTable,
    pending: &'a mut VecDeque<(u64, Item)>,
    oldest_ms: i64,
    pub(super) left_out: LeftOut,
}

/// What of a record is not sent.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    pub(super) old: Counts,
    pub(super) dropped: Counts,
    pub(super) unknown: Counts,
    /// One of the series that are not known.
    pub(super) unknown_ref: u64,
}

impl<'a> Picker<'a> {
    pub(super) fn new(
        series: &'a SeriesTable,
        pending: &'a mut VecDeque<(u64, Item)>,
        oldest_ms: i64,
    ) -> Self {
        Self {
            series,
            pending,
            oldest_ms,
            left_out: LeftOut::default(),
        }
    }

    /// A sample, or an exemplar with labels of its own, of the series with number `id`.
    pub(super) fn put(&mut self, id: u64, at_ms: i64, bits: u64, exemplar: Option<EncodedLabels>) {
        let left_out = &mut self.left_out;
        if at_ms < self.oldest_ms {
            left_out.old.add(exemplar.is_some());
            return;
        }
        match self.series.get(id) {
            Known::Sent(labels) => {
                let item = Item {
                    labels,
                    at_ms,
                    bits,
                    exemplar,
                };
                self.pending.push_back((id, item));
            }
            Known::Dropped => left_out.dropped.add(exemplar.is_some()),
            Known::Unknown => {
                left_out.unknown.add(exemplar.is_some());
                left_out.unknown_ref = id;
            }
        }
    }
}
