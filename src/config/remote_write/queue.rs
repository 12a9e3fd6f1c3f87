//! `queue_config` and `metadata_config`: how much is sent at a time, and how often.

use crate::config::duration::format_ms;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Fields, Node, Span};

/// `queue_config`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// Samples that a shard holds before reading waits.
    pub capacity: usize,
    /// Most shards.
    pub max_shards: usize,
    /// Fewest shards.
    pub min_shards: usize,
    /// Most samples of a request.
    pub max_samples_per_send: usize,
    /// How long a sample waits for others.
    pub batch_send_deadline_ms: i64,
    /// The first pause after an error that may pass.
    pub min_backoff_ms: i64,
    /// The longest such pause.
    pub max_backoff_ms: i64,
    /// Whether 429 is such an error.
    pub retry_on_http_429: bool,
    /// Samples older than this are dropped; 0 for none.
    pub sample_age_limit_ms: i64,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            max_shards: 50,
            min_shards: 1,
            max_samples_per_send: 2_000,
            batch_send_deadline_ms: 5_000,
            min_backoff_ms: 30,
            max_backoff_ms: 5_000,
            retry_on_http_429: false,
            sample_age_limit_ms: 0,
        }
    }
}

/// `metadata_config`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataConfig {
    /// Whether metadata is sent.
    pub send: bool,
    /// How often.
    pub send_interval_ms: i64,
    /// Most metrics of a request.
    pub max_samples_per_send: usize,
}

impl Default for MetadataConfig {
    fn default() -> Self {
        Self {
            send: true,
            send_interval_ms: 60_000,
            max_samples_per_send: 2_000,
        }
    }
}

impl QueueConfig {
    /// Reads it; null is all zeros, as in Go, and so refused.
    pub(super) fn decode(node: &Node, section: Span, decoder: &mut Decoder) -> Self {
        let default = Self::default();
        if node.is_null() {
            decoder.mistake_of(
                section,
                node.mark,
                "remote write queue max_shards must be positive",
            );
            return default;
        }
        let Some(mut fields) = decoder.fields(node, "config.QueueConfig") else {
            return default;
        };
        let mark = fields.mark;
        let read = Self {
            max_shards: count(&mut fields, "max_shards", default.max_shards, decoder),
            min_shards: count(&mut fields, "min_shards", default.min_shards, decoder),
            max_samples_per_send: count(
                &mut fields,
                "max_samples_per_send",
                default.max_samples_per_send,
                decoder,
            ),
            capacity: count(&mut fields, "capacity", default.capacity, decoder),
            batch_send_deadline_ms: decoder.duration_of(
                &mut fields,
                "batch_send_deadline",
                default.batch_send_deadline_ms,
            ),
            min_backoff_ms: decoder.duration_of(&mut fields, "min_backoff", default.min_backoff_ms),
            max_backoff_ms: decoder.duration_of(&mut fields, "max_backoff", default.max_backoff_ms),
            retry_on_http_429: decoder.bool_of(&mut fields, "retry_on_http_429", false),
            sample_age_limit_ms: decoder.duration_of(&mut fields, "sample_age_limit", 0),
        };
        decoder.finish(fields, &[]);
        // The first that Prometheus would name.
        let wrong = [
            (read.max_shards == 0, "max_shards must be positive"),
            (read.min_shards == 0, "min_shards must be positive"),
            (
                read.min_shards > read.max_shards,
                "min_shards must not be greater than max_shards",
            ),
            (
                read.max_samples_per_send == 0,
                "max_samples_per_send must be positive",
            ),
            (read.capacity == 0, "capacity must be positive"),
            (
                read.max_backoff_ms < read.min_backoff_ms,
                "max_backoff must not be less than min_backoff",
            ),
        ];
        if let Some((_, text)) = wrong.iter().find(|(is_wrong, _)| *is_wrong) {
            decoder.mistake_of(section, mark, format!("remote write queue {text}"));
        }
        read
    }

    pub(super) fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put("capacity", self.capacity as u64)
            .put("max_shards", self.max_shards as u64)
            .put("min_shards", self.min_shards as u64)
            .put("max_samples_per_send", self.max_samples_per_send as u64);
        for (key, duration_ms) in [
            ("batch_send_deadline", self.batch_send_deadline_ms),
            ("min_backoff", self.min_backoff_ms),
            ("max_backoff", self.max_backoff_ms),
        ] {
            if duration_ms != 0 {
                map.put(key, format_ms(duration_ms));
            }
        }
        map.put_unless_zero("retry_on_http_429", self.retry_on_http_429);
        if self.sample_age_limit_ms != 0 {
            map.put("sample_age_limit", format_ms(self.sample_age_limit_ms));
        }
        map.into()
    }
}

impl MetadataConfig {
    /// Reads it; null is all zeros, as in Go.
    pub(super) fn decode(node: &Node, section: Span, decoder: &mut Decoder) -> Self {
        let default = Self::default();
        if node.is_null() {
            return Self {
                send: false,
                send_interval_ms: 0,
                max_samples_per_send: 0,
            };
        }
        let Some(mut fields) = decoder.fields(node, "config.MetadataConfig") else {
            return default;
        };
        let mark = fields.mark_of("send_interval");
        let read = Self {
            send: decoder.bool_of(&mut fields, "send", default.send),
            send_interval_ms: decoder.duration_of(&mut fields, "send_interval", default.send_interval_ms),
            max_samples_per_send: count(
                &mut fields,
                "max_samples_per_send",
                default.max_samples_per_send,
                decoder,
            ),
        };
        decoder.finish(fields, &[]);
        // Prometheus starts with this and panics.
        if read.send && read.send_interval_ms == 0 {
            decoder.mistake_of(
                section,
                mark,
                "remote write metadata send_interval must be positive",
            );
        }
        read
    }

    pub(super) fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        if *self
            == (Self {
                send: false,
                send_interval_ms: 0,
                max_samples_per_send: 0,
            })
        {
            return map.into();
        }
        map.put("send", self.send)
            .put("send_interval", format_ms(self.send_interval_ms))
            .put_unless_zero("max_samples_per_send", self.max_samples_per_send as u64);
        map.into()
    }
}

/// A number of things; below 0 counts as none.
fn count(fields: &mut Fields<'_>, key: &str, default: usize, decoder: &mut Decoder) -> usize {
    match fields.take(key) {
        Some(node) => decoder
            .int(node, "int")
            .map_or(default, |number| usize::try_from(number).unwrap_or(0)),
        None => default,
    }
}
