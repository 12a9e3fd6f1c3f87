//! A scrape job as written: what `global` decides is still open.

use std::collections::BTreeMap;

use super::names::{decode_escaping, decode_validation};
use super::{EscapingScheme, ScrapeConfig, ScrapeProtocol, ValidationScheme, protocol};
use crate::config::discovery::DiscoveryConfigs;
use crate::config::global::GlobalConfig;
use crate::config::http_client::HttpClientConfig;
use crate::config::quote::quoted;
use crate::config::relabel::WrittenRules;
use crate::config::yaml::{Decoder, Fields, Mark, Node};

/// What of histograms a job inherits: see [`WrittenScrape::resolve`].
const NATIVE: [&str; 3] = [
    "scrape_native_histograms",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
];

/// A scrape job before it has inherited anything.
#[derive(Debug)]
pub struct WrittenScrape {
    /// Where the job begins.
    pub mark: Mark,
    /// The job; 0, `None` and the fields below stand for "not written".
    job: ScrapeConfig,
    timeout_mark: Mark,
    protocols: Option<(Mark, Vec<String>)>,
    validation: Option<ValidationScheme>,
    escaping: Option<EscapingScheme>,
    extra_scrape_metrics: Option<bool>,
    native: [Option<bool>; 3],
    relabel: WrittenRules,
    metric_relabel: WrittenRules,
}

