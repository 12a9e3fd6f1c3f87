//! What one component has for another: the rules' alerts for the notifier, what targets say of their metrics
//! for remote write.

use std::sync::OnceLock;

use tsdb::model::Metadata;

use crate::notifier::{Alert, NotifierManager};
use crate::remote::write::MetadataSource;
use crate::rules::{AlertSink, SentAlert};
use crate::scrape::Targets;

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

/// Asks the scraped targets, once scraping has begun.
#[derive(Debug, Default)]
pub(super) struct ScrapedMetadata(OnceLock<Targets>);

impl ScrapedMetadata {
    pub(super) fn set(&self, targets: Targets) {
        let first = self.0.set(targets);
        debug_assert!(first.is_ok(), "scraping begins once");
    }
}

impl MetadataSource for ScrapedMetadata {
    fn families(&self) -> Vec<(String, Metadata)> {
        self.0.get().map_or_else(Vec::new, Targets::families)
    }
}
