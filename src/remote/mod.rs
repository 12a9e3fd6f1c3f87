//! Remote storage: other servers that samples are sent to.
//!
//! This room knows protocols and queues, neither who makes samples nor how they are stored: the log and what
//! targets say of their metrics come in through small traits, joined in `app`. Start with [`write`](mod@write).

pub mod write;
