//! The engine's edges: errors, limits, counts. What the language means is tested by scripts.

use tsdb::model::Labels;
use tsdb::query::memory::MemoryStore;
use tsdb::query::{CancelReason, Columns};

use super::*;

/// Ten series of an hour, a sample a minute.
fn store() -> MemoryStore {
    let store = MemoryStore::new();
    for i in 0..10 {
        let instance = i.to_string();
        let labels = Labels::from_pairs([("__name__", "x"), ("i", &*instance)]);
        let mut columns = Columns::default();
        for minute in 0..60 {
            columns.push(minute * 60_000, minute as f64);
        }
        store.fill(&labels, &columns).unwrap();
    }
    store
}

/// What of a query's surroundings a test changes.
#[derive(Default)]
struct Around {
    options: EngineOptions,
    query: QueryOptions,
    budget_bytes: Option<usize>,
    cancel: Cancel,
}

impl Around {
    /// Asks for the samples of each step, too.
    fn counting_steps() -> Self {
        let mut around = Self::default();
        around.query.per_step_stats = true;
        around.options.per_step_stats = true;
        around
    }

    /// Asks at the end of the hour.
    fn instant(&self, query: &str) -> Result<Answer, QueryError> {
        let engine = Engine::new(self.options.clone());
        engine.instant(
            &store(),
            query,
            3_600_000,
            &self.query,
            &self.budget(),
            &self.cancel,
        )
    }

    /// Asks over the hour, minute by minute.
    fn range(&self, query: &str) -> Result<Answer, QueryError> {
        let engine = Engine::new(self.options.clone());
        let budget = self.budget();
        engine.range(
            &store(),
            query,
            0,
            3_540_000,
            60_000,
            &self.query,
            &budget,
            &self.cancel,
        )
    }

    fn budget(&self) -> Budget {
        self.budget_bytes
            .map_or_else(Budget::unlimited, |bytes| Budget::new("query", bytes))
    }
}

#[track_caller]
fn check_error(found: Result<Answer, QueryError>, kind: ErrorKind, text: &str) {
    let error = found.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
}

#[test]
fn a_mistake_in_the_query_is_the_askers() {
    let error = Around::default().instant("sum(").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadQuery);
    assert!(error.to_string().starts_with("1:5: parse error: "), "{error}");
    check_error(
        Around::default().range("x[5m]"),
        ErrorKind::BadQuery,
        "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
    );
}

#[test]
fn a_query_told_to_stop_says_why() {
    for (reason, kind, text) in [
        (
            CancelReason::TimedOut,
            ErrorKind::Timeout,
            "query timed out in query execution",
        ),
        (
            CancelReason::Cancelled,
            ErrorKind::Cancelled,
            "query was canceled in query execution",
        ),
    ] {
        let around = Around::default();
        around.cancel.cancel(reason);
        check_error(around.instant("x"), kind, text);
    }
}

#[test]
fn more_samples_than_allowed_are_not_held() {
    let mut around = Around::default();
    around.options.max_samples = 599;
    let text = "query processing would load too many samples into memory in query execution";
    check_error(around.range("x"), ErrorKind::TooManySamples, text);
    check_error(
        around.instant("max_over_time(x[1h:1s])"),
        ErrorKind::TooManySamples,
        text,
    );
    // A sum forgets each series once it is folded in.
    assert!(around.range("sum(x)").is_ok());
    around.options.max_samples = 600;
    assert_eq!(around.range("x").unwrap().stats.peak_samples, 600);
}

#[test]
fn memory_beyond_the_budget_is_not_taken() {
    let around = Around {
        budget_bytes: Some(2_000),
        ..Around::default()
    };
    assert_eq!(around.range("x").unwrap_err().kind(), ErrorKind::OverBudget);
}

#[test]
fn samples_are_counted_once_a_step_and_window() {
    let around = Around::counting_steps();
    assert_eq!(around.range("x").unwrap().stats.total_samples, 600);
    assert_eq!(around.instant("x @ 1800").unwrap().stats.total_samples, 10);
    assert_eq!(around.range("x @ 1800").unwrap().stats.total_samples, 600);
    let stats = around.range("rate(x[2m])").unwrap().stats;
    assert_eq!(stats.total_samples, 10 * (1 + 59 * 2));
    assert_eq!(stats.per_step.unwrap()[..2], [(0, 10), (60_000, 20)]);
}

