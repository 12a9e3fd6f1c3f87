//! `global`: the defaults of every job, and what all of the server's own data carries.

use std::path::{Path, PathBuf};

use tsdb::model::Labels;

use super::Defaults;
use super::duration::format_ms;
use super::expand::{Environment, expand_external_label};
use super::path;
use super::scrape::names::{EscapingScheme, ValidationScheme, decode_escaping, decode_validation};
use super::scrape::protocol::{self, ScrapeProtocol};
use super::size::format_bytes;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node};
use crate::config::quote::quoted;

/// The section `global`, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct GlobalConfig {
    /// How often to scrape.
    pub scrape_interval_ms: i64,
    /// How long a scrape may take.
    pub scrape_timeout_ms: i64,
    /// Formats to ask for, dearest first; `None` leaves it to each job.
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// How often to evaluate rules; also the default step of subqueries.
    pub evaluation_interval_ms: i64,
    /// How far in the past rules look, by default.
    pub rule_query_offset_ms: i64,
    /// Where queries are logged.
    pub query_log_file: Option<PathBuf>,
    /// Where failed scrapes are logged.
    pub scrape_failure_log_file: Option<PathBuf>,
    /// Labels for the outside: federation, notifications, remote storage.
    pub external_labels: Labels,
    /// The same as written, so with those that an unset variable left empty.
    pub external_labels_shown: Vec<(String, String)>,
    /// Largest body in bytes, 0 for any.
    pub body_size_limit_bytes: u64,
    /// Most samples of a scrape, 0 for any; likewise below.
    pub sample_limit: u64,
    /// Most targets of a job.
    pub target_limit: u64,
    /// Most labels of a sample.
    pub label_limit: u64,
    /// Longest label name in bytes.
    pub label_name_length_limit: u64,
    /// Longest label value in bytes.
    pub label_value_length_limit: u64,
    /// How many dropped targets are remembered, 0 for all.
    pub keep_dropped_targets: u64,
    /// Which names are valid.
    pub metric_name_validation_scheme: ValidationScheme,
    /// How names are asked to be escaped; `None` follows the validation scheme.
    pub metric_name_escaping_scheme: Option<EscapingScheme>,
    /// Whether native histograms are scraped.
    pub scrape_native_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_classic_histograms_to_nhcb: bool,
    /// Whether classic histograms are kept beside native ones.
    pub always_scrape_classic_histograms: bool,
    /// Whether scrapes report their timeout, sample limit and body size too.
    pub extra_scrape_metrics: bool,
}

/// How often to scrape and evaluate, unless told otherwise.
pub const INTERVAL_MS_DEFAULT: i64 = 60_000;

/// How long a scrape may take, unless told otherwise.
pub const SCRAPE_TIMEOUT_MS_DEFAULT: i64 = 10_000;

impl Default for GlobalConfig {
    fn default() -> Self {
        Self {
            scrape_interval_ms: INTERVAL_MS_DEFAULT,
            scrape_timeout_ms: SCRAPE_TIMEOUT_MS_DEFAULT,
            scrape_protocols: None,
            evaluation_interval_ms: INTERVAL_MS_DEFAULT,
            rule_query_offset_ms: 0,
            query_log_file: None,
            scrape_failure_log_file: None,
            external_labels: Labels::empty(),
            external_labels_shown: Vec::new(),
            body_size_limit_bytes: 0,
            sample_limit: 0,
            target_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            keep_dropped_targets: 0,
            metric_name_validation_scheme: ValidationScheme::Utf8,
            metric_name_escaping_scheme: Some(EscapingScheme::AllowUtf8),
            scrape_native_histograms: false,
            convert_classic_histograms_to_nhcb: false,
            always_scrape_classic_histograms: false,
            extra_scrape_metrics: false,
        }
    }
}

