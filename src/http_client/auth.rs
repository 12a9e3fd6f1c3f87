//! What a request carries besides its own headers: credentials and `http_headers`.
//!
//! Files are read anew for each request, so that a rotated secret needs no reload. A token that must be
//! fetched first is the affair of [`super::oauth2`]. Begin with [`add_credentials`].

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::error::HttpError;
use crate::config::errors::open_error;
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

/// Adds `http_headers`. `elsewhere` says that a redirect has led to another host.
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
            let read = std::fs::read_to_string(file).map_err(|error| {
                let (path, words) = (file.display(), open_error(file, &error));
                HttpError::text(format!("unable to read headers file {path}: {words}"))
            })?;
            headers.append(name.clone(), hidden(read.trim())?);
        }
    }
    Ok(())
}

/// Removes what a redirect to another host must not carry along.
pub(super) fn remove_sensitive(headers: &mut HeaderMap) {
    for name in SENSITIVE {
        headers.remove(name);
    }
}

/// Turns user and password of the address into basic authentication.
///
/// # Errors
/// Never but for what no header can hold.
pub(super) fn add_credentials_of(url: &Url, headers: &mut HeaderMap) -> Result<(), HttpError> {
    if (url.username().is_empty() && url.password().is_none()) || headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let plain = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let (user, password) = (plain(url.username()), plain(url.password().unwrap_or("")));
    headers.insert(AUTHORIZATION, basic(&user, &password)?);
    Ok(())
}

/// Adds `basic_auth` or `authorization`, unless there are credentials already.
///
/// # Errors
/// When a file cannot be read or a value cannot stand in a header.
pub(super) fn add_credentials(config: &HttpClientConfig, headers: &mut HeaderMap) -> Result<(), HttpError> {
    if headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    if let Some(auth) = &config.basic_auth {
        let user = text_or_file(
            &auth.username,
            auth.username_file.as_deref(),
            "basic auth username",
        )?;
        let password = auth.password.expose();
        let password = text_or_file(password, auth.password_file.as_deref(), "basic auth password")?;
        headers.insert(AUTHORIZATION, basic(&user, &password)?);
    } else if let Some(auth) = &config.authorization {
        let secret = auth.credentials.expose();
        let file = auth.credentials_file.as_deref();
        let secret = text_or_file(secret, file, "authorization credentials")?;
        headers.insert(AUTHORIZATION, hidden(&format!("{} {secret}", auth.scheme))?);
    }
    Ok(())
}

/// A secret that stands in the configuration, or in a file that it names.
///
/// # Errors
/// When the file cannot be read; `what` is what it was to hold.
pub(super) fn text_or_file(text: &str, file: Option<&Path>, what: &str) -> Result<String, HttpError> {
    match file {
        Some(file) if text.is_empty() => {
            let read = read_file(file);
            read.map_err(|words| HttpError::text(format!("unable to read {what}: {words}")))
        }
        _ => Ok(text.to_owned()),
    }
}

/// A secret's file, without the white space around it.
///
/// # Errors
/// In Prometheus' words.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    // A few bytes from the page cache: shorter than handing them to another thread.
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => {
            let words = open_error(path, &error);
            Err(format!("unable to read file {}: {words}", path.display()))
        }
    }
}

/// `Basic dXNlcjpwYXNzd29yZA==`
///
/// # Errors
/// Never but for what no header can hold.
pub(super) fn basic(user: &str, password: &str) -> Result<HeaderValue, HttpError> {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    hidden(&format!("Basic {encoded}"))
}

fn value(text: &str) -> Result<HeaderValue, HttpError> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| HttpError::text("invalid character in header value"))
}

/// A header's value that no log shows.
///
/// # Errors
/// When it cannot stand in a header.
pub(super) fn hidden(text: &str) -> Result<HeaderValue, HttpError> {
    let mut value = value(text)?;
    value.set_sensitive(true);
    Ok(value)
}
