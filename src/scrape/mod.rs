//! Scraping: asks each target for its page on time and stores what it says.
//!
//! ```text
//! config ─→ ScrapeManager ←─ discovery: job → target groups
//!               └ pool, one a job ─ loop, one a target:
//!                   tick ─ fetch ─→ ingest pool: unpack → page (cache, parser) → batch → storage
//!                                              └ stale markers, up, scrape_… series
//! ```
//!
//! What is asked of storage is [`tsdb::batch::Appendable`]; what the web may see is [`Targets`].
//! Discovery and the web are not known here: `app` brings them together.
//!
//! Start with [`ScrapeManager`]; for the work itself with `cycle`.

mod answer;
mod cache;
pub mod clock;
mod cycle;
mod failure_log;
mod fetch;
mod ingest;
mod labels;
mod manager;
mod metadata;
mod metrics;
mod page;
mod pool;
mod report;
mod run;
mod schedule;
mod status;
mod target;
mod url;
mod verdict;
mod view;

#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use manager::{ScrapeError, ScrapeManager};
pub use target::{Outcome, Target, check_group, outcomes};
pub use url::Outside;
pub use view::Targets;
