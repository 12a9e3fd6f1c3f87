//! `/query`, `/query_range`, `/format_query`, `/parse_query`: PromQL in, values out as a stream.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use promql::annotations::Annotations;
use promql::engine::{ErrorKind as EngineErrorKind, QueryError, QueryOptions, TraceNode};
use promql::format;
use promql::parser;
use promql::value::{MatrixSeries, SampleValue, Value, VectorSample};
use tsdb::model::{FloatHistogram, Labels, Matcher};
use tsdb::query::Charge;

use super::answer::{ApiError, ErrorKind, Notes, TRUNCATED};
use super::histogram;
use super::json::{Json, push_display, push_text, push_timestamp};
use super::params::{Params, quoted};
use crate::queries::{Class, Finished, Origin, Queries, Request, Ticket, Times};
use crate::web::views::StorageView;

/// The most points a series of a range query may have.
const POINTS_MAX: i64 = 11_000;

/// How many warnings and how many infos an answer shows.
const NOTES_MAX: usize = 10;

/// How many bytes of JSON are written before they are sent.
const PIECE_BYTES: usize = 64 * 1024;

/// `/api/v1/query`
pub(super) fn instant(params: &Params, origin: Origin, now_ms: i64) -> Result<(Request, Shape), ApiError> {
    let limit = params.limit()?;
    let at_ms = params.time_or("time", now_ms)?;
    let timeout = params.duration("timeout")?;
    build(params, Times::Instant { at_ms }, timeout, limit, origin)
}

/// `/api/v1/query_range`
pub(super) fn range(params: &Params, origin: Origin) -> Result<(Request, Shape), ApiError> {
    let limit = params.limit()?;
    let (start_ms, end_ms) = (params.time("start")?, params.time("end")?);
    if end_ms < start_ms {
        return Err(ApiError::invalid_param(
            "end",
            "end timestamp must not be before start time",
        ));
    }
    let step_ms =
        super::params::parse_duration(params.get("step")).map_err(|e| ApiError::invalid_param("step", &e))?;
    if step_ms <= 0 {
        let reason = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::invalid_param("step", reason));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > POINTS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let timeout = params.duration("timeout")?;
    build(
        params,
        Times::Range {
            start_ms,
            end_ms,
            step_ms,
        },
        timeout,
        limit,
        origin,
    )
}

/// How the answer is to be shown.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    query: String,
    limit: usize,
    stats: String,
}

fn build(
    params: &Params,
    times: Times,
    timeout_ms: Option<i64>,
    limit: usize,
    origin: Origin,
) -> Result<(Request, Shape), ApiError> {
    let lookback_ms = match params.get("lookback_delta") {
        "" => None,
        text => Some(
            super::params::parse_duration(text)
                .map_err(|e| ApiError::bad_data(format!("error parsing lookback delta duration: {e}")))?,
        ),
    };
    let stats = params.get("stats").to_owned();
    let trace = params.get("trace") == "1";
    let query = params.get("query").to_owned();
    let options = QueryOptions {
        lookback_ms: lookback_ms.filter(|&ms| ms > 0),
        per_step_stats: stats == "all",
        trace,
        uncounted: stats.is_empty(),
        ..QueryOptions::default()
    };
    let timeout = timeout_ms.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
    let request = Request {
        query: query.clone(),
        times,
        options,
        timeout,
        class: Class::AdHoc,
        origin,
    };
    Ok((request, Shape { query, limit, stats }))
}

/// Runs the query and makes its answer a stream.
pub(super) async fn run(queries: &Queries, request: Request, shape: Shape) -> Result<QueryBody, ApiError> {
    let finished = queries.run(request).await.map_err(|error| api_error(&error))?;
    QueryBody::new(finished, &shape).map_err(|error| api_error(&error))
}

/// Which error of the API an engine's error is.
pub(super) fn api_error(error: &QueryError) -> ApiError {
    let text = error.to_string();
    match error.kind() {
        EngineErrorKind::BadQuery => ApiError::invalid_param("query", &text),
        EngineErrorKind::Execution | EngineErrorKind::TooManySamples | EngineErrorKind::OverBudget => {
            ApiError::new(ErrorKind::Execution, text)
        }
        EngineErrorKind::Timeout => ApiError::new(ErrorKind::Timeout, text),
        EngineErrorKind::Cancelled => ApiError::new(ErrorKind::Canceled, text),
        EngineErrorKind::Storage => ApiError::new(ErrorKind::Internal, text),
    }
}

