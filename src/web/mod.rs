//! The HTTP surface: API, health, lifecycle, own metrics, pages.
//!
//! ```text
//! listen (accept, TLS) → auth (web.config.file) → routes → { api, pages, health, lifecycle, metrics }
//!                                                     └── cors, gzip, ready?
//! ```
//!
//! It knows the other components only through [`views`] and [`crate::queries`].
//! Start with [`Web::new`] and [`Web::serve`].

mod api;
mod auth;
mod compress;
mod cors;
mod listen;
mod metrics;
mod pages;
mod routes;
mod tls;
pub mod views;
mod web_file;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::queries::Queries;
use crate::telemetry::Registry;
use views::Views;

pub use listen::ListenError;

/// How the web is served.
#[derive(Clone, Debug)]
pub struct WebOptions {
    /// `--web.listen-address`
    pub listen_addresses: Vec<String>,
    /// `--web.config.file`
    pub web_config_file: Option<PathBuf>,
    /// `--web.read-timeout`
    pub read_timeout: Duration,
    /// `--web.max-connections`
    pub max_connections: usize,
    /// `--web.route-prefix`, as derived: `/` or `/a/b`.
    pub route_prefix: String,
    /// `--web.enable-lifecycle`
    pub enable_lifecycle: bool,
    /// `--web.cors.origin`
    pub cors_origin: tsdb::model::Regex,
}

/// What every handler sees.
#[derive(Debug)]
pub(crate) struct WebState {
    options: WebOptions,
    /// The route prefix without its last slash: empty or `/a/b`.
    prefix: String,
    views: Views,
    queries: Arc<Queries>,
    registry: Registry,
    metrics: metrics::HttpMetrics,
}

impl WebState {
    /// The wall clock.
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The HTTP server.
#[derive(Debug)]
pub struct Web {
    state: Arc<WebState>,
    listeners: listen::Listeners,
}

impl Web {
    /// Binds the addresses; nothing is answered before [`Web::serve`].
    ///
    /// # Errors
    /// When an address cannot be bound or the web configuration file is wrong.
    pub async fn new(
        options: WebOptions,
        views: Views,
        queries: Arc<Queries>,
        registry: &Registry,
    ) -> Result<Self, ListenError> {
        let listeners = listen::Listeners::bind(&options).await?;
        let prefix = options.route_prefix.trim_end_matches('/').to_owned();
        let metrics = metrics::HttpMetrics::new(registry);
        let state = Arc::new(WebState {
            options,
            prefix,
            views,
            queries,
            registry: registry.clone(),
            metrics,
        });
        Ok(Self { state, listeners })
    }

    /// The addresses that were bound, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.listeners.addresses()
    }

    /// Answers requests until `stop` is done; then lets running ones finish for a while.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        let router = routes::router(&self.state);
        self.listeners.serve(router, &self.state.options, stop).await;
    }
}
