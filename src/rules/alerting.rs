//! Alerting rules: a query's samples become alerts, which are pending, fire and are resolved.
//!
//! ```text
//!             the expression holds        … for as long as `for`
//!   (nothing) ───────────────────► pending ───────────────────► firing ◄─┐ keep_firing_for
//!       ▲                            │ ▲                           │ └───┘
//!       │ ceases to hold             │ └─ a reload made `for` longer│ ceases to hold
//!       └────────────────────────────┘                             ▼
//!       ▲ after 15 minutes of being sent as resolved            inactive
//!       └──────────────────────────────────────────────────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use promql::engine::Query;
use promql::value::{SampleValue, VectorSample};
use tracing::warn;
use tsdb::model::{Labels, LabelsBuilder, METRIC_NAME};

use super::alert::{Alert, RESOLVED_RETENTION_MS};
use super::evaluate::{EvaluateError, RuleKind};
use super::rule::{Common, Occasion};
use super::spec::{AlertSpec, External, RuleSpec};
use super::{ALERT_NAME, ALERT_STATE, ALERTS, ALERTS_FOR_STATE, SentAlert};
use crate::template::{AlertData, AlertTemplate, Environment};
use crate::web::views::{AlertState, AlertingView};

/// An alerting rule with its alerts.
#[derive(Debug)]
pub struct AlertingRule {
    pub(super) common: Common,
    pub(super) for_ms: i64,
    keep_firing_for_ms: i64,
    /// As written.
    annotations: Labels,
    label_templates: Vec<(String, AlertTemplate)>,
    annotation_templates: Vec<(String, AlertTemplate)>,
    external: External,
    /// Whether the state before a restart was looked for: series are written only then.
    restored: AtomicBool,
    /// Pending, firing and lately resolved alerts.
    pub(super) alerts: Mutex<BTreeMap<Labels, Alert>>,
}

impl AlertingRule {
    pub(super) fn new(spec: RuleSpec, alert: &AlertSpec, external: &External, restored: bool) -> Self {
        let templates = |texts: &BTreeMap<String, String>| {
            texts
                .iter()
                .map(|(name, text)| (name.clone(), AlertTemplate::new(&spec.name, text)))
                .collect()
        };
        Self {
            for_ms: alert.for_ms,
            keep_firing_for_ms: alert.keep_firing_for_ms,
            annotations: Labels::from_sorted(alert.annotations.iter().map(|(n, v)| (n.as_str(), v.as_str()))),
            label_templates: templates(&spec.labels),
            annotation_templates: templates(&alert.annotations),
            external: external.clone(),
            restored: AtomicBool::new(restored),
            alerts: Mutex::default(),
            common: Common::new(spec),
        }
    }

    /// Whether the state before a restart was looked for.
    pub fn is_restored(&self) -> bool {
        self.restored.load(Ordering::Relaxed)
    }

    /// From now on its series are written.
    pub fn set_restored(&self) {
        self.restored.store(true, Ordering::Relaxed);
    }

    /// Pending and firing alerts, by labels.
    pub fn active_alerts(&self) -> Vec<Alert> {
        self.alerts
            .lock()
            .values()
            .filter(|alert| alert.is_active())
            .cloned()
            .collect()
    }

    /// The worst state of its alerts.
    pub fn state(&self) -> AlertState {
        if self.common.status.lock().last_evaluation_ms.is_none() {
            return AlertState::Unknown;
        }
        let alerts = self.alerts.lock();
        alerts
            .values()
            .map(|alert| alert.state)
            .fold(AlertState::Inactive, Ord::max)
    }

    pub(super) fn view(&self) -> AlertingView {
        AlertingView {
            state: self.state(),
            hold_duration_s: self.for_ms as f64 / 1000.0,
            keep_firing_for_s: self.keep_firing_for_ms as f64 / 1000.0,
            annotations: self.annotations.clone(),
            alerts: self.active_alerts().iter().map(Alert::view).collect(),
        }
    }

    pub(super) fn evaluate(&self, occasion: &Occasion<'_>) -> Result<Vec<VectorSample>, EvaluateError> {
        let samples = self.common.query(occasion, RuleKind::Alerting)?;
        let mut found = Vec::with_capacity(samples.len());
        let mut identities = BTreeSet::new();
        for sample in samples {
            let alert = self.alert_of(&sample, occasion);
            if !identities.insert(alert.labels.clone()) {
                return Err(EvaluateError::new(
                    "vector contains metrics with the same labelset after applying alert labels",
                ));
            }
            found.push(alert);
        }
        let mut alerts = self.alerts.lock();
        for alert in found {
            match alerts.get_mut(&alert.labels) {
                Some(known) if known.state != AlertState::Inactive => {
                    known.value = alert.value;
                    known.annotations = alert.annotations;
                }
                _ => {
                    alerts.insert(alert.labels.clone(), alert);
                }
            }
        }
        let mut active = 0u64;
        alerts.retain(|labels, alert| {
            let holds = identities.contains(labels);
            let step = self.step(alert, holds, occasion.at_ms);
            active += u64::from(step == Step::Active);
            step != Step::Forget
        });
        let limit = occasion.limit;
        if limit > 0 && active > limit {
            alerts.clear();
            return Err(EvaluateError::new(format!(
                "exceeded limit of {limit} with {active} alerts"
            )));
        }
        if !self.is_restored() {
            return Ok(Vec::new());
        }
        let t_ms = occasion.at_ms - occasion.query_offset_ms;
        let shown = alerts
            .values()
            .filter(|alert| alert.state != AlertState::Inactive)
            .flat_map(|alert| [self.state_sample(alert, t_ms), self.for_state_sample(alert, t_ms)]);
        Ok(shown.collect())
    }