impl WrittenScrape {
    /// Reads one item of `scrape_configs`.
    pub fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if node.is_null() {
            decoder.mistake_of_file(node.mark, "empty or null scrape config section");
            return None;
        }
        let mut fields = decoder.fields(node, "config.ScrapeConfig")?;
        let (mark, span) = (fields.mark, fields.span);
        let timeout_mark = fields.mark_of("scrape_timeout");
        let job_mark = fields.mark_of("job_name");
        let has_rules = fields.has_items("relabel_configs");
        let mut discovery = DiscoveryConfigs::decode(&mut fields, decoder);
        let job_name = match fields.take("job_name") {
            Some(node) => decoder.string(node),
            None => Some(String::new()),
        };
        if job_name.as_deref() == Some("") {
            decoder.mistake_of(span, job_mark, "job_name is empty");
        }
        let http_client = decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder));
        discovery.decode_statics(&mut fields, !has_rules, decoder);
        let relabel = WrittenRules::decode(
            &mut fields,
            "relabel_configs",
            "empty or null target relabeling rule in scrape config",
            decoder,
        );
        let metric_relabel = WrittenRules::decode(
            &mut fields,
            "metric_relabel_configs",
            "empty or null metric relabeling rule in scrape config",
            decoder,
        );
        let protocols = fields
            .take("scrape_protocols")
            .filter(|node| !node.is_null())
            .and_then(|node| Some((node.mark, protocol::decode_list(node, decoder)?)));
        let validation = fields
            .take("metric_name_validation_scheme")
            .and_then(|node| decode_validation(node, decoder));
        let escaping = fields
            .take("metric_name_escaping_scheme")
            .and_then(|node| decode_escaping(node, "scrape config name escaping method", decoder));
        let extra_scrape_metrics = decoder.inherited_bool_of(&mut fields, "extra_scrape_metrics");
        let native = NATIVE.map(|key| decoder.unbuilt_bool_of(&mut fields, key));
        let job = ScrapeConfig {
            discovery,
            http_client,
            ..decode_job(&mut fields, job_name.unwrap_or_default(), decoder)
        };
        decoder.finish(fields, &[]);
        Some(Self {
            mark: job_mark,
            job,
            timeout_mark: if timeout_mark == mark {
                job_mark
            } else {
                timeout_mark
            },
            protocols,
            validation,
            escaping,
            extra_scrape_metrics,
            native,
            relabel,
            metric_relabel,
        })
    }

    /// The job's name.
    pub fn job_name(&self) -> &str {
        &self.job.job_name
    }

    /// The job as meant under `global`.
    pub fn resolve(self, global: &GlobalConfig, decoder: &mut Decoder) -> ScrapeConfig {
        let mut job = self.job;
        inherit(&mut job.scrape_interval_ms, global.scrape_interval_ms);
        if job.scrape_timeout_ms > job.scrape_interval_ms {
            decoder.mistake_of_file(
                self.timeout_mark,
                format!(
                    "scrape timeout greater than scrape interval for scrape config with job name {}",
                    quoted(&job.job_name)
                ),
            );
        }
        inherit(
            &mut job.scrape_timeout_ms,
            global.scrape_timeout_ms.min(job.scrape_interval_ms),
        );
        inherit(&mut job.body_size_limit_bytes, global.body_size_limit_bytes);
        inherit(&mut job.sample_limit, global.sample_limit);
        inherit(&mut job.target_limit, global.target_limit);
        inherit(&mut job.label_limit, global.label_limit);
        inherit(&mut job.label_name_length_limit, global.label_name_length_limit);
        inherit(&mut job.label_value_length_limit, global.label_value_length_limit);
        inherit(&mut job.keep_dropped_targets, global.keep_dropped_targets);
        if job.scrape_failure_log_file.is_none() {
            job.scrape_failure_log_file
                .clone_from(&global.scrape_failure_log_file);
        }
        let [scrape, always, convert] = self.native;
        job.scrape_native_histograms = scrape.unwrap_or(global.scrape_native_histograms);
        job.always_scrape_classic_histograms = always.unwrap_or(global.always_scrape_classic_histograms);
        job.convert_classic_histograms_to_nhcb = convert.unwrap_or(global.convert_classic_histograms_to_nhcb);
        job.extra_scrape_metrics = self.extra_scrape_metrics.unwrap_or(global.extra_scrape_metrics);
        job.scrape_protocols = match (self.protocols, &global.scrape_protocols) {
            (Some((mark, names)), _) => {
                let whom = format!("for scrape config with job name {}", quoted(&job.job_name));
                let protocols =
                    decoder.checks_of_file(|decoder| protocol::resolve_list(&names, &whom, mark, decoder));
                protocols.unwrap_or_default()
            }
            (None, Some(protocols)) => protocols.clone(),
            (None, None) if job.scrape_native_histograms => ScrapeProtocol::DEFAULT_PROTO_FIRST.to_vec(),
            (None, None) => ScrapeProtocol::DEFAULT.to_vec(),
        };
        let validation = self.validation.unwrap_or(global.metric_name_validation_scheme);
        job.metric_name_validation_scheme = validation;
        job.metric_name_escaping_scheme = resolve_escaping(self.escaping, self.validation, global);
        if job.metric_name_escaping_scheme == EscapingScheme::AllowUtf8
            && validation != ValidationScheme::Utf8
        {
            decoder.mistake_of_file(
                self.mark,
                "utf8 metric names requested but validation scheme is not set to UTF8",
            );
        }
        job.relabel_configs = self.relabel.resolve(validation, decoder);
        job.metric_relabel_configs = self.metric_relabel.resolve(validation, decoder);
        job
    }
}

/// A job that says nothing of escaping follows its own validation scheme, or else `global`.
fn resolve_escaping(
    own: Option<EscapingScheme>,
    own_validation: Option<ValidationScheme>,
    global: &GlobalConfig,
) -> EscapingScheme {
    let natural = |scheme| match scheme {
        ValidationScheme::Legacy => EscapingScheme::Underscores,
        ValidationScheme::Utf8 => EscapingScheme::AllowUtf8,
    };
    own.unwrap_or_else(|| match own_validation {
        Some(validation) => natural(validation),
        None => global
            .metric_name_escaping_scheme
            .unwrap_or_else(|| natural(global.metric_name_validation_scheme)),
    })
}

/// Zero is "not written".
fn inherit<T: Default + PartialEq>(own: &mut T, global: T) {
    if *own == T::default() {
        *own = global;
    }
}

