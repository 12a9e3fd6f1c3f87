//! What a provider tells: targets that came from one source and share labels.

use tsdb::model::Labels;

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
