//! Who may ask: basic authentication with bcrypt hashes from the web configuration, on every path.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tracing::error;

use super::web_file::WebFile;
use crate::config::web_file::RateLimit;

/// How many answers of bcrypt are remembered; one takes some 50 ms of CPU.
const REMEMBERED_MAX: usize = 100;

/// A hash that no password of ours has, so that an unknown user takes as long as a wrong password.
const DUMMY_HASH: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// The doorkeeper. Cloning shares what it remembers.
#[derive(Clone, Debug)]
pub(super) struct Auth {
    web_file: Arc<WebFile>,
    remembered: Arc<Mutex<HashMap<[u8; 32], bool>>>,
    limiter: Arc<Limiter>,
}

/// Lets through one request every interval, and a burst at once.
#[derive(Debug, Default)]
struct Limiter {
    /// Requests that may pass now, and when that was so.
    tokens: Mutex<Option<(f64, Instant)>>,
}

impl Limiter {
    fn admits(&self, limit: Option<RateLimit>, now: Instant) -> bool {
        let Some(limit) = limit else { return true };
        let (burst, interval_s) = (limit.burst as f64, limit.interval_ns as f64 / 1e9);
        let mut tokens = self.tokens.lock();
        let (before, then) = tokens.unwrap_or((burst, now));
        let mut left = (before + (now - then).as_secs_f64() / interval_s).min(burst);
        let passes = left >= 1.0;
        if passes {
            left -= 1.0;
        }
        *tokens = Some((left, now));
        passes
    }
}

impl Auth {
    pub(super) fn new(web_file: Arc<WebFile>) -> Self {
        Self {
            web_file,
            remembered: Arc::default(),
            limiter: Arc::default(),
        }
    }

    /// Headers for the answer if the request may pass, else the answer itself.
    ///
    /// `authorization` is the request's header of that name.
    pub(super) async fn admit(
        &self,
        authorization: Option<&HeaderValue>,
    ) -> Result<HeaderMap, Box<Response>> {
        let settings = match self.web_file.read() {
            Ok(settings) => settings,
            Err(error) => {
                error!(%error, "Unable to parse configuration");
                return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"));
            }
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.config.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        if !self.limiter.admits(settings.config.rate_limit, Instant::now()) {
            return Err(refuse(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"));
        }
        let users = &settings.config.users;
        if users.is_empty() {
            return Ok(headers);
        }
        let given = authorization.and_then(credentials);
        if let Some((user, password)) = given {
            let hash = users.get(&user).map(|hash| hash.expose().to_owned());
            let known = hash.is_some();
            let right = self
                .verify(&user, password, hash.unwrap_or_else(|| DUMMY_HASH.to_owned()))
                .await;
            if right && known {
                return Ok(headers);
            }
        }
        let mut refusal = refuse(StatusCode::UNAUTHORIZED, "Unauthorized");
        refusal.headers_mut().extend(headers);
        refusal
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        Err(refusal)
    }

    async fn verify(&self, user: &str, password: String, hash: String) -> bool {
        let mut digest = Sha256::new();
        for part in [user.as_bytes(), hash.as_bytes(), password.as_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let key: [u8; 32] = digest.finalize().into();
        if let Some(&right) = self.remembered.lock().get(&key) {
            return right;
        }
        let verified = tokio::task::spawn_blocking(move || bcrypt::verify(&password, &hash).unwrap_or(false));
        let right = verified.await.unwrap_or(false);
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key, right);
        right
    }
}

fn refuse(status: StatusCode, text: &str) -> Box<Response> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Box::new(response)
}

/// User and password of a `Basic` header.
fn credentials(value: &HeaderValue) -> Option<(String, String)> {
    let text = value.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_then_one_an_interval() {
        let limiter = Limiter::default();
        let limit = Some(RateLimit {
            interval_ns: 1_000_000_000,
            burst: 2,
        });
        let now = Instant::now();
        let second = std::time::Duration::from_secs(1);
        let passed: Vec<bool> = [now, now, now, now + second, now + second]
            .iter()
            .map(|&at| limiter.admits(limit, at))
            .collect();
        assert_eq!(passed, [true, true, false, true, false]);
        assert!(limiter.admits(None, now));
    }

    #[test]
    fn a_password_may_hold_colons() {
        let value = HeaderValue::from_str(&format!("basic {}", STANDARD.encode("a:b:c"))).unwrap();
        assert_eq!(credentials(&value), Some(("a".to_owned(), "b:c".to_owned())));
        assert_eq!(credentials(&HeaderValue::from_static("Bearer x")), None);
    }
}
