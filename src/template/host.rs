//! Host names and ports: what `stripPort` and `stripDomain` take apart.

use std::net::IpAddr;

/// Go's `net.SplitHostPort`; `None` where it fails.
fn split(host_port: &str) -> Option<(&str, &str)> {
    let (host, port) = if let Some(bracketed) = host_port.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']')?;
        (host, after.strip_prefix(':')?)
    } else {
        let (host, port) = host_port.rsplit_once(':')?;
        if host.contains(':') {
            return None;
        }
        (host, port)
    };
    let stray = |text: &str| text.contains(['[', ']']);
    (!stray(host) && !stray(port) && !port.contains(':')).then_some((host, port))
}

/// The host alone; a text without a port stays as it is.
pub(super) fn strip_port(host_port: &str) -> &str {
    split(host_port).map_or(host_port, |(host, _)| host)
}

/// The first part of the host's name, the port kept. Addresses stay as they are.
pub(super) fn strip_domain(host_port: &str) -> String {
    let (host, port) = split(host_port).unwrap_or((host_port, ""));
    if host.parse::<IpAddr>().is_ok() {
        return host_port.to_owned();
    }
    let first = host.split('.').next().unwrap_or(host);
    match port {
        "" => first.to_owned(),
        port if first.contains(':') => format!("[{first}]:{port}"),
        port => format!("{first}:{port}"),
    }
}

/// The path of an absolute URL, without query and fragment.
pub(super) fn url_path(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(url, |at| &url[at + 3..]);
    let path = match after_scheme.find(['/', '?', '#']) {
        Some(at) => &after_scheme[at..],
        None => return "",
    };
    let end = path.find(['?', '#']).unwrap_or(path.len());
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_stripped_where_there_is_one() {
        for (given, expected) in [
            ("host:80", "host"),
            ("host", "host"),
            ("[::1]:80", "::1"),
            ("::1", "::1"),
            ("a:b:c", "a:b:c"),
            (":80", ""),
        ] {
            assert_eq!(strip_port(given), expected);
        }
    }

    #[test]
    fn a_domain_is_stripped_but_an_address_is_not() {
        for (given, expected) in [
            ("a.b.c:80", "a:80"),
            ("a.b", "a"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("::1", "::1"),
        ] {
            assert_eq!(strip_domain(given), expected);
        }
    }

    #[test]
    fn the_path_of_a_url_is_what_follows_the_host() {
        assert_eq!(url_path("http://h:9090/a/b?c#d"), "/a/b");
        assert_eq!(url_path("http://h:9090"), "");
    }
}
