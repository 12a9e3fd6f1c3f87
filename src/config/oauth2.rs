//! OAuth 2.0 for clients: how a token is got, and from whom.
//!
//! This is data: `http_client::oauth2` fetches and keeps the token. Begin with [`OAuth2::decode`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::path;
use super::proxy::ProxyConfig;
use super::refuse;
use super::secret::Secret;
use super::tls::TlsConfig;
use super::url;
use super::yaml::scalar::{Resolved, resolve};
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node, Value};

/// The grant whose credential is a signed assertion (RFC 7523).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// `oauth2`; files are read for each request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OAuth2 {
    /// Who asks.
    pub client_id: String,
    /// The proof.
    pub client_secret: Secret,
    /// File that holds the proof.
    pub client_secret_file: Option<PathBuf>,
    /// A hint at the key, put into the assertion's head.
    pub client_certificate_key_id: String,
    /// The RSA key that signs assertions, PEM.
    pub client_certificate_key: Secret,
    /// File that holds the key; a relative one is seen from the working directory, as Prometheus sees it.
    pub client_certificate_key_file: Option<PathBuf>,
    /// [`JWT_BEARER`]; everything else means client credentials.
    pub grant_type: String,
    /// `RS256`, `RS384` or `RS512`; empty is the first.
    pub signature_algorithm: String,
    /// Who signs; empty is `client_id`.
    pub iss: String,
    /// For whom the assertion is; empty is `token_url`.
    pub audience: String,
    /// More claims of the assertion; they win over its own.
    pub claims: BTreeMap<String, Json>,
    /// What the token is to allow.
    pub scopes: Vec<String>,
    /// Who gives the token.
    pub token_url: String,
    /// More parameters of the request for a token.
    pub endpoint_params: BTreeMap<String, String>,
    /// TLS with the giver.
    pub tls_config: TlsConfig,
    /// The proxy on the way to the giver.
    pub proxy: ProxyConfig,
}

// JSON numbers are finite, so that equality is an equivalence.
impl Eq for OAuth2 {}