/// `/api/v1/query_exemplars`; `None` for a query without selectors.
pub(super) fn exemplars(
    queries: &Queries,
    storage: &dyn StorageView,
    params: &Params,
) -> Result<Option<String>, ApiError> {
    let start_ms = params.time_or("start", super::params::MIN_TIME_MS)?;
    let end_ms = params.time_or("end", super::params::MAX_TIME_MS)?;
    if end_ms < start_ms {
        return Err(ApiError::bad_data(
            "end timestamp must not be before start timestamp",
        ));
    }
    let expr = parser::parse_expr(params.get("query"), &queries.engine().options().parser)
        .map_err(|e| ApiError::bad_data(e.to_string()))?;
    let selectors: Vec<Vec<Matcher>> = expr.selectors().into_iter().map(<[_]>::to_vec).collect();
    if selectors.is_empty() {
        return Ok(None);
    }
    let mut json = Json::new();
    json.list(
        &storage.exemplars(start_ms, end_ms, &selectors),
        |json, series| {
            json.object(|json| {
                json.key("seriesLabels").labels(&series.labels);
                json.key("exemplars").list(&series.exemplars, |json, exemplar| {
                    json.object(|json| {
                        json.key("labels").labels(&exemplar.labels);
                        let mut value = String::new();
                        format::push_json(&mut value, exemplar.value);
                        json.text_member("value", &value);
                        let mut time = String::new();
                        push_timestamp(&mut time, exemplar.at_ms.unwrap_or(0));
                        json.key("timestamp").raw(&time);
                    });
                });
            });
        },
    );
    Ok(Some(json.finish()))
}

/// `/api/v1/format_query`
pub(super) async fn format_query(queries: &Queries, params: &Params) -> Result<String, ApiError> {
    shown(queries, params, |expr| {
        let mut json = Json::new();
        json.text(&parser::pretty(expr));
        json.finish()
    })
    .await
}

/// `/api/v1/parse_query`
pub(super) async fn parse_query(queries: &Queries, params: &Params) -> Result<String, ApiError> {
    shown(queries, params, parser::json).await
}

/// A query in another form; what is long is worked on where it delays nobody.
async fn shown(
    queries: &Queries,
    params: &Params,
    show: impl FnOnce(&parser::Expr) -> String + Send + 'static,
) -> Result<String, ApiError> {
    let text = params.get("query").to_owned();
    let shown = queries.with_parsed(text, |expr| show(&expr)).await;
    shown.map_err(|error| api_error(&error))
}

/// Annotations as the API shows them: at most ten of each level, with line and column.
fn notes(query: &str, annotations: &Annotations) -> Notes {
    let (warnings, infos) = annotations.to_strings(query, NOTES_MAX);
    Notes { warnings, infos }
}

/// The JSON of a query's answer, written piece by piece as it is sent.
#[derive(Debug)]
pub(crate) struct QueryBody {
    head: String,
    rest: Rest,
    tail: String,
    first: bool,
    /// What the value takes that is not sent yet, and the text that is being written.
    held: Charge,
    ticket: Option<Ticket>,
    stamps: Stamps,
}

/// The times of a series as they begin its points. All series of a range query have the same.
#[derive(Debug, Default)]
struct Stamps {
    t_ms: Vec<i64>,
    /// Where each ends in `text`.
    ends: Vec<usize>,
    text: String,
}

impl Stamps {
    /// Appends `[t,"`; `place` says which time of the series it probably is, and is moved on.
    fn push(&mut self, out: &mut String, t_ms: i64, place: &mut usize) {
        while self.t_ms.get(*place).is_some_and(|&known| known < t_ms) {
            *place += 1;
        }
        match self.t_ms.get(*place) {
            Some(&known) if known == t_ms => {}
            Some(_) => return push_stamp(out, t_ms),
            None => {
                self.t_ms.push(t_ms);
                push_stamp(&mut self.text, t_ms);
                self.ends.push(self.text.len());
            }
        }
        let from = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        out.push_str(&self.text[from..self.ends[*place]]);
        *place += 1;
    }
}

fn push_stamp(out: &mut String, t_ms: i64) {
    out.push('[');
    push_timestamp(out, t_ms);
    out.push_str(",\"");
}

#[derive(Debug)]
enum Rest {
    Nothing,
    Vector(VecDeque<VectorSample>),
    Matrix(VecDeque<MatrixSeries>),
    Done,
}

