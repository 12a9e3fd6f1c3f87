//! `static_configs`: targets that are written down.

use std::future::Future;
use std::pin::Pin;

use super::TargetGroup;
use super::provider::{Provider, Updates, named_group};
use crate::config::StaticGroup;

/// Tells of its groups once.
#[derive(Debug)]
pub(super) struct FixedProvider {
    groups: Vec<TargetGroup>,
}

impl FixedProvider {
    pub(super) fn new(written: &[StaticGroup]) -> Self {
        let groups = written.iter().cloned().zip(0..);
        Self {
            groups: groups
                .map(|(group, at): (_, usize)| named_group(group, at.to_string(), None))
                .collect(),
        }
    }
}

impl Provider for FixedProvider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            updates.send(self.groups).await;
        })
    }
}
