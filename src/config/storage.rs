//! `storage`: how long samples are kept, and what the head takes.

use super::duration::format_ms;
use super::size::format_bytes;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node};
use crate::config::quote::quoted;

/// The section `storage`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StorageConfig {
    /// `tsdb`.
    pub tsdb: TsdbConfig,
    /// `exemplars.max_exemplars`, if the section is written. Effective with exemplar storage alone.
    pub max_exemplars: Option<i64>,
}

/// `storage.tsdb`; every part can change with a reload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TsdbConfig {
    /// How far behind the newest sample of its series a sample may be.
    pub out_of_order_time_window_ms: i64,
    /// Which share of stale series triggers an early compaction; 0 never does.
    pub stale_series_compaction_threshold: f64,
    /// Encoding of float chunks, if written: `xor` or `xor2`.
    pub chunk_encoding_floats: Option<String>,
    /// What to keep.
    pub retention: RetentionConfig,
}

/// `storage.tsdb.retention`, or what the flags say if the section is absent; 0 is no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetentionConfig {
    /// How long.
    pub time_ms: i64,
    /// How many bytes of blocks.
    pub size_bytes: u64,
    /// Which part of the file system, 0 to 100.
    pub percentage: f64,
}

impl StorageConfig {
    /// Reads `storage`; without a `retention` there, `retention` applies.
    pub fn decode(node: Option<&Node>, retention: &RetentionConfig, decoder: &mut Decoder) -> Self {
        let mut config = Self {
            tsdb: TsdbConfig {
                retention: retention.clone(),
                ..TsdbConfig::default()
            },
            max_exemplars: None,
        };
        let Some(mut fields) = node.and_then(|node| decoder.fields(node, "config.StorageConfig")) else {
            return config;
        };
        if let Some(node) = fields.take("tsdb") {
            config.tsdb.decode(node, decoder);
        }
        if let Some(node) = fields.take("exemplars")
            && let Some(mut inner) = decoder.fields(node, "config.ExemplarsConfig")
        {
            let node = inner.take("max_exemplars");
            config.max_exemplars = Some(node.and_then(|node| decoder.int(node, "int64")).unwrap_or(0));
            decoder.finish(inner, &[]);
        }
        decoder.finish(fields, &[]);
        config
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put("tsdb", self.tsdb.to_out());
        if let Some(max) = self.max_exemplars {
            let mut inner = OutMap::new();
            inner.put_unless_zero("max_exemplars", max);
            map.put("exemplars", inner);
        }
        map.into()
    }
}

/// What a field of Prometheus' own is called where it prints its configuration.
const OWN_FIELD: &str = "outofordertimewindow";

impl TsdbConfig {
    fn decode(&mut self, node: &Node, decoder: &mut Decoder) {
        let Some(mut fields) = decoder.fields(node, "config.plain") else {
            return;
        };
        let span = fields.span;
        // Prometheus reads a field of its own by its lower-cased name, too, and never looks at it.
        if let Some(node) = fields.take(OWN_FIELD) {
            decoder.int(node, "int64");
        }
        let key = "out_of_order_time_window";
        let mark = fields.mark_of(key);
        self.out_of_order_time_window_ms = decoder.duration_of(&mut fields, key, 0);
        if self.out_of_order_time_window_ms != 0 {
            decoder.unbuilt(mark, key);
        }
        let key = "stale_series_compaction_threshold";
        let mark = fields.mark_of(key);
        self.stale_series_compaction_threshold = decoder.float_of(&mut fields, key);
        if self.stale_series_compaction_threshold != 0.0 {
            decoder.unbuilt(mark, key);
        }
        if let Some(node) = fields.take("chunk_encoding") {
            self.chunk_encoding_floats = decoder.checks_of(span, |decoder| decode_encoding(node, decoder));
        }
        if let Some(node) = fields.take("retention")
            && !node.is_null()
        {
            self.retention = RetentionConfig::decode(node, decoder);
        }
        decoder.finish(fields, &[]);
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put(OWN_FIELD, self.out_of_order_time_window_ms);
        if self.out_of_order_time_window_ms != 0 {
            map.put(
                "out_of_order_time_window",
                format_ms(self.out_of_order_time_window_ms),
            );
        }
        map.put_unless_zero(
            "stale_series_compaction_threshold",
            self.stale_series_compaction_threshold,
        );
        if let Some(floats) = &self.chunk_encoding_floats {
            let mut inner = OutMap::new();
            inner.put("floats", floats.as_str());
            map.put("chunk_encoding", inner);
        }
        map.put("retention", self.retention.to_out());
        map.into()
    }
}

fn decode_encoding(node: &Node, decoder: &mut Decoder) -> Option<String> {
    let mut fields = decoder.fields(node, "config.ChunkEncodingConfig")?;
    let mark = fields.mark_of("floats");
    let floats = decoder.text_of(&mut fields, "floats");
    decoder.finish(fields, &[]);
    match floats.as_str() {
        "" => None,
        "xor" => Some(floats),
        "xor2" => {
            decoder.unbuilt(mark, "chunk encoding xor2");
            Some(floats)
        }
        _ => {
            decoder.mistake(
                mark,
                format!(
                    "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got {floats}", floats = quoted(&floats)),
            );
            None
        }
    }
}

impl RetentionConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "config.plain") else {
            return Self::default();
        };
        let span = fields.span;
        let size_mark = fields.mark_of("size");
        let size = fields
            .take("size")
            .and_then(|node| decoder.size_bytes(node))
            .unwrap_or(0);
        if size < 0 {
            let shown = format_bytes(size);
            decoder.mistake_of(
                span,
                size_mark,
                format!("'storage.tsdb.retention.size' must be greater than or equal to 0, got {shown}"),
            );
        }
        let percentage_mark = fields.mark_of("percentage");
        let percentage = decoder.float_of(&mut fields, "percentage");
        if !(0.0..=100.0).contains(&percentage) {
            decoder.mistake_of(
                span,
                percentage_mark,
                format!(
                    "'storage.tsdb.retention.percentage' must be in the range [0, 100], got {percentage}"
                ),
            );
        }
        let config = Self {
            time_ms: decoder.duration_of(&mut fields, "time", 0),
            size_bytes: u64::try_from(size).unwrap_or(0),
            percentage,
        };
        decoder.finish(fields, &[]);
        config
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        if self.time_ms != 0 {
            map.put("time", format_ms(self.time_ms));
        }
        if self.size_bytes != 0 {
            map.put(
                "size",
                format_bytes(i64::try_from(self.size_bytes).unwrap_or(i64::MAX)),
            );
        }
        map.put_unless_zero("percentage", self.percentage);
        map.into()
    }
}
