//! Messages that would come again and again: each at most once a minute.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a message is not repeated.
const QUIET: Duration = Duration::from_secs(60);

/// Beyond this many messages those that are old are forgotten.
const KNOWN_MAX: usize = 64;

/// What was said of late.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    said: Mutex<HashMap<String, Instant>>,
}

impl Repeats {
    /// Whether `message` was not said within the last minute; it counts as said now.
    pub(super) fn is_new(&self, message: &str) -> bool {
        let now = Instant::now();
        let mut said = self.said.lock();
        if said.get(message).is_some_and(|&at| now - at < QUIET) {
            return false;
        }
        if said.len() >= KNOWN_MAX {
            said.retain(|_, at| now - *at < QUIET);
        }
        said.insert(message.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_is_said_once_a_minute() {
        let repeats = Repeats::default();
        assert!(repeats.is_new("a"));
        assert!(repeats.is_new("b"));
        assert!(!repeats.is_new("a"));
        tokio::time::advance(QUIET).await;
        assert!(repeats.is_new("a"));
    }
}
