//! The tables of `testdata/template`: templates and what Prometheus makes of them.
//!
//! ```text
//! value 1234567            the alert's value; 1 if left out
//! > {{ $value }}           the template, a line each
//! = 1.234567e+06           what it gives, or …
//! ! template: __alert_T:…  why it does not parse
//! ```

use std::path::Path;
use std::sync::Arc;

use promql::value::{SampleValue, VectorSample};
use proptest::strategy::Strategy;
use tsdb::model::Labels;

use super::{AlertData, AlertTemplate, Environment};

/// What the tables' queries answer.
fn query(text: &str) -> Result<Vec<VectorSample>, String> {
    let sample = |labels: &[(&str, &str)], v: f64| VectorSample {
        labels: Labels::from_pairs(labels.iter().copied()),
        t_ms: 3_600_000,
        value: SampleValue::Float(v),
    };
    match text {
        "up" => Ok(vec![
            sample(&[("__name__", "up"), ("instance", "b"), ("job", "y")], 0.0),
            sample(&[("__name__", "up"), ("instance", "a"), ("job", "x")], 1.0),
            sample(&[("__name__", "up"), ("instance", "c"), ("job", "x")], 5.5),
        ]),
        "scalar(up{instance='a'})" | "1" => Ok(vec![sample(&[], 1.0)]),
        "nope" => Ok(Vec::new()),
        _ => Err("1:5: parse error: unclosed left parenthesis".to_owned()),
    }
}

fn expand(template: &str, value: f64) -> Result<String, String> {
    AlertTemplate::check("T", template).map_err(|error| error.to_string())?;
    let data = AlertData::new(
        &Labels::from_pairs([("instance", "web1.example.com:9100"), ("job", "node")]),
        &SampleValue::Float(value),
        &Labels::from_pairs([("region", "eu")]),
        "http://prom.example.com:9090/path",
    );
    let environment = Environment {
        query: &query,
        now_ms: 3_600_000,
        external_url: None,
    };
    let expanded = AlertTemplate::new("T", template).expand(&Arc::new(data), &environment);
    Ok(expanded.unwrap_or_else(|error| format!("<error expanding template: {error}>")))
}

#[derive(Default)]
struct Case {
    line: usize,
    value: Option<f64>,
    template: Vec<String>,
    expected: Vec<String>,
    refused: bool,
}

fn cases(text: &str) -> Vec<Case> {
    let mut all = vec![Case::default()];
    for (number, line) in text.lines().enumerate() {
        let case = all.last_mut().unwrap();
        let content = line.get(2..).unwrap_or("").to_owned();
        match line.split(' ').next() {
            Some("value") => case.value = Some(line[6..].parse().unwrap()),
            Some(">") => {
                case.line = number + 1;
                case.template.push(content);
            }
            Some("=") => case.expected.push(content),
            Some("!") => {
                case.expected.push(content);
                case.refused = true;
            }
            Some("" | "#") | None => {
                if !case.expected.is_empty() {
                    all.push(Case::default());
                }
            }
            Some(other) => panic!("line {}: {other}", number + 1),
        }
    }
    all.retain(|case| !case.template.is_empty());
    all
}

#[track_caller]
fn check_table(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/template")
        .join(name);
    let all = cases(&std::fs::read_to_string(path).unwrap());
    assert!(!all.is_empty(), "the table is there");
    let mut wrong = Vec::new();
    for case in &all {
        let template = case.template.join("\n");
        let given = expand(&template, case.value.unwrap_or(1.0));
        let expected = case.expected.join("\n");
        let expected = if case.refused { Err(expected) } else { Ok(expected) };
        if given != expected {
            wrong.push(format!(
                "line {}: {template}\n  expected {expected:?}\n  given    {given:?}",
                case.line
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
}

#[test]
fn labels_values_and_literals_print_as_in_go() {
    check_table("basics.txt");
}

#[test]
fn control_actions_pipelines_and_definitions_work_as_in_go() {
    check_table("control.txt");
}

#[test]
fn functions_give_what_prometheus_gives() {
    check_table("functions.txt");
}

#[test]
fn functions_that_came_later_are_there_too() {
    check_table("newer.txt");
}

#[test]
fn mistakes_are_told_as_prometheus_tells_them() {
    check_table("errors.txt");
}

#[test]
fn a_runaway_recursion_ends_with_an_error() {
    let given = expand(
        r#"{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}"#,
        1.0,
    )
    .unwrap();
    assert!(
        given.contains("exceeded maximum template depth (100000)"),
        "{given}"
    );
}

#[test]
fn nesting_beyond_reason_is_refused() {
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert!(
        expand(&deep, 1.0)
            .unwrap_err()
            .ends_with("max expression depth exceeded")
    );
    let deep = "{{ if true }}".repeat(5000);
    assert!(
        expand(&deep, 1.0)
            .unwrap_err()
            .ends_with("max expression depth exceeded")
    );
}

proptest::proptest! {
    /// Whatever is written, it either expands or says why not.
    #[test]
    fn no_template_breaks_the_engine(
        pieces in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::sample::select(PIECES).prop_map(str::to_owned),
                proptest::prelude::any::<char>().prop_map(String::from),
            ],
            0..12,
        )
    ) {
        let inside = format!("{{{{ {} }}}}", pieces.join(" "));
        drop(expand(&inside, 1.5));
        drop(expand(&pieces.concat(), 1.5));
    }
}

const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    "/*",
    "*/",
    "(",
    ")",
    "|",
    "$",
    "$x",
    ":=",
    "=",
    ",",
    ".",
    ".Labels",
    ".Value",
    "$value",
    "$labels",
    ".job",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "block",
    "template",
    "break",
    "continue",
    "nil",
    "true",
    "1",
    "-1",
    "1.5",
    "0x1p-2",
    "1i",
    "'a'",
    "\"a\"",
    "`b`",
    "\"é\"",
    "printf",
    "\"%5.2f|%-3d|%[2]*v\"",
    "\"%x %q %U %c %+v %#v\"",
    "print",
    "len",
    "index",
    "slice",
    "eq",
    "lt",
    "and",
    "or",
    "not",
    "html",
    "js",
    "query",
    "\"up\"",
    "first",
    "value",
    "label",
    "humanize",
    "humanizeDuration",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    ".Format",
    "\"_2006 Jan __2 .000,999 Z07:00\"",
    ".AddDate",
    ".Add",
    "title",
    "match",
    "reReplaceAll",
    "args",
    "call",
    "stripPort",
    "stripDomain",
    "parseDuration",
    "sortByLabel",
    "\n",
    "\\",
];
