//! From rule files to what groups shall be.

use std::path::{Path, PathBuf};

use promql::parser::{ParserOptions, parse_expr};

use super::spec::{AlertSpec, GroupSpec, RuleSpec};
use crate::config::document::Reading;
use crate::config::rule_file::{Checks, Rule, RuleFile, RuleFileError, RuleGroup};
use crate::config::scrape::ValidationScheme;
use crate::template;

/// How rule files are read.
#[derive(Clone, Copy, Debug)]
pub struct Loading<'a> {
    /// How the YAML is read.
    pub reading: Reading<'a>,
    /// Which names are valid.
    pub scheme: ValidationScheme,
    /// Which expressions are valid.
    pub parser: ParserOptions,
    /// For groups without an interval of their own.
    pub interval_ms: i64,
}

/// Whether the text of an alert called `__alert_x` parses as a template.
///
/// # Errors
/// With Go's text.
pub fn check_template(name: &str, text: &str) -> Result<(), String> {
    let alert = name.strip_prefix("__alert_").unwrap_or(name);
    template::AlertTemplate::check(alert, text).map_err(|error| error.to_string())
}

/// Reads and checks all groups of `files`.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn load(files: &[PathBuf], loading: &Loading<'_>) -> Result<Vec<GroupSpec>, Vec<RuleFileError>> {
    let checks = Checks {
        reading: loading.reading,
        scheme: loading.scheme,
        parser: loading.parser,
        template: &check_template,
    };
    let (mut groups, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        match RuleFile::load(file, &checks) {
            Ok(loaded) => groups.extend(
                loaded
                    .groups
                    .into_iter()
                    .map(|group| spec_of(file, group, loading)),
            ),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() {
        Ok(groups)
    } else {
        Err(errors)
    }
}

/// The errors as Prometheus prints them.
pub fn as_prometheus(errors: &[RuleFileError]) -> Vec<String> {
    errors.iter().flat_map(RuleFileError::as_prometheus).collect()
}

fn spec_of(file: &Path, group: RuleGroup, loading: &Loading<'_>) -> GroupSpec {
    let labels = group.labels;
    let rules = group.rules.into_iter().map(|rule| {
        let mut all = labels.clone();
        all.extend(rule.labels.clone());
        rule_spec_of(rule, all, &loading.parser)
    });
    GroupSpec {
        rules: rules.collect(),
        name: group.name,
        file: file.display().to_string(),
        interval_ms: if group.interval_ms == 0 {
            loading.interval_ms
        } else {
            group.interval_ms
        },
        limit: u64::try_from(group.limit).unwrap_or(0),
        query_offset_ms: group.query_offset_ms,
    }
}

fn rule_spec_of(
    rule: Rule,
    labels: std::collections::BTreeMap<String, String>,
    parser: &ParserOptions,
) -> RuleSpec {
    let name = rule.name().to_owned();
    let expr = match parse_expr(&rule.expr, parser) {
        Ok(expr) => expr,
        Err(_) => unreachable!("the checks of the file parsed it with the same options"),
    };
    let alert = (!rule.alert.is_empty()).then_some(AlertSpec {
        for_ms: rule.for_ms,
        keep_firing_for_ms: rule.keep_firing_for_ms,
        annotations: rule.annotations,
    });
    RuleSpec {
        name,
        expr,
        labels,
        alert,
    }
}
