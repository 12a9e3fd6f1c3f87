//! What belongs to no lane: the head's times, other numbers of series, and the exemplars.
//!
//! ```text
//! block   uvarint last number | i64 earliest | i64 latest | i64 earliest late
//!         uvarint n | n × (uvarint number | u8 lane | uvarint ordinal)        numbers that series had before
//!         uvarint n | n × (uvarint number | i64 until)                        numbers that are gone
//!         uvarint exemplars kept at most
//!         uvarint length | series record of those with exemplars
//!         uvarint length | exemplars record, in the order of their coming
//! ```

use hashbrown::HashMap;

use super::beside::put_prefixed;
use crate::encoding::{DecodeBuffer, DecodeError, varint};
use crate::head::lookup::Address;
use crate::model::{Exemplar, Labels};
use crate::wal::record::{exemplars, series};

/// See the module.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Global {
    pub(super) last_ref: u64,
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    pub(super) late_min_ms: i64,
    pub(super) aliases: Vec<(u64, Address)>,
    pub(super) expiries: Vec<(u64, i64)>,
    /// How many exemplars were kept at most.
    pub(super) exemplars_max: u64,
    pub(super) exemplars: Vec<(Labels, Exemplar)>,
}

impl Global {
    pub(super) fn encode(&self) -> Vec<u8> {
        let many = self.aliases.len() + self.expiries.len();
        let mut into = Vec::with_capacity(64 + many * 2 * size_of::<u64>());
        varint::put_uvarint(&mut into, self.last_ref);
        for t_ms in [self.min_ms, self.max_ms, self.late_min_ms] {
            into.extend(t_ms.to_be_bytes());
        }
        varint::put_uvarint(&mut into, self.aliases.len() as u64);
        for &(number, place) in &self.aliases {
            varint::put_uvarint(&mut into, number);
            into.push(place.lane() as u8);
            varint::put_uvarint(&mut into, u64::from(place.ordinal()));
        }
        varint::put_uvarint(&mut into, self.expiries.len() as u64);
        for &(number, until_ms) in &self.expiries {
            varint::put_uvarint(&mut into, number);
            into.extend(until_ms.to_be_bytes());
        }
        varint::put_uvarint(&mut into, self.exemplars_max);
        let (mut names, mut record) = (Vec::new(), Vec::new());
        series::begin(&mut names);
        let mut known: HashMap<&Labels, u64> = HashMap::new();
        let mut encoder = exemplars::Encoder::new(&mut record);
        for (labels, exemplar) in &self.exemplars {
            let next = known.len() as u64;
            let number = *known.entry(labels).or_insert_with(|| {
                series::push(&mut names, next, labels.len(), labels.iter());
                next
            });
            let own: Vec<_> = exemplar.labels.iter().collect();
            encoder.push(
                number,
                exemplar.at_ms.unwrap_or(0),
                exemplar.value,
                own.into_iter(),
            );
        }
        put_prefixed(&mut into, &names);
        put_prefixed(&mut into, &record);
        into
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = DecodeBuffer::new(bytes);
        let mut global = Self {
            last_ref: rest.uvarint()?,
            min_ms: rest.i64()?,
            max_ms: rest.i64()?,
            late_min_ms: rest.i64()?,
            ..Self::default()
        };
        for _ in 0..rest.length()? {
            let (number, lane, ordinal) = (rest.uvarint()?, rest.u8()?, rest.uvarint32()?);
            let place = Address::checked(usize::from(lane), ordinal);
            let place = place.ok_or_else(|| rest.error("the place of a series"))?;
            global.aliases.push((number, place));
        }
        for _ in 0..rest.length()? {
            global.expiries.push((rest.uvarint()?, rest.i64()?));
        }
        global.exemplars_max = rest.uvarint()?;
        let mut names = Vec::new();
        series::decode(rest.prefixed_bytes()?, |_, labels| {
            names.push(Labels::from_sorted(labels.iter().copied()));
        })?;
        let mut is_known = true;
        exemplars::decode(rest.prefixed_bytes()?, |number, exemplar| {
            let labels = usize::try_from(number).ok().and_then(|at| names.get(at));
            match labels {
                Some(labels) => global.exemplars.push((labels.clone(), exemplar)),
                None => is_known = false,
            }
        })?;
        match rest.is_empty() && is_known {
            true => Ok(global),
            false => Err(rest.error("the end, and series of exemplars")),
        }
    }
}
