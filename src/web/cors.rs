//! Cross-origin headers on API answers, as Prometheus sets them.

use http::header::{self, HeaderMap, HeaderValue};
use tsdb::model::Regex;

/// Adds `Vary` always and the rest when the request names an origin that `allowed` matches.
pub(super) fn set(allowed: &Regex, request: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.get(header::ORIGIN) else {
        return;
    };
    if !origin.to_str().is_ok_and(|text| allowed.is_match(text)) {
        return;
    }
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    for (name, value) in [
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Accept, Authorization, Content-Type, Origin",
        ),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ] {
        answer.insert(name, HeaderValue::from_static(value));
    }
}
