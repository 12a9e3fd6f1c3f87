//! `tracing`: where spans of the server's own work go. Read and checked; no server starts with it yet.

use std::collections::BTreeMap;
use std::path::Path;

use super::custom_headers::{self, AUTHORIZATION_OF_TRACING};
use super::duration::format_ms;
use super::tls::TlsConfig;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node};

/// The section `tracing`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TracingConfig {
    /// `http` or `grpc`; empty if it is written as null.
    pub client_type: String,
    /// Where spans are sent.
    pub endpoint: String,
    /// Which share of traces is kept, 0 to 1.
    pub sampling_fraction: f64,
    /// Whether it is spoken to without TLS.
    pub insecure: bool,
    /// TLS.
    pub tls_config: TlsConfig,
    /// Headers to add.
    pub headers: BTreeMap<String, String>,
    /// `gzip` or empty.
    pub compression: String,
    /// How long a batch may take; 0 for the exporter's own default.
    pub timeout_ms: i64,
}

impl TracingConfig {
    /// Reads `tracing`; null is no tracing.
    pub fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "config.plain")?;
        let (mark, span) = (fields.mark, fields.span);
        let headers = custom_headers::decode(&mut fields, AUTHORIZATION_OF_TRACING, decoder);
        let before = decoder.mistakes.len();
        let endpoint = decoder.text_of(&mut fields, "endpoint");
        if endpoint.is_empty() && decoder.has_right_shapes_since(before) {
            decoder.mistake_of(span, mark, "tracing endpoint must be set");
        }
        let compression_mark = fields.mark_of("compression");
        let compression = decoder.text_of(&mut fields, "compression");
        if !["", "gzip"].contains(&compression.as_str()) {
            let text = format!("invalid compression type {compression} provided, valid options: gzip");
            decoder.mistake_of(span, compression_mark, text);
        }
        let config = Self {
            client_type: match fields.take("client_type") {
                Some(node) => decode_client_type(node, decoder),
                None => "grpc".into(),
            },
            endpoint,
            sampling_fraction: decoder.float_of(&mut fields, "sampling_fraction"),
            insecure: decoder.bool_of(&mut fields, "insecure", false),
            tls_config: fields
                .take("tls_config")
                .map(|node| TlsConfig::decode(node, decoder))
                .unwrap_or_default(),
            headers,
            compression,
            timeout_ms: decoder.duration_of(&mut fields, "timeout", 0),
        };
        decoder.finish(fields, &[]);
        Some(config)
    }

    /// Puts its files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        self.tls_config.set_directory(directory);
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put_unless_zero("client_type", self.client_type.as_str())
            .put_unless_zero("endpoint", self.endpoint.as_str())
            .put_unless_zero("sampling_fraction", self.sampling_fraction)
            .put_unless_zero("insecure", self.insecure)
            .put_unless_zero("tls_config", self.tls_config.to_out())
            .put_unless_zero("headers", custom_headers::to_out(&self.headers))
            .put_unless_zero("compression", self.compression.as_str());
        if self.timeout_ms != 0 {
            map.put("timeout", format_ms(self.timeout_ms));
        }
        map.into()
    }
}

fn decode_client_type(node: &Node, decoder: &mut Decoder) -> String {
    let Some(name) = decoder.string_as(node, "config.plain") else {
        return String::new();
    };
    if !node.is_null() && !["http", "grpc"].contains(&name.as_str()) {
        let text = format!("expected tracing client type to be to be http or grpc, but got {name}");
        decoder.mistake_in(node, text);
    }
    name
}
