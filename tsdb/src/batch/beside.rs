//! What a batch holds beside its rows: exemplars and metadata, judged and logged with them.

use parking_lot::{RwLockReadGuard, RwLockWriteGuard};

use super::log::Scratch;
use super::{Batch, Receipt};
use crate::head::exemplars::ExemplarVerdict;
use crate::head::lane::{LANES, LaneData};
use crate::head::lookup::Address;
use crate::head::{Head, Stats};
use crate::model::{Exemplar, Labels};
use crate::wal::record::{exemplars, metadata};

/// What is to be logged and stored.
#[derive(Default)]
pub(crate) struct Judged {
    /// (series' number, its labels, exemplar with a time).
    exemplars: Vec<(u64, Labels, Exemplar)>,
    /// (place, number in the batch) of what is said of a series for the first time.
    metadata: Vec<(Address, usize)>,
    out_of_order: usize,
    too_long: usize,
    /// Exemplars that are there already.
    duplicates: usize,
}

impl Judged {
    /// Encodes what is said of series; says whether there is anything.
    pub(crate) fn encode_metadata(&self, batch: &Batch, into: &mut Vec<u8>) -> bool {
        metadata::begin(into);
        for &(_, at) in &self.metadata {
            let (series, said) = &batch.metadata[at];
            metadata::push(into, series.0, said);
        }
        !self.metadata.is_empty()
    }

    /// Encodes the exemplars; says whether there are any.
    pub(crate) fn encode_exemplars(&self, into: &mut Vec<u8>) -> bool {
        let mut encoder = exemplars::Encoder::new(into);
        for (series, _, exemplar) in &self.exemplars {
            let labels: Vec<_> = exemplar.labels.iter().collect();
            let t_ms = exemplar.at_ms.unwrap_or(0);
            encoder.push(*series, t_ms, exemplar.value, labels.into_iter());
        }
        !encoder.is_empty()
    }
}

impl Head {
    /// Judges exemplars and metadata by what is stored.
    pub(super) fn judge_beside(
        &self,
        batch: &Batch,
        scratch: &Scratch,
        data: &[Option<RwLockReadGuard<'_, LaneData>>; LANES],
    ) -> Judged {
        let mut judged = Judged::default();
        if batch.exemplars.is_empty() && batch.metadata.is_empty() {
            return judged;
        }
        let places = &scratch.places[batch.refs.len() + batch.created.len()..];
        let (of_exemplars, of_metadata) = places.split_at(batch.exemplars.len());
        let lane = |place: &Address| match *place == Address::NONE {
            true => None,
            false => data[place.lane()].as_deref(),
        };
        if self.exemplars.is_enabled() {
            for ((series, exemplar), place) in batch.exemplars.iter().zip(of_exemplars) {
                let Some(data) = lane(place) else { continue };
                let labels = data.labels.labels(data.cold[place.ordinal()].labels_at);
                let labels = Labels::from_sorted(labels);
                let exemplar = Exemplar {
                    at_ms: exemplar.at_ms.or_else(|| Some(batch.latest_ms())),
                    ..exemplar.clone()
                };
                match self.exemplars.judge(&labels, &exemplar) {
                    ExemplarVerdict::Stored => judged.exemplars.push((series.0, labels, exemplar)),
                    ExemplarVerdict::Duplicate => judged.duplicates += 1,
                    ExemplarVerdict::OutOfOrder => judged.out_of_order += 1,
                    ExemplarVerdict::LabelsTooLong => judged.too_long += 1,
                    ExemplarVerdict::Disabled => {}
                }
            }
        }
        for (at, ((_, said), place)) in batch.metadata.iter().zip(of_metadata).enumerate() {
            let Some(data) = lane(place) else { continue };
            if data
                .metadata
                .get(&place.ordinal())
                .is_none_or(|known| **known != *said)
            {
                judged.metadata.push((*place, at));
            }
        }
        judged
    }

    /// Notes what was said of series.
    pub(super) fn apply_metadata(
        &self,
        judged: &Judged,
        batch: &Batch,
        data: &mut [Option<RwLockWriteGuard<'_, LaneData>>; LANES],
    ) {
        for &(place, at) in &judged.metadata {
            if let Some(data) = &mut data[place.lane()] {
                data.describe(place.ordinal(), &batch.metadata[at].1);
            }
        }
    }

    /// Stores exemplars and counts what became of them.
    pub(super) fn apply_exemplars(&self, judged: Judged, receipt: &mut Receipt) {
        let mut stored = 0;
        receipt.exemplars += judged.duplicates;
        receipt.exemplars_too_long += judged.too_long;
        receipt.exemplars_out_of_order += judged.out_of_order;
        for (_, labels, exemplar) in judged.exemplars {
            match self.exemplars.add(&labels, exemplar) {
                ExemplarVerdict::Stored => {
                    stored += 1;
                    receipt.exemplars += 1;
                }
                // An earlier one of the batch was the same, or later.
                ExemplarVerdict::Duplicate => receipt.exemplars += 1,
                _ => receipt.exemplars_out_of_order += 1,
            }
        }
        if stored > 0 {
            Stats::add(&self.stats.exemplars_appended, stored);
        }
        if receipt.exemplars_out_of_order > 0 {
            Stats::add(
                &self.stats.exemplars_out_of_order,
                receipt.exemplars_out_of_order as u64,
            );
        }
    }
}
