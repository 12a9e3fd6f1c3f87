//! `dns_sd_configs`: targets from the records of DNS names.

use std::path::Path;

use super::Mechanism;
use crate::config::duration::format_ms;
use crate::config::http_client::HttpClientConfig;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Node};

/// Targets from the records of DNS names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSdConfig {
    /// The names that are asked for.
    pub names: Vec<String>,
    /// How often.
    pub refresh_interval_ms: i64,
    /// Which records.
    pub record_type: DnsRecordType,
    /// The type as it is written, in any case.
    pub type_text: String,
    /// The port of a target; the record's own for SRV.
    pub port: i64,
}

/// The records that name targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsRecordType {
    /// Services: name and port.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

/// How often names are asked for, unless told otherwise.
const REFRESH_INTERVAL_MS_DEFAULT: i64 = 30_000;

impl DnsRecordType {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_uppercase().as_str() {
            "SRV" => Self::Srv,
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "MX" => Self::Mx,
            "NS" => Self::Ns,
            _ => return None,
        })
    }
}

impl Mechanism for DnsSdConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "dns.plain")?;
        let (section, span) = (fields.mark, fields.span);
        let type_mark = fields.mark_of("type");
        let type_text = decoder.text_or(&mut fields, "type", "SRV");
        let record_type = DnsRecordType::parse(&type_text);
        let config = Self {
            names: decoder.strings_of(&mut fields, "names"),
            refresh_interval_ms: decoder.duration_of(
                &mut fields,
                "refresh_interval",
                REFRESH_INTERVAL_MS_DEFAULT,
            ),
            record_type: record_type.unwrap_or(DnsRecordType::Srv),
            port: decoder.int_of(&mut fields, "port", 0),
            type_text,
        };
        decoder.finish(fields, &[]);
        if config.names.is_empty() {
            decoder.mistake_of(
                span,
                section,
                "DNS-SD config must contain at least one SRV record name",
            );
        }
        match record_type {
            None => {
                let text = format!("invalid DNS-SD records type {}", config.type_text);
                decoder.mistake_of(span, type_mark, text);
            }
            Some(DnsRecordType::Srv) => {}
            Some(_) if config.port == 0 => decoder.mistake_of(
                span,
                section,
                "a port is required in DNS-SD configs for all record types except SRV",
            ),
            Some(_) => {}
        }
        Some(config)
    }

    fn set_directory(&mut self, _: &Path) {}

    fn http_client(&self) -> Option<&HttpClientConfig> {
        None
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put("names", self.names.clone());
        if self.refresh_interval_ms != 0 {
            map.put("refresh_interval", format_ms(self.refresh_interval_ms));
        }
        map.put("type", self.type_text.as_str()).put("port", self.port);
        map.into()
    }
}
