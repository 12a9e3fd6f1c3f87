//! `alerting`: which Alertmanagers hear of alerts, and under which labels.

use std::path::Path;

use super::discovery::DiscoveryConfigs;
use super::duration::format_ms;
use super::http_client::HttpClientConfig;
use super::relabel::{RelabelConfig, WrittenRules, rules_to_out};
use super::scrape::ValidationScheme;
use super::sigv4::SigV4Config;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node};

/// The section `alerting`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertingConfig {
    /// Rules for alerts on their way to every Alertmanager; external labels are already there.
    pub alert_relabel_configs: Vec<RelabelConfig>,
    /// The Alertmanagers. The n-th is known as `config-n`.
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

/// One section of `alertmanagers`; the API version is always v2.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// Where they are.
    pub discovery: DiscoveryConfigs,
    /// How to speak to them.
    pub http_client: HttpClientConfig,
    /// How requests are signed; then no other credentials are configured.
    pub sigv4: Option<SigV4Config>,
    /// `http` or `https`.
    pub scheme: String,
    /// What stands before `/api/v2/alerts`.
    pub path_prefix: String,
    /// How long a request may take.
    pub timeout_ms: i64,
    /// Rules for the Alertmanagers found.
    pub relabel_configs: Vec<RelabelConfig>,
    /// Rules for alerts on their way to these.
    pub alert_relabel_configs: Vec<RelabelConfig>,
}

impl Default for AlertmanagerConfig {
    fn default() -> Self {
        Self {
            discovery: DiscoveryConfigs::default(),
            http_client: HttpClientConfig::default(),
            sigv4: None,
            scheme: "http".into(),
            path_prefix: String::new(),
            timeout_ms: 10_000,
            relabel_configs: Vec::new(),
            alert_relabel_configs: Vec::new(),
        }
    }
}

impl AlertingConfig {
    /// Reads `alerting`.
    pub fn decode(node: &Node, scheme: ValidationScheme, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "config.plain") else {
            return Self::default();
        };
        let alert_relabel_configs = WrittenRules::decode(
            &mut fields,
            "alert_relabel_configs",
            "empty or null alert relabeling rule",
            decoder,
        )
        .resolve(scheme, decoder);
        let mut alertmanagers = Vec::new();
        if let Some(node) = fields.take("alertmanagers") {
            for item in decoder
                .items(node, "config.AlertmanagerConfigs")
                .unwrap_or_default()
            {
                if item.is_null() {
                    decoder.mistake(item.mark, "empty or null Alertmanager config section");
                } else {
                    alertmanagers.extend(AlertmanagerConfig::decode(item, scheme, decoder));
                }
            }
        }
        decoder.finish(fields, &[]);
        Self {
            alert_relabel_configs,
            alertmanagers,
        }
    }

    /// Puts files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        for config in &mut self.alertmanagers {
            config.discovery.set_directory(directory);
            config.http_client.set_directory(directory);
        }
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        let alertmanagers = self
            .alertmanagers
            .iter()
            .map(AlertmanagerConfig::to_out)
            .collect();
        map.put_unless_zero("alert_relabel_configs", rules_to_out(&self.alert_relabel_configs))
            .put_unless_zero("alertmanagers", Out::List(alertmanagers));
        map.into()
    }
}

impl AlertmanagerConfig {
    fn decode(node: &Node, scheme: ValidationScheme, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "config.AlertmanagerConfig")?;
        let default = Self::default();
        let span = fields.span;
        let has_rules = fields.has_items("relabel_configs");
        let mut discovery = DiscoveryConfigs::decode(&mut fields, decoder);
        let http_client = decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder));
        let http = &http_client;
        let has_auth = http.basic_auth.is_some() || http.authorization.is_some() || http.oauth2.is_some();
        let sigv4_mark = fields.mark_of("sigv4");
        let sigv4 = fields
            .take("sigv4")
            .and_then(|node| SigV4Config::decode(node, decoder));
        if has_auth && sigv4.is_some() {
            decoder.mistake_of(
                span,
                sigv4_mark,
                "at most one of basic_auth, authorization, oauth2, & sigv4 must be configured",
            );
        }
        discovery.decode_statics(&mut fields, !has_rules, decoder);
        let relabel = WrittenRules::decode(
            &mut fields,
            "relabel_configs",
            "empty or null Alertmanager target relabeling rule",
            decoder,
        );
        let alert_relabel = WrittenRules::decode(
            &mut fields,
            "alert_relabel_configs",
            "empty or null Alertmanager alert relabeling rule",
            decoder,
        );
        if let Some(node) = fields.take("api_version")
            && let Some(version) = decoder.string(node)
            && version != "v2"
            && !node.is_null()
        {
            decoder.mistake_in(
                node,
                format!("expected Alertmanager api version to be one of [v2] but got {version}"),
            );
        }
        let config = Self {
            discovery,
            http_client,
            sigv4,
            scheme: match fields.take("scheme") {
                Some(node) => decoder.string(node).unwrap_or_default(),
                None => default.scheme,
            },
            path_prefix: decoder.text_of(&mut fields, "path_prefix"),
            timeout_ms: decoder.duration_of(&mut fields, "timeout", default.timeout_ms),
            relabel_configs: relabel.resolve(scheme, decoder),
            alert_relabel_configs: alert_relabel.resolve(scheme, decoder),
        };
        decoder.finish(fields, &[]);
        Some(config)
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        self.http_client.write(&mut map);
        if let Some(sigv4) = &self.sigv4 {
            map.put("sigv4", sigv4.to_out());
        }
        map.put_unless_zero("scheme", self.scheme.as_str())
            .put_unless_zero("path_prefix", self.path_prefix.as_str());
        if self.timeout_ms != 0 {
            map.put("timeout", format_ms(self.timeout_ms));
        }
        map.put("api_version", "v2")
            .put_unless_zero("relabel_configs", rules_to_out(&self.relabel_configs))
            .put_unless_zero("alert_relabel_configs", rules_to_out(&self.alert_relabel_configs));
        self.discovery.write(&mut map);
        map.into()
    }
}