impl Rest {
    /// Bytes of its text, roughly.
    fn text_bytes(&self) -> usize {
        match self {
            Self::Nothing | Self::Done => 0,
            Self::Vector(samples) => samples.len() * (METRIC_TEXT_BYTES + POINT_TEXT_BYTES),
            Self::Matrix(series) => {
                let points = series.front().map_or(0, |series| series.floats.len());
                series.len() * (METRIC_TEXT_BYTES + points * POINT_TEXT_BYTES / 2)
            }
        }
    }
}

impl QueryBody {
    fn new(finished: Finished, shape: &Shape) -> Result<Self, QueryError> {
        let mut notes = notes(&shape.query, &finished.answer.annotations);
        let stats = stats_member(&finished, &shape.stats);
        let trace = trace_member(&finished, &shape.query);
        let mut held = finished.answer.held;
        held.grow(PIECE_BYTES + largest_text_bytes(&finished.answer.value))?;
        let mut head = String::from("{\"status\":\"success\",\"data\":{\"resultType\":\"");
        let mut list = |head: &mut String, kind: &str, len: usize| {
            head.push_str(kind);
            head.push_str("\",\"result\":[");
            if shape.limit > 0 && len > shape.limit {
                notes.warnings.push(TRUNCATED.to_owned());
                return shape.limit;
            }
            len
        };
        let (rest, end) = match finished.answer.value {
            Value::Scalar { t_ms, v } => {
                let (t, v) = (t_ms as f64 / 1000.0, format::plain(v));
                push_display(&mut head, format_args!("scalar\",\"result\":[{t},\"{v}\"]"));
                (Rest::Nothing, "")
            }
            Value::String { t_ms, s } => {
                push_display(
                    &mut head,
                    format_args!("string\",\"result\":[{},", t_ms as f64 / 1000.0),
                );
                push_text(&mut head, &s, true);
                (Rest::Nothing, "]")
            }
            Value::Vector(mut samples) => {
                let shown = list(&mut head, "vector", samples.len());
                samples.truncate(shown);
                (Rest::Vector(samples.into()), "]")
            }
            Value::Matrix(mut series) => {
                let shown = list(&mut head, "matrix", series.len());
                series.truncate(shown);
                (Rest::Matrix(series.into()), "]")
            }
        };
        if !["", "true", "all"].contains(&shape.stats.as_str()) {
            notes.warnings.push(format!(
                "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\"",
                quoted(&shape.stats)
            ));
        }
        let tail = format!("{end}{stats}{trace}}}{}}}", notes.members());
        Ok(Self {
            head,
            rest,
            tail,
            first: true,
            stamps: Stamps::default(),
            held,
            ticket: finished.ticket,
        })
    }

    /// Whether nobody wants the rest any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.ticket.as_ref().is_some_and(Ticket::is_cancelled)
    }

    /// Whether all is written.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.rest, Rest::Done)
    }

    /// The next piece; `None` when all is written.
    pub(crate) fn next_piece(&mut self) -> Option<Bytes> {
        let mut out = std::mem::take(&mut self.head);
        let expected = self.rest.text_bytes() + self.tail.len();
        out.reserve(expected.min(PIECE_BYTES));
        while out.len() < PIECE_BYTES {
            let written = match &mut self.rest {
                Rest::Nothing => false,
                Rest::Done => return (!out.is_empty()).then(|| Bytes::from(out)),
                Rest::Vector(samples) => samples.pop_front().is_some_and(|sample| {
                    self.held.shrink(sample.held_bytes());
                    separate(&mut out, &mut self.first);
                    push_sample(&mut out, &sample);
                    true
                }),
                Rest::Matrix(series) => series.pop_front().is_some_and(|series| {
                    self.held.shrink(series.held_bytes());
                    separate(&mut out, &mut self.first);
                    push_series(&mut out, &series, &mut self.stamps);
                    true
                }),
            };
            if !written {
                out.push_str(&std::mem::take(&mut self.tail));
                self.rest = Rest::Done;
            }
        }
        Some(Bytes::from(out))
    }
}

/// Bytes of text that a metric takes, roughly.
const METRIC_TEXT_BYTES: usize = 256;

/// Bytes of text that a float point takes, at most: its brackets, a time, a number.
const POINT_TEXT_BYTES: usize = 64;

/// Bytes of text that a byte of histogram or label takes, roughly: a bucket of 8 has its bounds told, too.
const TEXT_A_BYTE: usize = 8;

