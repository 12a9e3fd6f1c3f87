//! Alerts on their way from the rules to the notifier.

use crate::notifier::{Alert, NotifierManager};
use crate::rules::{AlertSink, SentAlert};

/// Hands the rules' alerts to the notifier.
#[derive(Debug)]
pub(super) struct NotifierSink(pub(super) NotifierManager);

impl AlertSink for NotifierSink {
    fn send(&self, alerts: Vec<SentAlert>) {
        let alerts = alerts.into_iter().map(|alert| Alert {
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at_ms: alert.starts_at_ms,
            ends_at_ms: alert.ends_at_ms,
            generator_url: alert.generator_url,
        });
        self.0.send(alerts.collect());
    }
}
