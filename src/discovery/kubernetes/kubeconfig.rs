//! kubeconfig files: the server, the trust and the credentials of the current context.
//!
//! Values are never shown, for any of them may be a secret put in the wrong place; messages name the place.
//! Credentials that another program would have to make (`exec`, `auth-provider`) are refused by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_yaml::{Mapping, Value};

use super::access::read;
use crate::config::http_client::{Authorization, BasicAuth, HttpClientConfig, HttpHeader};
use crate::config::secret::Secret;

/// What a kubeconfig file says.
#[derive(Debug)]
pub(super) struct Kubeconfig {
    pub(super) server: String,
    /// Whether a server without a scheme is reached by TLS.
    pub(super) is_tls: bool,
    pub(super) http_client: HttpClientConfig,
}

/// Reads a kubeconfig file.
///
/// # Errors
/// When the file, its current context or what that names cannot be had or followed.
pub(super) fn load(path: &Path) -> Result<Kubeconfig, String> {
    let text = read(path)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    parse(&text, directory).map_err(|error| format!("kubeconfig {}: {error}", path.display()))
}

fn parse(text: &str, directory: &Path) -> Result<Kubeconfig, String> {
    let document: Value = serde_yaml::from_str(text).map_err(|error| match error.location() {
        // The parser's own words may quote what it read.
        Some(at) => format!("line {} column {} is not valid YAML", at.line(), at.column()),
        None => "is not valid YAML".to_owned(),
    })?;
    let root = match document {
        Value::Mapping(mapping) => Section::new(mapping, String::new(), directory),
        _ => return Err("is not a mapping".to_owned()),
    };
    let current = root.text("current-context")?;
    if current.is_empty() {
        return Err(
            "invalid configuration: no configuration has been provided: current-context is not set"
                .to_owned(),
        );
    }
    let context = root.named("contexts", "context", &current)?;
    let cluster = root.named("clusters", "cluster", &context.text("cluster")?)?;
    let user_name = context.text("user")?;
    let user = match user_name.is_empty() {
        true => Section::new(Mapping::new(), "user".to_owned(), directory),
        false => root.named("users", "user", &user_name)?,
    };
    let mut http_client = HttpClientConfig::default();
    trust(&cluster, &mut http_client)?;
    identify(&user, &mut http_client)?;
    let tls = &http_client.tls_config;
    let has_ca = !tls.ca.is_empty() || tls.ca_file.is_some();
    let has_cert = !tls.cert.is_empty() || tls.cert_file.is_some();
    Ok(Kubeconfig {
        server: cluster.text("server")?,
        is_tls: has_ca || has_cert || tls.insecure_skip_verify,
        http_client,
    })
}

/// Whom to believe to be the cluster.
fn trust(cluster: &Section<'_>, options: &mut HttpClientConfig) -> Result<(), String> {
    let proxy_url = cluster.text("proxy-url")?;
    if !proxy_url.is_empty() {
        options.proxy.proxy_url = Some(Secret::new(proxy_url));
    }
    let tls = &mut options.tls_config;
    tls.insecure_skip_verify = cluster.flag("insecure-skip-tls-verify")?;
    tls.server_name = cluster.text("tls-server-name")?;
    tls.ca = cluster.decoded("certificate-authority-data")?;
    if tls.ca.is_empty() {
        tls.ca_file = cluster.path("certificate-authority")?;
    }
    if tls.insecure_skip_verify && (!tls.ca.is_empty() || tls.ca_file.is_some()) {
        return Err("specifying a root certificates file with the insecure flag is not allowed".to_owned());
    }
    Ok(())
}

/// Who we are to the cluster.
fn identify(user: &Section<'_>, options: &mut HttpClientConfig) -> Result<(), String> {
    user.refuse("exec")?;
    user.refuse("auth-provider")?;
    let tls = &mut options.tls_config;
    tls.cert = user.decoded("client-certificate-data")?;
    if tls.cert.is_empty() {
        tls.cert_file = user.path("client-certificate")?;
    }
    tls.key = Secret::new(user.decoded("client-key-data")?);
    if tls.key.is_empty() {
        tls.key_file = user.path("client-key")?;
    }
    let has_cert = !tls.cert.is_empty() || tls.cert_file.is_some();
    let has_key = !tls.key.is_empty() || tls.key_file.is_some();
    if has_cert != has_key {
        let place = &user.place;
        return Err(format!(
            "{place}: client-certificate and client-key must be given together"
        ));
    }
    // A file wins, for it may be written anew.
    let credentials_file = user.path("tokenFile")?;
    let token = match credentials_file {
        Some(_) => Secret::default(),
        None => Secret::new(user.text("token")?),
    };
    let (username, password) = (user.text("username")?, Secret::new(user.text("password")?));
    let has_token = credentials_file.is_some() || !token.is_empty();
    let has_basic = !username.is_empty() || !password.is_empty();
    if has_token && has_basic {
        return Err("username/password or bearer token may be set, but not both".to_owned());
    }
    if has_token {
        options.authorization = Some(Authorization {
            scheme: "Bearer".to_owned(),
            credentials: token,
            credentials_file,
        });
    }
    if has_basic {
        options.basic_auth = Some(BasicAuth {
            username,
            password,
            ..BasicAuth::default()
        });
    }
    options.http_headers = impersonation(user)?;
    Ok(())
}

