//! A token, and the answers that hold one or say why there is none.
//!
//! How a token is asked for is told in [`super::oauth2`]. Begin with [`read_json`].

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::HeaderValue;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::auth::hidden;
use super::error::HttpError;
use crate::config::quote::quoted;

/// How long before its end a token is left: clocks differ and requests take time.
const EARLY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    /// `None` never ends.
    ends: Option<Instant>,
}

impl Token {
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.ends.is_none_or(|end| now + EARLY <= end)
    }
}

/// What a giver of tokens says.
pub(super) struct Answer {
    pub(super) access_token: String,
    token_type: String,
    /// 0 is never.
    lasts_s: i64,
}

impl Answer {
    pub(super) fn token(self, now: Instant) -> Result<Token, HttpError> {
        let kinds = ["Bearer", "MAC", "Basic"];
        let kind = kinds
            .into_iter()
            .find(|kind| kind.eq_ignore_ascii_case(&self.token_type));
        let kind = match (kind, self.token_type.as_str()) {
            (Some(kind), _) => kind,
            (None, "") => "Bearer",
            (None, other) => other,
        };
        let ends = match u64::try_from(self.lasts_s) {
            Ok(0) => None,
            // One that ended in the past serves this request and no other.
            lasts => now.checked_add(Duration::from_secs(lasts.unwrap_or(0))),
        };
        Ok(Token {
            header: hidden(&format!("{kind} {}", self.access_token))?,
            ends,
        })
    }
}

/// What stands in an answer, and the error that it tells of.
pub(super) type Parsed = (Answer, Option<String>);

pub(super) fn read_form(body: &[u8]) -> Parsed {
    let pairs: BTreeMap<_, _> = url::form_urlencoded::parse(body).into_owned().collect();
    let text = |name: &str| pairs.get(name).cloned().unwrap_or_default();
    let answer = Answer {
        access_token: text("access_token"),
        token_type: text("token_type"),
        lasts_s: text("expires_in").parse().unwrap_or(0),
    };
    let problem = problem(&text("error"), &text("error_description"), &text("error_uri"));
    (answer, problem)
}

pub(super) fn read_json(body: &[u8], doing: &str) -> Result<Parsed, String> {
    let refuse = |words: String| format!("oauth2: cannot {doing}: {words}");
    let json: Json = serde_json::from_slice(body).map_err(|error| refuse(json_words(body, &error)))?;
    let text = |name: &str| match &json[name] {
        Json::Null => Ok(String::new()),
        Json::String(text) => Ok(text.clone()),
        _ => Err(refuse(format!("json: {name} is not a string"))),
    };
    let lasts_s = match &json["expires_in"] {
        Json::Null => Some(0),
        Json::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    let answer = Answer {
        access_token: text("access_token")?,
        token_type: text("token_type")?,
        lasts_s: lasts_s.ok_or_else(|| refuse("json: expires_in is not a number of seconds".to_owned()))?,
    };
    let problem = problem(&text("error")?, &text("error_description")?, &text("error_uri")?);
    Ok((answer, problem))
}

/// Go's words for the usual cases: nothing at all, and a page of HTML.
fn json_words(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(first) if !b"{[\"-0123456789tfn".contains(first) => {
            format!(
                "invalid character '{}' looking for beginning of value",
                char::from(*first)
            )
        }
        _ => error.to_string(),
    }
}

fn problem(code: &str, description: &str, uri: &str) -> Option<String> {
    if code.is_empty() {
        return None;
    }
    let mut words = format!("oauth2: {}", quoted(code));
    for more in [description, uri] {
        if !more.is_empty() {
            words.push_str(&format!(" {}", quoted(more)));
        }
    }
    Some(words)
}

pub(super) fn refusal(status_line: &str, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    format!("oauth2: cannot fetch token: {status_line}\nResponse: {body}")
}
