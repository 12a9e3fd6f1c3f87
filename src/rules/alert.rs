//! One alert: a label set for which an alerting rule's expression holds, or held.

use tsdb::model::Labels;

use super::SentAlert;
use crate::web::views::{AlertState, AlertView};

/// How long a resolved alert is kept and sent again, so that a notification lost on the way or in a
/// restarting Alertmanager is made up for.
pub const RESOLVED_RETENTION_MS: i64 = 15 * 60 * 1000;

/// An alert and its history.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Where it is between pending, firing and resolved (inactive).
    pub state: AlertState,
    /// With `alertname`.
    pub labels: Labels,
    /// Expanded; may hold empty values.
    pub annotations: Labels,
    /// The value of the last evaluation; 0 for a histogram.
    pub value: f64,
    /// Since when the expression holds.
    pub active_at_ms: i64,
    /// Since when it fires.
    pub fired_at_ms: Option<i64>,
    /// When it ceased to fire.
    pub resolved_at_ms: Option<i64>,
    /// When it was last sent.
    pub last_sent_at_ms: Option<i64>,
    /// Until when a receiver may take it for firing.
    pub valid_until_ms: Option<i64>,
    /// Since when it only fires because of `keep_firing_for`.
    pub keep_firing_since_ms: Option<i64>,
}

impl Alert {
    /// An alert whose expression holds for the first time.
    pub fn pending(labels: Labels, annotations: Labels, value: f64, at_ms: i64) -> Self {
        Self {
            state: AlertState::Pending,
            labels,
            annotations,
            value,
            active_at_ms: at_ms,
            fired_at_ms: None,
            resolved_at_ms: None,
            last_sent_at_ms: None,
            valid_until_ms: None,
            keep_firing_since_ms: None,
        }
    }

    /// Whether it is to be sent now: firing or resolved, and not sent since then or not lately.
    pub fn needs_sending(&self, at_ms: i64, resend_delay_ms: i64) -> bool {
        if self.state == AlertState::Pending {
            return false;
        }
        let Some(last_sent_ms) = self.last_sent_at_ms else {
            return true;
        };
        let resolved_since = self
            .resolved_at_ms
            .is_some_and(|resolved| resolved > last_sent_ms);
        resolved_since || last_sent_ms.saturating_add(resend_delay_ms) < at_ms
    }

    /// Whether people are shown it: pending or firing.
    pub fn is_active(&self) -> bool {
        self.resolved_at_ms.is_none()
    }

    /// What is sent of it.
    pub(super) fn sent(&self, generator_url: &str) -> SentAlert {
        SentAlert {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            starts_at_ms: self.fired_at_ms.unwrap_or(self.active_at_ms),
            ends_at_ms: self
                .resolved_at_ms
                .or(self.valid_until_ms)
                .unwrap_or(self.active_at_ms),
            generator_url: generator_url.to_owned(),
        }
    }

    /// What people see of it.
    pub(super) fn view(&self) -> AlertView {
        AlertView {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            state: self.state,
            active_at_ms: self.active_at_ms,
            keep_firing_since_ms: self.keep_firing_since_ms,
            value: self.value,
        }
    }
}
