//! Which proxy an address is asked through: `proxy_url`, or the environment, less what `no_proxy` excepts.
//!
//! The rules are those of Go's `httpproxy`, an entry of `no_proxy` being
//!
//! | entry | is asked directly |
//! |---|---|
//! | `*` | everything |
//! | `10.0.0.0/8` | addresses in the network |
//! | `10.1.2.3`, `[::1]:80` | the address, on this port |
//! | `example.com`, `example.com:80` | the host and those below it, on this port |
//! | `.example.com`, `*.example.com` | those below it |
//!
//! How to get through a proxy is told in [`super::tunnel`]. Begin with [`Proxies::choose`].

use std::net::IpAddr;

use http::HeaderValue;
use url::Url;

use super::auth::basic;
use super::error::HttpError;
use crate::config::proxy::ProxyConfig;

/// The proxies of a client.
#[derive(Debug, Default)]
pub(super) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    excepted: Option<Excepted>,
    is_cgi: bool,
    /// Headers of CONNECT requests, in the order of their names.
    pub(super) connect_headers: Vec<(String, String)>,
}

/// One proxy.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) kind: ProxyKind,
    pub(super) host: String,
    pub(super) port: u16,
    /// User and password.
    pub(super) user: Option<(String, String)>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({}:{})", self.kind, self.host, self.port)
    }
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProxyKind {
    Http,
    Https,
    Socks5,
}

impl Proxies {
    /// The proxies that `config` asks for.
    ///
    /// # Errors
    /// When a proxy speaks something else than HTTP or SOCKS5, or a header cannot be sent.
    pub(super) fn new(config: &ProxyConfig) -> Result<Self, HttpError> {
        let mut connect_headers = Vec::new();
        for (name, values) in &config.proxy_connect_header {
            for value in values {
                let fits = http::HeaderName::try_from(name.as_str()).is_ok()
                    && HeaderValue::from_str(value.expose()).is_ok();
                if !fits {
                    let text =
                        format!("proxy_connect_header: {name:?} or its value cannot stand in a header");
                    return Err(HttpError::text(text));
                }
                connect_headers.push((name.clone(), value.expose().to_owned()));
            }
        }
        let proxies = Self {
            connect_headers,
            ..Self::default()
        };
        if config.proxy_from_environment {
            let environment = &config.environment;
            let from_variable = |text: &str| {
                let text = if text.contains("://") {
                    text.to_owned()
                } else {
                    format!("http://{text}")
                };
                // As in Go, a variable that is no address counts as unset.
                Url::parse(&text).ok().and_then(|url| Proxy::new(&url).ok())
            };
            return Ok(Self {
                http: from_variable(environment.http_proxy.expose()),
                https: from_variable(environment.https_proxy.expose()),
                excepted: Some(Excepted::parse(&environment.no_proxy)),
                is_cgi: environment.is_cgi,
                ..proxies
            });
        }
        let Some(text) = config.proxy_url.as_ref().filter(|text| !text.is_empty()) else {
            return Ok(proxies);
        };
        let url = Url::parse(text.expose());
        let url = url.map_err(|error| HttpError::text(format!("proxy_url: {error}")))?;
        let proxy = Proxy::new(&url)?;
        let excepts = !config.no_proxy.is_empty();
        Ok(Self {
            http: Some(proxy.clone()),
            https: Some(proxy),
            // Without no_proxy even localhost is asked through the proxy.
            excepted: excepts.then(|| Excepted::parse(&config.no_proxy)),
            ..proxies
        })
    }

    /// The proxy on the way to an address, if there is one.
    ///
    /// # Errors
    /// When the proxy was chosen by whoever called us as a CGI program.
    pub(super) fn choose(
        &self,
        is_https: bool,
        host: &str,
        port: u16,
    ) -> Result<Option<&Proxy>, &'static str> {
        let Some(proxy) = (if is_https { &self.https } else { &self.http }) else {
            return Ok(None);
        };
        if self.is_cgi && !is_https {
            return Err("refusing to use HTTP_PROXY value in CGI environment; see golang.org/s/cgihttpproxy");
        }
        let is_excepted = self.excepted.as_ref().is_some_and(|rules| rules.hold(host, port));
        Ok((!is_excepted).then_some(proxy))
    }
}