impl GlobalConfig {
    /// Reads `global`; what is absent takes the default.
    pub fn decode(
        node: Option<&Node>,
        defaults: &Defaults,
        environment: Environment<'_>,
        warnings: &mut Vec<String>,
        decoder: &mut Decoder,
    ) -> Self {
        let unwritten = Self {
            scrape_protocols: defaults
                .prefers_protobuf
                .then(|| ScrapeProtocol::DEFAULT_PROTO_FIRST.to_vec()),
            extra_scrape_metrics: defaults.extra_scrape_metrics,
            ..Self::default()
        };
        let Some(mut fields) = node.and_then(|node| decoder.fields(node, "config.plain")) else {
            return unwritten;
        };
        let validation_node = fields.take("metric_name_validation_scheme");
        let validation = validation_node
            .and_then(|node| decode_validation(node, decoder))
            .unwrap_or_default();
        let span = fields.span;
        let external = fields.take("external_labels").map_or_else(Vec::new, |node| {
            decoder.checks_of(span, |decoder| {
                decode_external_labels(node, validation, environment, warnings, decoder)
            })
        });
        let timeout_mark = fields.mark_of("scrape_timeout");
        let interval_ms = decoder.duration_of(&mut fields, "scrape_interval", 0);
        let timeout_ms = decoder.duration_of(&mut fields, "scrape_timeout", 0);
        let evaluation_ms = decoder.duration_of(&mut fields, "evaluation_interval", 0);
        let or = |value: i64, default: i64| if value == 0 { default } else { value };
        let scrape_interval_ms = or(interval_ms, INTERVAL_MS_DEFAULT);
        if timeout_ms > scrape_interval_ms {
            decoder.mistake_of(
                fields.span,
                timeout_mark,
                "global scrape timeout greater than scrape interval",
            );
        }
        let protocols_node = fields.take("scrape_protocols").filter(|node| !node.is_null());
        let scrape_protocols = match protocols_node {
            Some(node) => protocol::decode_list(node, decoder).and_then(|names| {
                decoder.checks_of(fields.span, |decoder| {
                    protocol::resolve_list(&names, "for global config", node.mark, decoder)
                })
            }),
            None => unwritten.scrape_protocols.clone(),
        };
        let escaping = fields
            .take("metric_name_escaping_scheme")
            .and_then(|node| decode_escaping(node, "global name escaping method", decoder));
        let mut config = Self {
            scrape_interval_ms,
            scrape_timeout_ms: or(timeout_ms, SCRAPE_TIMEOUT_MS_DEFAULT.min(scrape_interval_ms)),
            scrape_protocols,
            evaluation_interval_ms: or(evaluation_ms, INTERVAL_MS_DEFAULT),
            rule_query_offset_ms: decoder.duration_of(&mut fields, "rule_query_offset", 0),
            query_log_file: decoder.path_of(&mut fields, "query_log_file"),
            scrape_failure_log_file: decoder.path_of(&mut fields, "scrape_failure_log_file"),
            external_labels: Labels::from_pairs(external.iter().map(|(n, v)| (n.as_str(), v.as_str()))),
            external_labels_shown: external,
            body_size_limit_bytes: decoder.size_of(&mut fields, "body_size_limit"),
            sample_limit: decoder.uint_of(&mut fields, "sample_limit"),
            target_limit: decoder.uint_of(&mut fields, "target_limit"),
            label_limit: decoder.uint_of(&mut fields, "label_limit"),
            label_name_length_limit: decoder.uint_of(&mut fields, "label_name_length_limit"),
            label_value_length_limit: decoder.uint_of(&mut fields, "label_value_length_limit"),
            keep_dropped_targets: decoder.uint_of(&mut fields, "keep_dropped_targets"),
            metric_name_validation_scheme: validation,
            metric_name_escaping_scheme: escaping,
            scrape_native_histograms: false,
            convert_classic_histograms_to_nhcb: false,
            always_scrape_classic_histograms: false,
            extra_scrape_metrics: decoder
                .inherited_bool_of(&mut fields, "extra_scrape_metrics")
                .unwrap_or(defaults.extra_scrape_metrics),
        };
        for (key, value) in [
            ("scrape_native_histograms", &mut config.scrape_native_histograms),
            (
                "convert_classic_histograms_to_nhcb",
                &mut config.convert_classic_histograms_to_nhcb,
            ),
            (
                "always_scrape_classic_histograms",
                &mut config.always_scrape_classic_histograms,
            ),
        ] {
            *value = decoder.unbuilt_bool_of(&mut fields, key).unwrap_or(false);
        }
        decoder.finish(fields, &[]);
        config
    }

