//! What the rules of a file must satisfy, in Prometheus' words and order.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use promql::parser::{ParserOptions, parse_expr};
use tsdb::model::METRIC_NAME;

use super::{Rule, RuleFile, RuleFileError, RuleGroup};
use crate::config::document::Reading;
use crate::config::quote::quoted;
use crate::config::scrape::ValidationScheme;
use crate::config::yaml::Mark;

/// Checks a text; the error is told as it is.
type Check<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// What rules are checked against.
#[derive(Clone, Copy)]
pub struct Checks<'a> {
    /// How the YAML is read.
    pub reading: Reading<'a>,
    /// Which names are valid.
    pub scheme: ValidationScheme,
    /// Which expressions are valid.
    pub parser: ParserOptions,
    /// Parses the template of an alert: its name (`__alert_x`) and its text.
    pub template: &'a dyn Fn(&str, &str) -> Result<(), String>,
}

impl std::fmt::Debug for Checks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checks")
            .field("reading", &self.reading)
            .field("scheme", &self.scheme)
            .field("parser", &self.parser)
            .finish_non_exhaustive()
    }
}

impl<'a> Checks<'a> {
    /// Strict, UTF-8 names, no feature flags; templates by `template`.
    pub fn new(template: &'a dyn Fn(&str, &str) -> Result<(), String>) -> Self {
        Self {
            reading: Reading::STRICT,
            scheme: ValidationScheme::Utf8,
            parser: ParserOptions::default(),
            template,
        }
    }
}

/// Everything wrong with the rules of a file.
pub(super) fn check(rules: &RuleFile, file: &Path, checks: &Checks<'_>) -> Vec<RuleFileError> {
    let mut errors = Vec::new();
    let mut names = HashSet::new();
    for group in &rules.groups {
        let mut refuse = |mark: Mark, has_position: bool, text: String| {
            errors.push(RuleFileError {
                file: file.to_owned(),
                mark: Some(mark),
                // Prometheus knows no place of a group.
                upstream: vec![if has_position {
                    format!("0:0: {text}")
                } else {
                    text.clone()
                }],
                text,
            });
        };
        if group.name.is_empty() {
            refuse(group.mark, true, "Groupname must not be empty".into());
        }
        if !names.insert(group.name.as_str()) {
            let text = format!("groupname: \"{}\" is repeated in the same file", group.name);
            refuse(group.mark, true, text);
        }
        for name in group.labels.keys().filter(|name| !is_label(checks.scheme, name)) {
            refuse(group.mark, false, format!("invalid label name: {name}"));
        }
        for (i, rule) in group.rules.iter().enumerate() {
            for flaw in flaws_of(rule, checks) {
                errors.push(flaw.told(file, group, i, rule));
            }
        }
    }
    errors
}

/// What is wrong with a rule, and which of its parts Prometheus points at.
struct Flaw {
    at: Place,
    text: String,
}

enum Place {
    /// Both names, or where they should be.
    Names,
    Record,
    Expr,
    /// Prometheus points nowhere; we point at the rule.
    Rule,
}

impl Flaw {
    fn told(self, file: &Path, group: &RuleGroup, index: usize, rule: &Rule) -> RuleFileError {
        let shown = |mark: Option<Mark>| {
            let mark = mark.unwrap_or_default();
            format!("{}:{}: ", mark.line, mark.column)
        };
        let marks = rule.marks;
        let (mark, upstream_place) = match self.at {
            Place::Names => (
                marks.alert.or(marks.record),
                shown(marks.record) + &shown(marks.alert),
            ),
            Place::Record => (marks.record, shown(marks.record)),
            Place::Expr => (marks.expr, shown(marks.expr)),
            Place::Rule => (None, String::new()),
        };
        let text = format!(
            "group {}, rule {}, {}: {}",
            quoted(&group.name),
            index + 1,
            quoted(rule.name()),
            self.text
        );
        RuleFileError {
            file: file.to_owned(),
            mark: Some(mark.unwrap_or(rule.mark)),
            upstream: vec![format!("{upstream_place}{text}")],
            text,
        }
    }
}

fn flaws_of(rule: &Rule, checks: &Checks<'_>) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut flaw = |at: Place, text: String| flaws.push(Flaw { at, text });
    match (rule.record.is_empty(), rule.alert.is_empty()) {
        (false, false) => flaw(
            Place::Names,
            "only one of 'record' and 'alert' must be set".into(),
        ),
        (true, true) => flaw(Place::Names, "one of 'record' or 'alert' must be set".into()),
        _ => {}
    }
    if rule.expr.is_empty() {
        flaw(Place::Expr, "field 'expr' must be set in rule".into());
    } else if let Err(error) = parse_expr(&rule.expr, &checks.parser) {
        flaw(Place::Expr, format!("could not parse expression: {error}"));
    }
    if !rule.record.is_empty() {
        for (field, is_set) in [
            ("annotations", !rule.annotations.is_empty()),
            ("for", rule.for_ms != 0),
            ("keep_firing_for", rule.keep_firing_for_ms != 0),
        ] {
            if is_set {
                flaw(
                    Place::Record,
                    format!("invalid field '{field}' in recording rule"),
                );
            }
        }
        if !checks.scheme.is_metric_name(&rule.record) {
            flaw(
                Place::Record,
                format!("invalid recording rule name: {}", rule.record),
            );
        }
        if rule.record.contains(['{', '}']) {
            flaw(
                Place::Record,
                format!(
                    "braces present in the recording rule name; should it be in expr?: {}",
                    rule.record
                ),
            );
        }
    }
    for name in rule.labels.keys().filter(|name| !is_label(checks.scheme, name)) {
        flaw(Place::Rule, format!("invalid label name: {name}"));
    }
    for name in rule.annotations.keys() {
        if !checks.scheme.is_label_name(name) {
            flaw(Place::Rule, format!("invalid annotation name: {name}"));
        }
    }
    if !rule.alert.is_empty() {
        let template_name = format!("__alert_{}", rule.alert);
        let check_template = |text: &str| (checks.template)(&template_name, text);
        let texts = template_flaws("label", &rule.labels, &check_template);
        let more = template_flaws("annotation", &rule.annotations, &check_template);
        for text in texts.into_iter().chain(more) {
            flaw(Place::Rule, text);
        }
    }
    flaws
}

fn template_flaws(what: &str, templates: &BTreeMap<String, String>, check: Check<'_>) -> Vec<String> {
    templates
        .iter()
        .filter_map(|(name, text)| {
            let error = check(text).err()?;
            Some(format!("{what} {name}: {error}", name = quoted(name)))
        })
        .collect()
}

fn is_label(scheme: ValidationScheme, name: &str) -> bool {
    scheme.is_label_name(name) && name != METRIC_NAME
}
