//! How to speak HTTP to targets, discovery servers and Alertmanagers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::oauth2::OAuth2;
use super::path;
use super::proxy::ProxyConfig;
use super::refuse;
use super::secret::Secret;
use super::tls::TlsConfig;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Fields, Mark, Node};
use crate::config::quote::quoted;

/// The options that every HTTP client of the configuration shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpClientConfig {
    /// User and password.
    pub basic_auth: Option<BasicAuth>,
    /// `Authorization` header; `bearer_token` and `bearer_token_file` end up here too.
    pub authorization: Option<Authorization>,
    /// A token that is fetched.
    pub oauth2: Option<Box<OAuth2>>,
    /// TLS.
    pub tls_config: TlsConfig,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be negotiated (over TLS).
    pub enable_http2: bool,
    /// The proxy on the way.
    pub proxy: ProxyConfig,
    /// Headers to add, by the name as written.
    pub http_headers: BTreeMap<String, HttpHeader>,
}

impl Default for HttpClientConfig {
    fn default() -> Self {
        Self {
            basic_auth: None,
            authorization: None,
            oauth2: None,
            tls_config: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy: ProxyConfig::default(),
            http_headers: BTreeMap::new(),
        }
    }
}

/// `basic_auth`; files are read for each request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasicAuth {
    /// The user.
    pub username: String,
    /// File that holds the user.
    pub username_file: Option<PathBuf>,
    /// The password.
    pub password: Secret,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
}

/// `authorization`; the file is read for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The scheme, `Bearer` unless written.
    pub scheme: String,
    /// What follows it.
    pub credentials: Secret,
    /// File that holds what follows it.
    pub credentials_file: Option<PathBuf>,
}

/// One header of `http_headers`; all values are sent, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpHeader {
    /// Values.
    pub values: Vec<String>,
    /// Values that are never shown.
    pub secrets: Vec<Secret>,
    /// Files that hold values.
    pub files: Vec<PathBuf>,
}

/// Where the ways to authenticate stand.
struct Marks {
    section: Mark,
    token: Mark,
    basic: Mark,
    oauth2: Mark,
}

/// Headers that no configuration may set: they belong to the connection or to the server.
const RESERVED_HEADERS: [&str; 18] = [
    "Authorization",
    "Host",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "User-Agent",
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Www-Authenticate",
    "Accept-Encoding",
    "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Scrape-Timeout-Seconds",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

impl HttpClientConfig {
    /// Takes the client's options out of the section that holds them.
    pub fn decode(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Self {
        let marks = Marks {
            section: fields.mark,
            token: fields.mark_of("bearer_token"),
            basic: fields.mark_of("basic_auth"),
            oauth2: fields.mark_of("oauth2"),
        };
        let mut config = Self {
            basic_auth: fields
                .take("basic_auth")
                .and_then(|node| BasicAuth::decode(node, decoder)),
            authorization: fields
                .take("authorization")
                .and_then(|node| Authorization::decode(node, decoder)),
            oauth2: fields
                .take("oauth2")
                .and_then(|node| OAuth2::decode(node, decoder))
                .map(Box::new),
            tls_config: fields
                .take("tls_config")
                .map(|node| TlsConfig::decode(node, decoder))
                .unwrap_or_default(),
            follow_redirects: decoder.bool_of(fields, "follow_redirects", true),
            enable_http2: decoder.bool_of(fields, "enable_http2", true),
            proxy: ProxyConfig::decode(fields, decoder),
            http_headers: fields
                .take("http_headers")
                .map(|node| decode_headers(node, decoder))
                .unwrap_or_default(),
        };
        let token = decoder.secret_of(fields, "bearer_token");
        let token_file = decoder.path_of(fields, "bearer_token_file");
        if let Some((mark, text)) = config.mistake(&token, token_file.is_some(), &marks) {
            decoder.mistake(mark, text);
        }
        if !token.is_empty() || token_file.is_some() {
            config.authorization = Some(Authorization {
                scheme: "Bearer".into(),
                credentials: token,
                credentials_file: token_file,
            });
        }
        config
    }

    /// The first thing wrong with how the ways to authenticate stand together.
    fn mistake(&self, token: &Secret, has_token_file: bool, marks: &Marks) -> Option<(Mark, &'static str)> {
        let has_token = !token.is_empty() || has_token_file;
        let has_basic = self.basic_auth.is_some();
        let has_oauth2 = self.oauth2.is_some();
        let one_of_three = "at most one of basic_auth, oauth2 & authorization must be configured";
        if !token.is_empty() && has_token_file {
            let text = "at most one of bearer_token & bearer_token_file must be configured";
            Some((marks.token, text))
        } else if has_token && (has_basic || has_oauth2) {
            let text =
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured";
            let mark = if has_basic { marks.basic } else { marks.oauth2 };
            Some((mark, text))
        } else if has_token && self.authorization.is_some() {
            let text = "authorization is not compatible with bearer_token & bearer_token_file";
            Some((marks.token, text))
        } else if self.authorization.is_some() && (has_basic || has_oauth2) || has_basic && has_oauth2 {
            Some((marks.section, one_of_three))
        } else {
            let oauth2 = self.oauth2.as_ref()?;
            Some((marks.oauth2, oauth2.mistake()?))
        }
    }

    /// Puts its files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        self.tls_config.set_directory(directory);
        if let Some(auth) = &mut self.basic_auth {
            path::set_beside(directory, &mut auth.username_file);
            path::set_beside(directory, &mut auth.password_file);
        }
        if let Some(auth) = &mut self.authorization {
            path::set_beside(directory, &mut auth.credentials_file);
        }
        if let Some(oauth2) = &mut self.oauth2 {
            oauth2.set_directory(directory);
        }
        for file in self
            .http_headers
            .values_mut()
            .flat_map(|header| &mut header.files)
        {
            *file = path::beside(directory, file);
        }
    }

    /// Adds the options as Prometheus writes them.
    pub fn write(&self, map: &mut OutMap) {
        if let Some(auth) = &self.basic_auth {
            let mut inner = OutMap::new();
            inner
                .put_unless_zero("username", auth.username.as_str())
                .put_unless_zero("username_file", path::text(auth.username_file.as_ref()))
                .put_unless_zero("password", auth.password.to_string())
                .put_unless_zero("password_file", path::text(auth.password_file.as_ref()));
            map.put("basic_auth", inner);
        }
        if let Some(auth) = &self.authorization {
            let mut inner = OutMap::new();
            inner
                .put_unless_zero("type", auth.scheme.as_str())
                .put_unless_zero("credentials", auth.credentials.to_string())
                .put_unless_zero("credentials_file", path::text(auth.credentials_file.as_ref()));
            map.put("authorization", inner);
        }
        if let Some(oauth2) = &self.oauth2 {
            map.put("oauth2", oauth2.to_out());
        }
        map.put_unless_zero("tls_config", self.tls_config.to_out())
            .put("follow_redirects", self.follow_redirects)
            .put("enable_http2", self.enable_http2);
        self.proxy.write(map);
        let mut headers = OutMap::new();
        for (name, header) in &self.http_headers {
            let secrets: Vec<Out> = header.secrets.iter().map(Secret::to_out).collect();
            let files: Vec<Out> = header.files.iter().map(|f| path::text(Some(f)).into()).collect();
            let mut inner = OutMap::new();
            inner
                .put_unless_zero("values", header.values.clone())
                .put_unless_zero("secrets", secrets)
                .put_unless_zero("files", files);
            headers.put(name, inner);
        }
        map.put_unless_zero("http_headers", headers);
    }
}

impl BasicAuth {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "config.plain")?;
        let auth = Self {
            username: decoder.text_of(&mut fields, "username"),
            username_file: decoder.path_of(&mut fields, "username_file"),
            password: decoder.secret_of(&mut fields, "password"),
            password_file: decoder.path_of(&mut fields, "password_file"),
        };
        let mark = fields.mark;
        decoder.finish(fields, &[refuse::BASIC_AUTH]);
        if !auth.username.is_empty() && auth.username_file.is_some() {
            decoder.mistake(
                mark,
                "at most one of basic_auth username, username_file & username_ref must be configured",
            );
        }
        if !auth.password.is_empty() && auth.password_file.is_some() {
            decoder.mistake(
                mark,
                "at most one of basic_auth password, password_file & password_ref must be configured",
            );
        }
        Some(auth)
    }
}

