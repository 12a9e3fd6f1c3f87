//! Prometheus' own BenchmarkRangeQuery, over HTTP: the queries that 3.5 knows, at one and at a thousand steps.

use super::{At, Group, ask};
use crate::data::range::{END_MS, STEP_MS};

pub(crate) fn groups() -> Vec<Group> {
    let steps = |steps: i64| At::last(steps * STEP_MS, END_MS, STEP_MS);
    let mut queries = Vec::new();
    for x in ["one", "hundred"] {
        let of = |template: &str| template.replace('X', x);
        queries.extend(ask(steps(10_000), MANY_STEPS.map(of)));
        queries.extend(ask(steps(1_000), ALL.map(of)));
        queries.extend(ask(steps(1), ALL.map(of)));
        queries.extend(ask(steps(100), ["count_values('value', h_X)"].map(of)));
    }
    queries.extend(ask(steps(10_000), ["rate(sparse[1m])"]));
    queries.extend(ask(
        steps(1),
        [r#"count({__name__!=""})"#, r#"count({__name__!="",l=""})"#],
    ));
    vec![Group {
        title: "BenchmarkRangeQuery",
        aim: 0.25,
        queries,
    }]
}

const MANY_STEPS: [&str; 2] = ["rate(a_X[1m])", "a_X - b_X"];

const ALL: [&str; 37] = [
    "a_X",
    "rate(a_X[1m])",
    "double_exponential_smoothing(a_X[1d], 0.3, 0.3)",
    "changes(a_X[1d])",
    "rate(a_X[1d])",
    "absent_over_time(a_X[1d])",
    "-a_X",
    "a_X - b_X",
    "a_X and b_X{l=~'.*[0-4]$'}",
    "a_X or b_X{l=~'.*[0-4]$'}",
    "a_X unless b_X{l=~'.*[0-4]$'}",
    "a_X and b_X{l='notfound'}",
    "abs(a_X)",
    "label_replace(a_X, 'l2', '$1', 'l', '(.*)')",
    "label_join(a_X, 'l2', '-', 'l', 'l')",
    "sum(a_X)",
    "avg(a_X)",
    "sum without (l)(h_X)",
    "sum without (le)(h_X)",
    "sum by (l)(h_X)",
    "sum by (le)(h_X)",
    "topk(1, a_X)",
    "topk(5, a_X)",
    "limitk(1, a_X)",
    "limitk(5, a_X)",
    "limit_ratio(0.1, a_X)",
    "limit_ratio(0.5, a_X)",
    "limit_ratio(-0.5, a_X)",
    "rate(a_X[1m]) + rate(b_X[1m])",
    "sum without (l)(rate(a_X[1m]))",
    "sum without (l)(rate(a_X[1m])) / sum without (l)(rate(b_X[1m]))",
    "histogram_quantile(0.9, rate(h_X[5m]))",
    "a_X + on(l) group_right a_one",
    "timestamp(a_X)",
    "a_X > 10000",
    "max_over_time(a_X[1h])",
    "sum_over_time(a_X[1h])",
];
