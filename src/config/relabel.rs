//! Relabelling rules as data; applying them is `crate::relabel`'s work.

use tsdb::model::{Regex, RegexError};

use super::scrape::ValidationScheme;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Fields, Mark, Node};
use crate::config::quote::quoted;

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

/// Rules as written: valid one by one, not yet checked against the scheme of names that applies.
#[derive(Debug, Default)]
pub struct WrittenRules {
    /// The rules, each with its place.
    pub rules: Vec<(Mark, RelabelConfig)>,
}

impl WrittenRules {
    /// Takes a list of rules out of a section; `null_text` is what a null among them is refused with.
    pub fn decode(fields: &mut Fields<'_>, key: &str, null_text: &str, decoder: &mut Decoder) -> Self {
        let items = fields
            .take(key)
            .and_then(|node| decoder.items(node, "[]*relabel.Config"))
            .unwrap_or_default();
        let mut rules = Vec::with_capacity(items.len());
        for item in items {
            if item.is_null() {
                decoder.mistake_of(fields.span, item.mark, null_text);
            } else if let Some(rule) = RelabelConfig::decode(item, decoder) {
                rules.push((item.mark, rule));
            }
        }
        Self { rules }
    }

    /// The rules under a scheme of names; a rule that is invalid under it is a mistake.
    pub fn resolve(self, scheme: ValidationScheme, decoder: &mut Decoder) -> Vec<RelabelConfig> {
        self.rules
            .into_iter()
            .map(|(mark, mut rule)| {
                rule.name_validation_scheme = scheme;
                if let Err(text) = rule.validate() {
                    decoder.mistake_of_file(mark, text);
                }
                rule
            })
            .collect()
    }
}

const SEPARATOR_DEFAULT: &str = ";";
const REGEX_DEFAULT: &str = "(.*)";
const REPLACEMENT_DEFAULT: &str = "$1";

impl RelabelConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let before = decoder.mistakes.len();
        let mut fields = decoder.fields(node, "relabel.plain")?;
        let regex_node = fields.take("regex");
        let pattern = match regex_node {
            Some(node) => decoder.string(node)?,
            None => REGEX_DEFAULT.to_owned(),
        };
        let regex = match Regex::wrapped(&pattern) {
            Ok(regex) => Some(regex),
            Err(error) => {
                if let Some(node) = regex_node {
                    decoder.mistake_in(node, anchored_error(&pattern, &error));
                }
                None
            }
        };
        let action = match fields.take("action") {
            Some(node) => RelabelAction::decode(node, decoder),
            None => Some(RelabelAction::Replace),
        };
        let source_labels = match fields.take("source_labels") {
            Some(node) => decode_label_names(node, decoder),
            None => Vec::new(),
        };
        let mut text_or = |key: &str, default: &str, decoder: &mut Decoder| match fields.take(key) {
            Some(node) => decoder.string(node).unwrap_or_default(),
            None => default.to_owned(),
        };
        let separator = text_or("separator", SEPARATOR_DEFAULT, decoder);
        let target_label = text_or("target_label", "", decoder);
        let replacement = text_or("replacement", REPLACEMENT_DEFAULT, decoder);
        let modulus = fields
            .take("modulus")
            .and_then(|node| decoder.uint(node, "uint64"))
            .unwrap_or(0);
        let is_sound = decoder.mistakes.len() == before;
        decoder.finish(fields, &[]);
        // What could not be read would be told again as missing.
        is_sound.then_some(Self {
            source_labels,
            separator,
            regex: regex?,
            regex_is_written: regex_node.is_some(),
            modulus,
            target_label,
            replacement,
            action: action?,
            name_validation_scheme: ValidationScheme::Utf8,
        })
    }

    /// Whether the rule makes sense under its scheme of names.
    fn validate(&self) -> Result<(), String> {
        use RelabelAction as A;
        let action = self.action.as_str();
        let scheme = self.name_validation_scheme;
        let invalid = |key: &str, value: &str| {
            Err(format!(
                "{value} is invalid '{key}' for {action} action",
                value = quoted(value)
            ))
        };
        if self.modulus == 0 && self.action == A::HashMod {
            return Err("relabel configuration for hashmod requires non-zero modulus".into());
        }
        let writes_exactly = matches!(
            self.action,
            A::Lowercase | A::Uppercase | A::KeepEqual | A::DropEqual
        );
        let writes = writes_exactly || matches!(self.action, A::Replace | A::HashMod);
        if writes && self.target_label.is_empty() {
            return Err(format!(
                "relabel configuration for {action} action requires 'target_label' value"
            ));
        }
        if self.action == A::Replace {
            let is_valid = if self.target_label.contains('$') {
                is_name_template(scheme, &self.target_label)
            } else {
                scheme.is_label_name(&self.target_label)
            };
            if !is_valid {
                return invalid("target_label", &self.target_label);
            }
        }
        if (writes_exactly || self.action == A::HashMod) && !scheme.is_label_name(&self.target_label) {
            return invalid("target_label", &self.target_label);
        }
        let has_own_replacement = self.replacement != REPLACEMENT_DEFAULT;
        if writes_exactly && has_own_replacement {
            return Err(format!("'replacement' can not be set for {action} action"));
        }
        if self.action == A::LabelMap && !is_name_template(scheme, &self.replacement) {
            return invalid("replacement", &self.replacement);
        }
        let has_extras = self.modulus != 0 || self.separator != SEPARATOR_DEFAULT || has_own_replacement;
        match self.action {
            A::DropEqual | A::KeepEqual if self.regex_is_written || has_extras => Err(format!(
                "{action} action requires only 'source_labels' and `target_label`, and no other fields"
            )),
            A::LabelDrop | A::LabelKeep
                if has_extras || !self.source_labels.is_empty() || !self.target_label.is_empty() =>
            {
                Err(format!(
                    "{action} action requires only 'regex', and no other fields"
                ))
            }
            _ => Ok(()),
        }
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        let sources: Vec<Out> = self.source_labels.iter().map(|l| l.as_str().into()).collect();
        map.put_unless_zero("source_labels", Out::FlowList(sources))
            .put("separator", self.separator.as_str());
        if self.regex_is_written {
            map.put("regex", self.regex.as_str());
        }
        map.put_unless_zero("modulus", self.modulus)
            .put_unless_zero("target_label", self.target_label.as_str())
            .put("replacement", self.replacement.as_str())
            .put("action", self.action.as_str());
        map.into()
    }
}

