//! A group of rules: evaluated together, in order, at one time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tracing::{debug, warn};
use tsdb::model::Labels;

use super::append::{self, Series};
use super::metrics::GroupMetrics;
use super::rule::{Occasion, Rule};
use super::spec::{External, GroupSpec};
use super::{Options, order};
use crate::web::views::RuleGroupView;

/// A group with the state of its rules.
#[derive(Debug)]
pub struct Group {
    spec: GroupSpec,
    rules: Vec<Rule>,
    /// Batches of rules that may be evaluated side by side, where that is asked for.
    batches: Option<Vec<Vec<usize>>>,
    options: Options,
    metrics: GroupMetrics,
    /// Set to end an evaluation between two rules.
    stopping: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What each rule's last evaluation stored.
    series: Vec<Series>,
    /// Series of rules that a reload removed, to be ended by the next evaluation.
    stale: Vec<Labels>,
    /// When the last evaluation began.
    last_evaluation_ms: Option<i64>,
    evaluation_time_s: f64,
}

impl Group {
    /// A group that was never evaluated. One that is not `restored` writes no alert series before
    /// [`Group::restore`].
    pub fn new(spec: GroupSpec, external: &External, restored: bool, options: Options) -> Self {
        let metrics = options.metrics.of_group(&spec.key());
        metrics.rules.set(spec.rules.len() as f64);
        metrics.interval.set(spec.interval_ms as f64 / 1000.0);
        let make = |rule| Rule::new(rule, external, restored);
        let rules: Vec<Rule> = spec.rules.iter().cloned().map(make).collect();
        let batches = match &options.concurrent_evaluations {
            Some(_) => order::batches(&rules),
            None => None,
        };
        let state = State {
            series: rules.iter().map(|_| Series::new()).collect(),
            ..State::default()
        };
        Self {
            spec,
            rules,
            batches,
            options,
            metrics,
            stopping: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    /// What it was made from.
    pub fn spec(&self) -> &GroupSpec {
        &self.spec
    }

    /// Its rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Its metrics.
    pub(super) fn metrics(&self) -> &GroupMetrics {
        &self.metrics
    }

    fn query_offset_ms(&self) -> i64 {
        let default_ms = self.options.query_offset_ms.load(Ordering::Relaxed);
        self.spec.query_offset_ms.unwrap_or(default_ms)
    }

    /// Ends a running evaluation after the rule that it is at, and any later one before its first.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// One evaluation on the slot `at_ms`, counted and timed; `now_ms` is the clock's time.
    pub fn iterate(&self, at_ms: i64, now_ms: i64) {
        self.metrics.iterations.inc();
        let began = Instant::now();
        self.evaluate_at(at_ms, now_ms);
        let took_s = began.elapsed().as_secs_f64();
        self.options.metrics.group_duration.observe(took_s);
        self.options.metrics.group_duration_histogram.observe(took_s);
        let sum: f64 = self
            .rules
            .iter()
            .map(|rule| rule.status().evaluation_time_s)
            .sum();
        self.metrics.last_rule_duration_sum.set(sum);
        self.metrics.last_duration.set(took_s);
        self.metrics.last_evaluation.set(now_ms as f64 / 1000.0);
        let mut state = self.state.lock();
        state.evaluation_time_s = took_s;
        state.last_evaluation_ms = Some(now_ms);
    }

    /// Evaluates all rules as of `at_ms` and stores and sends what they give.
    pub fn evaluate(&self, at_ms: i64) {
        self.evaluate_at(at_ms, at_ms);
    }

    fn evaluate_at(&self, at_ms: i64, now_ms: i64) {
        let began = Instant::now();
        let samples = AtomicUsize::new(0);
        let evaluate = |i: usize| {
            let rule_began_ms = now_ms + began.elapsed().as_millis() as i64;
            samples.fetch_add(self.evaluate_rule(i, at_ms, rule_began_ms), Ordering::Relaxed);
        };
        match &self.batches {
            None => (0..self.rules.len()).for_each(|i| {
                if !self.stopping.load(Ordering::Relaxed) {
                    evaluate(i);
                }
            }),
            Some(batches) => {
                for batch in batches {
                    self.evaluate_batch(batch, &evaluate);
                }
            }
        }
        if self.stopping.load(Ordering::Relaxed) {
            return;
        }
        self.metrics
            .last_samples
            .set(samples.load(Ordering::Relaxed) as f64);
        self.end_stale_series(at_ms);
    }

    /// Rules of a batch side by side, as far as the server-wide number of evaluations allows; the rest here.
    fn evaluate_batch(&self, batch: &[usize], evaluate: &(impl Fn(usize) + Sync)) {
        let Some(free) = self.options.concurrent_evaluations.as_deref() else {
            return batch.iter().for_each(|&i| evaluate(i));
        };
        std::thread::scope(|scope| {
            for &i in batch {
                if self.stopping.load(Ordering::Relaxed) {
                    return;
                }
                let take = |free: usize| free.checked_sub(1);
                let is_taken = free
                    .fetch_update(Ordering::AcqRel, Ordering::Relaxed, take)
                    .is_ok();
                if batch.len() > 1 && is_taken {
                    scope.spawn(move || {
                        evaluate(i);
                        free.fetch_add(1, Ordering::AcqRel);
                    });
                } else {
                    if is_taken {
                        free.fetch_add(1, Ordering::AcqRel);
                    }
                    evaluate(i);
                }
            }
        });
    }

    /// Evaluates the rule `i`; gives how many samples came of it.
    fn evaluate_rule(&self, i: usize, at_ms: i64, began_ms: i64) -> usize {
        let rule = &self.rules[i];
        let began = Instant::now();
        self.metrics.evaluations.inc();
        let occasion = Occasion {
            options: &self.options,
            at_ms,
            query_offset_ms: self.query_offset_ms(),
            limit: self.spec.limit,
            place: (&self.spec.file, &self.spec.name),
        };
        let samples = match rule.evaluate(&occasion) {
            Ok(samples) => {
                rule.note_success();
                let given = samples.len();
                self.send(rule, &occasion);
                self.store(i, samples, &occasion);
                given
            }
            Err(error) => {
                self.metrics.evaluation_failures.inc();
                rule.note_failure(error.to_string());
                if !error.is_cancelled() {
                    warn!(
                        file = %self.spec.file, group = %self.spec.name, name = %rule.name(), index = i,
                        err = %error, "Evaluating rule failed"
                    );
                }
                0
            }
        };
        let took_s = began.elapsed().as_secs_f64();
        self.options.metrics.evaluation_duration.observe(took_s);
        self.options.metrics.evaluation_duration_histogram.observe(took_s);
        rule.note_time(began_ms, took_s);
        samples
    }

    fn send(&self, rule: &Rule, occasion: &Occasion<'_>) {
        let Some(rule) = rule.as_alerting() else {
            return;
        };
        let due = rule.due(occasion.at_ms, self.spec.interval_ms, occasion);
        if !due.is_empty() {
            self.options.sink.send(due);
        }
    }

    fn store(&self, i: usize, samples: Vec<promql::value::VectorSample>, occasion: &Occasion<'_>) {
        let rule = &self.rules[i];
        let t_ms = occasion.at_ms - occasion.query_offset_ms;
        let before = std::mem::take(&mut self.state.lock().series[i]);
        match append::append(&*self.options.appendable, samples, &before, t_ms) {
            Ok(stored) => {
                if let Some(error) = stored.error {
                    rule.note_failure(error);
                }
                self.state.lock().series[i] = stored.series;
            }
            Err(error) => {
                self.metrics.evaluation_failures.inc();
                rule.note_failure(error.to_string());
                warn!(
                    file = %self.spec.file, group = %self.spec.name, name = %rule.name(), index = i,
                    err = %error, "Rule sample appending failed"
                );
                self.state.lock().series[i] = before;
            }
        }
    }

    /// Ends the series of rules that a reload removed.
    fn end_stale_series(&self, at_ms: i64) {
        let stale = std::mem::take(&mut self.state.lock().stale);
        if stale.is_empty() {
            return;
        }
        let t_ms = at_ms - self.query_offset_ms();
        if let Err(error) = append::append_markers(&*self.options.appendable, &stale, t_ms) {
            warn!(
                file = %self.spec.file, group = %self.spec.name, err = %error,
                "Stale sample appending for previous configuration failed"
            );
            self.state.lock().stale.extend(stale);
        }
    }

    /// Ends all series of this group, which is gone since `at_ms`.
    pub fn end_all_series(&self, at_ms: i64) {
        let mut state = self.state.lock();
        let given: Vec<Labels> = state
            .series
            .iter_mut()
            .flat_map(std::mem::take)
            .map(|(labels, _)| labels)
            .collect();
        state.stale.extend(given);
        drop(state);
        self.end_stale_series(at_ms);
    }

    /// Takes over what `from` knew: alerts and series of rules with the same name and labels, the first of
    /// several with the first. Series of the others are ended by the next evaluation.
    pub fn copy_state(&self, from: &Self) {
        let mut theirs: HashMap<(&str, &Labels), std::collections::VecDeque<usize>> = HashMap::new();
        for (i, rule) in from.rules.iter().enumerate() {
            theirs.entry(rule.identity()).or_default().push_back(i);
        }
        let mut from_state = from.state.lock();
        let mut state = self.state.lock();
        state.evaluation_time_s = from_state.evaluation_time_s;
        state.last_evaluation_ms = from_state.last_evaluation_ms;
        for (i, rule) in self.rules.iter().enumerate() {
            let Some(same) = theirs
                .get_mut(&rule.identity())
                .and_then(std::collections::VecDeque::pop_front)
            else {
                continue;
            };
            state.series[i] = std::mem::take(&mut from_state.series[same]);
            if let (Some(to), Some(from)) = (rule.as_alerting(), from.rules[same].as_alerting()) {
                to.alerts.lock().extend(from.alerts.lock().clone());
            }
        }
        state.stale = std::mem::take(&mut from_state.stale);
        for i in theirs.into_values().flatten() {
            let gone = std::mem::take(&mut from_state.series[i]);
            state.stale.extend(gone.into_keys());
        }
    }

    /// Restores alerts from before a restart, after the second evaluation: by then the first scrapes and
    /// recordings are there.
    pub fn restore(&self, now_ms: i64) {
        let began = Instant::now();
        for rule in self.rules.iter().filter_map(Rule::as_alerting) {
            rule.restore(now_ms, &self.options);
        }
        let took_s = began.elapsed().as_secs_f64();
        self.options.metrics.note_restore(&self.spec.key(), took_s);
        debug!(
            file = %self.spec.file, group = %self.spec.name, duration_seconds = took_s,
            "'for' state restoration completed"
        );
    }

    /// What people see of it.
    pub fn view(&self) -> RuleGroupView {
        let state = self.state.lock();
        RuleGroupView {
            name: self.spec.name.clone(),
            file: self.spec.file.clone(),
            interval_s: self.spec.interval_ms as f64 / 1000.0,
            limit: self.spec.limit,
            rules: self.rules.iter().map(Rule::view).collect(),
            evaluation_time_s: state.evaluation_time_s,
            last_evaluation_ms: state.last_evaluation_ms,
        }
    }
}
