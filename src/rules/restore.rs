//! Alerts pending or firing before a restart go on where they were.
//!
//! ```text
//! ALERTS_FOR_STATE ends at        what was left of `for`        the alert counts as active
//!   the moment of going down      nothing                       since it was first active: it fires now
//!                                 less than the grace period    so that it fires a grace period from now
//!                                 more                          since then, shifted by the time down
//! ```
//!
//! A rule whose `for` is shorter than the grace period simply begins anew.

use std::collections::HashMap;

use tracing::{debug, error};
use tsdb::model::{Labels, LabelsBuilder, METRIC_NAME, Matcher, is_stale};

use super::evaluate::LastSample;
use super::{ALERT_NAME, ALERTS_FOR_STATE, Alert, AlertingRule, Options};

impl AlertingRule {
    /// Looks for the state before the restart and takes it over. Series are written from then on.
    pub(super) fn restore(&self, now_ms: i64, options: &Options) {
        if self.for_ms >= options.grace_period_ms {
            self.take_over(now_ms, options);
        }
        self.set_restored();
    }

    fn take_over(&self, now_ms: i64, options: &Options) {
        let from_ms = now_ms - options.outage_tolerance_ms;
        let found = match options
            .evaluate
            .last_samples(self.state_matchers(), from_ms, now_ms)
        {
            Ok(found) => found,
            Err(error) => {
                error!(alertname = %self.common.name, stage = "Select", err = %error, "Failed to restore 'for' state");
                return;
            }
        };
        if found.is_empty() {
            debug!(
                alertname = %self.common.name,
                "No series found to restore the 'for' state of the alert rule"
            );
            return;
        }
        let by_labels: HashMap<Labels, LastSample> = found
            .into_iter()
            .map(|sample| {
                (
                    LabelsBuilder::from_labels(&sample.labels)
                        .remove(METRIC_NAME)
                        .build(),
                    sample,
                )
            })
            .collect();
        for alert in self.alerts.lock().values_mut() {
            if let Some(sample) = by_labels.get(&alert.labels)
                && !is_stale(sample.value)
            {
                self.resume(alert, sample, now_ms, options.grace_period_ms);
            }
        }
    }

    /// Series of this rule. A label with a template is written as it expands, so that it cannot be asked for.
    fn state_matchers(&self) -> Vec<Matcher> {
        let mut labels = LabelsBuilder::from_labels(&self.common.labels);
        labels
            .set(METRIC_NAME, ALERTS_FOR_STATE)
            .set(ALERT_NAME, &self.common.name);
        labels
            .iter()
            .filter(|(_, value)| !value.contains("{{"))
            .map(|(name, value)| Matcher::equal(name, value))
            .collect()
    }

    fn resume(&self, alert: &mut Alert, sample: &LastSample, now_ms: i64, grace_period_ms: i64) {
        let down_at_ms = sample.t_ms / 1000 * 1000;
        let was_active_at_ms = sample.value as i64 * 1000;
        let remaining_ms = self.for_ms - (down_at_ms - was_active_at_ms);
        alert.active_at_ms = if remaining_ms <= 0 {
            was_active_at_ms
        } else if remaining_ms < grace_period_ms {
            now_ms + grace_period_ms - self.for_ms
        } else {
            was_active_at_ms + (now_ms - down_at_ms)
        };
        debug!(
            alertname = %self.common.name,
            restored_time_ms = alert.active_at_ms,
            labels = %alert.labels,
            "'for' state restored"
        );
    }
}
