//! The query log (`global.query_log_file`): one JSON object a line for each query that was run.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use parking_lot::Mutex;
use promql::engine::QueryError;
use serde_json::{Map, Value as Json, json};

use super::{Finished, Request, Times};

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
    },
    /// A rule.
    Rule {
        /// The file of its group.
        file: String,
        /// Its group.
        group: String,
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

    /// Writes a line for a query that was run, if the log is on.
    pub(super) fn write(&self, request: &Request, outcome: &Result<Finished, QueryError>) -> io::Result<()> {
        let mut file = self.file.lock();
        let Some(file) = &mut *file else { return Ok(()) };
        let mut line = serde_json::to_vec(&entry(request, outcome)).map_err(io::Error::other)?;
        line.push(b'\n');
        file.write_all(&line)
    }
}

fn entry(request: &Request, outcome: &Result<Finished, QueryError>) -> Json {
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
    match outcome {
        Ok(finished) => {
            let (timings, stats) = (finished.timings, &finished.answer.stats);
            let stats = json!({
                "timings": {
                    "evalTotalTime": timings.eval_s,
                    "execQueueTime": timings.queue_s,
                    "execTotalTime": timings.queue_s + timings.eval_s,
                    "innerEvalTime": timings.eval_s,
                    "queryPreparationTime": 0,
                    "resultSortTime": 0,
                },
                "samples": {
                    "totalQueryableSamples": stats.total_samples,
                    "peakSamples": stats.peak_samples,
                },
            });
            line.insert("stats".into(), stats);
        }
        Err(error) => {
            line.insert("error".into(), error.to_string().into());
        }
    }
    match &request.origin {
        Origin::Internal => {}
        Origin::Http {
            client_ip,
            method,
            path,
        } => {
            let http = json!({"clientIP": client_ip, "method": method, "path": path});
            line.insert("httpRequest".into(), http);
        }
        Origin::Rule { file, group } => {
            line.insert("ruleGroup".into(), json!({"file": file, "name": group}));
        }
    }
    Json::Object(line)
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
            },
        };
        let error = QueryError::cancelled(tsdb::query::CancelReason::TimedOut, "query queue");
        let line = entry(&request, &Err(error));
        assert_eq!(line["params"]["start"], "1970-01-01T00:00:01.000Z");
        assert_eq!(line["params"]["step"], 1);
        assert_eq!(line["error"], "query timed out in query queue");
        assert_eq!(line["ruleGroup"]["name"], "g");
    }
}