#[test]
fn what_cannot_be_in_the_answer_is_read_only_to_be_counted() {
    let mut around = Around::default();
    for (uncounted, samples) in [(false, 600), (true, 0)] {
        around.query.uncounted = uncounted;
        let answer = around.range("x and absent_metric").unwrap();
        assert_eq!(answer.stats.total_samples, samples);
        assert!(matches!(answer.value, Value::Matrix(found) if found.is_empty()));
        assert_eq!(
            around
                .range("x unless absent_metric")
                .unwrap()
                .stats
                .total_samples,
            600
        );
        assert_eq!(around.range("x and x").unwrap().stats.total_samples, 1200);
    }
    around.options.max_samples = 599;
    let refused = around.range("x and absent_metric").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooManySamples);
}

#[test]
fn what_info_and_start_timestamp_look_at_is_counted_as_it_is_asked_for() {
    let mut around = Around::default();
    around.options.parser.experimental_functions = true;
    let total = |query: &str| around.instant(query).unwrap().stats.total_samples;
    // No series has an identifying label, so no info series is read, although each `x` is one by its name.
    assert_eq!(total("info(x, {__name__=~\"x|y\", i=\"none\"})"), 10);
    assert_eq!(
        total("info(label_replace(x, \"job\", \"a\", \"\", \"\"), {__name__=~\"x|y\"})"),
        10
    );
    assert_eq!(total("start_timestamp(x)"), 10);
}

#[test]
fn the_lookback_of_a_query_replaces_the_engines() {
    let count = |lookback_ms| {
        let around = Around {
            query: QueryOptions {
                lookback_ms,
                ..QueryOptions::default()
            },
            ..Around::default()
        };
        around.instant("count(x)").unwrap().value
    };
    assert!(matches!(count(None), Value::Vector(found) if found.len() == 1));
    assert!(matches!(count(Some(60_000)), Value::Vector(found) if found.is_empty()));
}

#[test]
fn a_subquery_without_a_step_follows_the_evaluation_interval() {
    let engine = Engine::new(EngineOptions::default());
    let samples = |engine: &Engine| {
        let (options, budget) = (QueryOptions::default(), Budget::unlimited());
        let query = "count_over_time(x{i=\"0\"}[10m:])";
        let answer = engine.instant(&store(), query, 3_000_000, &options, &budget, &Cancel::new());
        answer.unwrap().stats.total_samples
    };
    assert_eq!(samples(&engine), 10);
    engine.set_no_step_subquery_interval_ms(30_000);
    assert_eq!(samples(&engine), 20);
}

#[test]
fn times_at_the_end_of_time_do_no_harm() {
    for query in [
        "x offset 290y",
        "x offset -290y",
        "rate(x[290y])",
        "x @ 9e15",
        "x @ -9e15",
        "rate(x[5m] @ -9e15)",
    ] {
        assert!(Around::default().instant(query).is_ok(), "{query}");
    }
}

#[test]
fn a_tree_parsed_before_answers_as_its_text() {
    let expr = crate::parser::parse_expr("sum(x)", &crate::parser::ParserOptions::default()).unwrap();
    let (options, budget, cancel) = (QueryOptions::default(), Budget::unlimited(), Cancel::new());
    let engine = Engine::new(EngineOptions::default());
    let by_tree = engine
        .instant(&store(), &expr, 0, &options, &budget, &cancel)
        .unwrap();
    let by_text = engine
        .instant(&store(), "sum(x)", 0, &options, &budget, &cancel)
        .unwrap();
    assert_eq!(by_tree.value, by_text.value);
}

/// Lends a new thread whenever it is asked.
#[derive(Debug)]
struct Lavish;

impl Workers for Lavish {
    fn lend(&self, job: Box<dyn FnOnce() + Send>) -> bool {
        std::thread::spawn(job);
        true
    }

    fn samples_min(&self) -> usize {
        0
    }

    fn are_wanted(&self) -> bool {
        false
    }
}

#[test]
fn lent_threads_change_nothing_about_an_answer() {
    let alone = Around::default();
    let helped = Around {
        query: QueryOptions {
            workers: Some(std::sync::Arc::new(Lavish)),
            ..QueryOptions::default()
        },
        ..Around::default()
    };
    for query in [
        "x",
        "sum(x)",
        "timestamp(x offset 1m)",
        "rate(x[5m])",
        "sum by (i) (stddev_over_time(x[10m]) + 1)",
        "quantile_over_time(0.9, x[40m])",
        "quantile_over_time(2, x[10m])",
        "absent_over_time(x[5m])",
        "max_over_time(rate(x[2m])[10m:1m])",
        "x / on (i) x @ 60",
    ] {
        let (alone, helped) = (alone.range(query).unwrap(), helped.range(query).unwrap());
        assert_eq!(alone.value, helped.value, "{query}");
        assert_eq!(alone.stats.total_samples, helped.stats.total_samples, "{query}");
        let notes = |answer: &Answer| answer.annotations.to_strings(query, 0);
        assert_eq!(notes(&alone), notes(&helped), "{query}");
    }
}