impl Proxy {
    fn new(url: &Url) -> Result<Self, HttpError> {
        let (kind, default_port) = match url.scheme() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            other => {
                let text = format!("proxy_url: scheme {other:?} is none of http, https, socks5 and socks5h");
                return Err(HttpError::text(text));
            }
        };
        let plain = |text| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let has_user = !url.username().is_empty() || url.password().is_some();
        let user = || (plain(url.username()), plain(url.password().unwrap_or("")));
        Ok(Self {
            kind,
            host: url.host_str().unwrap_or("").trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(default_port),
            user: has_user.then(user),
        })
    }

    /// Whether a plain request is handed to it with the whole address, rather than through a tunnel.
    pub(super) fn takes_requests(&self) -> bool {
        self.kind != ProxyKind::Socks5
    }

    /// The value of `Proxy-Authorization`.
    pub(super) fn authorization(&self) -> Option<Result<HeaderValue, HttpError>> {
        self.user.as_ref().map(|(user, password)| basic(user, password))
    }
}

/// What is asked directly, in the words of `NO_PROXY`.
#[derive(Debug, Default)]
struct Excepted {
    everything: bool,
    networks: Vec<(IpAddr, u32)>,
    /// With a port, or with any.
    addresses: Vec<(IpAddr, String)>,
    domains: Vec<Domain>,
}

#[derive(Debug)]
struct Domain {
    /// Begins with a dot.
    suffix: String,
    port: String,
    holds_itself: bool,
}

impl Excepted {
    fn parse(text: &str) -> Self {
        let mut rules = Self::default();
        for entry in text.split(',') {
            let entry = entry.trim().to_lowercase();
            if entry == "*" {
                rules.everything = true;
            } else if let Some(network) = network(&entry) {
                rules.networks.push(network);
            } else {
                rules.add_host(&entry);
            }
        }
        rules
    }

    fn add_host(&mut self, entry: &str) {
        let (host, port) = split_port(entry).unwrap_or((entry, ""));
        if host.is_empty() {
            return;
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            self.addresses.push((address.to_canonical(), port.to_owned()));
            return;
        }
        let host = host
            .strip_prefix('*')
            .filter(|rest| rest.starts_with('.'))
            .unwrap_or(host);
        let name = host.strip_prefix('.').unwrap_or(host);
        let ascii = match url::Host::parse(name) {
            Ok(url::Host::Domain(ascii)) if !name.is_ascii() => ascii,
            _ => name.to_owned(),
        };
        self.domains.push(Domain {
            suffix: format!(".{ascii}"),
            port: port.to_owned(),
            holds_itself: !host.starts_with('.'),
        });
    }

    fn hold(&self, host: &str, port: u16) -> bool {
        let host = host.to_lowercase();
        if self.everything || host == "localhost" {
            return true;
        }
        let fits = |wanted: &str| wanted.is_empty() || wanted == port.to_string();
        let Ok(address) = host.parse::<IpAddr>() else {
            return self.domains.iter().any(|domain| {
                let is_below = host.ends_with(&domain.suffix);
                let is_itself = domain.holds_itself && host == domain.suffix[1..];
                (is_below || is_itself) && fits(&domain.port)
            });
        };
        let address = address.to_canonical();
        address.is_loopback()
            || self.networks.iter().any(|network| contains(*network, address))
            || self
                .addresses
                .iter()
                .any(|(wanted, port)| *wanted == address && fits(port))
    }
}

/// `10.0.0.0/8`
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let (address, length) = (address.parse::<IpAddr>().ok()?, length.parse::<u32>().ok()?);
    let length_max = if address.is_ipv4() { 32 } else { 128 };
    (length <= length_max).then_some((address, length))
}

