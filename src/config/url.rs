//! URLs as Go's `net/url` sees them, as far as a configuration is checked.

use super::yaml::{Decoder, Fields};
use crate::config::quote::quoted;

/// What of a URL decides whether it can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlParts<'t> {
    /// Before `:`, in small letters.
    pub scheme: String,
    /// Between `//` and the path, without user and password.
    pub host: &'t str,
}

/// Splits a URL.
///
/// # Errors
/// In Go's words: `parse "…": …`.
pub fn split(text: &str) -> Result<UrlParts<'_>, String> {
    let refuse = |what: String| Err(format!("parse {text}: {what}", text = quoted(&redacted(text))));
    if text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return refuse("net/url: invalid control character in URL".into());
    }
    let (scheme, rest) = match text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))) {
        Some(0) if text.starts_with(':') => return refuse("missing protocol scheme".into()),
        Some(at) if text[at..].starts_with(':') && text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            (text[..at].to_ascii_lowercase(), &text[at + 1..])
        }
        _ => (String::new(), text),
    };
    let is_opaque = !scheme.is_empty() && !rest.starts_with('/');
    let Some(rest) = rest.strip_prefix("//") else {
        let segment = rest.split('/').next().unwrap_or_default();
        if scheme.is_empty() && segment.contains(':') {
            return refuse("first path segment in URL cannot contain colon".into());
        }
        if let Some(escape) = bad_escape(rest).filter(|_| !is_opaque) {
            return refuse(format!("invalid URL escape {}", quoted(escape)));
        }
        return Ok(UrlParts { scheme, host: "" });
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(at) = host.find([' ', '"', '<', '>', '\\', '^', '`', '{', '}', '|']) {
        let character = quoted(&host[at..=at]);
        return refuse(format!("invalid character {character} in host name"));
    }
    let after_name = match host.strip_prefix('[') {
        Some(inside) => match inside.split_once(']') {
            Some((_, after)) => after,
            None => return refuse("missing ']' in host".into()),
        },
        None => host.find(':').map_or("", |at| &host[at..]),
    };
    if !after_name.is_empty()
        && !after_name
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
    {
        return refuse(format!(
            "invalid port {after_name} after host",
            after_name = quoted(after_name)
        ));
    }
    if let Some(escape) = bad_escape(path) {
        return refuse(format!("invalid URL escape {}", quoted(escape)));
    }
    Ok(UrlParts { scheme, host })
}

/// Takes a URL out of a section, `None` if it is absent or null; one that is none is a mistake.
pub fn decode(fields: &mut Fields<'_>, key: &str, decoder: &mut Decoder) -> Option<String> {
    let node = fields.take(key).filter(|node| !node.is_null())?;
    let text = decoder.string(node).unwrap_or_default();
    if let Err(error) = split(&text) {
        decoder.mistake_in(node, error);
    }
    Some(text)
}

/// Whether `text` is the URL of an HTTP server.
///
/// # Errors
/// In Prometheus' words.
pub fn check_http(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("URL is missing".into());
    }
    let parts = split(text)?;
    if parts.scheme != "http" && parts.scheme != "https" {
        return Err("URL scheme must be 'http' or 'https'".into());
    }
    if parts.host.is_empty() {
        return Err("host is missing in URL".into());
    }
    Ok(())
}

/// The first `%` of a path that no two hexadecimal digits follow, with what follows it.
fn bad_escape(path: &str) -> Option<&str> {
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let is_good = |at: usize| {
        let digits = path.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let (at, _) = path.match_indices('%').find(|(at, _)| !is_good(*at))?;
    let rest = &path[at..];
    let end = rest.char_indices().nth(3).map_or(rest.len(), |(end, _)| end);
    Some(&rest[..end])
}

/// `text` with its password, if it holds one, as `xxxxx`; it need not be a URL that can be used.
pub fn redacted(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let user_and_host = authority.rsplit_once('@');
    match user_and_host.map(|(user, host)| (user.split_once(':'), host)) {
        Some((Some((user, _)), host)) => format!("{scheme}://{user}:xxxxx@{host}{path}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_use_the_words_of_go() {
        for (text, words) in [
            ("localhost:9090/sd", None),
            (
                "127.0.0.1:9090/sd",
                Some("first path segment in URL cannot contain colon"),
            ),
            (":9090", Some("missing protocol scheme")),
            ("http://a:b/", Some("invalid port \":b\" after host")),
            ("http://a/%2f?%x", None),
            ("http://a/b%2", Some("invalid URL escape \"%2\"")),
            ("%zz", Some("invalid URL escape \"%zz\"")),
            (
                "http://a/\u{7}",
                Some("net/url: invalid control character in URL"),
            ),
        ] {
            let error = split(text).err();
            let expected = words.map(|words| format!("parse {}: {words}", quoted(text)));
            assert_eq!(error, expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(redacted("http://u:p@x/y?z=:p@"), "http://u:xxxxx@x/y?z=:p@");
        assert_eq!(redacted("http://u@x/y"), "http://u@x/y");
    }
}
