//! `/status/queries`: which queries run, which cost most, and stopping one.

use super::answer::{ApiError, ErrorKind};
use super::json::Json;
use crate::queries::{Origin, QueryView, Register, Times};

/// `/api/v1/status/queries`
pub(super) fn list(register: &Register) -> String {
    let mut json = Json::new();
    json.object(|json| {
        json.key("running").list(&register.running(), push);
        json.key("recent").list(&register.recent(), push);
    });
    json.finish()
}

/// `/api/v1/status/queries/{id}/cancel`
pub(super) fn cancel(register: &Register, id: &str) -> Result<(), ApiError> {
    let number = id
        .parse()
        .map_err(|_| ApiError::invalid_param("id", "not a number"))?;
    if register.cancel(number) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorKind::NotFound,
        format!("no query {number} is running"),
    ))
}

fn push(json: &mut Json, query: &QueryView) {
    json.object(|json| {
        json.key("id").integer(query.id);
        json.text_member("query", &query.text);
        if query.text.len() < query.text_bytes {
            json.key("queryBytes").integer(query.text_bytes as i64);
        }
        push_times(json, query.times);
        json.key("origin").object(|json| push_origin(json, &query.origin));
        json.text_member("class", query.class.as_str());
        json.key("startTime").time(Some(query.started_ms));
        json.key("seconds").float(query.took_s);
        json.text_member("phase", query.state);
        json.key("heldBytes").integer(query.held_bytes as i64);
        json.key("peakBytes").integer(query.peak_bytes as i64);
        json.key("heldSamples").integer(query.held_samples as i64);
        json.key("peakSamples").integer(query.peak_samples as i64);
        if let Some(error) = &query.error {
            json.text_member("error", error);
        }
    });
}

fn push_times(json: &mut Json, times: Times) {
    match times {
        Times::Instant { at_ms } => {
            json.key("time").time(Some(at_ms));
        }
        Times::Range {
            start_ms,
            end_ms,
            step_ms,
        } => {
            json.key("start").time(Some(start_ms));
            json.key("end").time(Some(end_ms));
            json.key("stepSeconds").float(step_ms as f64 / 1000.0);
        }
    }
}

fn push_origin(json: &mut Json, origin: &Origin) {
    match origin {
        Origin::Internal => {}
        Origin::Http {
            client_ip,
            method,
            path,
            user_agent,
        } => {
            json.text_member("clientIP", client_ip);
            json.text_member("method", method);
            json.text_member("path", path);
            json.text_member("userAgent", user_agent);
        }
        Origin::Rule { file, group, name } => {
            json.text_member("ruleFile", file);
            json.text_member("ruleGroup", group);
            json.text_member("rule", name);
        }
    }
}
