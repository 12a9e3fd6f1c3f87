//! What is counted of rules.

use crate::telemetry::{Counter, Family, Gauge, Histogram, Registry, Summary};

/// Bounds of both duration histograms, in seconds.
const DURATION_BOUNDS: &[f64] = &[0.01, 0.1, 1.0, 10.0];

/// All metrics of rules. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// `prometheus_rule_evaluation_duration_seconds`
    pub evaluation_duration: Summary,
    /// `prometheus_rule_evaluation_duration_histogram_seconds`
    pub evaluation_duration_histogram: Histogram,
    /// `prometheus_rule_group_duration_seconds`
    pub group_duration: Summary,
    /// `prometheus_rule_group_duration_histogram_seconds`
    pub group_duration_histogram: Histogram,
    /// `prometheus_template_text_expansions_total`
    pub template_expansions: Counter,
    /// `prometheus_template_text_expansion_failures_total`
    pub template_expansion_failures: Counter,
    by_group: ByGroup,
}

/// The families labelled `rule_group`.
#[derive(Clone, Debug)]
struct ByGroup {
    iterations_missed: Family<Counter>,
    iterations: Family<Counter>,
    evaluations: Family<Counter>,
    evaluation_failures: Family<Counter>,
    interval: Family<Gauge>,
    last_evaluation: Family<Gauge>,
    last_duration: Family<Gauge>,
    last_rule_duration_sum: Family<Gauge>,
    last_restore_duration: Family<Gauge>,
    rules: Family<Gauge>,
    last_samples: Family<Gauge>,
}

/// The metrics of one group.
#[derive(Clone, Debug)]
pub struct GroupMetrics {
    /// `prometheus_rule_group_iterations_missed_total`
    pub iterations_missed: Counter,
    /// `prometheus_rule_group_iterations_total`
    pub iterations: Counter,
    /// `prometheus_rule_evaluations_total`
    pub evaluations: Counter,
    /// `prometheus_rule_evaluation_failures_total`
    pub evaluation_failures: Counter,
    /// `prometheus_rule_group_interval_seconds`
    pub interval: Gauge,
    /// `prometheus_rule_group_last_evaluation_timestamp_seconds`
    pub last_evaluation: Gauge,
    /// `prometheus_rule_group_last_duration_seconds`
    pub last_duration: Gauge,
    /// `prometheus_rule_group_last_rule_duration_sum_seconds`
    pub last_rule_duration_sum: Gauge,
    /// `prometheus_rule_group_rules`
    pub rules: Gauge,
    /// `prometheus_rule_group_last_evaluation_samples`
    pub last_samples: Gauge,
}

const GROUP: &[&str] = &["rule_group"];

impl Metrics {
    /// Registers all of them.
    pub fn new(registry: &Registry) -> Self {
        const EVALUATION: &str = "The duration for a rule to execute.";
        const ITERATION: &str = "The duration of rule group evaluations.";
        Self {
            evaluation_duration: registry.summary(
                "prometheus_rule_evaluation_duration_seconds",
                EVALUATION,
                &[0.5, 0.9, 0.99],
            ),
            evaluation_duration_histogram: registry.histogram(
                "prometheus_rule_evaluation_duration_histogram_seconds",
                EVALUATION,
                DURATION_BOUNDS,
            ),
            group_duration: registry.summary(
                "prometheus_rule_group_duration_seconds",
                ITERATION,
                &[0.01, 0.05, 0.5, 0.9, 0.99],
            ),
            group_duration_histogram: registry.histogram(
                "prometheus_rule_group_duration_histogram_seconds",
                ITERATION,
                DURATION_BOUNDS,
            ),
            template_expansions: registry.counter(
                "prometheus_template_text_expansions_total",
                "The total number of template text expansions.",
            ),
            template_expansion_failures: registry.counter(
                "prometheus_template_text_expansion_failures_total",
                "The total number of template text expansion failures.",
            ),
            by_group: ByGroup::new(registry),
        }
    }

