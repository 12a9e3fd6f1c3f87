//! What a page should not do, though it may: the conventions for names, types and help texts.

use std::collections::HashSet;

use super::families::Families;
use super::family::{Family, FamilyKind};

/// A breach of a convention.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    /// The metric.
    pub(super) metric: String,
    /// What is wrong with it, in the words of client_golang's linter.
    pub(super) text: String,
}

/// Units and what they should be converted to.
const UNITS: [(&str, &str); 24] = [
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
];

const PREFIXES: [&str; 18] = [
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mibi",
    "giga", "gibi", "tera", "tebi", "peta", "pebi",
];

const ABBREVIATIONS: [&str; 14] = [
    "s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d",
];

/// Every problem, sorted by metric and text.
pub(super) fn problems(families: &Families) -> Vec<Problem> {
    let mut problems = Vec::new();
    for family in families.iter() {
        let mut found = Found {
            name: &family.name,
            problems: &mut problems,
        };
        help(family, &mut found);
        unit(family, &mut found);
        counter(family, &mut found);
        reserved(families, family, &mut found);
        type_in_name(family, &mut found);
        if family.name.contains(':') {
            found.tell("metric names should not contain ':'");
        }
        camel_case(families, family, &mut found);
        abbreviations(family, &mut found);
        duplicates(families, family, &mut found);
    }
    problems.sort();
    problems
}

struct Found<'a> {
    name: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Found<'_> {
    fn tell(&mut self, text: impl Into<String>) {
        self.problems.push(Problem {
            metric: self.name.to_owned(),
            text: text.into(),
        });
    }
}

fn help(family: &Family, found: &mut Found<'_>) {
    if !family.has_help {
        found.tell("no help text");
    }
}

fn unit(family: &Family, found: &mut Found<'_>) {
    if let Some((unit, base)) = unit_of(&family.name)
        && unit != base
    {
        found.tell(format!("use base unit \"{base}\" instead of \"{unit}\""));
    }
}

/// The first part of `name` that is a unit, and the base unit it should be.
fn unit_of(name: &str) -> Option<(&str, &'static str)> {
    let base_of = |unit: &str| {
        UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, base)| *base)
    };
    name.split('_').find_map(|part| {
        let base = base_of(part).or_else(|| {
            let unprefixed = PREFIXES.iter().filter_map(|prefix| part.strip_prefix(prefix));
            unprefixed.filter_map(base_of).next()
        })?;
        Some((part, base))
    })
}

fn counter(family: &Family, found: &mut Found<'_>) {
    let has_total = family.name.ends_with("_total");
    match family.kind {
        Some(FamilyKind::Counter) if !has_total => {
            found.tell("counter metrics should have \"_total\" suffix");
        }
        Some(FamilyKind::Counter | FamilyKind::Untyped) | None => {}
        Some(_) if has_total => found.tell("non-counter metrics should not have \"_total\" suffix"),
        Some(_) => {}
    }
}

fn reserved(families: &Families, family: &Family, found: &mut Found<'_>) {
    if is_untyped(family) {
        return;
    }
    let is_histogram = family.kind == Some(FamilyKind::Histogram);
    let is_summary = family.kind == Some(FamilyKind::Summary);
    if !is_histogram && family.name.ends_with("_bucket") {
        found.tell("non-histogram metrics should not have \"_bucket\" suffix");
    }
    for suffix in ["_count", "_sum"] {
        if !is_histogram && !is_summary && family.name.ends_with(suffix) {
            found.tell(format!(
                "non-histogram and non-summary metrics should not have \"{suffix}\" suffix"
            ));
        }
    }
    for metric in families.metrics_of(family) {
        for (name, _) in &metric.labels {
            if !is_histogram && name == "le" {
                found.tell("non-histogram metrics should not have \"le\" label");
            }
            if !is_summary && name == "quantile" {
                found.tell("non-summary metrics should not have \"quantile\" label");
            }
        }
    }
}

fn is_untyped(family: &Family) -> bool {
    matches!(family.kind, None | Some(FamilyKind::Untyped))
}

fn type_in_name(family: &Family, found: &mut Found<'_>) {
    let Some(kind) = family.kind.filter(|kind| *kind != FamilyKind::Untyped) else {
        return;
    };
    let kind = kind.as_str();
    if has_part(&family.name.to_lowercase(), kind) {
        found.tell(format!("metric name should not include type '{kind}'"));
    }
}

/// Whether `_part_` is in `name`, or `_part` at its end.
fn has_part(name: &str, part: &str) -> bool {
    name.contains(&format!("_{part}_")) || name.ends_with(&format!("_{part}"))
}

fn camel_case(families: &Families, family: &Family, found: &mut Found<'_>) {
    if is_camel_case(&family.name) {
        found.tell("metric names should be written in 'snake_case' not 'camelCase'");
    }
    for metric in families.metrics_of(family) {
        for (name, _) in &metric.labels {
            if is_camel_case(name) {
                found.tell("label names should be written in 'snake_case' not 'camelCase'");
            }
        }
    }
}

fn is_camel_case(name: &str) -> bool {
    let pairs = name.as_bytes().windows(2);
    pairs
        .into_iter()
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

fn abbreviations(family: &Family, found: &mut Found<'_>) {
    let name = family.name.to_lowercase();
    for unit in ABBREVIATIONS {
        if has_part(&name, unit) {
            found.tell("metric names should not contain abbreviated units");
        }
    }
}

/// Every metric that comes again later.
fn duplicates(families: &Families, family: &Family, found: &mut Found<'_>) {
    let mut later: HashSet<&[(String, String)]> = HashSet::new();
    let metrics: Vec<_> = families.metrics_of(family).collect();
    for metric in metrics.iter().rev() {
        if !later.insert(&metric.labels) {
            found.tell("metric not unique");
        }
    }
}
