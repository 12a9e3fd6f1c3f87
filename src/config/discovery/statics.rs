//! `static_configs`: targets written down.

use std::collections::BTreeMap;

use super::check_address;
use crate::config::label_set;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Node, Span};

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
    /// Reads a group of `static_configs` or of a discovered file; a target that is a URL is a mistake of the
    /// section that forbids them.
    pub fn decode(node: &Node, forbids_urls: Option<Span>, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, TYPE_NAME)?;
        let mut targets = Vec::new();
        if let Some(node) = fields.take("targets") {
            for item in decoder.items(node, "[]string").unwrap_or_default() {
                let Some(target) = decoder.string(item) else {
                    continue;
                };
                if let Some(section) = forbids_urls {
                    check_address(&target, item.mark, section, decoder);
                }
                targets.push(target);
            }
        }
        let labels = fields.take("labels").map(|node| label_set::decode(node, decoder));
        decoder.finish(fields, &[]);
        Some(Self {
            targets,
            labels: labels.unwrap_or_default(),
        })
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put("targets", self.targets.clone())
            .put_unless_zero("labels", label_set::to_out(&self.labels));
        map.into()
    }
}