impl Authorization {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "config.Authorization")?;
        let scheme = decoder.text_of(&mut fields, "type");
        let auth = Self {
            scheme: match scheme.trim() {
                "" => "Bearer".into(),
                scheme => scheme.into(),
            },
            credentials: decoder.secret_of(&mut fields, "credentials"),
            credentials_file: decoder.path_of(&mut fields, "credentials_file"),
        };
        let mark = fields.mark;
        decoder.finish(fields, &[refuse::AUTHORIZATION]);
        if !auth.credentials.is_empty() && auth.credentials_file.is_some() {
            decoder.mistake(
                mark,
                "at most one of authorization credentials & credentials_file must be configured",
            );
        }
        if auth.scheme.eq_ignore_ascii_case("basic") {
            decoder.mistake(
                mark,
                "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
            );
        }
        Some(auth)
    }
}

fn decode_headers(node: &Node, decoder: &mut Decoder) -> BTreeMap<String, HttpHeader> {
    let mut headers = BTreeMap::new();
    for (name, node) in decoder.pairs(node, "config.Headers").unwrap_or_default() {
        let canonical = canonical_header(name);
        if RESERVED_HEADERS.contains(&canonical.as_str()) {
            decoder.mistake(
                node.mark,
                format!(
                    "setting header {canonical} is not allowed",
                    canonical = quoted(&canonical)
                ),
            );
        }
        let mut header = HttpHeader::default();
        if let Some(mut fields) = decoder.fields(node, "config.Header") {
            header.values = decoder.strings_of(&mut fields, "values");
            header.secrets = fields
                .take("secrets")
                .and_then(|node| decoder.items(node, "[]config.Secret"))
                .unwrap_or_default()
                .iter()
                .filter_map(|item| decoder.string_as(item, "config.plain"))
                .map(Secret::new)
                .collect();
            let files = decoder.strings_of(&mut fields, "files");
            header.files = files.into_iter().map(PathBuf::from).collect();
            decoder.finish(fields, &[]);
        }
        headers.insert(name.to_owned(), header);
    }
    headers
}

/// A header's name as Go spells it: capitals after hyphens, small letters elsewhere.
fn canonical_header(name: &str) -> String {
    let mut after_hyphen = true;
    name.chars()
        .map(|c| {
            let spelled = if after_hyphen {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            after_hyphen = c == '-';
            spelled
        })
        .collect()
}
