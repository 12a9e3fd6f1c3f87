//! Labels as a mapping of names to values, as targets and matchers are written.

use std::collections::BTreeMap;

use super::yaml::write::OutMap;
use super::yaml::{Decoder, Node};

/// Reads labels; names may be any text but an empty one.
pub fn decode(node: &Node, decoder: &mut Decoder) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (name, node) in decoder.pairs(node, "model.LabelSet").unwrap_or_default() {
        if name.is_empty() {
            decoder.mistake(node.mark, "\"\" is not a valid label name");
        }
        if let Some(value) = decoder.string_as(node, "model.LabelValue") {
            labels.insert(name.to_owned(), value);
        }
    }
    labels
}

/// As Prometheus writes them: sorted by name.
pub fn to_out(labels: &BTreeMap<String, String>) -> OutMap {
    let mut map = OutMap::new();
    for (name, value) in labels {
        map.put(name, value.as_str());
    }
    map
}
