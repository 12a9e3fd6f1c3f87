//! Remote write: what arrives at receivers, real ones and one that answers badly.
//!
//! | file | what is compared |
//! |---|---|
//! | `course` | arrivals at a receiver that refuses, stalls and breaks off: ours and the real Prometheus' |
//! | `held` | what Prometheus and VictoriaMetrics hold as receivers, killed in between, with what we hold |
//! | `killed` | arrivals of a server that is reloaded, killed and started again |
//!
//! `REMOTE_WRITE_OUTAGE_S=120` makes receivers stay away for two minutes instead of a few seconds.

mod course;
mod held;
mod killed;
mod receiver;
