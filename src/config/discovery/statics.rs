//! `static_configs`: targets written down.

use std::collections::BTreeMap;

use super::check_address;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Node};

/// A group of targets written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaticGroup {
    /// Their addresses (`__address__`).
    pub targets: Vec<String>,
    /// Labels of them all.
    pub labels: BTreeMap<String, String>,
}

/// Go's name of the struct that a group is read into, as it stands in messages.
const TYPE_NAME: &str =
    "struct { Targets []string \"yaml:\\\"targets\\\"\"; Labels model.LabelSet \"yaml:\\\"labels\\\"\" }";

impl StaticGroup {
    /// Reads a group of `static_configs` or of a discovered file.
    pub fn decode(node: &Node, forbids_urls: bool, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, TYPE_NAME)?;
        let mut targets = Vec::new();
        if let Some(node) = fields.take("targets") {
            for item in decoder.items(node, "[]string").unwrap_or_default() {
                let Some(target) = decoder.string(item) else {
                    continue;
                };
                if forbids_urls {
                    check_address(&target, item.mark, decoder);
                }
                targets.push(target);
            }
        }
        let mut labels = BTreeMap::new();
        if let Some(node) = fields.take("labels") {
            for (name, node) in decoder.pairs(node, "model.LabelSet").unwrap_or_default() {
                if name.is_empty() {
                    decoder.mistake(node.mark, "\"\" is not a valid label name");
                }
                if let Some(value) = decoder.string_as(node, "model.LabelValue") {
                    labels.insert(name.to_owned(), value);
                }
            }
        }
        decoder.finish(fields, &[]);
        Some(Self { targets, labels })
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut labels = OutMap::new();
        for (name, value) in &self.labels {
            labels.put(name, value.as_str());
        }
        let mut map = OutMap::new();
        map.put("targets", self.targets.clone())
            .put_unless_zero("labels", labels);
        map.into()
    }
}
