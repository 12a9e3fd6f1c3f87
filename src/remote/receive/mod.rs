//! The remote-write receiver, protocol 1.0: a request is one batch, stored whole or not at all.
//!
//! ```text
//! headers → snappy → series by series into a batch → judged as a whole ─┬─ all fit: stored, 204
//!                    (invalid labels: passed over, counted)             └─ one does not: 400, nothing stored
//! ```
//!
//! Where the number of series is limited, new ones beyond the limit are passed over and the rest is stored; the
//! answer is 400 all the same, and tells how many they were.
//!
//! Start with [`Receiver::receive`]. Source of the behaviour:
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/> and Prometheus' own answers.

mod histogram;
mod message;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use promql::format::{Layout, push_float};
use tracing::{error, warn};
use tsdb::batch::{AppendError, AppendOptions, Appendable, Batch, Verdict};
use tsdb::model::{Exemplar, Histogram, Labels, METRIC_NAME, Matcher};
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

use self::message::{SentExemplar, Series};
use self::wire::WireError;
use crate::telemetry::{Counter, Registry};

/// The most bytes of a request, before and after it is unpacked.
const REQUEST_BYTES_MAX: usize = 32 << 20;

/// How far ahead of the clock a sample may lie: ten minutes.
const AHEAD_MS_MAX: i64 = 10 * 60_000;

/// The message that is understood.
const MESSAGE: &str = "prometheus.WriteRequest";

/// The message of protocol 2.0.
const MESSAGE_V2: &str = "io.prometheus.write.v2.Request";

const CONTENT_TYPE: &str = "application/x-protobuf";

/// Where requests are stored.
pub trait Storage: Appendable + Queryable {}

impl<T: Appendable + Queryable> Storage for T {}

/// Takes requests.
#[derive(Debug)]
pub struct Receiver {
    storage: Arc<dyn Storage>,
    invalid_labels: Counter,
}

/// Why a request is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status: of 400 and above; the sender tries again from 500 on.
    pub status: u16,
    /// What is wrong.
    pub text: String,
}

impl Refusal {
    fn new(status: u16, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { status, text }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self::new(400, error.to_string())
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        // Sending the same again would not help.
        let is_final = error.is_invalid_labels() || error.is_series_limit();
        let status = match is_final {
            true => 400,
            false if error.is_no_room() => 503,
            false => 500,
        };
        Self::new(status, error.to_string())
    }
}

/// A request's rows, and whose they are.
#[derive(Debug)]
struct Rows {
    batch: Batch,
    /// Where the rows of each series begin, and its labels.
    starts: Vec<(usize, Labels)>,
    /// How many series were refused since there are as many as may be, and in which words.
    beyond_limit: Option<(usize, String)>,
}

impl Rows {
    fn new() -> Self {
        Self {
            batch: Batch::timed(),
            starts: Vec::new(),
            beyond_limit: None,
        }
    }

    /// The row's value, if it is a histogram.
    fn histogram_of(&self, row: usize) -> Option<&Histogram> {
        let row = u32::try_from(row).ok()?;
        let all = &self.batch.histograms;
        let at = all.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        Some(&all[at].1)
    }

    fn labels_of(&self, row: usize) -> &Labels {
        let after = self.starts.partition_point(|(start, _)| *start <= row);
        &self.starts[after - 1].1
    }
}

impl Receiver {
    /// A receiver in front of `storage`.
    pub fn new(storage: Arc<dyn Storage>, registry: &Registry) -> Self {
        let invalid_labels = registry.counter(
            "prometheus_api_remote_write_invalid_labels_samples_total",
            "The total number of received remote write samples and histogram samples which were rejected due to invalid labels.",
        );
        Self {
            storage,
            invalid_labels,
        }
    }

    /// Stores a request that came at `now_ms`.
    ///
    /// # Errors
    /// When it is not stored: all of it is then as if it had not come, but for series that are known now.
    pub fn receive(
        &self,
        content_type: &str,
        encoding: &str,
        body: &[u8],
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let unpacked = unpack(encoding, body)?;
        check_content_type(content_type)?;
        let outcome = self.store(&unpacked, now_ms);
        if let Err(refusal) = &outcome
            && refusal.status >= 500
        {
            error!(error = refusal.text, "Error appending remote write");
        }
        outcome
    }

