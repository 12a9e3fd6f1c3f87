//! `query`: asks a server over its HTTP API and prints the answer.
//!
//! ```text
//! Invocation ─ time ─► parameters ─ api ─► JSON ─ answer ─► print (promql | json)
//! ```

mod answer;
mod api;
mod print;
mod time;

use serde_json::Value;

use super::command::Invocation;
use super::{FAILED, OK, Terminal};
use answer::Answer;
use api::{Api, ApiError};
use print::Layout;
use time::Time;

/// How far series and label values are looked for by default, either way.
const HOURS_EITHER_WAY: i64 = 9_999;

/// What is asked: path, form, and whether a POST will do.
struct Question {
    path: String,
    form: Vec<(String, String)>,
    is_get_only: bool,
}

pub(super) fn run(program: &str, invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> u8 {
    let api = match Api::new(invocation) {
        Ok(api) => api,
        Err(error) => {
            terminal.complain_line(format_args!("{program}: error: {error}"));
            return FAILED;
        }
    };
    let layout = match invocation.text("format") {
        "json" => Layout::Json,
        _ => Layout::Promql,
    };
    let printed = question(invocation)
        .and_then(|question| ask(&api, &question, invocation, terminal))
        .and_then(|data| {
            let values = |data: &Value| Answer::of_query(data).map(|answer| print::value(&answer, layout));
            match invocation.command().as_str() {
                "query series" => Answer::series_of(&data).map(|series| print::series(&series, layout)),
                "query labels" => Answer::texts_of(&data).map(|texts| print::texts(&texts, layout)),
                _ => values(&data),
            }
            .map_err(|error| format!("query error: {error}"))
        });
    match printed {
        Ok(text) => {
            terminal.print(&text);
            OK
        }
        Err(text) => {
            terminal.complain_line(text);
            FAILED
        }
    }
}

fn ask(
    api: &Api,
    question: &Question,
    invocation: &Invocation<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Value, String> {
    let told = match question.is_get_only {
        true => api.get(&question.path, &question.form),
        false => api.post(&question.path, &question.form),
    };
    if invocation.command() == "query labels" {
        for warning in told.warnings {
            terminal.complain_line(format_args!("query warning: {warning}"));
        }
    }
    told.data
        .map_err(|error: ApiError| format!("query error: {error}"))
}

fn question(invocation: &Invocation<'_>) -> Result<Question, String> {
    let now = Time::now();
    match invocation.command().as_str() {
        "query instant" => instant(invocation, now),
        "query range" => range(invocation, now),
        _ => listing(invocation, now),
    }
}

fn instant(invocation: &Invocation<'_>, now: Time) -> Result<Question, String> {
    let at = parsed(invocation.text("time"), now, "evaluation")?;
    let form = vec![
        ("query".to_owned(), invocation.text("expr").to_owned()),
        ("time".to_owned(), at.to_string()),
    ];
    Ok(Question {
        path: "/api/v1/query".into(),
        form,
        is_get_only: false,
    })
}

fn range(invocation: &Invocation<'_>, now: Time) -> Result<Question, String> {
    let end = parsed(invocation.text("end"), now, "end")?;
    let start = parsed(invocation.text("start"), end.plus_s(-300), "start")?;
    if start >= end {
        return Err("start time is not before end time".into());
    }
    let step_s = match invocation.duration_ns("step") {
        0 => (start.seconds_until(end) / 250.0).floor().max(1.0),
        step_ns => step_ns as f64 / 1e9,
    };
    let form = vec![
        ("end".to_owned(), end.to_string()),
        ("query".to_owned(), invocation.text("expr").to_owned()),
        ("start".to_owned(), start.to_string()),
        ("step".to_owned(), promql::format::plain(step_s)),
    ];
    Ok(Question {
        path: "/api/v1/query_range".into(),
        form,
        is_get_only: false,
    })
}

/// Series, or the values of a label.
fn listing(invocation: &Invocation<'_>, now: Time) -> Result<Question, String> {
    let far_s = HOURS_EITHER_WAY * 3_600;
    let start = parsed(invocation.text("start"), now.plus_s(-far_s), "start")?;
    let end = parsed(invocation.text("end"), now.plus_s(far_s), "end")?;
    let mut form = vec![("end".to_owned(), end.to_string())];
    for selector in invocation.texts("match") {
        form.push(("match[]".to_owned(), selector.clone()));
    }
    form.push(("start".to_owned(), start.to_string()));
    if invocation.command() == "query series" {
        return Ok(Question {
            path: "/api/v1/series".into(),
            form,
            is_get_only: false,
        });
    }
    Ok(Question {
        path: format!("/api/v1/label/{}/values", invocation.text("name")),
        form,
        is_get_only: true,
    })
}

fn parsed(text: &str, default: Time, what: &str) -> Result<Time, String> {
    if text.is_empty() {
        return Ok(default);
    }
    Time::parse(text).map_err(|error| format!("error parsing {what} time: {error}"))
}
