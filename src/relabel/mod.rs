//! Rules applied to labels: of targets, samples, alerts, Alertmanagers.
//!
//! ```text
//! labels ──▶ rule 1 ──▶ rule 2 ──▶ … ──▶ labels
//!               └──────────┴─── or dropped, and the rest is not looked at
//! ```
//!
//! What a rule may say is checked when the configuration is read; here every rule has a meaning.
//! A rule that changes nothing allocates nothing. Start with [`relabel`].

mod case;
#[cfg(test)]
mod tests;

use std::cell::Cell;

use md5::{Digest, Md5};
use tsdb::model::LabelsBuilder;

use crate::config::{RelabelAction, RelabelConfig};

/// Applies `rules` in their order; `false` says that what bears the labels is dropped.
#[must_use]
pub fn relabel(rules: &[RelabelConfig], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| relabel_once(rule, labels))
}

/// Applies one rule; `false` says that what bears the labels is dropped.
#[must_use]
pub fn relabel_once(rule: &RelabelConfig, labels: &mut LabelsBuilder) -> bool {
    match rule.action {
        RelabelAction::LabelMap => copy_matching(rule, labels),
        RelabelAction::LabelDrop => {
            labels.retain(|name, _| !rule.regex.is_match(name));
        }
        RelabelAction::LabelKeep => {
            labels.retain(|name, _| rule.regex.is_match(name));
        }
        _ => return with_joined(rule, labels),
    }
    true
}

thread_local! {
    /// Where the values of several source labels are joined.
    static JOINED: Cell<String> = const { Cell::new(String::new()) };
}

/// Applies a rule that looks at the joined values of its source labels.
fn with_joined(rule: &RelabelConfig, labels: &mut LabelsBuilder) -> bool {
    let verdict = match &rule.source_labels[..] {
        [] => judge(rule, labels, ""),
        [name] => judge(rule, labels, value(labels, name)),
        [first, others @ ..] => {
            let mut joined = JOINED.take();
            joined.clear();
            joined.push_str(value(labels, first));
            for name in others {
                joined.push_str(&rule.separator);
                joined.push_str(value(labels, name));
            }
            let verdict = judge(rule, labels, &joined);
            JOINED.set(joined);
            verdict
        }
    };
    match verdict {
        Verdict::Keep => true,
        Verdict::Drop => false,
        Verdict::Set(name, value) => {
            labels.set(name.as_deref().unwrap_or(&rule.target_label), &value);
            true
        }
    }
}

/// What a rule says.
enum Verdict {
    Keep,
    Drop,
    /// Keep, with a label set or, if the value is empty, removed; `None` is the rule's own target label.
    Set(Option<String>, String),
}

fn judge(rule: &RelabelConfig, labels: &LabelsBuilder, joined: &str) -> Verdict {
    let keep_if = |keep| if keep { Verdict::Keep } else { Verdict::Drop };
    let target = || value(labels, &rule.target_label);
    match rule.action {
        RelabelAction::Keep => keep_if(rule.regex.is_match(joined)),
        RelabelAction::Drop => keep_if(!rule.regex.is_match(joined)),
        RelabelAction::KeepEqual => keep_if(target() == joined),
        RelabelAction::DropEqual => keep_if(target() != joined),
        RelabelAction::Replace => replace(rule, labels, joined),
        RelabelAction::HashMod => Verdict::Set(None, hash_modulo(joined, rule.modulus).to_string()),
        RelabelAction::Lowercase => Verdict::Set(None, case::lower(joined)),
        RelabelAction::Uppercase => Verdict::Set(None, case::upper(joined)),
        RelabelAction::LabelMap | RelabelAction::LabelDrop | RelabelAction::LabelKeep => {
            unreachable!("relabel_once handles what looks at names")
        }
    }
}

/// The default regex, under which `$1` is the whole value.
const ANYTHING: &str = "(.*)";

fn replace(rule: &RelabelConfig, labels: &LabelsBuilder, joined: &str) -> Verdict {
    let is_template = |text: &str| text.contains('$');
    let target_is_template = is_template(&rule.target_label);
    if !target_is_template {
        if !rule.name_validation_scheme.is_label_name(&rule.target_label) {
            return Verdict::Keep;
        }
        let result = match &*rule.replacement {
            "$1" if rule.regex.as_str() == ANYTHING => Some(joined),
            plain if !is_template(plain) => match rule.regex.is_match(joined) {
                true => Some(plain),
                false => return Verdict::Keep,
            },
            _ => None,
        };
        if let Some(result) = result {
            let unchanged = value(labels, &rule.target_label) == result;
            return match unchanged {
                true => Verdict::Keep,
                false => Verdict::Set(None, result.to_owned()),
            };
        }
    }
    let Some(groups) = rule.regex.captures(joined) else {
        return Verdict::Keep;
    };
    let expand = |template| {
        let mut out = String::new();
        rule.regex.expand(template, joined, &groups, &mut out);
        out
    };
    let name = target_is_template.then(|| expand(&rule.target_label));
    let scheme = rule.name_validation_scheme;
    if name.as_deref().is_some_and(|name| !scheme.is_label_name(name)) {
        return Verdict::Keep;
    }
    Verdict::Set(name, expand(&rule.replacement))
}

/// The last eight bytes of the text's MD5, as a big-endian number, modulo `modulus`.
fn hash_modulo(text: &str, modulus: u64) -> u64 {
    let digest: [u8; 16] = Md5::digest(text).into();
    // The sixteen bytes modulo 2^64 are the last eight.
    let last = u128::from_be_bytes(digest) as u64;
    last.checked_rem(modulus).unwrap_or(0)
}

/// Copies the labels whose names match to the names that the replacement makes of them.
fn copy_matching(rule: &RelabelConfig, labels: &mut LabelsBuilder) {
    let matching = labels.iter().filter(|(name, _)| rule.regex.is_match(name));
    let copies: Vec<(String, String)> = matching
        .map(|(name, value)| (rule.regex.replace_all(name, &rule.replacement), value.to_owned()))
        .collect();
    for (name, value) in copies {
        labels.set(&name, &value);
    }
}

fn value<'l>(labels: &'l LabelsBuilder, name: &str) -> &'l str {
    labels.get(name).unwrap_or("")
}
