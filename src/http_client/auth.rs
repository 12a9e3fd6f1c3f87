//! What a request carries besides its own headers: credentials and `http_headers`.
//!
//! Files are read anew for each request, so that a rotated secret needs no reload.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::error::HttpError;
use crate::config::http_client::HttpClientConfig;

/// Headers that may hold secrets of the first host and stay there when a redirect leaves it.
const SENSITIVE: [&str; 6] = [
    "authorization",
    "www-authenticate",
    "cookie",
    "cookie2",
    "proxy-authorization",
    "proxy-authenticate",
];

/// Adds credentials and configured headers. `elsewhere` says that a redirect has led to another host.
///
/// # Errors
/// When a file cannot be read or a value cannot stand in a header.
pub(super) fn add_headers(
    config: &HttpClientConfig,
    headers: &mut HeaderMap,
    elsewhere: bool,
) -> Result<(), HttpError> {
    for (name, header) in &config.http_headers {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| HttpError::text(format!("http_headers: invalid header name {name:?}")))?;
        if elsewhere && SENSITIVE.contains(&name.as_str()) {
            continue;
        }
        for text in &header.values {
            headers.append(name.clone(), value(text)?);
        }
        for secret in &header.secrets {
            headers.append(name.clone(), hidden(secret.expose())?);
        }
        for file in &header.files {
            headers.append(name.clone(), hidden(&read(file, "headers file")?)?);
        }
    }
    if !elsewhere && let Some(credentials) = credentials(config)? {
        headers.entry(AUTHORIZATION).or_insert(credentials);
    }
    Ok(())
}

/// Turns user and password of the address into basic authentication, unless there is some already.
pub(super) fn add_credentials_of(url: &Url, headers: &mut HeaderMap) -> Result<(), HttpError> {
    if (url.username().is_empty() && url.password().is_none()) || headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let plain = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let (user, password) = (plain(url.username()), plain(url.password().unwrap_or("")));
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    headers.insert(AUTHORIZATION, hidden(&format!("Basic {encoded}"))?);
    Ok(())
}

fn credentials(config: &HttpClientConfig) -> Result<Option<HeaderValue>, HttpError> {
    if let Some(basic) = &config.basic_auth {
        let user = match &basic.username_file {
            Some(file) => read(file, "basic auth username file")?,
            None => basic.username.clone(),
        };
        let password = match &basic.password_file {
            Some(file) => read(file, "basic auth password file")?,
            None => basic.password.expose().to_owned(),
        };
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        return hidden(&format!("Basic {encoded}")).map(Some);
    }
    let Some(authorization) = &config.authorization else {
        return Ok(None);
    };
    let secret = match &authorization.credentials_file {
        Some(file) => read(file, "authorization credentials file")?,
        None => authorization.credentials.expose().to_owned(),
    };
    let scheme = match authorization.scheme.trim() {
        "" => "Bearer",
        scheme => scheme,
    };
    hidden(&format!("{scheme} {secret}")).map(Some)
}

fn read(path: &Path, what: &str) -> Result<String, HttpError> {
    // A few bytes from the page cache: shorter than handing them to another thread.
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => {
            let path = path.display();
            Err(HttpError::text(format!("unable to read {what} {path}: {error}")))
        }
    }
}

fn value(text: &str) -> Result<HeaderValue, HttpError> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| HttpError::text("invalid character in header value"))
}

fn hidden(text: &str) -> Result<HeaderValue, HttpError> {
    let mut value = value(text)?;
    value.set_sensitive(true);
    Ok(value)
}
