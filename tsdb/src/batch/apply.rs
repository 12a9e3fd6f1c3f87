//! A batch from judging to memory, its lanes held all the while.
//!
//! ```text
//! find rows ─▶ lock the lanes' writers ─▶ judge ─▶ write the log ─▶ lock their data ─▶ apply
//! ```
//!
//! Rows are judged once more when they are applied, since earlier rows of the batch may be of the same
//! series; what is refused only then is in the log already, and a replay refuses it again.

use std::sync::atomic::Ordering;

use parking_lot::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

use super::judge::{Bounds, Judged, judge, judge_histogram};
use super::log::{Scratch, mark_logged};
use super::{AppendError, AppendOptions, Batch, Receipt, Verdict};
use crate::head::histograms::Open;
use crate::head::lane::{LANES, LaneData};
use crate::head::late::{LateRecords, Value};
use crate::head::lookup::Address;
use crate::head::slab::LOGGED;
use crate::head::{Head, Stats};
use crate::model::STALE_NAN_BITS;

impl Head {
    /// See [`super::Appendable::append`].
    pub(crate) fn append(&self, batch: &mut Batch, options: &AppendOptions) -> Result<Receipt, AppendError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(AppendError::closed());
        }
        if let Some((row, _)) = batch.histograms.iter().find(|(_, h)| !h.is_well_formed()) {
            return Err(AppendError::invalid_histogram(*row));
        }
        self.gate.check_samples(batch.len())?;
        self.log_owed().map_err(AppendError::log)?;
        let mut scratch = Scratch::take(self);
        let outcome = self.append_with(batch, options, &mut scratch);
        scratch.put_back(self);
        outcome
    }

    /// See [`super::Appendable::judge`].
    pub(crate) fn judge(&self, batch: &mut Batch) {
        let mut scratch = Scratch::take(self);
        let writers = self.lock_lanes(batch, &mut scratch);
        let lanes = lanes_of(&scratch);
        let data: [Option<RwLockReadGuard<'_, LaneData>>; LANES] =
            std::array::from_fn(|lane| lanes[lane].then(|| self.lanes[lane].data.read()));
        self.judge_rows(batch, &AppendOptions::default(), &mut scratch, &data);
        drop(data);
        drop(writers);
        scratch.put_back(self);
    }

    fn append_with(
        &self,
        batch: &mut Batch,
        options: &AppendOptions,
        scratch: &mut Scratch,
    ) -> Result<Receipt, AppendError> {
        let _writers = self.lock_lanes(batch, scratch);
        if self.closed.load(Ordering::Acquire) {
            return Err(AppendError::closed());
        }
        let lanes = lanes_of(scratch);
        let guards = lanes.map(|used| used.then_some(()));
        let data: [Option<RwLockReadGuard<'_, LaneData>>; LANES] =
            std::array::from_fn(|lane| guards[lane].map(|()| self.lanes[lane].data.read()));
        let bounds = self.judge_rows(batch, options, scratch, &data);
        batch.take_over(&mut scratch.stale);
        let judged = self.judge_beside(batch, scratch, &data);
        scratch
            .encode(batch, &judged, |lane| data[lane].as_deref())
            .map_err(AppendError::log)?;
        drop(data);
        scratch.write(self).map_err(AppendError::log)?;
        let mut data: [Option<RwLockWriteGuard<'_, LaneData>>; LANES] =
            std::array::from_fn(|lane| guards[lane].map(|()| self.lanes[lane].data.write()));
        for &place in &scratch.unlogged {
            if let Some(data) = &mut data[place.lane()] {
                mark_logged(data, place.ordinal());
            }
        }
        let mut late = LateRecords::default();
        self.apply_rows(batch, scratch, &mut data, bounds, &mut late);
        self.apply_metadata(&judged, batch, &mut data);
        drop(data);
        batch.created.clear();
        if !late.is_empty() {
            self.log_late(late).map_err(AppendError::log)?;
        }
        let mut receipt = self.receipt(batch);
        self.apply_exemplars(judged, &mut receipt);
        Ok(receipt)
    }

    /// Finds the rows' series and locks the writers of their lanes.
    fn lock_lanes(&self, batch: &Batch, scratch: &mut Scratch) -> [Option<MutexGuard<'_, ()>>; LANES] {
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            let beside = batch.exemplars.iter().map(|(series, _)| series);
            let beside = beside.chain(batch.metadata.iter().map(|(series, _)| series));
            let rows = batch.refs.iter().chain(&batch.created).chain(beside).map(|r| r.0);
            self.refs.read().locate(rows, &mut scratch.places);
            let lanes = lanes_of(scratch);
            let writers = std::array::from_fn(|lane| lanes[lane].then(|| self.lanes[lane].writer.lock()));
            // A collection may have moved series before their lanes were locked; none can now.
            if generation == self.generation.load(Ordering::Acquire) {
                return writers;
            }
        }
    }

    /// Fills the verdicts; returns which times are taken.
    fn judge_rows(
        &self,
        batch: &mut Batch,
        options: &AppendOptions,
        scratch: &mut Scratch,
        data: &[Option<RwLockReadGuard<'_, LaneData>>; LANES],
    ) -> Bounds {
        let mut from_ms = self.appendable_from_ms();
        let mut max_ms = self.max_ms.load(Ordering::Acquire);
        if max_ms == i64::MIN && !batch.is_empty() {
            // The first sample ever sets the clock.
            max_ms = batch.row_at_ms(0);
            from_ms = from_ms.max(max_ms.saturating_sub(self.options.chunk_range_ms / 2));
        }
        let window_ms = self.window_ms.load(Ordering::Acquire);
        let bounds = Bounds {
            from_ms,
            late_from_ms: (window_ms > 0).then(|| max_ms.saturating_sub(window_ms)),
            refuse_late: options.reject_out_of_order,
        };
        batch.verdict.clear();
        let mut histograms = batch.histograms.iter().peekable();
        let rows = batch.refs.len();
        for (row, &place) in scratch.places.iter().enumerate() {
            let histogram = histograms.next_if(|(at, _)| *at as usize == row);
            let Some(data) = (place != Address::NONE)
                .then(|| data[place.lane()].as_ref())
                .flatten()
            else {
                if row < rows {
                    batch.verdict.push(Verdict::UnknownSeries);
                }
                continue;
            };
            let hot = &data.hot[place.ordinal()];
            if row >= rows {
                // A series made for this batch, or one of which there is more than rows: its record is written,
                // whatever became of its rows.
                if hot.flags & LOGGED == 0 {
                    scratch.unlogged.push(place);
                }
                continue;
            }
            let (t_ms, bits) = (batch.row_at_ms(row), batch.bits[row]);
            let stale = (bits == STALE_NAN_BITS && hot.holds_histograms() && histogram.is_none())
                .then(|| data.histograms.get(&place.ordinal()).map(Open::stale))
                .flatten();
            let verdict = match (histogram.map(|(_, histogram)| histogram), &stale) {
                (None, None) => judge(hot, t_ms, bits, bounds),
                (Some(histogram), _) | (None, Some(histogram)) => {
                    judge_histogram(data, place.ordinal(), t_ms, histogram, bounds)
                }
            };
            let verdict = verdict.verdict();
            if let Some(stale) = stale {
                scratch.stale.push((row as u32, stale));
            }
            if verdict == Verdict::Accepted && hot.flags & LOGGED == 0 {
                scratch.unlogged.push(place);
            }
            batch.verdict.push(verdict);
        }
        bounds
    }

    fn apply_rows(
        &self,
        batch: &mut Batch,
        scratch: &Scratch,
        data: &mut [Option<RwLockWriteGuard<'_, LaneData>>; LANES],
        bounds: Bounds,
        late: &mut LateRecords,
    ) {
        let mut histograms = batch.histograms.iter().peekable();
        let range_ms = self.options.chunk_range_ms;
        let (mut min_ms, mut max_ms) = (i64::MAX, i64::MIN);
        let (mut stored, mut begun) = (0, 0);
        let mut stored_histograms = 0;
        let (mut late_min_ms, mut late_max_ms, mut late_count) = (i64::MAX, i64::MIN, 0);
        for row in 0..batch.refs.len() {
            let histogram = histograms.next_if(|(at, _)| *at as usize == row);
            if batch.verdict[row] != Verdict::Accepted {
                continue;
            }
            let place = scratch.places[row];
            let Some(data) = &mut data[place.lane()] else {
                continue;
            };
            let (t_ms, bits) = (batch.row_at_ms(row), batch.bits[row]);
            let verdict = match histogram {
                None => judge(&data.hot[place.ordinal()], t_ms, bits, bounds),
                Some((_, histogram)) => judge_histogram(data, place.ordinal(), t_ms, histogram, bounds),
            };
            match verdict {
                Judged::InOrder => {}
                Judged::Late => {
                    let value = match histogram {
                        None => Value::Float(bits),
                        Some((_, histogram)) => Value::Histogram(Box::new(histogram.clone())),
                    };
                    if data.insert_late(place.ordinal(), t_ms, value.clone()) {
                        late.push(data.cold[place.ordinal()].series, t_ms, value);
                        late_min_ms = late_min_ms.min(t_ms);
                        late_max_ms = late_max_ms.max(t_ms);
                        late_count += 1;
                    } else {
                        batch.verdict[row] = Verdict::Repeated;
                    }
                    continue;
                }
                Judged::Not(verdict) => {
                    batch.verdict[row] = Verdict::Overtaken;
                    if verdict == Verdict::OutOfOrder {
                        Stats::add(&self.stats.out_of_order, 1);
                    }
                    continue;
                }
            }
            match histogram {
                None => begun += u64::from(data.append(place.ordinal(), t_ms, bits, range_ms)),
                Some((_, histogram)) => {
                    begun += data.append_histogram(place.ordinal(), t_ms, histogram, range_ms);
                    stored_histograms += 1;
                }
            }
            stored += 1;
            min_ms = min_ms.min(t_ms);
            max_ms = max_ms.max(t_ms);
        }
        if late_count > 0 {
            self.late_min_ms.fetch_min(late_min_ms, Ordering::AcqRel);
            self.late_max_ms.fetch_max(late_max_ms, Ordering::AcqRel);
            Stats::add(&self.stats.late_appended, late_count);
        }
        if stored > 0 {
            // Under the lanes' locks, so that whoever sees the samples sees the times.
            self.widen(min_ms, max_ms);
            Stats::add(&self.stats.samples_appended, stored - stored_histograms);
            if stored_histograms > 0 {
                Stats::add(&self.stats.histograms_appended, stored_histograms);
            }
            Stats::add(&self.stats.chunks_created, begun);
        }
    }

    fn receipt(&self, batch: &Batch) -> Receipt {
        let mut receipt = Receipt::default();
        for verdict in &batch.verdict {
            match verdict {
                Verdict::Accepted | Verdict::Repeated | Verdict::Overtaken => receipt.accepted += 1,
                Verdict::Duplicate => receipt.duplicate += 1,
                Verdict::OutOfOrder => receipt.out_of_order += 1,
                Verdict::OutOfBounds => receipt.out_of_bounds += 1,
                Verdict::TooOld => receipt.too_old += 1,
                Verdict::UnknownSeries => receipt.unknown_series += 1,
                Verdict::Pending => unreachable!("every row was judged"),
            }
        }
        let stats = &self.stats;
        for (counter, count) in [
            (&stats.duplicates, receipt.duplicate),
            (&stats.out_of_order, receipt.out_of_order),
            (&stats.out_of_bounds, receipt.out_of_bounds),
            (&stats.too_old, receipt.too_old),
            (&stats.series_not_found, receipt.unknown_series),
        ] {
            if count > 0 {
                Stats::add(counter, count as u64);
            }
        }
        receipt
    }
}

fn lanes_of(scratch: &Scratch) -> [bool; LANES] {
    let mut lanes = [false; LANES];
    for &place in &scratch.places {
        if place != Address::NONE {
            lanes[place.lane()] = true;
        }
    }
    lanes
}
