//! Why a request failed, in the words that Go's HTTP client uses, since operators search for them.

use std::fmt;
use std::io;
use std::sync::Arc;

/// A request that got no answer, or an answer whose body could not be read.
#[derive(Clone, Debug)]
pub struct HttpError {
    kind: Kind,
    /// `Get "http://…"`, before the answer's head has come.
    request: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
enum Kind {
    Timeout,
    BodyTooLarge,
    Text(Arc<str>),
}

impl HttpError {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::new(Kind::Text(text.into().into()))
    }

    pub(super) fn timeout() -> Self {
        Self::new(Kind::Timeout)
    }

    pub(super) fn body_too_large() -> Self {
        Self::new(Kind::BodyTooLarge)
    }

    fn new(kind: Kind) -> Self {
        Self { kind, request: None }
    }

    /// Puts `Get "url"` in front, with passwords of the URL hidden.
    pub(super) fn in_request(mut self, method: &http::Method, url: &str) -> Self {
        let verb = method.as_str();
        let verb = format!("{}{}", &verb[..1], verb[1..].to_ascii_lowercase());
        self.request = Some(format!("{verb} \"{}\"", redacted(url)).into());
        self
    }

    /// Whether the time allowed ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::Timeout)
    }

    /// Whether the body was larger than allowed.
    pub fn is_body_too_large(&self) -> bool {
        matches!(self.kind, Kind::BodyTooLarge)
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(request) = &self.request {
            write!(f, "{request}: ")?;
        }
        match &self.kind {
            Kind::Timeout => f.write_str("context deadline exceeded"),
            Kind::BodyTooLarge => f.write_str("body size limit exceeded"),
            Kind::Text(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for HttpError {}

/// `dial tcp 127.0.0.1:9: connect: connection refused`
pub(super) fn dial_error(network: &str, address: &str, error: &io::Error) -> io::Error {
    io::Error::other(format!("dial {network} {address}: connect: {}", io_text(error)))
}

/// `dial tcp: lookup nowhere: no such host`
pub(super) fn lookup_error(host: &str) -> io::Error {
    io::Error::other(format!("dial tcp: lookup {host}: no such host"))
}

/// The operating system's words, as Go has them: lower case, no number.
fn io_text(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
        None => error.to_string(),
    }
}

/// The deepest cause that says something, since the layers above only repeat themselves.
pub(super) fn root_text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if let Some(io) = deepest.downcast_ref::<io::Error>() {
        return match io.get_ref() {
            Some(inner) => root_text(inner),
            None if io.kind() == io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
            None => io_text(io),
        };
    }
    if let Some(hyper) = deepest.downcast_ref::<hyper::Error>()
        && hyper.is_incomplete_message()
    {
        return "EOF".to_owned();
    }
    deepest.to_string()
}

/// A URL with the password replaced, as Go's `URL.Redacted`.
fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    match authority
        .rsplit_once('@')
        .map(|(user, host)| (user.split_once(':'), host))
    {
        Some((Some((user, _)), host)) => format!("{scheme}://{user}:xxxxx@{host}{path}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_in_front_without_its_password() {
        let error = HttpError::timeout().in_request(&http::Method::GET, "http://u:secret@h:1/p?q=@");
        assert_eq!(
            error.to_string(),
            "Get \"http://u:xxxxx@h:1/p?q=@\": context deadline exceeded"
        );
    }
}
