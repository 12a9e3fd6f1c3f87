//! Where targets come from: one file a mechanism.
//!
//! Built are `static_configs`, `file_sd_configs` and `http_sd_configs`; every other mechanism of
//! Prometheus is refused by its name (see [`super::refuse`]).

mod file;
mod http;
mod statics;

use std::path::Path;

pub use file::FileSdConfig;
pub use http::HttpSdConfig;
pub use statics::StaticGroup;

use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Fields, Mark, Node};
use crate::config::quote::quoted;

/// The discoveries of one scrape job or Alertmanager section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiscoveryConfigs {
    /// `static_configs`.
    pub static_configs: Vec<StaticGroup>,
    /// `file_sd_configs`.
    pub file_sd_configs: Vec<FileSdConfig>,
    /// `http_sd_configs`.
    pub http_sd_configs: Vec<HttpSdConfig>,
}

impl DiscoveryConfigs {
    /// Takes the discoveries out of the section that holds them.
    ///
    /// `forbids_urls`: without relabelling, a static target must be an address, not a URL.
    pub fn decode(fields: &mut Fields<'_>, forbids_urls: bool, decoder: &mut Decoder) -> Self {
        let static_configs = decode_list(
            fields,
            "static_configs",
            "[]*targetgroup.Group",
            decoder,
            |n, d| StaticGroup::decode(n, forbids_urls, d),
        );
        let file_sd_configs = decode_list(
            fields,
            "file_sd_configs",
            "[]*file.SDConfig",
            decoder,
            FileSdConfig::decode,
        );
        let http_sd_configs = decode_list(
            fields,
            "http_sd_configs",
            "[]*http.SDConfig",
            decoder,
            HttpSdConfig::decode,
        );
        Self {
            static_configs,
            file_sd_configs,
            http_sd_configs,
        }
    }

    /// Puts files beside the file that names them.
    pub fn set_directory(&mut self, directory: &Path) {
        for config in &mut self.file_sd_configs {
            config.set_directory(directory);
        }
        for config in &mut self.http_sd_configs {
            config.http_client.set_directory(directory);
        }
    }

    /// Adds the discoveries as Prometheus writes them: sorted by key.
    pub fn write(&self, map: &mut OutMap) {
        let list = |items: Vec<Out>| Out::List(items);
        map.put_unless_zero(
            "file_sd_configs",
            list(self.file_sd_configs.iter().map(FileSdConfig::to_out).collect()),
        )
        .put_unless_zero(
            "http_sd_configs",
            list(self.http_sd_configs.iter().map(HttpSdConfig::to_out).collect()),
        )
        .put_unless_zero(
            "static_configs",
            list(self.static_configs.iter().map(StaticGroup::to_out).collect()),
        );
    }
}

fn decode_list<T>(
    fields: &mut Fields<'_>,
    key: &str,
    type_name: &str,
    decoder: &mut Decoder,
    mut decode: impl FnMut(&Node, &mut Decoder) -> Option<T>,
) -> Vec<T> {
    let Some(node) = fields.take(key) else {
        return Vec::new();
    };
    let mut configs = Vec::new();
    for item in decoder.items(node, type_name).unwrap_or_default() {
        if item.is_null() {
            decoder.mistake(item.mark, format!("empty or null section in {key}"));
        } else {
            configs.extend(decode(item, decoder));
        }
    }
    configs
}

/// Refuses a target that is a URL rather than an address.
fn check_address(target: &str, mark: Mark, decoder: &mut Decoder) {
    if target.contains('/') {
        decoder.mistake(
            mark,
            format!("{target} is not a valid hostname", target = quoted(target)),
        );
    }
}
