//! Service discovery: who is to be scraped and who is to be told.
//!
//! A [`Provider`] keeps telling of [`TargetGroup`]s; the manager runs one provider per distinct
//! configuration, merges what they tell by job and hands the whole to its reader, at most every few seconds.
//! Nothing here relabels or scrapes.
//!
//! ```text
//! static_configs ─┐
//! file_sd_configs ├─ Provider ─ groups by source ─┐
//! http_sd_configs ┘                               ├─ manager ─ job → groups ─ scrape | notifier
//!                   Provider ─ groups by source ─┘
//! ```
//!
//! Start with [`TargetGroup`].

mod group;

pub use group::TargetGroup;
