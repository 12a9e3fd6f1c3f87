//! The test file: strict YAML, every mistake of its shape told at once.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use crate::config::errors::open_error;
use crate::config::path;
use crate::config::yaml::mistake::Mistake;
use crate::config::yaml::{self, Decoder, Node};
use crate::template;

/// How often rules are evaluated if nothing is said.
const EVALUATION_INTERVAL_MS: i64 = 60_000;

/// A test file.
#[derive(Clone, Debug, Default)]
pub(super) struct TestFile {
    /// Patterns, relative to the file.
    rule_files: Vec<String>,
    pub(super) evaluation_interval_ms: i64,
    pub(super) group_eval_order: Vec<String>,
    pub(super) fuzzy_compare: bool,
    pub(super) tests: Vec<TestGroup>,
}

/// One test: series, and what is to come of them.
#[derive(Clone, Debug, Default)]
pub(super) struct TestGroup {
    pub(super) name: String,
    pub(super) interval_ms: i64,
    pub(super) input_series: Vec<InputSeries>,
    pub(super) alert_rule_tests: Vec<AlertTest>,
    pub(super) promql_expr_tests: Vec<ExprTest>,
    pub(super) external_labels: BTreeMap<String, String>,
    pub(super) external_url: String,
    pub(super) start_ms: i64,
}

/// A series in PromQL's notation.
#[derive(Clone, Debug, Default)]
pub(super) struct InputSeries {
    pub(super) series: String,
    pub(super) values: String,
}

/// Which alerts fire at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct AlertTest {
    pub(super) eval_time_ms: i64,
    pub(super) alertname: String,
    pub(super) expected: Vec<ExpectedAlert>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ExpectedAlert {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// What an expression answers at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct ExprTest {
    pub(super) expr: String,
    pub(super) eval_time_ms: i64,
    pub(super) expected: Vec<ExpectedSample>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ExpectedSample {
    pub(super) labels: String,
    pub(super) value: f64,
    /// Empty for a float.
    pub(super) histogram: String,
}

/// The rule files of a test file.
#[derive(Debug, Default)]
pub(super) struct RuleFiles {
    pub(super) files: Vec<PathBuf>,
    /// Patterns that nothing matches.
    pub(super) unmatched: Vec<PathBuf>,
}

impl TestFile {
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| open_error(path, &error))?;
        let root = yaml::load(&bytes).map_err(|error| match error.mark {
            Some(mark) => format!("yaml: line {}: {}", mark.line, error.text),
            None => format!("yaml: {}", error.text),
        })?;
        let mut decoder = Decoder::new();
        let mut file = Self::default();
        if let Some(root) = root.root {
            file.decode(&root, &mut decoder);
        }
        if !decoder.mistakes.is_empty() {
            return Err(told(decoder.mistakes));
        }
        if file.evaluation_interval_ms == 0 {
            file.evaluation_interval_ms = EVALUATION_INTERVAL_MS;
        }
        for test in &mut file.tests {
            if test.interval_ms == 0 {
                test.interval_ms = file.evaluation_interval_ms;
            }
        }
        Ok(file)
    }

    /// The files that `rule_files` mean, beside the test file at `path`.
    pub(super) fn matching_rule_files(&self, path: &Path) -> Result<RuleFiles, String> {
        let directory = path::directory_of(path);
        let mut found = RuleFiles::default();
        for pattern in &self.rule_files {
            let pattern = path::beside(&directory, Path::new(pattern));
            let files = path::matching(&pattern)?;
            if files.is_empty() {
                found.unmatched.push(pattern);
            }
            found.files.extend(files);
        }
        Ok(found)
    }

    /// A group that `group_eval_order` names twice.
    pub(super) fn repeated_group(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.group_eval_order
            .iter()
            .map(String::as_str)
            .find(|name| !seen.insert(*name))
    }

    fn decode(&mut self, node: &Node, decoder: &mut Decoder) {
        let Some(mut fields) = decoder.fields(node, "main.unitTestFile") else {
            return;
        };
        self.rule_files = decoder.strings_of(&mut fields, "rule_files");
        self.evaluation_interval_ms = decoder.duration_of(&mut fields, "evaluation_interval", 0);
        self.group_eval_order = decoder.strings_of(&mut fields, "group_eval_order");
        self.tests = list(
            fields.take("tests"),
            "[]main.testGroup",
            decoder,
            TestGroup::decode,
        );
        self.fuzzy_compare = decoder.bool_of(&mut fields, "fuzzy_compare", false);
        decoder.finish(fields, &[]);
    }
}

