//! Which names are valid, and how they are asked to be escaped.

use tsdb::model::labels::{is_legacy_label_name, is_legacy_metric_name};

use crate::config::quote::quoted;
use crate::config::yaml::{Decoder, Node};

/// Which metric and label names are valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ValidationScheme {
    /// Any UTF-8.
    #[default]
    Utf8,
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    Legacy,
}

impl ValidationScheme {
    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Legacy => "legacy",
        }
    }

    /// Whether a label may be called `name`.
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy_label_name(name),
        }
    }

    /// Whether a metric may be called `name`.
    pub fn is_metric_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy_metric_name(name),
        }
    }
}

/// How a target is asked to write names that are not legacy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EscapingScheme {
    /// As they are.
    AllowUtf8,
    /// Other characters become `_`.
    Underscores,
    /// `.` becomes `_dot_`, others `__`.
    Dots,
    /// `U__` and code points.
    Values,
}

impl EscapingScheme {
    /// Every scheme with its name, which is also what an `Accept` header says after `escaping=`.
    pub const ALL: [(&str, Self); 4] = [
        ("allow-utf-8", Self::AllowUtf8),
        ("underscores", Self::Underscores),
        ("dots", Self::Dots),
        ("values", Self::Values),
    ];

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// Reads a validation scheme; null and `""` leave it open.
pub fn decode_validation(node: &Node, decoder: &mut Decoder) -> Option<ValidationScheme> {
    match decoder.string(node)?.as_str() {
        "" => None,
        "utf8" => Some(ValidationScheme::Utf8),
        "legacy" => Some(ValidationScheme::Legacy),
        other => {
            decoder.mistake_in(
                node,
                format!("unrecognized ValidationScheme: {other}", other = quoted(other)),
            );
            None
        }
    }
}

/// Reads an escaping scheme; null and `""` leave it open. `what` names the setting in a refusal.
pub fn decode_escaping(node: &Node, what: &str, decoder: &mut Decoder) -> Option<EscapingScheme> {
    let name = decoder.string(node)?;
    if name.is_empty() {
        return None;
    }
    let found = EscapingScheme::ALL.iter().find(|(known, _)| *known == name);
    if found.is_none() {
        decoder.mistake_in(
            node,
            format!(
                "unknown {what} specified, must be one of 'allow-utf-8', 'underscores', 'dots', or 'values', got {name}", name = quoted(&name)),
        );
    }
    found.map(|(_, scheme)| *scheme)
}
