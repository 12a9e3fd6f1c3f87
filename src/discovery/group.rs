//! What a provider tells: targets that came from one source and share labels.

use tsdb::model::Labels;

use crate::config::StaticGroup;

/// Targets from one source: a file, a URL, an entry of `static_configs`.
///
/// A later group of the same source replaces the earlier one; without targets it says that the source is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Names the group among all groups of its provider.
    pub source: String,
    /// Labels of each target, `__address__` among them.
    pub targets: Vec<Labels>,
    /// Labels of all targets; a target's own win.
    pub labels: Labels,
}

impl TargetGroup {
    /// The group as a file or `static_configs` writes it, under the name `source`.
    pub fn from_written(written: &StaticGroup, source: impl Into<String>) -> Self {
        let address = |target: &String| Labels::from_pairs([("__address__", target.as_str())]);
        let labels = written.labels.iter();
        Self {
            source: source.into(),
            targets: written.targets.iter().map(address).collect(),
            labels: Labels::from_pairs(labels.map(|(name, value)| (name.as_str(), value.as_str()))),
        }
    }
}
