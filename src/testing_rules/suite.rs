//! The world of one test: a store that fills with time, an engine, the groups of rules.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use promql::engine::{Engine, EngineOptions, Query, QueryOptions};
use promql::parser::series::{SequenceValue, parse_series};
use promql::value::{Value, VectorSample};
use tsdb::batch::{AppendOptions, Appendable, Batch, Verdict};
use tsdb::model::{Histogram, Labels};
use tsdb::query::memory::MemoryStore;
use tsdb::query::{Budget, Cancel};

use super::TestOptions;
use super::file::{TestFile, TestGroup};
use super::hints::HintingStore;
use crate::config::document::Reading;
use crate::config::duration;
use crate::config::scrape::ValidationScheme;
use crate::rules::file::{self, Loading};
use crate::rules::spec::External;
use crate::rules::{
    AlertSink, EngineEvaluate, Evaluate, Group, Metrics, Options, Question, Rule, RuleKind, SentAlert,
};
use crate::telemetry::Registry;

/// How many samples a query of a test may hold at a time.
const QUERY_SAMPLES_MAX: usize = 10_000;

/// The world of one test.
#[derive(Debug)]
pub(super) struct Suite {
    store: MemoryStore,
    appendable: Arc<HintingStore>,
    engine: Arc<Engine>,
    evaluate: EngineEvaluate,
    /// In the order of evaluation.
    pub(super) groups: Vec<Group>,
    pending: Vec<Pending>,
}

/// Samples of one series that are not stored yet, latest first.
#[derive(Debug)]
struct Pending {
    labels: Labels,
    samples: Vec<(i64, SequenceValue)>,
}

/// Nobody is told of alerts.
#[derive(Debug)]
struct Silent;

impl AlertSink for Silent {
    fn send(&self, _alerts: Vec<SentAlert>) {}
}

impl Suite {
    /// Reads series and rules.
    ///
    /// # Errors
    /// With the texts that say why this test cannot run.
    pub(super) fn new(
        file: &TestFile,
        test: &TestGroup,
        rule_files: &[PathBuf],
        options: &TestOptions,
    ) -> Result<Self, Vec<String>> {
        let pending = parse_input(test).map_err(|error| vec![error])?;
        let store = MemoryStore::new();
        let appendable = Arc::new(HintingStore::new(store.clone()));
        let engine = Arc::new(Engine::new(EngineOptions {
            max_samples: QUERY_SAMPLES_MAX,
            no_step_subquery_interval_ms: file.evaluation_interval_ms,
            parser: options.parser,
            delayed_name_removal: options.delayed_name_removal,
            ..EngineOptions::default()
        }));
        let source = Arc::new(store.clone());
        let evaluate = EngineEvaluate::new(Arc::clone(&engine), source, Budget::unlimited(), Cancel::new());
        let loading = Loading {
            reading: Reading {
                ignores_unknown_fields: options.ignore_unknown_fields,
                ..Reading::STRICT
            },
            scheme: ValidationScheme::Utf8,
            parser: options.parser,
            interval_ms: test.interval_ms,
        };
        let mut specs = Vec::new();
        for rule_file in rule_files {
            // The first bad file is told, as promtool does.
            let loaded = file::load(std::slice::from_ref(rule_file), &loading);
            specs.extend(loaded.map_err(|errors| file::as_prometheus(&errors))?);
        }
        let external = External {
            labels: labels_of(&test.external_labels),
            url: Arc::from(test.external_url.as_str()),
        };
        let rule_options = Options {
            evaluate: Arc::new(evaluate.clone()),
            appendable: Arc::clone(&appendable) as Arc<dyn Appendable>,
            sink: Arc::new(Silent),
            external_url: None,
            outage_tolerance_ms: 0,
            grace_period_ms: 0,
            resend_delay_ms: 0,
            query_offset_ms: Arc::new(AtomicI64::new(0)),
            concurrent_evaluations: None,
            metrics: Metrics::new(&Registry::new()),
        };
        let mut groups: Vec<Group> = Vec::new();
        for spec in specs {
            // A file matched twice is one file.
            if groups.iter().all(|group| group.spec().key() != spec.key()) {
                groups.push(Group::new(spec, &external, true, rule_options.clone()));
            }
        }
        let order = |group: &Group| {
            let name = &group.spec().name;
            file.group_eval_order
                .iter()
                .position(|listed| listed == name)
                .unwrap_or(0)
        };
        groups.sort_by_key(order);
        Ok(Self {
            store,
            appendable,
            engine,
            evaluate,
            groups,
            pending,
        })
    }