/// Bytes of text that the largest part of a value takes, which is written at once.
fn largest_text_bytes(value: &Value) -> usize {
    let largest = match value {
        Value::Scalar { .. } => 0,
        Value::String { s, .. } => s.len(),
        Value::Vector(samples) => samples.iter().map(VectorSample::held_bytes).max().unwrap_or(0),
        Value::Matrix(series) => {
            let text = |series: &MatrixSeries| {
                let floats = series.floats.len();
                let others = series.held_bytes() - series.floats.capacity() * size_of::<(i64, f64)>();
                floats * POINT_TEXT_BYTES / TEXT_A_BYTE + others
            };
            series.iter().map(text).max().unwrap_or(0)
        }
    };
    largest.saturating_mul(TEXT_A_BYTE)
}

fn separate(out: &mut String, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(',');
    }
}

fn push_metric(out: &mut String, labels: &Labels) {
    out.push_str("{\"metric\":{");
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_text(out, name, false);
        out.push(':');
        push_text(out, value, false);
    }
    out.push('}');
}

fn push_sample(out: &mut String, sample: &VectorSample) {
    push_metric(out, &sample.labels);
    match &sample.value {
        SampleValue::Float(v) => {
            out.push_str(",\"value\":");
            push_float_point(out, sample.t_ms, *v);
        }
        SampleValue::Histogram(h) => {
            out.push_str(",\"histogram\":");
            push_histogram_point(out, sample.t_ms, h);
        }
    }
    out.push('}');
}

fn push_series(out: &mut String, series: &MatrixSeries, stamps: &mut Stamps) {
    push_metric(out, &series.labels);
    if !series.floats.is_empty() || series.histograms.is_empty() {
        out.push_str(",\"values\":[");
        let mut place = 0;
        // The last value and where its text lies.
        let mut last = (None, 0..0);
        for (i, &(t_ms, v)) in series.floats.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            stamps.push(out, t_ms, &mut place);
            let from = out.len();
            if last.0 == Some(v.to_bits()) {
                out.extend_from_within(last.1.clone());
            } else {
                format::push_json(out, v);
                last = (Some(v.to_bits()), from..out.len());
            }
            out.push_str("\"]");
        }
        out.push(']');
    }
    if !series.histograms.is_empty() {
        out.push_str(",\"histograms\":[");
        for (i, (t_ms, h)) in series.histograms.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_histogram_point(out, *t_ms, h);
        }
        out.push(']');
    }
    out.push('}');
}

fn push_float_point(out: &mut String, t_ms: i64, v: f64) {
    push_stamp(out, t_ms);
    format::push_json(out, v);
    out.push_str("\"]");
}

fn push_histogram_point(out: &mut String, t_ms: i64, h: &FloatHistogram) {
    out.push('[');
    push_timestamp(out, t_ms);
    out.push(',');
    histogram::push(out, h);
    out.push(']');
}

/// `,"stats":{…}` if asked for.
fn stats_member(finished: &Finished, wanted: &str) -> String {
    if wanted.is_empty() {
        return String::new();
    }
    let (timings, stats) = (finished.timings, &finished.answer.stats);
    let mut json = Json::new();
    json.object(|json| {
        json.key("timings").object(|json| {
            json.key("evalTotalTime").float(timings.eval_s);
            json.key("resultSortTime").float(timings.sort_s);
            json.key("queryPreparationTime").float(timings.prepare_s);
            json.key("innerEvalTime").float(timings.inner_s);
            json.key("execQueueTime").float(timings.queue_s);
            json.key("execTotalTime").float(timings.queue_s + timings.eval_s);
        });
        json.key("samples").object(|json| {
            if let Some(steps) = &stats.per_step {
                json.key("totalQueryableSamplesPerStep")
                    .list(steps, |json, &(t_ms, samples)| {
                        let mut point = String::from("[");
                        push_timestamp(&mut point, t_ms);
                        push_display(&mut point, format_args!(",{samples}]"));
                        json.raw(&point);
                    });
            }
            json.key("totalQueryableSamples").integer(stats.total_samples);
            json.key("peakSamples").integer(stats.peak_samples as i64);
        });
    });
    format!(",\"stats\":{}", json.finish())
}

