//! Where a redirect leads and what it keeps of the request, as Go's client has it.

use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use http::{Method, StatusCode};
use url::{Host, Url};

use super::error::HttpError;
use super::without_user;

/// How many requests one call may make.
pub(super) const REQUESTS_MAX: usize = 10;

/// Whether an answer with this status sends us elsewhere.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The method of the next request, and whether it carries the body again.
pub(super) fn next_method(status: StatusCode, method: &Method) -> (Method, bool) {
    match (status.as_u16(), method) {
        (307 | 308, _) => (method.clone(), true),
        (_, &Method::HEAD) => (Method::HEAD, false),
        _ => (Method::GET, false),
    }
}

/// The address that `location` names, seen from `from`.
///
/// # Errors
/// When it is no address.
pub(super) fn target(from: &Url, location: &str) -> Result<Url, HttpError> {
    from.join(location)
        .map_err(|error| HttpError::text(format!("failed to parse Location header {location:?}: {error}")))
}

/// Removes the headers that describe a body, once it is left behind.
pub(super) fn remove_body_headers(headers: &mut HeaderMap) {
    for name in [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE] {
        headers.remove(name);
    }
}

/// Where a redirected request says it comes from; nothing when it leaves TLS.
pub(super) fn referer(from: &Url, to: &Url) -> Option<HeaderValue> {
    if from.scheme() == "https" && to.scheme() == "http" {
        return None;
    }
    HeaderValue::from_str(&without_user(from)).ok()
}

/// Whether credentials for `origin` may be shown to `other`: the same host, or one below it.
pub(super) fn may_share(origin: &Url, other: &Url) -> bool {
    match (origin.host(), other.host()) {
        (Some(Host::Domain(origin)), Some(Host::Domain(other))) => {
            other == origin
                || other
                    .strip_suffix(origin)
                    .is_some_and(|below| below.ends_with('.'))
        }
        (origin, other) => origin == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_share(origin: &str, other: &str, shared: bool) {
        let (origin, other) = (Url::parse(origin).unwrap(), Url::parse(other).unwrap());
        assert_eq!(may_share(&origin, &other), shared);
    }

    #[test]
    fn credentials_stay_with_the_host_and_those_below_it() {
        check_share("http://a.example/x", "http://a.example:8080/y", true);
        check_share("http://a.example/", "http://b.a.example/", true);
        check_share("http://a.example/", "http://ba.example/", false);
        check_share("http://a.example/", "http://example/", false);
        check_share("http://127.0.0.1:1/", "http://127.0.0.2:1/", false);
        // As Prometheus has it: the host counts, not how it is spoken to.
        check_share("https://a.example/", "http://a.example/", true);
    }
}
