//! From labels to a series: found, or made.

use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::{AppendError, Batch, SeriesRef};
use crate::head::lane::lane_of;
use crate::head::lookup::Address;
use crate::head::slab::PENDING;
use crate::head::{Head, Stats};
use crate::model::Labels;

impl Head {
    /// See [`super::Appendable::resolve`].
    pub(crate) fn resolve(&self, labels: &Labels, batch: &mut Batch) -> Result<SeriesRef, AppendError> {
        let pairs = labels.iter().filter(|(_, value)| !value.is_empty());
        let mut before: Option<&str> = None;
        for (name, _) in pairs.clone() {
            if before == Some(name) {
                let reason = format!("label name \"{name}\" is not unique: invalid sample");
                return Err(AppendError::invalid_labels(reason));
            }
            before = Some(name);
        }
        if before.is_none() {
            return Err(AppendError::invalid_labels("empty labelset: invalid sample"));
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(AppendError::closed());
        }
        let lane = lane_of(pairs.clone());
        let data = self.lanes[lane].data.read();
        if let Some(ordinal) = data.find(pairs.clone()) {
            return Ok(SeriesRef(data.cold[ordinal].series));
        }
        drop(data);
        self.gate.check_series(batch.beyond_limits)?;
        let _making = self.make_room(batch)?;
        let mut data = self.lanes[lane].data.write();
        let next = self.last_ref.load(Ordering::Acquire) + 1;
        let (ordinal, made) = data.find_or_create(pairs, next, PENDING);
        if !made {
            // Another batch made it in between.
            return Ok(SeriesRef(data.cold[ordinal].series));
        }
        // Another lane may have taken the number meanwhile.
        let series = self.last_ref.fetch_add(1, Ordering::AcqRel) + 1;
        data.cold[ordinal].series = series;
        self.refs.write().insert(series, Address::new(lane, ordinal));
        drop(data);
        Stats::add(&self.stats.series_created, 1);
        batch.created.push(SeriesRef(series));
        Ok(SeriesRef(series))
    }

    /// Whether one more series may be made. What is returned is held until it is: two do not take the last place.
    fn make_room(&self, batch: &Batch) -> Result<Option<MutexGuard<'_, ()>>, AppendError> {
        let series_max = self.options.series_max;
        if series_max == 0 {
            return Ok(None);
        }
        let making = self.making.lock();
        if self.series_count() >= series_max && !batch.beyond_limits {
            Stats::add(&self.stats.series_refused, 1);
            return Err(AppendError::series_limit(series_max));
        }
        Ok(Some(making))
    }
}
