//! Environment variables inside configuration values.

/// How `--config.expand-env` writes a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpandEnv {
    /// Nothing is expanded.
    #[default]
    Off,
    /// `%{NAME}` and `%{NAME:-default}`.
    Percent,
    /// `$NAME` and `${NAME}`, names being `[A-Z_][A-Z0-9_]*`.
    Dollar,
}
