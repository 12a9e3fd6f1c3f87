//! The query log (`global.query_log_file`): one JSON object a line for each query that was run.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use parking_lot::Mutex;
use promql::engine::{QueryError, Stats};
use serde_json::{Map, Value as Json, json};

use super::{Request, Times, Timings};

/// Where a query came from.
#[derive(Clone, Debug, Default)]
pub enum Origin {
    /// Not told.
    #[default]
    Internal,
    /// A request.
    Http {
        /// Address of the client.
        client_ip: String,
        /// `GET` or `POST`.
        method: String,
        /// `/api/v1/query`
        path: String,
        /// What the client calls itself; not logged.
        user_agent: String,
    },
    /// A rule.
    Rule {
        /// The file of its group.
        file: String,
        /// Its group.
        group: String,
        /// The alert or the series; not logged.
        name: String,
    },
}

/// The log: nothing until a file is set.
#[derive(Debug, Default)]
pub struct QueryLog {
    file: Mutex<Option<File>>,
}

impl QueryLog {
    /// Appends to the file at `path` from now on; `None` ends the log.
    ///
    /// # Errors
    /// When the file cannot be opened; the log is then as it was.
    pub fn set(&self, path: Option<&Path>) -> io::Result<()> {
        let file = path
            .map(|path| File::options().create(true).append(true).open(path))
            .transpose()?;
        *self.file.lock() = file;
        Ok(())
    }

    /// Whether there is a file.
    pub(super) fn is_on(&self) -> bool {
        self.file.lock().is_some()
    }

    /// Writes a line for a query that was run, if the log is on.
    /// `took_s` is the time from acceptance on.
    pub(super) fn write(&self, request: &Request, outcome: Outcome<'_>, took_s: f64) -> io::Result<()> {
        let mut file = self.file.lock();
        let Some(file) = &mut *file else { return Ok(()) };
        let mut line = serde_json::to_vec(&entry(request, outcome, took_s)).map_err(io::Error::other)?;
        line.push(b'\n');
        file.write_all(&line)
    }
}

/// How a query ended.
pub(super) type Outcome<'a> = Result<(Timings, &'a Stats), &'a QueryError>;

fn entry(request: &Request, outcome: Outcome<'_>, took_s: f64) -> Json {
    let time = |at_ms: i64| match jiff::Timestamp::from_millisecond(at_ms) {
        Ok(at) => Json::String(format!("{at:.3}")),
        Err(_) => Json::from(at_ms),
    };
    let (start, end, step_s) = match request.times {
        Times::Instant { at_ms } => (at_ms, at_ms, 0),
        Times::Range {
            start_ms,
            end_ms,
            step_ms,
        } => (start_ms, end_ms, step_ms / 1000),
    };
    let mut line = Map::new();
    line.insert("time".into(), Json::String(jiff::Timestamp::now().to_string()));
    line.insert("level".into(), "INFO".into());
    line.insert("msg".into(), "promql query logged".into());
    let params = json!({"query": request.query, "start": time(start), "end": time(end), "step": step_s});
    line.insert("params".into(), params);
    let (timings, stats) = match outcome {
        Ok((timings, stats)) => (timings, stats.clone()),
        Err(error) => {
            line.insert("error".into(), error.to_string().into());
            (Timings::default(), Stats::default())
        }
    };
    line.insert("stats".into(), stats_json(timings, &stats, took_s));
    // What Prometheus writes without tracing.
    line.insert("spanID".into(), "0000000000000000".into());
    line.insert("traceID".into(), "00000000000000000000000000000000".into());
    match &request.origin {
        Origin::Internal => {}
        Origin::Http {
            client_ip,
            method,
            path,
            ..
        } => {
            let http = json!({"clientIP": client_ip, "method": method, "path": path});
            line.insert("httpRequest".into(), http);
        }
        Origin::Rule { file, group, .. } => {
            line.insert("ruleGroup".into(), json!({"file": file, "name": group}));
        }
    }
    Json::Object(line)
}

fn stats_json(timings: Timings, stats: &Stats, took_s: f64) -> Json {
    json!({
        "timings": {
            "evalTotalTime": timings.eval_s,
            "resultSortTime": timings.sort_s,
            "queryPreparationTime": timings.prepare_s,
            "innerEvalTime": timings.inner_s,
            "execQueueTime": timings.queue_s,
            "execTotalTime": took_s,
        },
        "samples": {
            "totalQueryableSamples": stats.total_samples,
            "peakSamples": stats.peak_samples,
        },
    })
}

#[cfg(test)]
mod tests {
    use promql::engine::QueryOptions;

    use super::super::Class;
    use super::*;

    #[test]
    fn a_failed_query_is_logged_with_its_error_and_origin() {
        let request = Request {
            query: "up".into(),
            times: Times::Range {
                start_ms: 1000,
                end_ms: 3000,
                step_ms: 1000,
            },
            options: QueryOptions::default(),
            timeout: None,
            class: Class::AdHoc,
            origin: Origin::Rule {
                file: "a.yml".into(),
                group: "g".into(),
                name: "r".into(),
            },
        };
        let error = QueryError::cancelled(tsdb::query::CancelReason::TimedOut, "query queue");
        let line = entry(&request, Err(&error), 0.5);
        assert_eq!(line["params"]["start"], "1970-01-01T00:00:01.000Z");
        assert_eq!(line["params"]["step"], 1);
        assert_eq!(line["error"], "query timed out in query queue");
        assert_eq!(line["ruleGroup"]["name"], "g");
    }
}