impl OAuth2 {
    /// Reads `oauth2`.
    pub fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "config.plain")?;
        let oauth2 = Self {
            client_id: decoder.text_of(&mut fields, "client_id"),
            client_secret: decoder.secret_of(&mut fields, "client_secret"),
            client_secret_file: decoder.path_of(&mut fields, "client_secret_file"),
            client_certificate_key_id: decoder.text_of(&mut fields, "client_certificate_key_id"),
            client_certificate_key: decoder.secret_of(&mut fields, "client_certificate_key"),
            client_certificate_key_file: decoder.path_of(&mut fields, "client_certificate_key_file"),
            grant_type: decoder.text_of(&mut fields, "grant_type"),
            signature_algorithm: decoder.text_of(&mut fields, "signature_algorithm"),
            iss: decoder.text_of(&mut fields, "iss"),
            audience: decoder.text_of(&mut fields, "audience"),
            claims: fields
                .take("claims")
                .and_then(|node| decoder.pairs(node, "map[string]interface {}"))
                .map(|pairs| {
                    let json = |(name, node): (&str, &Node)| (name.to_owned(), to_json(node, decoder));
                    pairs.into_iter().map(json).collect()
                })
                .unwrap_or_default(),
            scopes: decoder.strings_of(&mut fields, "scopes"),
            token_url: decoder.text_of(&mut fields, "token_url"),
            endpoint_params: fields
                .take("endpoint_params")
                .and_then(|node| decoder.pairs(node, "map[string]string"))
                .map(|pairs| {
                    let text = |(name, node): (&str, &Node)| Some((name.to_owned(), decoder.string(node)?));
                    pairs.into_iter().filter_map(text).collect()
                })
                .unwrap_or_default(),
            tls_config: fields
                .take("tls_config")
                .map(|node| TlsConfig::decode(node, decoder))
                .unwrap_or_default(),
            proxy: ProxyConfig::decode(&mut fields, decoder),
        };
        decoder.finish(fields, &[refuse::OAUTH2]);
        Some(oauth2)
    }

    /// What is wrong with it, in Prometheus' words.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let algorithms = ["", "RS256", "RS384", "RS512"];
        if self.client_id.is_empty() {
            Some("oauth2 client_id must be configured")
        } else if self.token_url.is_empty() {
            Some("oauth2 token_url must be configured")
        } else if self.grant_type == JWT_BEARER {
            if !self.client_certificate_key.is_empty() && self.client_certificate_key_file.is_some() {
                Some(
                    "at most one of oauth2 client_certificate_key, client_certificate_key_file & \
                     client_certificate_key_ref must be configured using \
                     grant-type=urn:ietf:params:oauth:grant-type:jwt-bearer",
                )
            } else if !algorithms.contains(&self.signature_algorithm.as_str()) {
                Some("valid signature algorithms are RS256, RS384 and RS512")
            } else {
                None
            }
        } else if !self.client_secret.is_empty() && self.client_secret_file.is_some() {
            Some(
                "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be \
                 configured using grant-type=client_credentials",
            )
        } else {
            None
        }
    }

    /// Puts its files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        path::set_beside(directory, &mut self.client_secret_file);
        self.tls_config.set_directory(directory);
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> OutMap {
        let (mut claims, mut params, mut map) = (OutMap::new(), OutMap::new(), OutMap::new());
        for (name, value) in &self.claims {
            claims.put(name, from_json(value));
        }
        for (name, value) in &self.endpoint_params {
            params.put(name, value.as_str());
        }
        let key_file = self.client_certificate_key_file.as_ref();
        map.put_unless_zero("client_id", self.client_id.as_str())
            .put_unless_zero("client_secret", self.client_secret.to_out())
            .put_unless_zero("client_secret_file", path::text(self.client_secret_file.as_ref()))
            .put_unless_zero(
                "client_certificate_key_id",
                self.client_certificate_key_id.as_str(),
            )
            .put_unless_zero("client_certificate_key", self.client_certificate_key.to_out())
            .put_unless_zero("client_certificate_key_file", path::text(key_file))
            .put_unless_zero("grant_type", self.grant_type.as_str())
            .put_unless_zero("signature_algorithm", self.signature_algorithm.as_str())
            .put_unless_zero("iss", self.iss.as_str())
            .put_unless_zero("audience", self.audience.as_str())
            .put_unless_zero("claims", claims)
            .put_unless_zero("scopes", self.scopes.clone())
            .put_unless_zero("token_url", url::redacted(&self.token_url))
            .put_unless_zero("endpoint_params", params)
            .put_unless_zero("tls_config", self.tls_config.to_out());
        self.proxy.write(&mut map);
        map
    }
}

/// A value of any shape, as an assertion will hold it.
fn to_json(node: &Node, decoder: &mut Decoder) -> Json {
    match &node.value {
        Value::Sequence(items) => items.iter().map(|item| to_json(item, decoder)).collect(),
        Value::Mapping(_) => {
            let pairs = decoder.pairs(node, "map[string]interface {}").unwrap_or_default();
            let json = |(name, node): (&str, &Node)| (name.to_owned(), to_json(node, decoder));
            Json::Object(pairs.into_iter().map(json).collect())
        }
        Value::Scalar(scalar) => match resolve(node) {
            Ok(Resolved::Null) => Json::Null,
            Ok(Resolved::Bool(value)) => value.into(),
            Ok(Resolved::Int(value)) => value.into(),
            Ok(Resolved::Uint(value)) => value.into(),
            Ok(Resolved::Float(value)) if value.is_finite() => value.into(),
            Ok(Resolved::Float(_)) => {
                decoder.mistake_in(node, "a claim cannot be infinite or not a number");
                Json::Null
            }
            _ => (&*scalar.text).into(),
        },
    }
}

fn from_json(value: &Json) -> Out {
    match value {
        Json::Null => Out::Null,
        Json::Bool(value) => Out::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Out::Int(value),
            (None, Some(value)) => Out::Uint(value),
            (None, None) => Out::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Out::Text(text.clone()),
        Json::Array(items) => Out::List(items.iter().map(from_json).collect()),
        Json::Object(pairs) => {
            let mut map = OutMap::new();
            for (name, value) in pairs {
                map.put(name, from_json(value));
            }
            Out::Map(map)
        }
    }
}
