//! `rate`, `increase`, `delta`, `irate`, `idelta` on native histograms: as on floats, bucket by bucket.

use tsdb::model::histogram::CUSTOM_BUCKETS_SCHEMA;
use tsdb::model::{FloatHistogram, ResetHint};

use super::rate::{RateKind, Stretch, Window, is_start_reset};
use super::remarks::{Doing, Remarks};
use crate::eval::window::HistogramSample;

fn is_gauge(h: &FloatHistogram) -> bool {
    h.reset_hint == ResetHint::Gauge
}

/// Whether the counter was reset between two samples.
pub(super) fn is_reset(before: &HistogramSample, now: &HistogramSample) -> bool {
    is_start_reset((before.start, before.t), (now.start, now.t)) || now.h.is_reset_since(&before.h)
}

/// `rate`, `increase` or `delta` of one window's histograms.
pub(super) fn extrapolated(
    held: &[HistogramSample],
    window: &Window,
    range_ms: i64,
    kind: RateKind,
    remarks: &mut Remarks<'_>,
) -> Option<FloatHistogram> {
    let (first, last) = held.first().zip(held.last())?;
    let mut result = None;
    if held.len() > 1 {
        result = Some(increase(held, kind.is_counter, remarks)?);
    }
    let stretch = Stretch {
        first_ms: first.t,
        last_ms: last.t,
        intervals: held.len() - 1,
        first_start_ms: first.start,
    };
    let factor;
    if kind.is_counter && stretch.begins_within(window) {
        match &mut result {
            Some(sum) => add(sum, &first.h, remarks)?,
            None => result = Some(first.h.clone()),
        }
        factor = stretch.factor_from_start(window);
    } else {
        let grown = result.as_ref()?.count;
        let to_zero = (kind.is_counter && grown > 0.0 && first.h.count >= 0.0).then(|| first.h.count / grown);
        factor = stretch.factor(window, to_zero);
    }
    let mut result = result?;
    result.multiply(kind.per_second(factor, range_ms));
    Some(result)
}

/// What was added from the first to the last, what was lost at resets made up for.
fn increase(held: &[HistogramSample], is_counter: bool, remarks: &mut Remarks<'_>) -> Option<FloatHistogram> {
    let (first, last) = held.first().zip(held.last())?;
    let mut has_gauge = is_gauge(&first.h) || is_gauge(&last.h);
    let nothing;
    let mut previous = &first.h;
    let mut is_custom = previous.uses_custom_buckets();
    if is_counter && is_reset(first, &held[1]) {
        // What the first had is gone, so its buckets need not fit.
        let second = &held[1].h;
        is_custom = second.uses_custom_buckets();
        nothing = FloatHistogram {
            schema: second.schema,
            custom_bounds: second.custom_bounds.clone(),
            ..FloatHistogram::default()
        };
        previous = &nothing;
    }
    if last.h.uses_custom_buckets() != is_custom {
        if is_counter && has_gauge {
            remarks.not_counter();
        }
        remarks.mixed_schemas();
        return None;
    }
    let mut schema = last.h.schema.min(previous.schema);
    for sample in &held[1..held.len() - 1] {
        if !is_counter {
            continue;
        }
        has_gauge |= is_gauge(&sample.h);
        schema = schema.min(sample.h.schema);
        if sample.h.uses_custom_buckets() != is_custom {
            remarks.mixed_schemas();
            return None;
        }
    }
    if is_counter && has_gauge {
        remarks.not_counter();
    }
    let mut result = if is_custom || schema == CUSTOM_BUCKETS_SCHEMA {
        last.h.clone()
    } else {
        last.h.at_resolution(schema)
    };
    subtract(&mut result, previous, remarks)?;
    if is_counter {
        let mut overlaps = false;
        for pair in held.windows(2) {
            let (before, now) = (&pair[0], &pair[1]);
            if now.start != 0 && now.start < before.t && now.start != before.start && !overlaps {
                overlaps = true;
                remarks.start_overlap();
            }
            let by_start = is_start_reset((before.start, before.t), (now.start, now.t));
            if by_start || now.h.is_reset_since(previous) {
                add(&mut result, previous, remarks)?;
            }
            previous = &now.h;
        }
    } else if !is_gauge(&first.h) || !is_gauge(&last.h) {
        remarks.not_gauge();
    }
    result.reset_hint = ResetHint::Gauge;
    result.compact();
    Some(result)
}

/// Adds; `None` and a remark if the two have nothing in common.
pub(super) fn add(
    into: &mut FloatHistogram,
    other: &FloatHistogram,
    remarks: &mut Remarks<'_>,
) -> Option<()> {
    match into.add(other) {
        Ok(met) if met.bounds_differed => remarks.bounds_differed(Doing::Addition),
        Ok(_) => {}
        Err(_) => {
            remarks.mixed_schemas();
            return None;
        }
    }
    Some(())
}

/// Subtracts; `None` and a remark if the two have nothing in common.
pub(super) fn subtract(
    from: &mut FloatHistogram,
    other: &FloatHistogram,
    remarks: &mut Remarks<'_>,
) -> Option<()> {
    match from.subtract(other) {
        Ok(met) if met.bounds_differed => remarks.bounds_differed(Doing::Subtraction),
        Ok(_) => {}
        Err(_) => {
            remarks.mixed_schemas();
            return None;
        }
    }
    Some(())
}

/// `irate` or `idelta` of the last two samples.
pub(super) fn instant(
    before: &HistogramSample,
    now: &HistogramSample,
    is_rate: bool,
    remarks: &mut Remarks<'_>,
) -> Option<FloatHistogram> {
    let interval_ms = now.t - before.t;
    if interval_ms == 0 {
        return None;
    }
    let gauges = [is_gauge(&before.h), is_gauge(&now.h)];
    if is_rate && gauges.contains(&true) {
        remarks.not_counter();
    }
    if !is_rate && gauges.contains(&false) {
        remarks.not_gauge();
    }
    let mut result = now.h.clone();
    if !is_rate || !is_reset(before, now) {
        subtract(&mut result, &before.h, remarks)?;
    }
    result.reset_hint = ResetHint::Gauge;
    result.compact();
    if is_rate {
        result.divide(interval_ms as f64 / 1000.0);
    }
    Some(result)
}
