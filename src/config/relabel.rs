//! Relabelling rules as data; applying them is `crate::relabel`'s work.

use tsdb::model::Regex;

use super::scrape::ValidationScheme;

/// One relabelling rule.
#[derive(Clone, Debug)]
pub struct RelabelConfig {
    /// Labels whose values are joined.
    pub source_labels: Vec<String>,
    /// What joins them.
    pub separator: String,
    /// Matched against the joined value (or against label names); anchored, dot matches newline.
    pub regex: Regex,
    /// Whether `regex` was written, be it as the default: Prometheus tells the two apart.
    pub regex_is_written: bool,
    /// Divisor of `hashmod`; 0 when unset.
    pub modulus: u64,
    /// The label to write; may hold `$1`.
    pub target_label: String,
    /// What to write; may hold `$1`.
    pub replacement: String,
    /// What to do.
    pub action: RelabelAction,
    /// Which label names are valid results.
    pub name_validation_scheme: ValidationScheme,
}

impl PartialEq for RelabelConfig {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
            && self.regex_is_written == other.regex_is_written
            && self.source_labels == other.source_labels
            && self.separator == other.separator
            && self.modulus == other.modulus
            && self.target_label == other.target_label
            && self.replacement == other.replacement
            && self.action == other.action
            && self.name_validation_scheme == other.name_validation_scheme
    }
}

/// What a relabelling rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelabelAction {
    /// Writes the expanded replacement if the regex matches.
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops where the joined value differs from the target label's.
    KeepEqual,
    /// Drops where the joined value equals the target label's.
    DropEqual,
    /// Writes the joined value's hash modulo `modulus`.
    HashMod,
    /// Copies labels whose names match to the expanded names.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Writes the joined value in lower case.
    Lowercase,
    /// Writes the joined value in upper case.
    Uppercase,
}

impl RelabelAction {
    /// Every action with its name in the configuration.
    pub const ALL: [(&str, Self); 11] = [
        ("replace", Self::Replace),
        ("keep", Self::Keep),
        ("drop", Self::Drop),
        ("hashmod", Self::HashMod),
        ("labelmap", Self::LabelMap),
        ("labeldrop", Self::LabelDrop),
        ("labelkeep", Self::LabelKeep),
        ("lowercase", Self::Lowercase),
        ("uppercase", Self::Uppercase),
        ("keepequal", Self::KeepEqual),
        ("dropequal", Self::DropEqual),
    ];

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, action)| *action == self)
            .map_or("", |(name, _)| name)
    }
}