/// `,"trace":{…}` if the query was traced.
fn trace_member(finished: &Finished, query: &str) -> String {
    let Some(trace) = &finished.answer.stats.trace else {
        return String::new();
    };
    let mut json = Json::new();
    push_trace(&mut json, trace, query);
    format!(",\"trace\":{}", json.finish())
}

fn push_trace(json: &mut Json, node: &TraceNode, query: &str) {
    let seconds = |ns: u64| ns as f64 / 1e9;
    json.object(|json| {
        json.text_member("node", &node.kind);
        let text = node
            .span
            .and_then(|span| query.get(span.start as usize..span.end as usize));
        if let Some(text) = text {
            json.text_member("expr", text);
        }
        json.key("seconds").float(seconds(node.total_ns));
        json.key("ownSeconds").float(seconds(node.own_ns));
        json.key("series").integer(node.series);
        json.key("samples").integer(node.samples);
        json.key("samplesRead").integer(node.read_samples);
        if !node.children.is_empty() {
            json.key("children")
                .list(&node.children, |json, child| push_trace(json, child, query));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queries::Timings;
    use promql::engine::{Answer, Stats};
    use tsdb::query::Budget;

    fn body(value: Value, limit: usize) -> String {
        let answer = Answer {
            value,
            annotations: Annotations::new(),
            stats: Stats::default(),
            held: Budget::unlimited().charge(0).expect("no limit"),
        };
        let shape = Shape {
            query: String::new(),
            limit,
            stats: String::new(),
        };
        let mut body = QueryBody::new(
            Finished {
                answer,
                timings: Timings::default(),
                ticket: None,
            },
            &shape,
        )
        .expect("no limit");
        let mut out = Vec::new();
        while let Some(piece) = body.next_piece() {
            out.extend_from_slice(&piece);
        }
        String::from_utf8(out).unwrap()
    }

    fn sample(name: &str, v: f64) -> VectorSample {
        VectorSample {
            labels: Labels::from_pairs([("__name__", name)]),
            t_ms: 1_500,
            value: SampleValue::Float(v),
        }
    }

    #[test]
    fn a_vector_lists_metric_time_and_value() {
        assert_eq!(
            body(Value::Vector(vec![sample("a<", 1.0), sample("b", 1e-7)]), 0),
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"a<"},"value":[1.500,"1"]},{"metric":{"__name__":"b"},"value":[1.500,"1e-07"]}]}}"#
        );
    }

    #[test]
    fn a_limit_cuts_and_says_so() {
        let text = body(Value::Vector(vec![sample("a", 1.0), sample("b", 2.0)]), 1);
        assert!(
            text.ends_with(r#""value":[1.500,"1"]}]},"warnings":["results truncated due to limit"]}"#),
            "{text}"
        );
    }

    #[test]
    fn a_scalar_keeps_plain_digits() {
        assert_eq!(
            body(
                Value::Scalar {
                    t_ms: 1_700_000_000_250,
                    v: 1e21
                },
                0
            ),
            r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000.25,"1000000000000000000000"]}}"#
        );
    }

    #[test]
    fn series_of_a_matrix_may_have_different_times() {
        let series = |name: &str, times: &[i64]| MatrixSeries {
            labels: Labels::from_pairs([("i", name)]),
            floats: times.iter().map(|&t_ms| (t_ms, 0.5)).collect(),
            histograms: Vec::new(),
        };
        let all = [
            series("a", &[1000, 3000]),
            series("b", &[2000, 3000, 4500]),
            series("c", &[0]),
        ];
        assert_eq!(
            body(Value::Matrix(all.into()), 0),
            concat!(
                r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"i":"a"},"#,
                r#""values":[[1,"0.5"],[3,"0.5"]]},{"metric":{"i":"b"},"values":[[2,"0.5"],[3,"0.5"],[4.500,"0.5"]]},"#,
                r#"{"metric":{"i":"c"},"values":[[0,"0.5"]]}]}}"#
            )
        );
    }

    #[test]
    fn a_large_matrix_comes_in_pieces_that_fit_together() {
        let series = |i: usize| MatrixSeries {
            labels: Labels::from_pairs([("i", i.to_string().as_str())]),
            floats: (0..2000).map(|t| (t * 1000, 1.0)).collect(),
            histograms: Vec::new(),
        };
        let text = body(Value::Matrix((0..10).map(series).collect()), 0);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["data"]["result"].as_array().unwrap().len(), 10);
        assert_eq!(
            parsed["data"]["result"][9]["values"].as_array().unwrap().len(),
            2000
        );
    }
}