    /// The alert that a sample makes, as if it were new.
    fn alert_of(&self, sample: &VectorSample, occasion: &Occasion<'_>) -> Alert {
        let data = Arc::new(AlertData::new(
            &sample.labels,
            &sample.value,
            &self.external.labels,
            &self.external.url,
        ));
        let mut labels = LabelsBuilder::from_labels(&sample.labels);
        labels.remove(METRIC_NAME);
        for (name, template) in &self.label_templates {
            labels.set(name, &self.expand(template, &data, occasion));
        }
        labels.set(ALERT_NAME, &self.common.name);
        let annotations: Vec<(&str, String)> = self
            .annotation_templates
            .iter()
            .map(|(name, template)| (name.as_str(), self.expand(template, &data, occasion)))
            .collect();
        let annotations = Labels::from_sorted(annotations.iter().map(|(n, v)| (*n, v.as_str())));
        let value = match sample.value {
            SampleValue::Float(value) => value,
            SampleValue::Histogram(_) => 0.0,
        };
        Alert::pending(labels.build(), annotations, value, occasion.at_ms)
    }

    /// A template's text; an error takes its place, so that the alert is sent all the same.
    fn expand(&self, template: &AlertTemplate, data: &Arc<AlertData>, occasion: &Occasion<'_>) -> String {
        let query = |text: &str| {
            let question = self
                .common
                .question(Query::Text(text), text, occasion, RuleKind::Alerting);
            let evaluate = &occasion.options.evaluate;
            evaluate.instant(&question).map_err(|error| error.to_string())
        };
        let environment = Environment {
            query: &query,
            now_ms: occasion.at_ms,
            external_url: occasion.options.external_url.as_deref(),
        };
        let metrics = &occasion.options.metrics;
        metrics.template_expansions.inc();
        template.expand(data, &environment).unwrap_or_else(|error| {
            metrics.template_expansion_failures.inc();
            warn!(alert = %self.common.name, err = %error, "Expanding alert template failed");
            format!("<error expanding template: {error}>")
        })
    }

    /// What one evaluation does to an alert.
    fn step(&self, alert: &mut Alert, holds: bool, at_ms: i64) -> Step {
        if holds {
            alert.keep_firing_since_ms = None;
        } else {
            let keeps_firing = alert.state == AlertState::Firing && self.keep_firing_for_ms > 0 && {
                let since_ms = *alert.keep_firing_since_ms.get_or_insert(at_ms);
                at_ms - since_ms < self.keep_firing_for_ms
            };
            if !keeps_firing {
                let is_old = |resolved_ms| at_ms - resolved_ms > RESOLVED_RETENTION_MS;
                if alert.state == AlertState::Pending || alert.resolved_at_ms.is_some_and(is_old) {
                    return Step::Forget;
                }
                if alert.state != AlertState::Inactive {
                    alert.state = AlertState::Inactive;
                    alert.resolved_at_ms = Some(at_ms);
                }
                return Step::Resolved;
            }
        }
        let held_ms = at_ms - alert.active_at_ms;
        if alert.state == AlertState::Pending && held_ms >= self.for_ms {
            alert.state = AlertState::Firing;
            alert.fired_at_ms = Some(at_ms);
        }
        // A reload may have made `for` longer than the alert has been active.
        if alert.state == AlertState::Firing && held_ms < self.for_ms {
            alert.state = AlertState::Pending;
            alert.fired_at_ms = None;
            alert.last_sent_at_ms = None;
            alert.keep_firing_since_ms = None;
        }
        Step::Active
    }

    fn state_sample(&self, alert: &Alert, t_ms: i64) -> VectorSample {
        let mut labels = self.series_labels(alert, ALERTS);
        labels.set(ALERT_STATE, alert.state.as_str());
        VectorSample {
            labels: labels.build(),
            t_ms,
            value: SampleValue::Float(1.0),
        }
    }

    fn for_state_sample(&self, alert: &Alert, t_ms: i64) -> VectorSample {
        VectorSample {
            labels: self.series_labels(alert, ALERTS_FOR_STATE).build(),
            t_ms,
            value: SampleValue::Float(alert.active_at_ms.div_euclid(1000) as f64),
        }
    }

    /// The alert's labels over the rule's: a rule's label that expanded to nothing shows its template.
    fn series_labels(&self, alert: &Alert, name: &str) -> LabelsBuilder {
        let mut labels = LabelsBuilder::new();
        for (name, value) in self.common.labels.iter().chain(alert.labels.iter()) {
            labels.set(name, value);
        }
        labels.set(METRIC_NAME, name);
        labels.set(ALERT_NAME, &self.common.name);
        labels
    }

    /// The alerts that are due to be sent, noted as sent.
    pub(super) fn due(&self, at_ms: i64, interval_ms: i64, occasion: &Occasion<'_>) -> Vec<SentAlert> {
        let resend_delay_ms = occasion.options.resend_delay_ms;
        let external_url = occasion.options.external_url.as_deref().unwrap_or("");
        let generator_url = format!(
            "{external_url}{}",
            crate::template::table_link(&self.common.expr_text)
        );
        let mut alerts = self.alerts.lock();
        alerts
            .values_mut()
            .filter(|alert| alert.needs_sending(at_ms, resend_delay_ms))
            .map(|alert| {
                alert.last_sent_at_ms = Some(at_ms);
                // Two evaluations or sendings may fail before a receiver takes it for resolved.
                alert.valid_until_ms = Some(at_ms + 4 * interval_ms.max(resend_delay_ms));
                alert.sent(&generator_url)
            })
            .collect()
    }
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Pending or firing.
    Active,
    /// Kept to be sent as resolved.
    Resolved,
    /// Of no more interest.
    Forget,
}
