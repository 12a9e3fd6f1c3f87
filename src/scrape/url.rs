//! Addresses of targets, written as Go's `net/url` writes them.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a query's names and values keep as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What a path keeps besides.
const PATH: &AsciiSet = &QUERY
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// The address of a target.
pub(super) fn join(
    scheme: &str,
    host: &str,
    path: &str,
    parameters: &BTreeMap<String, Vec<String>>,
) -> String {
    let mut url = format!("{scheme}://{host}");
    if !path.is_empty() && !path.starts_with('/') {
        url.push('/');
    }
    url.extend(utf8_percent_encode(path, PATH));
    let pairs = parameters
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    for (number, (name, value)) in pairs.enumerate() {
        url.push(if number == 0 { '?' } else { '&' });
        push_query(&mut url, name);
        url.push('=');
        push_query(&mut url, value);
    }
    url
}

fn push_query(url: &mut String, text: &str) {
    for (number, word) in text.split(' ').enumerate() {
        if number > 0 {
            url.push('+');
        }
        url.extend(utf8_percent_encode(word, QUERY));
    }
}

/// How this server is reached from outside.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Where it listens: `0.0.0.0:9090`.
    pub listen_address: String,
    /// Scheme of `--web.external-url`.
    pub scheme: String,
    /// Host and port of `--web.external-url`.
    pub host: String,
}

impl Outside {
    /// `url` as seen from outside: names of this machine replaced by its outer name, and this server's own
    /// address by its outer address.
    pub(super) fn globalize(&self, url: &str) -> String {
        self.try_globalize(url).unwrap_or_else(|| url.to_owned())
    }

    fn try_globalize(&self, url: &str) -> Option<String> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = split_port(authority)?;
        if !["127.0.0.1", "localhost", "::1"].contains(&host) {
            return None;
        }
        let (_, own_port) = split_port(&self.listen_address)?;
        if port == own_port {
            return Some(format!("{}://{}{path}", self.scheme, self.host));
        }
        let (outer, _) = split_port(&self.host)?;
        Some(format!("{scheme}://{outer}:{port}{path}"))
    }
}

fn split_port(authority: &str) -> Option<(&str, &str)> {
    let (host, port) = authority.rsplit_once(':')?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(host) => Some((host, port)),
        None if host.contains(':') => None,
        None => Some((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters_are_escaped_as_go_escapes_them() {
        let parameters = BTreeMap::from([
            ("module".to_owned(), vec!["http 2xx".to_owned(), "a/b".to_owned()]),
            ("a".to_owned(), vec!["é&=".to_owned()]),
        ]);
        assert_eq!(
            join("http", "h:1", "probe?x/[y]", &parameters),
            "http://h:1/probe%3Fx/%5By%5D?a=%C3%A9%26%3D&module=http+2xx&module=a%2Fb"
        );
    }

    #[track_caller]
    fn check_outside(url: &str, seen: &str) {
        let outside = Outside {
            listen_address: "0.0.0.0:9090".into(),
            scheme: "https".into(),
            host: "prom.example:443".into(),
        };
        assert_eq!(outside.globalize(url), seen);
    }

    #[test]
    fn addresses_of_this_machine_are_shown_with_its_outer_name() {
        check_outside(
            "http://localhost:9100/metrics",
            "http://prom.example:9100/metrics",
        );
        check_outside(
            "http://127.0.0.1:9090/metrics?a=b",
            "https://prom.example:443/metrics?a=b",
        );
        check_outside("http://10.0.0.1:9090/metrics", "http://10.0.0.1:9090/metrics");
        check_outside("http://localhost/metrics", "http://localhost/metrics");
    }
}