/// Rules as Prometheus writes them.
pub fn rules_to_out(rules: &[RelabelConfig]) -> Out {
    Out::List(rules.iter().map(RelabelConfig::to_out).collect())
}

impl RelabelAction {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if node.is_null() {
            decoder.mistake(node.mark, "relabel action cannot be empty");
            return None;
        }
        let name = decoder.string(node)?;
        let folded = name.to_lowercase();
        let found = Self::ALL.iter().find(|(known, _)| *known == folded);
        if found.is_none() {
            decoder.mistake_in(
                node,
                format!("unknown relabel action {name}", name = quoted(&name)),
            );
        }
        found.map(|(_, action)| *action)
    }
}

/// A pattern's error as relabelling tells it: about the pattern with its anchors.
fn anchored_error(pattern: &str, error: &RegexError) -> String {
    match Regex::new(&format!("^(?s:{pattern})$")) {
        Err(anchored) => anchored.to_string(),
        Ok(_) => error.to_string(),
    }
}

fn decode_label_names(node: &Node, decoder: &mut Decoder) -> Vec<String> {
    let items = decoder.items(node, "model.LabelNames").unwrap_or_default();
    let mut names = Vec::with_capacity(items.len());
    for item in items {
        let Some(name) = decoder.string(item) else {
            continue;
        };
        if name.is_empty() && !item.is_null() {
            decoder.mistake(item.mark, "\"\" is not a valid label name");
        }
        names.push(name);
    }
    names
}

/// Whether `text` becomes a label name once its `$1` and `${name}` are filled in.
fn is_name_template(scheme: ValidationScheme, text: &str) -> bool {
    if scheme == ValidationScheme::Utf8 {
        return scheme.is_label_name(text);
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = text;
    let mut is_first = true;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '$' {
            let (inside, is_braced) = match rest.strip_prefix('{') {
                Some(inside) => (inside, true),
                None => (rest, false),
            };
            let length = inside.find(|c| !is_word(c)).unwrap_or(inside.len());
            rest = &inside[length..];
            if length == 0 || (is_braced && !rest.starts_with('}')) {
                return false;
            }
            rest = if is_braced { &rest[1..] } else { rest };
        } else if !is_word(c) || (is_first && c.is_ascii_digit()) {
            return false;
        }
        is_first = false;
    }
    !is_first
}