/// Pairs of queries that ask the same; in the first of each, parts are equal.
const SHARED: &[(&str, &str)] = &[
    ("x - x", "x - x{i!=\"\"}"),
    (
        "rate(x[5m]) / on () group_left () sum(rate(x[5m]))",
        "rate(x[5m]) / on () group_left () sum(rate(x{i!=\"\"}[5m]))",
    ),
    (
        "(x + 1) * (x + 1) - (x + 1)",
        "(x + 1) * (x{i!=\"\"} + 1) - (x{i=~\".+\"} + 1)",
    ),
    (
        "topk(2, x) or (max_over_time(x[3m]) > sum(x) / count(x)) or topk(2, x)",
        "topk(2, x) or (max_over_time(x[3m]) > sum(x) / count(x{i!=\"\"})) or topk(2, x{i=~\".+\"})",
    ),
    (
        "max_over_time((x - x)[5m:1m]) + x",
        "max_over_time((x - x{i!=\"\"})[5m:1m]) + x",
    ),
    ("(x @ 60) + x @ 60", "(x @ 60) + x{i!=\"\"} @ 60"),
    // The subquery is at the steps of the whole.
    (
        "max_over_time((x + 1)[1m:1m]) + (x + 1)",
        "max_over_time((x + 1)[1m:1m]) + (x{i!=\"\"} + 1)",
    ),
    (
        "(x + 1) + max_over_time((x + 1)[1m:1m])",
        "(x + 1) + max_over_time((x{i!=\"\"} + 1)[1m:1m])",
    ),
];

#[test]
fn what_stands_in_a_query_twice_answers_and_counts_as_if_it_were_asked_for_twice() {
    let around = Around::counting_steps();
    for (shared, apart) in SHARED {
        let (shared_answer, apart_answer) = (around.range(shared).unwrap(), around.range(apart).unwrap());
        assert!(shared_answer.value == apart_answer.value, "{shared}");
        let counted = |answer: &Answer| (answer.stats.total_samples, answer.stats.per_step.clone());
        assert_eq!(counted(&shared_answer), counted(&apart_answer), "{shared}");
    }
}

#[test]
fn what_stands_in_a_query_twice_is_read_once() {
    fn stopped() -> u64 {
        0
    }
    fn read(node: &TraceNode) -> u64 {
        node.read_samples + node.children.iter().map(read).sum::<u64>()
    }
    let around = Around {
        query: QueryOptions {
            trace: true,
            stopwatch: Some(stopped),
            ..QueryOptions::default()
        },
        ..Around::default()
    };
    let read = |query: &str| read(&around.range(query).unwrap().stats.trace.unwrap());
    let once = read("sum(x)");
    assert_eq!(read("sum(x) / count(x)"), once);
    assert_eq!(read("(x - x) / (x - x)"), once);
    // At other steps it is something else, as it is with another offset.
    assert_eq!(read("x - x offset 1m"), 2 * once - 10);
    assert_eq!(read("x + max_over_time(x[2m:30s])"), 2 * once);
}

#[test]
fn what_says_something_about_its_place_says_it_at_each() {
    let places = |query: &str| {
        Around::default()
            .range(query)
            .unwrap()
            .annotations
            .to_strings(query, 0)
            .1
    };
    assert!(places("rate(x[5m]) + rate(x[5m])")[0].ends_with("(1:20)"));
}

#[test]
fn what_is_kept_for_a_second_use_is_charged_and_not_kept_where_there_is_no_room() {
    /// Ten series of sixty values.
    const KEPT_BYTES: usize = 10 * 60 * size_of::<f64>();
    let (shared, apart) = ("sum(x) / count(x)", "sum(x) / count(x{i!=\"\"})");
    let ask = |query: &str, budget: &Budget| {
        let (engine, options, cancel) = (
            Engine::new(EngineOptions::default()),
            QueryOptions::default(),
            Cancel::new(),
        );
        engine.range(&store(), query, 0, 3_540_000, 60_000, &options, budget, &cancel)
    };
    let peak_bytes = |query: &str| {
        let budget = Budget::unlimited();
        let value = ask(query, &budget).unwrap().value;
        (value, budget.peak_bytes())
    };
    let ((value, kept), (_, streamed)) = (peak_bytes(shared), peak_bytes(apart));
    assert!(kept >= streamed + KEPT_BYTES, "{kept} kept, {streamed} streamed");
    let tight = Budget::new("query", streamed + KEPT_BYTES / 2);
    assert_eq!(ask(shared, &tight).unwrap().value, value);
}
