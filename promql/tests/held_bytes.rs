//! What a query's budget is charged for is what the query allocates: an allocator that counts tells.
//!
//! Everything in this file is one test, because the allocator counts for the whole process.

use peak_alloc::PeakAlloc;
use promql::engine::{Answer, Engine, EngineOptions, ErrorKind, QueryError, QueryOptions};
use promql::parser::ParserOptions;
use tsdb::model::{FloatHistogram, Histogram, Labels, Span};
use tsdb::query::memory::MemoryStore;
use tsdb::query::{Budget, Cancel, Columns};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Series of each metric.
const SERIES: i64 = 300;
/// Samples of each series, one a second.
const SAMPLES: i64 = 1000;

fn store() -> MemoryStore {
    let store = MemoryStore::new();
    let fill = |name: &str, i: i64, le: &str, columns: &Columns| {
        let (instance, group) = (format!("host-{i}"), format!("{}", i % 5));
        let pairs = [
            ("__name__", name),
            ("instance", &*instance),
            ("group", &*group),
            ("le", le),
        ];
        store
            .fill(&Labels::from_pairs(pairs), columns)
            .expect("a new series");
    };
    for i in 0..SERIES {
        let mut floats = Columns::default();
        for t in 0..SAMPLES {
            floats.push(t * 1000, (t * 7 % 1000 + i) as f64);
        }
        fill("x", i, "", &floats);
        fill("y", i, "", &floats);
        fill("b", i / 4, ["1", "2", "5", "+Inf"][i as usize % 4], &floats);
    }
    for i in 0..10 {
        let mut histograms = Columns::default();
        for t in 0..SAMPLES {
            histograms.push_histogram(t * 1000, Histogram::Float(histogram((t + i) as f64)));
        }
        fill("h", i, "", &histograms);
    }
    store
}

fn histogram(count: f64) -> FloatHistogram {
    FloatHistogram {
        count: 20.0 * count,
        sum: count,
        positive_spans: vec![Span {
            offset: 0,
            length: 20,
        }],
        positive_buckets: vec![count; 20],
        ..FloatHistogram::default()
    }
}

/// Queries that hold much, each in its own way.
const QUERIES: &[&str] = &[
    "x",
    "x[30m]",
    "-x",
    "x * 2",
    "2 < bool x",
    "time() + time() * (time() - scalar(sum(x)))",
    "rate(x[5m])",
    "sum by (instance) (x)",
    "avg by (instance) (rate(x[1m]))",
    "stddev by (instance) (x)",
    "topk(3, x)",
    "limit_ratio(0.5, x)",
    "quantile by (group) (0.5, x)",
    "count_values('v', x)",
    "x + on (instance) y",
    "x + on (group) group_left () sum by (group) (y)",
    "x and y",
    "x or y",
    "x unless (y > 3)",
    "label_replace(x, 'new', 'a-long-value-$1-$1-$1', 'instance', '(.*)')",
    "label_join(x, 'new', '-----------------------', 'instance', 'group', '__name__', 'instance')",
    "sort_desc(x)",
    "histogram_quantile(0.9, b)",
    "histogram_quantiles(b, 'q', 0.1, 0.5, 0.9)",
    "max_over_time(x[10m:1s])",
    "max_over_time(rate(x[1m])[10m:1s])",
    "sum_over_time((x + y)[10m:5s])",
    "absent(x)",
    "absent_over_time(x[5m])",
    "quantile_over_time(0.5, x[20s])",
    "h",
    "h[30m]",
    "rate(h[5m])",
    "sum(h)",
    "avg by (group) (rate(h[1m]))",
    "h * 3",
    "h + on (instance) h",
    "histogram_quantile(0.9, h)",
    "histogram_quantile(0.9, sum(rate(h[2m])))",
    "sum_over_time(h[20m:10s])",
    "last_over_time(h[5m])",
    "x @ end()",
];

struct Asked {
    store: MemoryStore,
    engine: Engine,
}

impl Asked {
    fn ask(&self, query: &str, step_ms: i64, budget: &Budget) -> Result<Answer, QueryError> {
        let (engine, store, options, cancel) =
            (&self.engine, &self.store, QueryOptions::default(), Cancel::new());
        let end_ms = SAMPLES * 1000;
        match step_ms {
            0 => engine.instant(store, query, end_ms, &options, budget, &cancel),
            _ => engine.range(store, query, 0, end_ms, step_ms, &options, budget, &cancel),
        }
    }
}

/// Bytes that are not looked at: parsed query, plan, columns kept to be used again, hash tables while they are
/// small.
const SMALL_BYTES: usize = 1200 << 10;

#[test]
fn what_a_query_holds_is_charged_and_a_budget_stops_it_before_it_holds_more() {
    let asked = Asked {
        store: store(),
        engine: Engine::new(EngineOptions {
            parser: ParserOptions::all(),
            ..EngineOptions::default()
        }),
    };
    let mut wrong = Vec::new();
    for &query in QUERIES {
        for step_ms in [0, 1000] {
            let budget = Budget::unlimited();
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let answer = asked.ask(query, step_ms, &budget);
            let held = ALLOCATOR.peak_usage() - before;
            let charged = budget.peak_bytes();
            let left = budget.held_bytes();
            let value = ALLOCATOR.current_usage() - before;
            if let Err(error) = &answer {
                let is_known = step_ms > 0 && error.to_string().contains("for range query");
                assert!(is_known, "{query}: {error}");
                continue;
            }
            eprintln!(
                "{query} every {step_ms}: {held} held, {charged} charged; in the end {value} held, {left} charged"
            );
            if held > charged + charged / 8 + SMALL_BYTES || value > left + left / 8 + SMALL_BYTES {
                wrong.push(format!(
                    "{query} every {step_ms}: {held} held, {charged} charged; then {value}, {left}"
                ));
            }
            drop(answer);
            assert_eq!(budget.held_bytes(), 0, "{query}: something stays charged");
            // A budget of half of it ends the query, and it never holds much more than that.
            if charged < SMALL_BYTES {
                continue;
            }
            let budget = Budget::new("half", charged / 2);
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let error = asked
                .ask(query, step_ms, &budget)
                .expect_err("half does not suffice");
            assert_eq!(error.kind(), ErrorKind::OverBudget, "{query}: {error}");
            assert!(
                error.to_string().contains("heaviest selector"),
                "{query}: {error}"
            );
            let held = ALLOCATOR.peak_usage() - before;
            if held > charged / 2 + charged / 8 + SMALL_BYTES {
                wrong.push(format!(
                    "{query} every {step_ms}: {held} held in a budget of {}",
                    charged / 2
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
