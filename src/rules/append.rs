//! Stores what a rule gave, and ends the series that it no longer gives.
//!
//! One evaluation is one [`Batch`]: its samples, then a staleness marker for each series that the
//! evaluation before had and this one has not.

use std::collections::HashMap;

use promql::value::{SampleValue, VectorSample};
use tracing::{debug, warn};
use tsdb::batch::{AppendError, AppendOptions, Appendable, Batch, SeriesRef, Verdict};
use tsdb::model::{Histogram, Labels, STALE_NAN_BITS};

/// The series that a rule's last evaluation gave, with their refs.
pub(super) type Series = HashMap<Labels, SeriesRef>;

/// Rules never write into the past, even where storage would let them.
const OPTIONS: AppendOptions = AppendOptions {
    reject_out_of_order: true,
};

/// What storing gave.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// The series that the next evaluation compares with.
    pub(super) series: Series,
    /// The last sample that was refused says why.
    pub(super) error: Option<String>,
}

/// Appends `samples` and ends those of `before` that are not among them.
///
/// # Errors
/// When nothing was stored at all.
pub(super) fn append(
    appendable: &dyn Appendable,
    samples: Vec<VectorSample>,
    before: &Series,
    at_ms: i64,
) -> Result<Stored, AppendError> {
    let mut batch = Batch::at(at_ms);
    let mut rows = Vec::with_capacity(samples.len());
    let mut stored = Stored::default();
    for sample in samples {
        let known = before.get(&sample.labels).copied();
        let series = match known.map_or_else(|| appendable.resolve(&sample.labels, &mut batch), Ok) {
            Ok(series) => series,
            Err(error) => {
                match error.is_no_room() {
                    // Told once, by storage.
                    true => {
                        debug!(err = %error, sample = %sample.labels, "Rule evaluation result discarded");
                    }
                    false => warn!(err = %error, sample = %sample.labels, "Rule evaluation result discarded"),
                }
                stored.error = Some(error.to_string());
                continue;
            }
        };
        push(&mut batch, series, &sample);
        rows.push((sample, series));
    }
    let mut given: Series = rows
        .iter()
        .map(|(sample, series)| (sample.labels.clone(), *series))
        .collect();
    for (labels, series) in before {
        if !given.contains_key(labels) {
            batch.push_at(*series, at_ms, STALE_NAN_BITS);
        }
    }
    if batch.is_empty() {
        return Ok(stored);
    }
    appendable.append(&mut batch, &OPTIONS)?;
    let mut verdicts = std::mem::take(&mut batch.verdict);
    retry_forgotten(appendable, &mut rows, &mut verdicts, &mut given, &mut stored)?;
    judge(&rows, &verdicts, &mut given, &mut stored);
    stored.series = given;
    Ok(stored)
}

fn push(batch: &mut Batch, series: SeriesRef, sample: &VectorSample) {
    match &sample.value {
        SampleValue::Float(v) => batch.push_at(series, sample.t_ms, v.to_bits()),
        SampleValue::Histogram(histogram) => {
            batch.push_histogram_at(series, sample.t_ms, Histogram::Float((**histogram).clone()));
        }
    }
}

/// Series that left the head since the last evaluation are made anew.
fn retry_forgotten(
    appendable: &dyn Appendable,
    rows: &mut [(VectorSample, SeriesRef)],
    verdicts: &mut [Verdict],
    given: &mut Series,
    stored: &mut Stored,
) -> Result<(), AppendError> {
    let mut batch = Batch::timed();
    let mut again = Vec::new();
    for (row, (sample, series)) in rows.iter_mut().enumerate() {
        if verdicts.get(row) == Some(&Verdict::UnknownSeries) {
            *series = match appendable.resolve(&sample.labels, &mut batch) {
                Ok(series) => series,
                Err(error) if error.is_series_limit() => {
                    given.remove(&sample.labels);
                    verdicts[row] = Verdict::Pending;
                    stored.error = Some(error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            given.insert(sample.labels.clone(), *series);
            push(&mut batch, *series, sample);
            again.push(row);
        }
    }
    if again.is_empty() {
        return Ok(());
    }
    appendable.append(&mut batch, &OPTIONS)?;
    for (row, verdict) in again.into_iter().zip(&batch.verdict) {
        verdicts[row] = *verdict;
    }
    Ok(())
}

/// Notes samples that were refused; markers may be, if another rule gives the series.
fn judge(rows: &[(VectorSample, SeriesRef)], verdicts: &[Verdict], given: &mut Series, stored: &mut Stored) {
    let (mut out_of_order, mut too_old, mut duplicates) = (0, 0, 0);
    for ((sample, _), verdict) in rows.iter().zip(verdicts) {
        let error = match verdict {
            Verdict::Accepted | Verdict::Repeated | Verdict::Overtaken | Verdict::Pending => continue,
            Verdict::OutOfOrder => {
                out_of_order += 1;
                "out of order sample"
            }
            Verdict::TooOld => {
                too_old += 1;
                "too old sample"
            }
            Verdict::Duplicate => {
                duplicates += 1;
                "duplicate sample for timestamp"
            }
            Verdict::OutOfBounds => {
                warn!(err = "out of bounds", sample = %sample.labels, "Rule evaluation result discarded");
                "out of bounds"
            }
            Verdict::UnknownSeries => {
                warn!(err = "unknown series", sample = %sample.labels, "Rule evaluation result discarded");
                "unknown series"
            }
        };
        debug!(err = error, sample = %sample.labels, "Rule evaluation result discarded");
        given.remove(&sample.labels);
        stored.error = Some(error.to_owned());
    }
    for (num_dropped, sentence) in [
        (
            out_of_order,
            "Error on ingesting out-of-order result from rule evaluation",
        ),
        (too_old, "Error on ingesting too old result from rule evaluation"),
        (
            duplicates,
            "Error on ingesting results from rule evaluation with different value but same timestamp",
        ),
    ] {
        if num_dropped > 0 {
            warn!(num_dropped, "{sentence}");
        }
    }
}

/// Ends series whose rule is gone.
///
/// # Errors
/// When nothing was stored.
pub(super) fn append_markers(
    appendable: &dyn Appendable,
    series: &[Labels],
    at_ms: i64,
) -> Result<(), AppendError> {
    let mut batch = Batch::at(at_ms);
    for labels in series {
        match appendable.resolve(labels, &mut batch) {
            Ok(series) => batch.push(series, STALE_NAN_BITS),
            Err(error) => {
                warn!(err = %error, sample = %labels, "Adding stale sample for previous configuration failed");
            }
        }
    }
    appendable.append(&mut batch, &OPTIONS).map(drop)
}
