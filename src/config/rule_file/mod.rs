//! Rule files: groups of recording and alerting rules, read strictly and checked as a whole.
//!
//! ```text
//! rules.yml ─ yaml ─► RuleFile ─ check ─► the same, or every RuleFileError
//!                                 └ expressions and templates by functions of the caller
//! ```
//!
//! What a rule does is no matter of this module. Start with [`RuleFile::parse`].

mod check;
mod duplicates;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

pub use check::Checks;
pub use duplicates::{DuplicateRule, duplicate_rules};

use super::errors::open_error;
use super::expand::expand_tree;
use super::yaml::decode::Dialect;
use super::yaml::mistake::Mistake;
use super::yaml::{self, Decoder, Mark, Node, tell};

/// A rule file, valid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFile {
    /// Its groups.
    pub groups: Vec<RuleGroup>,
    /// Whether more YAML documents follow, which nobody reads: worth a warning.
    pub has_more_documents: bool,
}

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleGroup {
    /// Where it stands.
    pub mark: Mark,
    /// Its name, unique in the file.
    pub name: String,
    /// How often it is evaluated; 0 leaves it to `global.evaluation_interval`.
    pub interval_ms: i64,
    /// How far in the past it looks; `None` leaves it to `global.rule_query_offset`.
    pub query_offset_ms: Option<i64>,
    /// Most series or alerts of a rule, 0 for any.
    pub limit: i64,
    /// Labels of every rule; a rule's own win.
    pub labels: BTreeMap<String, String>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Where it stands.
    pub mark: Mark,
    /// The metric it records; empty for alerts.
    pub record: String,
    /// The alert's name; empty for recordings.
    pub alert: String,
    /// Its expression, as written.
    pub expr: String,
    /// How long an alert is pending.
    pub for_ms: i64,
    /// How long an alert fires on.
    pub keep_firing_for_ms: i64,
    /// Labels to add; templates in alerts.
    pub labels: BTreeMap<String, String>,
    /// Annotations of an alert; templates.
    pub annotations: BTreeMap<String, String>,
    marks: RuleMarks,
}

/// Where a rule's parts stand, if they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct RuleMarks {
    record: Option<Mark>,
    alert: Option<Mark>,
    expr: Option<Mark>,
}

impl Rule {
    /// What it is called: the alert's name or the metric's.
    pub fn name(&self) -> &str {
        if self.alert.is_empty() {
            &self.record
        } else {
            &self.alert
        }
    }

    /// Where its expression stands in the file.
    pub fn expr_mark(&self) -> Mark {
        self.marks.expr.unwrap_or(self.mark)
    }
}

/// One thing wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFileError {
    file: PathBuf,
    mark: Option<Mark>,
    text: String,
    /// What Prometheus tells where we tell this.
    upstream: Vec<String>,
}

impl fmt::Display for RuleFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(mark) = self.mark {
            write!(f, "{}:{}:", mark.line, mark.column)?;
        }
        write!(f, " {}", self.text)
    }
}

impl std::error::Error for RuleFileError {}

impl RuleFileError {
    /// The error as Prometheus prints it, whose positions are sometimes `0:0` and sometimes missing: nothing
    /// if an error before it has told this one too, and twice where it reads a file twice.
    pub fn as_prometheus(&self) -> Vec<String> {
        let texts = self.upstream.iter();
        if self.file.as_os_str().is_empty() {
            return texts.cloned().collect();
        }
        let file = self.file.display();
        texts.map(|text| format!("{file}: {text}")).collect()
    }

    /// What is wrong, without the place.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it is, if at one place.
    pub fn mark(&self) -> Option<Mark> {
        self.mark
    }

    fn of_file(file: &Path, text: String) -> Self {
        Self {
            file: file.to_owned(),
            mark: None,
            upstream: vec![text.clone()],
            text,
        }
    }

    /// Each mistake; the first tells what go-yaml tells of them all.
    fn of_mistakes(file: &Path, mut mistakes: Vec<Mistake>, groups: &[RuleGroup]) -> Vec<Self> {
        let mut told = told_by_go(&mistakes, groups);
        mistakes.sort_by_key(|mistake| mistake.mark);
        mistakes.dedup();
        mistakes
            .into_iter()
            .map(|mistake| Self {
                file: file.to_owned(),
                mark: Some(mistake.mark),
                upstream: std::mem::take(&mut told),
                text: mistake.text,
            })
            .collect()
    }
}

/// What go-yaml tells of mistakes in the order found.
///
/// Prometheus decodes rule files twice: strictly, and once more for the places of names and expressions,
/// which can be anything then.
fn told_by_go(mistakes: &[Mistake], groups: &[RuleGroup]) -> Vec<String> {
    if let Some(end) = tell::first_end(mistakes) {
        return vec![tell::told_alone(&end.text); 2];
    }
    let mut sorted: Vec<&Mistake> = mistakes.iter().collect();
    sorted.sort_by_key(|mistake| mistake.mark);
    sorted.dedup();
    let lines = sorted.iter();
    let strictly = tell::told_together(lines.map(|mistake| (mistake.mark.line, mistake.text.as_str())));
    let anything: HashSet<Mark> = groups
        .iter()
        .flat_map(|group| &group.rules)
        .flat_map(|rule| [rule.marks.record, rule.marks.alert, rule.marks.expr])
        .flatten()
        .collect();
    let again: Vec<(u32, String)> = sorted
        .iter()
        .filter(|mistake| !mistake.text.starts_with("field ") && !anything.contains(&mistake.mark))
        .map(|mistake| (mistake.mark.line, with_nodes(&mistake.text)))
        .collect();
    let mut told = vec![strictly];
    if !again.is_empty() {
        told.push(tell::told_together(
            again.iter().map(|(line, text)| (*line, text.as_str())),
        ));
    }
    told
}

