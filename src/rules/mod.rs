//! Recording and alerting rules: evaluated in groups, on slots of time, as Prometheus evaluates them.
//!
//! ```text
//! rule files ─ file ─► GroupSpec ─ manager ─► Group (a task each)
//!                                               │ every interval, on the group's slot
//!                                               ▼
//!              recording: query ─► samples      alerting: query ─► alerts ─► ALERTS, ALERTS_FOR_STATE
//!                                └────────── append ──────────┘      └────► AlertSink
//! ```
//!
//! Queries go through [`Evaluate`], samples through [`Appendable`], alerts through [`AlertSink`]; nothing
//! here knows the engine's, the store's or the notifier's insides. [`Group::evaluate`] is a plain function
//! of time; only [`Manager`] looks at the clock.
//!
//! Begin with [`Group`]; [`alerting`] is the state machine of alerts.

pub mod alert;
pub mod alerting;
mod append;
pub mod evaluate;
pub mod file;
pub mod group;
pub mod manager;
pub mod metrics;
mod order;
pub mod recording;
mod restore;
pub mod rule;
mod schedule;
pub mod spec;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize};

use tsdb::batch::Appendable;
use tsdb::model::Labels;

pub use alert::Alert;
pub use alerting::AlertingRule;
pub use evaluate::{EngineEvaluate, Evaluate, EvaluateError, LastSample, Question, RuleKind, as_vector};
pub use group::Group;
pub use manager::{Manager, Update};
pub use metrics::Metrics;
pub use recording::RecordingRule;
pub use rule::Rule;
pub use spec::{GroupSpec, RuleSpec};

/// The name of the series that says which alerts are pending and firing.
pub const ALERTS: &str = "ALERTS";
/// The name of the series that remembers since when an alert is active.
pub const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";
/// The label with an alert's name.
pub const ALERT_NAME: &str = "alertname";
/// The label of [`ALERTS`] with an alert's state.
pub const ALERT_STATE: &str = "alertstate";

/// Takes alerts on their way to the Alertmanagers.
pub trait AlertSink: Send + Sync + std::fmt::Debug {
    /// Queues alerts of one rule; does not wait for them to be sent. Never called with none.
    fn send(&self, alerts: Vec<SentAlert>);
}

/// An alert as it is sent: firing, or resolved in the last quarter of an hour.
#[derive(Clone, Debug, PartialEq)]
pub struct SentAlert {
    /// With `alertname`; external labels are the notifier's to add.
    pub labels: Labels,
    /// Expanded; may hold empty values.
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at_ms: i64,
    /// When it was resolved, or until when it counts as firing if nothing more is heard of it.
    pub ends_at_ms: i64,
    /// Where to look at the expression.
    pub generator_url: String,
}

/// What all groups share.
#[derive(Clone, Debug)]
pub struct Options {
    /// Answers queries.
    pub evaluate: Arc<dyn Evaluate>,
    /// Takes samples.
    pub appendable: Arc<dyn Appendable>,
    /// Takes alerts.
    pub sink: Arc<dyn AlertSink>,
    /// The server's address: generator URLs, `externalURL` in templates. Unit tests have none.
    pub external_url: Option<String>,
    /// `--rules.alert.for-outage-tolerance`: how long ago an alert may have been seen to be restored.
    pub outage_tolerance_ms: i64,
    /// `--rules.alert.for-grace-period`: a restored alert stays pending at least so long.
    pub grace_period_ms: i64,
    /// `--rules.alert.resend-delay`
    pub resend_delay_ms: i64,
    /// `global.rule_query_offset`, for groups without an offset of their own; a reload may change it.
    pub query_offset_ms: Arc<AtomicI64>,
    /// With `concurrent-rule-eval`: how many more rules may be evaluated beside their group's own thread
    /// (`--rules.max-concurrent-evals`). `None` evaluates one after the other.
    pub concurrent_evaluations: Option<Arc<AtomicUsize>>,
    /// What is counted.
    pub metrics: Metrics,
}

#[cfg(test)]
mod tests;
