//! How remote storage is told who writes: identities of clouds, beside what every HTTP client can.
//!
//! The sections are read and checked here; nothing acquires their tokens yet, so that whoever takes a section
//! with one of them refuses it by name.

mod azuread;
mod google_iam;

pub use azuread::{AzureAdConfig, AzureIdentity};
pub use google_iam::GoogleIamConfig;
