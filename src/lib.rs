//! The server and promtool: everything that touches network, clock, configuration and people.
//!
//! ```text
//! main → app → { web rules scrape notifier remote discovery } → { aws config relabel template exposition telemetry }
//! ```
//!
//! Siblings in the middle never import each other's insides: they meet through small traits
//! ([`web::views`]) and are joined in `app`. `config` is data and imports no
//! component. Storage and queries are the crates [`tsdb`] and [`promql`].

pub mod app;
pub mod aws;
pub mod build;
pub mod cli;
pub mod config;
pub mod discovery;
pub mod exposition;
pub mod http_client;
pub mod notifier;
pub mod promtool;
pub mod queries;
pub mod relabel;
pub mod remote;
pub mod rules;
pub mod scrape;
pub mod telemetry;
pub mod template;
pub mod testing_rules;
pub mod web;
