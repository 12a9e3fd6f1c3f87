//! Remote storage: samples that other servers send here.
//!
//! This room knows the protocols; HTTP itself is the web's and the HTTP client's.

pub mod receive;
