//! `http_sd_configs`: targets that a server lists as JSON.

use super::DiscoveryMetrics;
use super::provider::{Provider, Updates};
use crate::config::HttpSdConfig;
use std::future::Future;
use std::pin::Pin;

#[derive(Debug)]
pub(super) struct HttpProvider {}
impl HttpProvider {
    pub(super) fn new(_c: &HttpSdConfig, _job: &str, _m: &DiscoveryMetrics) -> Result<Self, String> {
        Err("not yet".into())
    }
}
impl Provider for HttpProvider {
    fn run(self: Box<Self>, _updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}
