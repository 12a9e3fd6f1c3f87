//! Valid queries over a small store: nothing panics, a query prints as one that reads as the same, and a
//! range query answers at each step what an instant query answers then.
//!
//! `cargo +nightly fuzz run eval` in `promql/`.

#![no_main]

mod expressions;
mod store;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use promql::engine::{Answer, Engine, EngineOptions, ErrorKind, QueryError, QueryOptions};
use promql::parser::{Expr, ParserOptions, parse_expr};
use promql::value::{SampleValue, Value};
use tsdb::model::{FloatHistogram, Labels};
use tsdb::query::memory::MemoryStore;
use tsdb::query::{Budget, Cancel};

use expressions::Generator;

static STORE: LazyLock<MemoryStore> = LazyLock::new(store::filled);

/// Bytes that a query may hold: queries that are merely large are none of this target's business.
const BYTES_MAX: usize = 64 << 20;

/// Samples that a query may hold.
const SAMPLES_MAX: usize = 200_000;

fuzz_target!(|bytes: &[u8]| {
    let mut generator = Generator::new(bytes);
    let (start_ms, step_ms, steps) = (
        generator.number(4_000) * 1000 - 200_000,
        [1_000, 15_000, 60_000, 247_000][generator.number(4) as usize],
        1 + generator.number(6),
    );
    let query = generator.expression();
    let expr = match parse_expr(&query, &ParserOptions::all()) {
        Ok(expr) => expr,
        Err(errors) => panic!("{query} is not valid: {errors}"),
    };
    prints_as_itself(&query, &expr);
    let asked = Asked {
        engine: Engine::new(EngineOptions {
            parser: ParserOptions::all(),
            max_samples: SAMPLES_MAX,
            delayed_name_removal: generator.number(4) == 0,
            ..EngineOptions::default()
        }),
        expr: &expr,
        query: &query,
        reorders: ["topk", "bottomk", "limit", "sort"]
            .iter()
            .any(|word| query.contains(word)),
    };
    asked.check(start_ms, step_ms, steps);
});

/// What was read reads the same when it is printed, but for an infinite base of a power: it is printed with a
/// sign, which then is that of the power. It is so in Prometheus, too.
fn prints_as_itself(query: &str, expr: &Expr) {
    let printed = expr.to_string();
    if printed.contains("+Inf ^") {
        return;
    }
    for text in [&printed, &promql::parser::pretty(expr)] {
        match parse_expr(text, &ParserOptions::all()) {
            // Matchers are sorted by printing.
            Ok(again) => assert_eq!(again.to_string(), printed, "{query}"),
            Err(errors) => panic!("{query} is printed as {text}: {errors}"),
        }
    }
}

struct Asked<'a> {
    engine: Engine,
    expr: &'a Expr,
    query: &'a str,
    /// Whether an instant query sees series in another order than a range query, so that sums may differ.
    reorders: bool,
}

impl Asked<'_> {
    fn instant(&self, at_ms: i64) -> Result<Answer, QueryError> {
        let budget = Budget::new("fuzzing", BYTES_MAX);
        let (options, cancel) = (QueryOptions::default(), Cancel::new());
        self.engine
            .instant(&*STORE, self.expr, at_ms, &options, &budget, &cancel)
    }

    fn check(&self, start_ms: i64, step_ms: i64, steps: i64) {
        let budget = Budget::new("fuzzing", BYTES_MAX);
        let (options, cancel) = (QueryOptions::default(), Cancel::new());
        let end_ms = start_ms + step_ms * (steps - 1);
        let range = self.engine.range(
            &*STORE, self.expr, start_ms, end_ms, step_ms, &options, &budget, &cancel,
        );
        let range = match range {
            Ok(answer) => answer.value,
            Err(error) => {
                let _at_all = self.instant(start_ms);
                assert_ne!(error.kind(), ErrorKind::Storage, "{}: {error}", self.query);
                return;
            }
        };
        assert_eq!(budget.held_bytes(), 0, "{}: something stays charged", self.query);
        let Value::Matrix(series) = range else {
            panic!("{} answers {range:?}", self.query)
        };
        // An aggregation over what `@` fixes is computed once in a range, its parameter too, as in Prometheus.
        if self.query.contains('@') && self.query.contains("quantile") {
            return;
        }
        for step in 0..steps {
            let at_ms = start_ms + step * step_ms;
            let mut in_range: Vec<(Labels, SampleValue)> = Vec::new();
            for series in &series {
                let at = |t: &i64| t.cmp(&at_ms);
                if let Ok(found) = series.floats.binary_search_by(|(t, _)| at(t)) {
                    in_range.push((series.labels.clone(), SampleValue::Float(series.floats[found].1)));
                }
                if let Ok(found) = series.histograms.binary_search_by(|(t, _)| at(t)) {
                    let h = series.histograms[found].1.clone();
                    in_range.push((series.labels.clone(), SampleValue::Histogram(h)));
                }
            }
            let mut alone = match self.instant(at_ms).map(|answer| answer.value) {
                Ok(Value::Vector(samples)) => samples.into_iter().map(|s| (s.labels, s.value)).collect(),
                Ok(Value::Scalar { v, .. }) => vec![(Labels::empty(), SampleValue::Float(v))],
                Ok(other) => panic!("{} answers {other:?}", self.query),
                // Equal labels at one instant may belong to different times of a range.
                Err(error) => panic!("{} at {at_ms} alone: {error}", self.query),
            };
            in_range.sort_by(|a, b| a.0.cmp(&b.0));
            alone.sort_by(|a: &(Labels, SampleValue), b| a.0.cmp(&b.0));
            let is_same = in_range.len() == alone.len()
                && in_range
                    .iter()
                    .zip(&alone)
                    .all(|(a, b)| a.0 == b.0 && self.is_same(&a.1, &b.1));
            assert!(
                is_same,
                "{} at {at_ms}, range from {start_ms} every {step_ms}:\n  in range {in_range:?}\n  alone    {alone:?}",
                self.query
            );
        }
    }

    fn is_same(&self, a: &SampleValue, b: &SampleValue) -> bool {
        match (a, b) {
            (SampleValue::Float(a), SampleValue::Float(b)) => self.is_same_number(*a, *b),
            (SampleValue::Histogram(a), SampleValue::Histogram(b)) => self.is_same_histogram(a, b),
            _ => false,
        }
    }

    fn is_same_number(&self, a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits()
            || (a.is_nan() && b.is_nan())
            || (self.reorders && (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0))
    }

    fn is_same_histogram(&self, a: &FloatHistogram, b: &FloatHistogram) -> bool {
        let numbers = |h: &FloatHistogram| {
            let mut all = vec![h.count, h.sum, h.zero_count, h.zero_threshold];
            all.extend(
                h.positive_buckets
                    .iter()
                    .chain(&h.negative_buckets)
                    .chain(&h.custom_bounds),
            );
            all
        };
        let (x, y) = (numbers(a), numbers(b));
        (a.schema, &a.positive_spans, &a.negative_spans) == (b.schema, &b.positive_spans, &b.negative_spans)
            && x.len() == y.len()
            && x.iter().zip(&y).all(|(x, y)| self.is_same_number(*x, *y))
    }
}