    /// Stores all samples up to `at_ms`.
    pub(super) fn load_until(&mut self, at_ms: i64) -> Result<(), String> {
        let Self {
            appendable, pending, ..
        } = self;
        for series in pending.iter_mut() {
            let mut batch = Batch::timed();
            while let Some((t_ms, value)) = series.samples.pop_if(|(t_ms, _)| *t_ms <= at_ms) {
                let reference = appendable
                    .resolve(&series.labels, &mut batch)
                    .map_err(|error| error.to_string())?;
                match value {
                    SequenceValue::Omitted => {}
                    SequenceValue::Float(v) => batch.push_at(reference, t_ms, v.to_bits()),
                    SequenceValue::Histogram { histogram, .. } => {
                        batch.push_histogram_at(reference, t_ms, Histogram::Float(*histogram));
                    }
                }
            }
            appendable
                .append(&mut batch, &AppendOptions::default())
                .map_err(|error| error.to_string())?;
            for verdict in &batch.verdict {
                match verdict {
                    Verdict::OutOfOrder => return Err("out of order sample".to_owned()),
                    Verdict::Duplicate => return Err("duplicate sample for timestamp".to_owned()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Evaluates all groups; what failed, as the test tells it.
    pub(super) fn evaluate(&self, at_ms: i64) -> Vec<String> {
        let mut errors = Vec::new();
        for group in &self.groups {
            group.evaluate(at_ms);
            for rule in group.rules() {
                let status = rule.status();
                if !status.last_error.is_empty() {
                    let time = duration::format_go_ns(at_ms.saturating_mul(1_000_000));
                    errors.push(format!(
                        "    rule: {}, time: {time}, err: {}",
                        rule.name(),
                        status.last_error
                    ));
                }
            }
        }
        errors
    }

    /// All rules, in the order of evaluation.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(Group::rules)
    }

    /// An instant query.
    pub(super) fn query(&self, expr: &str, at_ms: i64) -> Result<Vec<VectorSample>, String> {
        self.evaluate
            .instant(&Question {
                query: Query::Text(expr),
                text: expr,
                at_ms,
                kind: RuleKind::Recording,
                file: "",
                group: "",
                rule: "",
            })
            .map_err(|error| error.to_string())
    }

    /// Prints everything that the store holds.
    pub(super) fn dump(&self, test: &TestGroup, err: &mut dyn Write) -> io::Result<()> {
        // PromQL knows no fractions of seconds: up to the next whole one.
        let length_ms = (test.eval_time_max_ms() + 1000) / 1000 * 1000;
        let length = duration::format_go_ns(length_ms.saturating_mul(1_000_000));
        let expr = format!("{{__name__=~\".+\"}}[{length}]");
        let answer = self.engine.instant(
            &self.store,
            expr.as_str(),
            test.start_ms + length_ms,
            &QueryOptions::default(),
            &Budget::unlimited(),
            &Cancel::new(),
        );
        match answer.map(|answer| answer.value) {
            Ok(Value::Matrix(series)) => {
                writeln!(
                    err,
                    "DEBUG: Dump of all data (input_series and rules) at {length}:"
                )?;
                let lines: Vec<String> = series.iter().map(super::report::matrix_series).collect();
                writeln!(err, "{}", lines.join("\n"))
            }
            Ok(_) => writeln!(err, "DEBUG: Got unexpected type"),
            Err(error) => {
                let quoted = crate::template::quoted(&expr);
                writeln!(err, "DEBUG: Failed query exec, expr: {quoted}, err: {error}")
            }
        }
    }
}

/// Labels with empty values kept, as they are compared.
pub(super) fn labels_of(texts: &std::collections::BTreeMap<String, String>) -> Labels {
    Labels::from_sorted(texts.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The input series of a test. They are read as lines of a script: a line break in a description begins
/// another one, and an empty line or a comment ends them all.
fn parse_input(test: &TestGroup) -> Result<Vec<Pending>, String> {
    let script: String = test
        .input_series
        .iter()
        .map(|input| format!("  {} {}\n", input.series, input.values))
        .collect();
    let mut all: Vec<Pending> = Vec::new();
    for (number, line) in (1u32..).zip(script.split('\n')) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            break;
        }
        let (labels, values) = parse_series(line).map_err(|error| error.below(number).to_string())?;
        let times = (0i64..).map(|i| test.start_ms.saturating_add(i.saturating_mul(test.interval_ms)));
        let mut samples: Vec<(i64, SequenceValue)> = times
            .zip(values)
            .filter(|(_, value)| *value != SequenceValue::Omitted)
            .collect();
        samples.reverse();
        // Of equal series the last one counts.
        all.retain(|series| series.labels != labels);
        all.push(Pending { labels, samples });
    }
    Ok(all)
}