    fn store(&self, request: &[u8], now_ms: i64) -> Result<(), Refusal> {
        let mut rows = Rows::new();
        let mut invalid = 0;
        let read = message::read(request, |series| match labels_of(series) {
            Some(labels) => self.add(series, labels, now_ms, &mut rows),
            None => {
                invalid += 1;
                Ok(())
            }
        });
        if let Err(refusal) = read.and_then(|()| self.judge(&mut rows, now_ms)) {
            // Series that were made for it are logged all the same.
            rows.batch.clear(now_ms);
            self.storage.append(&mut rows.batch, &AppendOptions::default())?;
            return Err(refusal);
        }
        if invalid > 0 {
            self.invalid_labels.add(f64::from(invalid));
        }
        let beyond_limit = rows.beyond_limit.take();
        self.commit(rows)?;
        match beyond_limit {
            None => Ok(()),
            Some((count, text)) => Err(Refusal::new(400, format!("{text}: {count} of this request"))),
        }
    }

    fn add(
        &self,
        series: &mut Series<'_>,
        labels: Labels,
        now_ms: i64,
        rows: &mut Rows,
    ) -> Result<(), Refusal> {
        let batch = &mut rows.batch;
        let known = match self.storage.resolve(&labels, batch) {
            Ok(known) => known,
            Err(error) if error.is_series_limit() => {
                rows.beyond_limit.get_or_insert((0, error.to_string())).0 += 1;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        rows.starts.push((batch.len(), labels));
        for &(at_ms, bits) in &series.samples {
            batch.push_at(known, at_ms, bits);
        }
        // Exemplars that do not fit are no reason to refuse a request.
        let in_time = series
            .exemplars
            .iter()
            .filter(|sent| sent.at_ms <= now_ms + AHEAD_MS_MAX);
        batch
            .exemplars
            .extend(in_time.filter_map(|sent| Some((known, exemplar(sent)?))));
        for (at_ms, mut histogram) in series.histograms.drain(..) {
            histogram.limit_resolution();
            histogram
                .validate()
                .map_err(|error| Refusal::new(400, error.to_string()))?;
            batch.push_histogram_at(known, at_ms, histogram);
        }
        Ok(())
    }

    /// Whether every row fits what is stored; the first that does not is told.
    fn judge(&self, rows: &mut Rows, now_ms: i64) -> Result<(), Refusal> {
        self.storage.judge(&mut rows.batch);
        for (row, verdict) in rows.batch.verdict.iter().enumerate() {
            let at_ms = rows.batch.row_at_ms(row);
            let text = if at_ms > now_ms + AHEAD_MS_MAX {
                "out of bounds: timestamp is too far in the future".to_owned()
            } else {
                match verdict {
                    Verdict::Duplicate => self.duplicate(rows, row),
                    Verdict::OutOfOrder => "out of order sample".to_owned(),
                    Verdict::OutOfBounds => "out of bounds".to_owned(),
                    Verdict::TooOld => "too old sample".to_owned(),
                    _ => continue,
                }
            };
            let series = rows.labels_of(row);
            error!(err = text, %series, timestamp = at_ms, "Out of order sample from remote write");
            return Err(Refusal::new(400, text));
        }
        Ok(())
    }

    fn duplicate(&self, rows: &Rows, row: usize) -> String {
        if rows.histogram_of(row).is_some() {
            return "duplicate sample for timestamp".to_owned();
        }
        let (at_ms, labels) = (rows.batch.row_at_ms(row), rows.labels_of(row));
        let existing = self.stored(labels, at_ms);
        let existing = existing.map_or_else(|| "another value".to_owned(), shown);
        let value = shown(f64::from_bits(rows.batch.bits[row]));
        format!(
            "duplicate sample for timestamp {at_ms}; overrides not allowed: existing {existing}, new value {value}"
        )
    }

    /// The value of a series at a time, if it can be had.
    fn stored(&self, labels: &Labels, at_ms: i64) -> Option<f64> {
        let matchers = labels.iter().map(|(name, value)| Matcher::equal(name, value));
        let selection = Selection::new(matchers.collect(), at_ms, at_ms);
        let read = self
            .storage
            .open(&[selection], &Budget::unlimited(), &Cancel::new());
        let read = read.ok()?;
        let mut columns = Columns::default();
        let mut cursor = read.cursor();
        cursor.read(0, 0, at_ms, at_ms, &mut columns).ok()?;
        columns.v.first().copied()
    }

    fn commit(&self, mut rows: Rows) -> Result<(), Refusal> {
        let options = AppendOptions::default();
        let receipt = self.storage.append(&mut rows.batch, &options)?;
        if receipt.unknown_series == 0 {
            return Ok(());
        }
        // Those were dropped since they were resolved a moment ago: once more.
        let mut again = Batch::timed();
        for (row, verdict) in rows.batch.verdict.iter().enumerate() {
            if *verdict == Verdict::UnknownSeries {
                let series = self.storage.resolve(rows.labels_of(row), &mut again)?;
                let at_ms = rows.batch.row_at_ms(row);
                match rows.histogram_of(row) {
                    Some(histogram) => again.push_histogram_at(series, at_ms, histogram.clone()),
                    None => again.push_at(series, at_ms, rows.batch.bits[row]),
                }
            }
        }
        self.storage.append(&mut again, &options)?;
        Ok(())
    }
}

/// An exemplar as storage has it; `None` for labels that are no text.
fn exemplar(sent: &SentExemplar<'_>) -> Option<Exemplar> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let pairs: Option<Vec<(&str, &str)>> = sent
        .labels
        .iter()
        .map(|(name, value)| Some((text(name)?, text(value)?)))
        .collect();
    Some(Exemplar {
        labels: Labels::from_pairs(pairs?),
        value: sent.value,
        at_ms: Some(sent.at_ms),
    })
}

/// The labels of a series as storage has them; `None` if they break a rule, which is logged.
fn labels_of(series: &mut Series<'_>) -> Option<Labels> {
    let is_sorted = series.labels.is_sorted_by(|(a, _), (b, _)| a < b);
    if !is_sorted {
        series.labels.sort_by_key(|(name, _)| *name);
    }
    let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(series.labels.len());
    let mut has_name = false;
    let mut reason = None;
    for (name, value) in &series.labels {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            reason = Some("a label that is not valid UTF-8".to_owned());
            break;
        };
        if name.is_empty() || (name == METRIC_NAME && value.is_empty()) {
            reason = Some("an empty name".to_owned());
            break;
        }
        if pairs.last().is_some_and(|(before, _)| *before == name) {
            reason = Some(format!("label name {name:?} twice"));
            break;
        }
        has_name |= name == METRIC_NAME;
        pairs.push((name, value));
    }
    if reason.is_none() && !has_name {
        reason = Some("no metric name".to_owned());
    }
    pairs.retain(|(_, value)| !value.is_empty());
    let labels = Labels::from_sorted(pairs.into_iter());
    match reason {
        None => Some(labels),
        Some(reason) => {
            warn!(got = %labels, reason, "Invalid metric names or labels");
            None
        }
    }
}

/// Go's `%g`.
fn shown(value: f64) -> String {
    let mut text = String::new();
    push_float(&mut text, value, Layout::General, None);
    text
}

fn unpack(encoding: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    if !matches!(encoding, "" | "snappy") {
        let text = format!(
            "{encoding} encoding (compression) is not accepted by this server; only snappy is acceptable"
        );
        return Err(Refusal::new(415, text));
    }
    if body.len() > REQUEST_BYTES_MAX {
        let text = format!("request body exceeds the {REQUEST_BYTES_MAX} bytes limit");
        return Err(Refusal::new(413, text));
    }
    let corrupt = || Refusal::new(400, "snappy: corrupt input");
    let length = snap::raw::decompress_len(body).map_err(|_| corrupt())?;
    if length > REQUEST_BYTES_MAX {
        let text = format!("decoded size exceeds the {REQUEST_BYTES_MAX} bytes limit");
        return Err(Refusal::new(400, text));
    }
    snap::raw::Decoder::new()
        .decompress_vec(body)
        .map_err(|_| corrupt())
}

/// Protocol 1.0 is what a content type without a message means.
fn check_content_type(content_type: &str) -> Result<(), Refusal> {
    let refuse = |text: String| Err(Refusal::new(415, text));
    let content_type = match content_type.trim() {
        "" => CONTENT_TYPE,
        text => text,
    };
    let mut parts = content_type.split(';');
    let media = parts.next().unwrap_or_default();
    if media != CONTENT_TYPE {
        return refuse(format!(
            "expected {CONTENT_TYPE} as the first (media) part, got {content_type} content-type"
        ));
    }
    for part in parts {
        let words: Vec<&str> = part.split('=').collect();
        let [name, value] = words[..] else {
            return refuse(format!(
                "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters to be key-values, got {part} in {content_type} content-type"
            ));
        };
        match (name, value) {
            ("proto", MESSAGE) => return Ok(()),
            ("proto", MESSAGE_V2) => {
                return refuse(format!(
                    "{MESSAGE_V2} protobuf message is not accepted by this server; only accepts {MESSAGE}"
                ));
            }
            ("proto", other) => {
                return refuse(format!(
                    "got {content_type} content type; unknown type for remote write protobuf message {other}, supported: {MESSAGE}, {MESSAGE_V2}"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
