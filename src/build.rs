//! What this program calls itself.
//!
//! Tools decide by the version that `/api/v1/status/buildinfo` and the User-Agent name, so both name the
//! version of Prometheus whose behaviour is offered here.

/// The Prometheus whose behaviour is offered.
pub const PROMETHEUS_VERSION: &str = "3.14.0";

/// Our own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the sources were built from, if the builder said.
pub const REVISION: &str = match option_env!("DEUCALION_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// How we present ourselves to other servers.
pub const USER_AGENT: &str = "Prometheus/3.14.0";

/// The answer to `--version` for the program called `name`.
pub fn version_text(name: &str) -> String {
    format!(
        "{name}, version {VERSION} (revision: {REVISION})\n  compatible with Prometheus {PROMETHEUS_VERSION}\n  platform:         {}/{}",
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}
