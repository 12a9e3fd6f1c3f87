//! `consul_sd_configs`: the services of a Consul catalog.

use std::collections::BTreeMap;
use std::path::Path;

use super::Mechanism;
use crate::config::duration::format_ms;
use crate::config::http_client::{BasicAuth, HttpClientConfig};
use crate::config::secret::Secret;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Fields, Node};

/// The services of a Consul catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsulSdConfig {
    /// Where an agent listens: `host:port`, or a URL of `http`, `https` or `unix`.
    pub server: String,
    /// What stands before the paths of the API.
    pub path_prefix: String,
    /// The ACL token.
    pub token: Secret,
    /// The datacenter; that of the agent if empty.
    pub datacenter: String,
    /// The namespace (Consul Enterprise).
    pub namespace: String,
    /// The admin partition (Consul Enterprise).
    pub partition: String,
    /// What stands before, between and after the tags of a service.
    pub tag_separator: String,
    /// `http` or `https`.
    pub scheme: String,
    /// The user; ends up in the client's `basic_auth` too.
    pub username: String,
    /// The password; ends up in the client's `basic_auth` too.
    pub password: Secret,
    /// Whether servers that are not the leader may answer.
    pub allow_stale: bool,
    /// The least time between two questions of the same kind.
    pub refresh_interval_ms: i64,
    /// The services that are watched; all if empty.
    pub services: Vec<String>,
    /// Tags that a service and each of its instances must have, all of them.
    pub tags: Vec<String>,
    /// Metadata that the node of an instance must have.
    pub node_meta: BTreeMap<String, String>,
    /// A filter expression for the catalog.
    pub filter: String,
    /// A filter expression for the instances of a service.
    pub health_filter: String,
    /// How the agent is spoken to.
    pub http_client: HttpClientConfig,
}

/// The least time between two questions, unless told otherwise.
const REFRESH_INTERVAL_MS_DEFAULT: i64 = 30_000;

impl Mechanism for ConsulSdConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "consul.plain")?;
        let (section, span) = (fields.mark, fields.span);
        let written = Credentials::written(&fields);
        let mut config = Self {
            server: decoder.text_or(&mut fields, "server", "localhost:8500"),
            path_prefix: decoder.text_of(&mut fields, "path_prefix"),
            token: decoder.secret_of(&mut fields, "token"),
            datacenter: decoder.text_of(&mut fields, "datacenter"),
            namespace: decoder.text_of(&mut fields, "namespace"),
            partition: decoder.text_of(&mut fields, "partition"),
            tag_separator: decoder.text_or(&mut fields, "tag_separator", ","),
            scheme: decoder.text_or(&mut fields, "scheme", "http"),
            username: decoder.text_of(&mut fields, "username"),
            password: decoder.secret_of(&mut fields, "password"),
            allow_stale: decoder.bool_of(&mut fields, "allow_stale", true),
            refresh_interval_ms: decoder.duration_of(
                &mut fields,
                "refresh_interval",
                REFRESH_INTERVAL_MS_DEFAULT,
            ),
            services: decoder.strings_of(&mut fields, "services"),
            tags: decoder.strings_of(&mut fields, "tags"),
            node_meta: decode_node_meta(&mut fields, decoder),
            filter: decoder.text_of(&mut fields, "filter"),
            health_filter: decoder.text_of(&mut fields, "health_filter"),
            http_client: decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder)),
        };
        decoder.finish(fields, &[]);
        if config.server.trim().is_empty() {
            decoder.mistake_of(span, section, "consul SD configuration requires a server address");
        }
        if let Err(text) = config.take_credentials(&written) {
            decoder.mistake_of(span, section, text);
        }
        Some(config)
    }

    fn set_directory(&mut self, directory: &Path) {
        self.http_client.set_directory(directory);
    }

    fn http_client(&self) -> Option<&HttpClientConfig> {
        Some(&self.http_client)
    }

    fn to_out(&self) -> Out {
        let mut node_meta = OutMap::new();
        for (key, value) in &self.node_meta {
            node_meta.put(key, value.as_str());
        }
        let mut map = OutMap::new();
        map.put_unless_zero("server", self.server.as_str())
            .put_unless_zero("path_prefix", self.path_prefix.as_str())
            .put_unless_zero("token", self.token.to_string())
            .put_unless_zero("datacenter", self.datacenter.as_str())
            .put_unless_zero("namespace", self.namespace.as_str())
            .put_unless_zero("partition", self.partition.as_str())
            .put_unless_zero("tag_separator", self.tag_separator.as_str())
            .put_unless_zero("scheme", self.scheme.as_str())
            .put_unless_zero("username", self.username.as_str())
            .put_unless_zero("password", self.password.to_string())
            .put("allow_stale", self.allow_stale);
        if self.refresh_interval_ms != 0 {
            map.put("refresh_interval", format_ms(self.refresh_interval_ms));
        }
        map.put_unless_zero("services", self.services.clone())
            .put_unless_zero("tags", self.tags.clone())
            .put_unless_zero("node_meta", node_meta)
            .put_unless_zero("filter", self.filter.as_str())
            .put_unless_zero("health_filter", self.health_filter.as_str());
        self.http_client.write(&mut map);
        map.into()
    }
}

/// Which of the client's ways to prove who it is are written.
struct Credentials {
    basic_auth: bool,
    authorization: bool,
    oauth2: bool,
    bearer_token: bool,
}

impl Credentials {
    fn written(fields: &Fields<'_>) -> Self {
        Self {
            basic_auth: fields.says("basic_auth"),
            authorization: fields.says("authorization"),
            oauth2: fields.says("oauth2"),
            bearer_token: fields.says("bearer_token") || fields.says("bearer_token_file"),
        }
    }
}

impl ConsulSdConfig {
    /// Makes `basic_auth` of user and password, and checks that there is one proof of identity only.
    fn take_credentials(&mut self, written: &Credentials) -> Result<(), &'static str> {
        let has_user = !self.username.is_empty() || !self.password.is_empty();
        if has_user && written.basic_auth {
            return Err(
                "at most one of consul SD configuration username and password and basic auth can be configured",
            );
        }
        if !self.token.is_empty() && (written.authorization || written.oauth2) {
            return Err("at most one of consul SD token, authorization, or oauth2 can be configured");
        }
        if !has_user {
            return Ok(());
        }
        self.http_client.basic_auth = Some(BasicAuth {
            username: self.username.clone(),
            password: self.password.clone(),
            ..BasicAuth::default()
        });
        if written.bearer_token {
            return Err(
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
            );
        }
        if written.authorization || written.oauth2 {
            return Err("at most one of basic_auth, oauth2 & authorization must be configured");
        }
        Ok(())
    }
}

fn decode_node_meta(fields: &mut Fields<'_>, decoder: &mut Decoder) -> BTreeMap<String, String> {
    let Some(node) = fields.take("node_meta") else {
        return BTreeMap::new();
    };
    let pairs = decoder.pairs(node, "map[string]string").unwrap_or_default();
    let decoded = pairs
        .into_iter()
        .map(|(key, node)| (key.to_owned(), decoder.string(node).unwrap_or_default()));
    decoded.collect()
}