/// What a job says for itself, without discoveries, HTTP client and what may be inherited.
fn decode_job(fields: &mut Fields<'_>, job_name: String, decoder: &mut Decoder) -> ScrapeConfig {
    let fallback_node = fields.take("fallback_scrape_protocol");
    let text_or =
        |key: &str, default: &str, fields: &mut Fields<'_>, decoder: &mut Decoder| match fields.take(key) {
            Some(node) => decoder.string(node).unwrap_or_default(),
            None => default.to_owned(),
        };
    let fallback_scrape_protocol = fallback_node.and_then(|node| decode_fallback(node, &job_name, decoder));
    let params = match fields.take("params") {
        Some(node) => decode_params(node, decoder),
        None => BTreeMap::new(),
    };
    ScrapeConfig {
        honor_labels: decoder.bool_of(fields, "honor_labels", false),
        honor_timestamps: decoder.bool_of(fields, "honor_timestamps", true),
        track_timestamps_staleness: decoder.bool_of(fields, "track_timestamps_staleness", false),
        params,
        scrape_interval_ms: decoder.duration_of(fields, "scrape_interval", 0),
        scrape_timeout_ms: decoder.duration_of(fields, "scrape_timeout", 0),
        scrape_protocols: Vec::new(),
        fallback_scrape_protocol,
        scrape_native_histograms: false,
        always_scrape_classic_histograms: false,
        convert_classic_histograms_to_nhcb: false,
        scrape_failure_log_file: decoder.path_of(fields, "scrape_failure_log_file"),
        metrics_path: text_or("metrics_path", "/metrics", fields, decoder),
        scheme: text_or("scheme", "http", fields, decoder),
        enable_compression: decoder.bool_of(fields, "enable_compression", true),
        body_size_limit_bytes: decoder.size_of(fields, "body_size_limit"),
        sample_limit: decoder.uint_of(fields, "sample_limit"),
        target_limit: decoder.uint_of(fields, "target_limit"),
        label_limit: decoder.uint_of(fields, "label_limit"),
        label_name_length_limit: decoder.uint_of(fields, "label_name_length_limit"),
        label_value_length_limit: decoder.uint_of(fields, "label_value_length_limit"),
        native_histogram_bucket_limit: unbuilt_limit(fields, decoder),
        native_histogram_min_bucket_factor: unbuilt_factor(fields, decoder),
        keep_dropped_targets: decoder.uint_of(fields, "keep_dropped_targets"),
        metric_name_validation_scheme: ValidationScheme::Utf8,
        metric_name_escaping_scheme: EscapingScheme::AllowUtf8,
        extra_scrape_metrics: false,
        discovery: DiscoveryConfigs::default(),
        http_client: HttpClientConfig::default(),
        relabel_configs: Vec::new(),
        metric_relabel_configs: Vec::new(),
        job_name,
    }
}

fn decode_fallback(node: &Node, job_name: &str, decoder: &mut Decoder) -> Option<ScrapeProtocol> {
    let name = decoder.string_as(node, "config.ScrapeProtocol")?;
    if name.is_empty() {
        return None;
    }
    match protocol::resolve(&name) {
        Ok(protocol) => {
            if protocol == ScrapeProtocol::PrometheusProto {
                decoder.unbuilt(node.mark, "scrape protocol PrometheusProto");
            }
            Some(protocol)
        }
        Err(text) => {
            let job_name = quoted(job_name);
            let text = format!(
                "invalid fallback_scrape_protocol for scrape config with job name {job_name}: {text}"
            );
            decoder.checks_of_file(|decoder| decoder.mistake_in(node, text));
            None
        }
    }
}

fn decode_params(node: &Node, decoder: &mut Decoder) -> BTreeMap<String, Vec<String>> {
    let pairs = decoder.pairs(node, "url.Values").unwrap_or_default();
    pairs
        .into_iter()
        .filter_map(|(name, node)| Some((name.to_owned(), decoder.strings(node, "[]string")?)))
        .collect()
}

fn unbuilt_limit(fields: &mut Fields<'_>, decoder: &mut Decoder) -> u64 {
    let key = "native_histogram_bucket_limit";
    let mark = fields.mark_of(key);
    let limit = decoder.uint_of(fields, key);
    if limit != 0 {
        decoder.unbuilt(mark, key);
    }
    limit
}

fn unbuilt_factor(fields: &mut Fields<'_>, decoder: &mut Decoder) -> f64 {
    let key = "native_histogram_min_bucket_factor";
    let mark = fields.mark_of(key);
    let factor = decoder.float_of(fields, key);
    if factor != 0.0 {
        decoder.unbuilt(mark, key);
    }
    factor
}