fn contains((network, length): (IpAddr, u32), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

/// `host:port` and `[host]:port`; `None` if there is no port, or more than one colon without brackets.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inside) => Some((inside.strip_suffix(']')?, port)),
        None => (!host.contains(':')).then_some((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::config::proxy::ProxyEnvironment;

    fn excepting(no_proxy: &str) -> Proxies {
        Proxies::new(&ProxyConfig {
            proxy_url: Some(Secret::new("http://proxy.example:3128")),
            no_proxy: no_proxy.to_owned(),
            ..ProxyConfig::default()
        })
        .unwrap()
    }

    #[track_caller]
    fn check(no_proxy: &str, url: &str, is_direct: bool) {
        let url = Url::parse(url).unwrap();
        let (host, port) = (
            url.host_str().unwrap().trim_matches(['[', ']']),
            url.port_or_known_default(),
        );
        let proxies = excepting(no_proxy);
        let chosen = proxies.choose(url.scheme() == "https", host, port.unwrap());
        assert_eq!(chosen.unwrap().is_none(), is_direct, "{url} with {no_proxy}");
    }

    #[test]
    fn an_entry_excepts_a_host_and_those_below_it() {
        check("foo.com", "http://foo.com/", true);
        check("foo.com", "http://bar.foo.com/", true);
        check("foo.com", "http://barfoo.com/", false);
        check(".foo.com", "http://foo.com/", false);
        check("*.foo.com", "http://a.foo.com/", true);
        check("x, FOO.com ,", "https://foo.com/", true);
        check("bücher.example", "http://bücher.example/", true);
    }

    #[test]
    fn an_entry_may_name_a_port_a_network_or_everything() {
        check("foo.com:80", "http://foo.com/", true);
        check("foo.com:80", "http://foo.com:81/", false);
        check("10.0.0.0/8", "http://10.200.1.1/", true);
        check("10.0.0.0/8", "http://11.0.0.1/", false);
        check("0.0.0.0/0", "http://11.0.0.1/", true);
        check("10.1.1.1:443", "https://10.1.1.1/", true);
        check("10.1.1.1:443", "http://10.1.1.1/", false);
        check("fd00::/8", "http://[fd12::1]/", true);
        check("[fd12::1]:80", "http://[fd12::1]/", true);
        check("*", "http://anything/", true);
        check(":80,/", "http://anything/", false);
    }

    #[test]
    fn this_host_is_asked_directly_once_there_are_exceptions() {
        check("other", "http://127.0.0.1:9090/", true);
        check("other", "http://[::1]:9090/", true);
        check("other", "http://localhost/", true);
        check("", "http://127.0.0.1:9090/", false);
    }

    #[test]
    fn the_environment_has_a_proxy_for_each_scheme() {
        let proxies = Proxies::new(&ProxyConfig {
            proxy_from_environment: true,
            environment: ProxyEnvironment {
                http_proxy: Secret::new("plain.example:3128"),
                https_proxy: Secret::new("socks5://u:p%40@secure.example"),
                no_proxy: "direct".to_owned(),
                is_cgi: false,
            },
            ..ProxyConfig::default()
        })
        .unwrap();
        let plain = proxies.choose(false, "a", 80).unwrap().unwrap();
        assert_eq!((plain.host.as_str(), plain.port), ("plain.example", 3128));
        let secure = proxies.choose(true, "a", 443).unwrap().unwrap();
        assert_eq!((secure.kind, secure.port), (ProxyKind::Socks5, 1080));
        assert_eq!(secure.user, Some(("u".to_owned(), "p@".to_owned())));
        assert!(proxies.choose(true, "direct", 443).unwrap().is_none());
    }

    #[test]
    fn a_callers_http_proxy_is_not_trusted_in_a_cgi_program() {
        let proxies = Proxies::new(&ProxyConfig {
            proxy_from_environment: true,
            environment: ProxyEnvironment {
                http_proxy: Secret::new("evil.example"),
                is_cgi: true,
                ..ProxyEnvironment::default()
            },
            ..ProxyConfig::default()
        })
        .unwrap();
        assert!(proxies.choose(false, "a", 80).is_err());
        assert!(proxies.choose(true, "a", 443).unwrap().is_none());
    }
}