impl TestGroup {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let mut test = Self::default();
        let Some(mut fields) = decoder.fields(node, "main.testGroup") else {
            return test;
        };
        test.interval_ms = decoder.duration_of(&mut fields, "interval", 0);
        test.input_series = list(
            fields.take("input_series"),
            "[]main.series",
            decoder,
            InputSeries::decode,
        );
        test.alert_rule_tests = list(
            fields.take("alert_rule_test"),
            "[]main.alertTestCase",
            decoder,
            AlertTest::decode,
        );
        test.promql_expr_tests = list(
            fields.take("promql_expr_test"),
            "[]main.promqlTestCase",
            decoder,
            ExprTest::decode,
        );
        test.external_labels = texts(fields.take("external_labels"), decoder);
        test.external_url = decoder.text_of(&mut fields, "external_url");
        test.name = decoder.text_of(&mut fields, "name");
        test.start_ms = fields
            .take("start_timestamp")
            .and_then(|node| decode_time(node, decoder))
            .unwrap_or(0);
        decoder.finish(fields, &[]);
        test
    }

    /// The latest time that anything is compared at, from the start on.
    pub(super) fn eval_time_max_ms(&self) -> i64 {
        let alerts = self.alert_rule_tests.iter().map(|test| test.eval_time_ms);
        let expressions = self.promql_expr_tests.iter().map(|test| test.eval_time_ms);
        alerts.chain(expressions).max().unwrap_or(0).max(0)
    }
}

impl InputSeries {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "main.series") else {
            return Self::default();
        };
        let series = decoder.text_of(&mut fields, "series");
        let values = decoder.text_of(&mut fields, "values");
        decoder.finish(fields, &[]);
        Self { series, values }
    }
}

impl AlertTest {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "main.alertTestCase") else {
            return Self::default();
        };
        let test = Self {
            eval_time_ms: decoder.duration_of(&mut fields, "eval_time", 0),
            alertname: decoder.text_of(&mut fields, "alertname"),
            expected: list(
                fields.take("exp_alerts"),
                "[]main.alert",
                decoder,
                ExpectedAlert::decode,
            ),
        };
        decoder.finish(fields, &[]);
        test
    }
}

impl ExpectedAlert {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "main.alert") else {
            return Self::default();
        };
        let alert = Self {
            labels: texts(fields.take("exp_labels"), decoder),
            annotations: texts(fields.take("exp_annotations"), decoder),
        };
        decoder.finish(fields, &[]);
        alert
    }
}

impl ExprTest {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "main.promqlTestCase") else {
            return Self::default();
        };
        let test = Self {
            expr: decoder.text_of(&mut fields, "expr"),
            eval_time_ms: decoder.duration_of(&mut fields, "eval_time", 0),
            expected: list(
                fields.take("exp_samples"),
                "[]main.sample",
                decoder,
                ExpectedSample::decode,
            ),
        };
        decoder.finish(fields, &[]);
        test
    }
}

impl ExpectedSample {
    fn decode(node: &Node, decoder: &mut Decoder) -> Self {
        let Some(mut fields) = decoder.fields(node, "main.sample") else {
            return Self::default();
        };
        let sample = Self {
            labels: decoder.text_of(&mut fields, "labels"),
            value: decoder.float_of(&mut fields, "value"),
            histogram: decoder.text_of(&mut fields, "histogram"),
        };
        decoder.finish(fields, &[]);
        sample
    }
}

fn list<T>(
    node: Option<&Node>,
    type_name: &str,
    decoder: &mut Decoder,
    decode: fn(&Node, &mut Decoder) -> T,
) -> Vec<T> {
    let items = node
        .and_then(|node| decoder.items(node, type_name))
        .unwrap_or_default();
    items.iter().map(|item| decode(item, decoder)).collect()
}

fn texts(node: Option<&Node>, decoder: &mut Decoder) -> BTreeMap<String, String> {
    let pairs = node.and_then(|node| decoder.pairs(node, "map[string]string"));
    let pairs = pairs.unwrap_or_default().into_iter();
    pairs
        .filter_map(|(name, node)| Some((name.to_owned(), decoder.string(node)?)))
        .collect()
}

/// Unix seconds or RFC 3339.
fn decode_time(node: &Node, decoder: &mut Decoder) -> Option<i64> {
    let text = decoder.string(node)?;
    let parsed = parse_time_ms(&text);
    if parsed.is_none() {
        let quoted = template::quoted(&text);
        decoder.mistake(node.mark, format!("cannot parse {quoted} to a valid timestamp"));
    }
    parsed
}

fn parse_time_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = (seconds * 1000.0).round();
        return (ms.abs() < i64::MAX as f64).then_some(ms as i64);
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(time.as_millisecond())
}

/// Mistakes as yaml.v2 tells them: those of shape together, any other alone.
fn told(mut mistakes: Vec<Mistake>) -> String {
    mistakes.sort_by_key(|mistake| mistake.mark);
    mistakes.dedup();
    let is_shape = |mistake: &Mistake| {
        ["field ", "cannot unmarshal", "key "]
            .iter()
            .any(|start| mistake.text.starts_with(start))
    };
    if let Some(other) = mistakes.iter().find(|mistake| !is_shape(mistake)) {
        return other.text.clone();
    }
    let lines = mistakes
        .iter()
        .map(|mistake| format!("\n  line {}: {}", mistake.mark.line, mistake.text));
    format!("yaml: unmarshal errors:{}", lines.collect::<String>())
}