    /// Puts its files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        path::set_beside(directory, &mut self.query_log_file);
        path::set_beside(directory, &mut self.scrape_failure_log_file);
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut labels = OutMap::new();
        for (name, value) in &self.external_labels_shown {
            labels.put(name, value.as_str());
        }
        let protocols = self.scrape_protocols.as_deref().unwrap_or_default();
        let mut map = OutMap::new();
        map.put("scrape_interval", format_ms(self.scrape_interval_ms))
            .put("scrape_timeout", format_ms(self.scrape_timeout_ms))
            .put_unless_zero("scrape_protocols", protocol::to_out(protocols))
            .put("evaluation_interval", format_ms(self.evaluation_interval_ms));
        if self.rule_query_offset_ms != 0 {
            map.put("rule_query_offset", format_ms(self.rule_query_offset_ms));
        }
        map.put_unless_zero("query_log_file", path::text(self.query_log_file.as_ref()))
            .put_unless_zero(
                "scrape_failure_log_file",
                path::text(self.scrape_failure_log_file.as_ref()),
            )
            .put_unless_zero("external_labels", labels);
        if self.body_size_limit_bytes != 0 {
            map.put(
                "body_size_limit",
                format_bytes(i64::try_from(self.body_size_limit_bytes).unwrap_or(i64::MAX)),
            );
        }
        map.put_unless_zero("sample_limit", self.sample_limit)
            .put_unless_zero("target_limit", self.target_limit)
            .put_unless_zero("label_limit", self.label_limit)
            .put_unless_zero("label_name_length_limit", self.label_name_length_limit)
            .put_unless_zero("label_value_length_limit", self.label_value_length_limit)
            .put_unless_zero("keep_dropped_targets", self.keep_dropped_targets)
            .put(
                "metric_name_validation_scheme",
                self.metric_name_validation_scheme.as_str(),
            )
            .put_unless_zero(
                "metric_name_escaping_scheme",
                self.metric_name_escaping_scheme
                    .map_or("", EscapingScheme::as_str),
            )
            .put("scrape_native_histograms", self.scrape_native_histograms)
            .put_unless_zero(
                "convert_classic_histograms_to_nhcb",
                self.convert_classic_histograms_to_nhcb,
            )
            .put_unless_zero(
                "always_scrape_classic_histograms",
                self.always_scrape_classic_histograms,
            )
            .put("extra_scrape_metrics", self.extra_scrape_metrics);
        map.into()
    }
}

fn decode_external_labels(
    node: &Node,
    scheme: ValidationScheme,
    environment: Environment<'_>,
    warnings: &mut Vec<String>,
    decoder: &mut Decoder,
) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for (name, node) in decoder.pairs(node, "map[string]string").unwrap_or_default() {
        let Some(value) = decoder.string(node) else {
            continue;
        };
        if !scheme.is_label_name(name) {
            decoder.mistake(
                node.mark,
                format!("{name} is not a valid label name", name = quoted(name)),
            );
        }
        let mut empty = Vec::new();
        labels.push((
            name.to_owned(),
            expand_external_label(&value, environment, &mut empty),
        ));
        warnings.extend(
            empty
                .iter()
                .map(|variable| format!("Empty environment variable {variable} in external label {name}")),
        );
    }
    labels.sort();
    labels
}