/// Headers that ask to be treated as another user.
fn impersonation(user: &Section<'_>) -> Result<BTreeMap<String, HttpHeader>, String> {
    let mut wanted = vec![
        ("Impersonate-User".to_owned(), vec![user.text("as")?]),
        ("Impersonate-Uid".to_owned(), vec![user.text("as-uid")?]),
        ("Impersonate-Group".to_owned(), user.texts("as-groups")?),
    ];
    if let Some(extra) = user.section("as-user-extra")? {
        for key in extra.keys() {
            let values = extra.texts(&key)?;
            wanted.push((format!("Impersonate-Extra-{key}"), values));
        }
    }
    let header = |values| HttpHeader {
        values,
        ..HttpHeader::default()
    };
    let given = wanted
        .into_iter()
        .filter(|(_, values)| values.iter().any(|value| !value.is_empty()));
    Ok(given.map(|(name, values)| (name, header(values))).collect())
}

/// A part of the file, and where it stands.
struct Section<'d> {
    mapping: Mapping,
    place: String,
    /// Files are named as seen from here.
    directory: &'d Path,
}

impl<'d> Section<'d> {
    fn new(mapping: Mapping, place: String, directory: &'d Path) -> Self {
        Self {
            mapping,
            place,
            directory,
        }
    }

    fn place_of(&self, key: &str) -> String {
        match self.place.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.place),
        }
    }

    fn wrong(&self, key: &str, wanted: &str) -> String {
        format!("{} is not {wanted}", self.place_of(key))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.mapping.get(key).filter(|value| !value.is_null())
    }

    fn keys(&self) -> Vec<String> {
        let keys = self.mapping.keys().filter_map(Value::as_str);
        keys.map(str::to_owned).collect()
    }

    fn text(&self, key: &str) -> Result<String, String> {
        match self.get(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let texts = value.as_sequence().and_then(|items| {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect()
        });
        texts.ok_or_else(|| self.wrong(key, "a list of texts"))
    }

    fn flag(&self, key: &str) -> Result<bool, String> {
        let value = self.get(key);
        value.map_or(Ok(false), |value| {
            value.as_bool().ok_or_else(|| self.wrong(key, "true or false"))
        })
    }

    fn path(&self, key: &str) -> Result<Option<PathBuf>, String> {
        let text = self.text(key)?;
        Ok((!text.is_empty()).then(|| self.directory.join(text)))
    }

    /// A text that is written in base64.
    fn decoded(&self, key: &str) -> Result<String, String> {
        let text: String = self.text(key)?.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(text).map_err(|_| self.wrong(key, "base64"))?;
        String::from_utf8(bytes).map_err(|_| self.wrong(key, "a PEM text in base64"))
    }

    fn section(&self, key: &str) -> Result<Option<Self>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Mapping(mapping)) => Ok(Some(Self::new(
                mapping.clone(),
                self.place_of(key),
                self.directory,
            ))),
            Some(_) => Err(self.wrong(key, "a mapping")),
        }
    }

    /// What the list `key` holds under `inner` for `name`.
    fn named(&self, key: &str, inner: &str, name: &str) -> Result<Self, String> {
        let items = match self.get(key) {
            None => &Vec::new(),
            Some(Value::Sequence(items)) => items,
            Some(_) => return Err(self.wrong(key, "a list")),
        };
        let found = items
            .iter()
            .find(|item| item.get("name").and_then(Value::as_str) == Some(name));
        let place = format!("{inner} {name:?}");
        let item = found.ok_or_else(|| format!("{place} does not exist"))?;
        match item.get(inner) {
            None | Some(Value::Null) => Ok(Self::new(Mapping::new(), place, self.directory)),
            Some(Value::Mapping(mapping)) => Ok(Self::new(mapping.clone(), place, self.directory)),
            Some(_) => Err(format!("{place} is not a mapping")),
        }
    }

    /// Refuses what is known and not built.
    fn refuse(&self, key: &str) -> Result<(), String> {
        match self.get(key) {
            None => Ok(()),
            Some(_) => Err(crate::config::refuse::refusal(&self.place_of(key))),
        }
    }
}

#[cfg(test)]
mod tests;
