//! AWS without its SDK: who we are to it, the signature that proves it, and calls of its query protocol.
//!
//! ```text
//! Settings, Environment, shared files ─ Plan: a source, then roles ─┐   (decided once, nothing is asked)
//!      fixed | web identity | container | instance metadata         │
//!                                                                   ▼
//!            Identity: credentials, kept until shortly before they expire ─ sign ─┬─ Service::call → Element
//!                                                                                └─ SigV4Signer (http_client)
//! ```
//!
//! Which source is asked, and in which order they are looked for, is as in the SDK that Prometheus uses (the
//! table is at [`Plan`]). Environment and clock are passed in as an [`Environment`]. No secret is ever part of
//! an error. What the calls mean is known to those that make them: nothing here knows of instances or alerts.
//! Start with [`Identity::credentials`].

mod container;
mod credentials;
mod endpoint;
mod environment;
mod error;
mod identity;
mod imds;
mod plan;
mod profile;
mod region;
mod service;
mod sign;
mod signer;
mod sts;
mod xml;

#[cfg(test)]
pub(crate) mod testing;

pub use credentials::Credentials;
pub use endpoint::endpoint;
pub use environment::Environment;
pub use error::AwsError;
pub use identity::Identity;
pub use plan::{Plan, Settings};
pub use region::region;
pub use service::{Protocol, Service};
pub use signer::SigV4Signer;
pub use xml::Element;
