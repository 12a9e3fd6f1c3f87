//! Notification: alerts on their way to Alertmanagers.
//!
//! ```text
//! rules ─ send ─▶ external labels ─▶ alert_relabel_configs ─┬─▶ section 0: its own rules ─┬─▶ queue ─▶ POST
//!                                                          │                             └─▶ queue ─▶ POST
//! discovery ─ sync ─▶ who they are                         └─▶ section 1 …
//! ```
//!
//! Each Alertmanager has a queue and a task of its own, so that one that hangs delays no other. A full queue
//! drops its oldest; a batch that was refused is dropped too, for the rules send what still fires again in a
//! minute. Start with [`NotifierManager`].

mod alertmanager;
mod manager;
mod metrics;
mod queue;
mod send;
mod wire;

use tsdb::model::Labels;

pub use alertmanager::check_group;
pub use manager::{NotifierManager, Options};

/// An alert that fires, or has ceased to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What identifies it, `alertname` among them.
    pub labels: Labels,
    /// What is said about it; unlike a label, an annotation may be empty (see [`Labels::from_sorted`]).
    pub annotations: Labels,
    /// Since when it fires, ms since the epoch.
    pub starts_at_ms: i64,
    /// Until when it is taken to fire, or when it ceased to.
    pub ends_at_ms: i64,
    /// Where its expression can be looked at; empty for nowhere.
    pub generator_url: String,
}
