//! Why a request failed, in the words that Go's HTTP client uses, since operators search for them.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::tls_words;
use crate::config::secret::REDACTED;
use crate::config::url::redacted;

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
        // A request for a token fails within the one that needs it, and both are named.
        if self.request.is_some() {
            self = Self::text(self.to_string());
        }
        self.request = Some(format!("{verb} \"{}\"", redacted(url)).into());
        self
    }

    /// The same without a secret that its text may quote.
    pub(super) fn without(self, secret: &str) -> Self {
        match &self.kind {
            Kind::Text(text) if !secret.is_empty() => Self {
                kind: Kind::Text(text.replace(secret, REDACTED).into()),
                ..self
            },
            _ => self,
        }
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

/// What went wrong on the way to a proxy.
pub(super) fn proxy_error(error: io::Error) -> io::Error {
    io::Error::other(format!("proxyconnect tcp: {}", root_text(&error)))
}

/// An answer that breaks off.
pub(super) fn unexpected_end() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

/// The deepest cause that says something, since the layers above only repeat themselves.
pub(super) fn root_text(error: &(dyn std::error::Error + 'static)) -> String {
    let deepest = root(error);
    if let Some(io) = deepest.downcast_ref::<io::Error>() {
        return match io.kind() {
            io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
            _ => io_text(io),
        };
    }
    if let Some(tls) = deepest.downcast_ref::<rustls::Error>() {
        return tls_words::words(tls);
    }
    if let Some(hyper) = deepest.downcast_ref::<hyper::Error>() {
        if hyper.is_incomplete_message() {
            return "EOF".to_owned();
        }
        if hyper.is_parse() {
            return "net/http: HTTP/1.x transport connection broken: malformed HTTP response".to_owned();
        }
    }
    deepest.to_string()
}

/// Whether the far side went away before it said anything.
pub(super) fn is_closing(error: &(dyn std::error::Error + 'static)) -> bool {
    let deepest = root(error);
    if let Some(io) = deepest.downcast_ref::<io::Error>() {
        let kinds = [
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::ConnectionAborted,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::UnexpectedEof,
        ];
        return kinds.contains(&io.kind());
    }
    let hyper = deepest.downcast_ref::<hyper::Error>();
    hyper.is_some_and(|hyper| hyper.is_incomplete_message() || hyper.is_closed())
}

fn root<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    let mut deepest = error;
    loop {
        let io = deepest.downcast_ref::<io::Error>();
        let below = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => deepest.source(),
        };
        match below {
            Some(below) => deepest = below,
            None => return deepest,
        }
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
