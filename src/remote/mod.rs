//! Remote storage: samples that other servers send here, and other servers that samples are sent to.
//!
//! This room knows protocols and queues, neither who makes samples nor how they are stored: the log and what
//! targets say of their metrics come in through small traits, joined in `app`. HTTP itself is the web's and the
//! HTTP client's. Start with [`receive`] or [`write`](mod@write).

pub mod receive;
pub mod write;
