//! Under which URL the server is reached, and what stands before its routes.

use url::Url;

/// The external URL: as told, or made of the host's name and the port that is listened on.
///
/// # Errors
/// When what was told is no URL with a scheme.
pub(crate) fn external_url(told: &str, listen_address: &str) -> Result<Url, String> {
    let derived;
    let text = if told.is_empty() {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let port = listen_address.rsplit_once(':').map_or("9090", |(_, port)| port);
        derived = format!("http://{host}:{port}/");
        &derived
    } else {
        told
    };
    if text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']) {
        return Err("URL must not begin or end with quotes".to_owned());
    }
    let mut url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            format!(
                "parse {}: missing protocol scheme",
                crate::config::quote::quoted(text)
            )
        }
        error => format!("parse {}: {error}", crate::config::quote::quoted(text)),
    })?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// The external URL as text, without a slash at its end.
pub(crate) fn text(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// The route prefix: as told, or the path of the external URL; begins with a slash and ends without one,
/// unless it is nothing else.
pub(crate) fn route_prefix(told: &str, external_url: &Url) -> String {
    let prefix = if told.is_empty() {
        external_url.path()
    } else {
        told
    };
    format!("/{}", prefix.trim_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_external_url_is_the_prefix_unless_told_otherwise() {
        let url = external_url("http://example.com/a/b/", "0.0.0.0:9090").unwrap();
        assert_eq!(text(&url), "http://example.com/a/b");
        assert_eq!(route_prefix("", &url), "/a/b");
        assert_eq!(route_prefix("/", &url), "/");
        assert_eq!(route_prefix("x/", &url), "/x");
    }

    #[test]
    fn without_a_url_the_host_and_port_are_taken() {
        let url = external_url("", "0.0.0.0:1234").unwrap();
        assert_eq!(url.port(), Some(1234));
        assert_eq!(route_prefix("", &url), "/");
    }

    #[test]
    fn a_url_without_a_scheme_is_refused() {
        assert_eq!(
            external_url("::bad", ":1").unwrap_err(),
            "parse \"::bad\": missing protocol scheme"
        );
    }
}
