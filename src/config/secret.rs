//! A text that is never shown.

use std::fmt;

use super::yaml::write::Out;

/// A password, token or key: readable through [`Secret::expose`] alone.
///
/// `Debug`, `Display` and the configuration written back all say `<secret>`; an empty secret says nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret(String);

/// What stands wherever a secret would.
pub const REDACTED: &str = "<secret>";

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// As Prometheus writes it: an empty one is nothing.
    pub fn to_out(&self) -> Out {
        match self.is_empty() {
            true => Out::Null,
            false => Out::Text(REDACTED.to_owned()),
        }
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "" } else { REDACTED })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_shows_a_secret() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "<secret> <secret>");
        assert_eq!(secret.expose(), "hunter2");
    }
}