    /// The metrics of the group `file;name`, shown from now on.
    pub fn of_group(&self, key: &str) -> GroupMetrics {
        let ByGroup {
            iterations_missed,
            iterations,
            evaluations,
            evaluation_failures,
            interval,
            last_evaluation,
            last_duration,
            last_rule_duration_sum,
            last_restore_duration: _,
            rules,
            last_samples,
        } = &self.by_group;
        let key = &[key];
        GroupMetrics {
            iterations_missed: iterations_missed.with(key),
            iterations: iterations.with(key),
            evaluations: evaluations.with(key),
            evaluation_failures: evaluation_failures.with(key),
            interval: interval.with(key),
            last_evaluation: last_evaluation.with(key),
            last_duration: last_duration.with(key),
            last_rule_duration_sum: last_rule_duration_sum.with(key),
            rules: rules.with(key),
            last_samples: last_samples.with(key),
        }
    }

    /// How long the restore of the group `file;name` took; shown only for groups that restored.
    pub fn note_restore(&self, key: &str, took_s: f64) {
        self.by_group.last_restore_duration.with(&[key]).set(took_s);
    }

    /// Forgets the group `file;name`, which is gone.
    pub fn forget_group(&self, key: &str) {
        let by = &self.by_group;
        for counters in [
            &by.iterations_missed,
            &by.iterations,
            &by.evaluations,
            &by.evaluation_failures,
        ] {
            counters.remove(&[key]);
        }
        for gauges in [
            &by.interval,
            &by.last_evaluation,
            &by.last_duration,
            &by.last_rule_duration_sum,
            &by.last_restore_duration,
            &by.rules,
            &by.last_samples,
        ] {
            gauges.remove(&[key]);
        }
    }
}

impl ByGroup {
    fn new(registry: &Registry) -> Self {
        Self {
            iterations_missed: registry.counters(
                "prometheus_rule_group_iterations_missed_total",
                "The total number of rule group evaluations missed due to slow rule group evaluation.",
                GROUP,
            ),
            iterations: registry.counters(
                "prometheus_rule_group_iterations_total",
                "The total number of scheduled rule group evaluations, whether executed or missed.",
                GROUP,
            ),
            evaluations: registry.counters(
                "prometheus_rule_evaluations_total",
                "The total number of rule evaluations.",
                GROUP,
            ),
            evaluation_failures: registry.counters(
                "prometheus_rule_evaluation_failures_total",
                "The total number of rule evaluation failures.",
                GROUP,
            ),
            interval: registry.gauges(
                "prometheus_rule_group_interval_seconds",
                "The interval of a rule group.",
                GROUP,
            ),
            last_evaluation: registry.gauges(
                "prometheus_rule_group_last_evaluation_timestamp_seconds",
                "The timestamp of the last rule group evaluation in seconds.",
                GROUP,
            ),
            last_duration: registry.gauges(
                "prometheus_rule_group_last_duration_seconds",
                "The duration of the last rule group evaluation.",
                GROUP,
            ),
            last_rule_duration_sum: registry.gauges(
                "prometheus_rule_group_last_rule_duration_sum_seconds",
                "The sum of time in seconds it took to evaluate each rule in the group regardless of concurrency. \
                 This should be higher than the group duration if rules are evaluated concurrently.",
                GROUP,
            ),
            last_restore_duration: registry.gauges(
                "prometheus_rule_group_last_restore_duration_seconds",
                "The duration of the last alert rules alerts restoration using the `ALERTS_FOR_STATE` series.",
                GROUP,
            ),
            rules: registry.gauges("prometheus_rule_group_rules", "The number of rules.", GROUP),
            last_samples: registry.gauges(
                "prometheus_rule_group_last_evaluation_samples",
                "The number of samples returned during the last rule group evaluation.",
                GROUP,
            ),
        }
    }
}
