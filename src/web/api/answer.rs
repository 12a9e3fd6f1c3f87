//! The envelope of every API answer, its error types and status codes.

use http::StatusCode;

use super::json::Json;
use super::params::quoted;

/// What kind of error, and so which status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The request is at fault.
    BadData,
    /// The query cannot be evaluated.
    Execution,
    /// Cancelled by the asker or an operator.
    Canceled,
    /// Took too long.
    Timeout,
    /// We are at fault.
    Internal,
    /// Not available in this mode or yet.
    Unavailable,
    /// What is asked for is not there.
    NotFound,
}

impl ErrorKind {
    /// (`errorType`, status code)
    fn parts(self) -> (&'static str, u16) {
        match self {
            Self::BadData => ("bad_data", 400),
            Self::Execution => ("execution", 422),
            Self::Canceled => ("canceled", 499),
            Self::Timeout => ("timeout", 503),
            Self::Internal => ("internal", 500),
            Self::Unavailable => ("unavailable", 500),
            Self::NotFound => ("not_found", 404),
        }
    }
}

/// A request that is answered with an error.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    kind: ErrorKind,
    text: String,
}

impl ApiError {
    /// An error of this kind.
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// The request is at fault.
    pub(crate) fn bad_data(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadData, text)
    }

    /// One parameter is at fault.
    pub(crate) fn invalid_param(name: &str, reason: &str) -> Self {
        Self::bad_data(format!("invalid parameter {}: {reason}", quoted(name)))
    }

    /// The same about one parameter.
    pub(crate) fn in_param(self, name: &str) -> Self {
        Self::invalid_param(name, &self.text)
    }

    /// The text.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Status code and body.
    pub(crate) fn render(&self) -> (StatusCode, String) {
        let (name, code) = self.kind.parts();
        let mut json = Json::new();
        json.object(|json| {
            json.text_member("status", "error");
            json.text_member("errorType", name);
            json.text_member("error", &self.text);
        });
        (
            StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            json.finish(),
        )
    }
}

/// Complaints beside an answer, as texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// `warnings`
    pub(crate) warnings: Vec<String>,
    /// `infos`
    pub(crate) infos: Vec<String>,
}

/// What a limit that cut something off adds.
pub(crate) const TRUNCATED: &str = "results truncated due to limit";

impl Notes {
    /// The members that follow `data`, with their leading commas; empty where there are none.
    pub(crate) fn members(&self) -> String {
        let mut out = String::new();
        for (name, texts) in [("warnings", &self.warnings), ("infos", &self.infos)] {
            if texts.is_empty() {
                continue;
            }
            let mut json = Json::new();
            json.list(texts, |json, text| {
                json.text(text);
            });
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":");
            out.push_str(&json.finish());
        }
        out
    }
}

/// A success: data already as JSON, with its notes.
pub(crate) fn success(data: &str, notes: &Notes) -> String {
    format!("{{\"status\":\"success\",\"data\":{data}{}}}", notes.members())
}