/// The names of Go's types in the second decoding.
fn with_nodes(text: &str) -> String {
    let Some((start, name)) = text.rsplit_once("rulefmt.") else {
        return text.to_owned();
    };
    let name = match name {
        "RuleGroups" => "ruleGroups",
        "RuleGroup" => "RuleGroupNode",
        "Rule" => "RuleNode",
        other => other,
    };
    format!("{start}rulefmt.{name}")
}

impl RuleFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(file: &Path, checks: &Checks<'_>) -> Result<Self, Vec<RuleFileError>> {
        let bytes = std::fs::read(file)
            .map_err(|error| vec![RuleFileError::of_file(file, open_error(file, &error))])?;
        Self::parse(&bytes, file, checks)
    }

    /// Reads and checks the bytes of a file called `file` (empty: without a name, as from standard input).
    ///
    /// # Errors
    /// Everything that is wrong: with the shape, or else with the rules.
    pub fn parse(bytes: &[u8], file: &Path, checks: &Checks<'_>) -> Result<Self, Vec<RuleFileError>> {
        let document = yaml::load(bytes).map_err(|error| {
            vec![RuleFileError {
                file: file.to_owned(),
                mark: error.mark,
                text: format!("yaml: {}", error.text),
                upstream: vec![error.as_go(Dialect::V3); 2],
            }]
        })?;
        let mut decoder = Decoder::new();
        decoder.dialect = Dialect::V3;
        decoder.ignores_unknown_fields = checks.reading.ignores_unknown_fields;
        let root = document.root.map(|root| {
            let reading = &checks.reading;
            expand_tree(
                root,
                reading.expand_env,
                reading.environment,
                &mut decoder.mistakes,
            )
        });
        let groups = root.map_or_else(Vec::new, |root| decode_groups(&root, &mut decoder));
        if !decoder.mistakes.is_empty() {
            return Err(RuleFileError::of_mistakes(file, decoder.mistakes, &groups));
        }
        let rules = Self {
            groups,
            has_more_documents: document.has_more,
        };
        let errors = check::check(&rules, file, checks);
        if errors.is_empty() { Ok(rules) } else { Err(errors) }
    }

    /// How many rules there are.
    pub fn rule_count(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }
}

fn decode_groups(root: &Node, decoder: &mut Decoder) -> Vec<RuleGroup> {
    let Some(mut fields) = decoder.fields(root, "rulefmt.RuleGroups") else {
        return Vec::new();
    };
    let mut groups = Vec::new();
    if let Some(node) = fields.take("groups") {
        for item in decoder.items(node, "[]rulefmt.RuleGroup").unwrap_or_default() {
            // As in yaml.v3, a null in a list of structs is not there.
            if !item.is_null() {
                groups.push(RuleGroup::decode(item, decoder));
            }
        }
    }
    decoder.finish(fields, &[]);
    groups
}

impl RuleGroup {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let mut group = Self {
            mark: node.mark,
            ..Self::default()
        };
        let Some(mut fields) = decoder.fields(node, "rulefmt.RuleGroup") else {
            return group;
        };
        group.name = decoder.text_of(&mut fields, "name");
        group.interval_ms = decoder.duration_of(&mut fields, "interval", 0);
        group.query_offset_ms = fields
            .take("query_offset")
            .filter(|node| !node.is_null())
            .and_then(|node| decoder.duration_ms(node));
        group.limit = fields
            .take("limit")
            .and_then(|node| decoder.int(node, "int"))
            .unwrap_or(0);
        group.labels = texts_of(fields.take("labels"), decoder);
        if let Some(node) = fields.take("rules") {
            for item in decoder.items(node, "[]rulefmt.Rule").unwrap_or_default() {
                if !item.is_null() {
                    group.rules.push(Rule::decode(item, decoder));
                }
            }
        }
        decoder.finish(fields, &[]);
        group
    }
}

impl Rule {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let mut rule = Self {
            mark: node.mark,
            ..Self::default()
        };
        let Some(mut fields) = decoder.fields(node, "rulefmt.Rule") else {
            return rule;
        };
        let mut text = |key: &str| match fields.take(key) {
            Some(node) => (decoder.string(node).unwrap_or_default(), Some(node.mark)),
            None => (String::new(), None),
        };
        (rule.record, rule.marks.record) = text("record");
        (rule.alert, rule.marks.alert) = text("alert");
        (rule.expr, rule.marks.expr) = text("expr");
        rule.for_ms = decoder.duration_of(&mut fields, "for", 0);
        rule.keep_firing_for_ms = decoder.duration_of(&mut fields, "keep_firing_for", 0);
        rule.labels = texts_of(fields.take("labels"), decoder);
        rule.annotations = texts_of(fields.take("annotations"), decoder);
        decoder.finish(fields, &[]);
        rule
    }
}

fn texts_of(node: Option<&Node>, decoder: &mut Decoder) -> BTreeMap<String, String> {
    let pairs = node.and_then(|node| decoder.pairs(node, "map[string]string"));
    pairs
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, node)| Some((name.to_owned(), decoder.string(node)?)))
        .collect()
}
