//! Service discovery: who is to be scraped and who is to be told.
//!
//! A provider keeps telling of [`TargetGroup`]s; the [`Manager`] runs one provider per distinct
//! configuration, merges what they tell by job and hands the whole to its reader, at most every few seconds.
//! A provider that fails keeps quiet, and what it told before stands. Nothing here relabels or scrapes.
//!
//! ```text
//! static_configs ─┐
//! file_sd_configs ├─ provider ─ groups by source ─┐
//! http, dns, …    ┘                               ├─ manager ─ job → groups ─ scrape | notifier
//!                   provider ─ groups by source ─┘
//! ```
//!
//! A new mechanism is a file here with a [`Provider`] and a line in [`provider`]. Start with [`Manager`].

mod backoff;
mod collect;
mod consul;
mod dns;
mod ec2;
mod file;
mod fixed;
mod group;
mod http;
mod json;
mod kubernetes;
mod label;
mod manager;
mod metrics;
mod moby;
mod provider;
mod refresh;

#[cfg(test)]
#[path = "../../tests/support/fake_api.rs"]
mod fake_api;
#[cfg(test)]
#[path = "../../tests/support/fake_consul.rs"]
mod fake_consul;

pub use collect::collect;
pub use group::TargetGroup;
pub use manager::{Discovered, Manager, Options};
pub use metrics::DiscoveryMetrics;
pub use provider::{Provider, Updates};
