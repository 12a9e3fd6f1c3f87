//! What AWS would not do, or why it could not be asked.

use std::fmt;

/// A failed call, or credentials that could not be had. Its text holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    text: String,
    /// AWS' own word for it, if it answered.
    code: String,
}

/// Codes that say that new credentials may help.
const REJECTIONS: [&str; 7] = [
    "AuthFailure",
    "UnauthorizedOperation",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
];

/// Codes that say that waiting may help, as the SDK knows them.
const THROTTLES: [&str; 11] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "RequestThrottled",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "SlowDown",
    "EC2ThrottledException",
];

/// How much of what a server says about a mistake is shown.
const MESSAGE_CHARS_MAX: usize = 400;

impl AwsError {
    /// An answer that is not what it should be, told by whoever knows what that is.
    pub fn unexpected(text: impl Into<String>) -> Self {
        Self::new(text)
    }

    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: String::new(),
        }
    }

    /// An answer that says no, with what it says shortened.
    pub(super) fn answered(status: &str, code: &str, message: &str) -> Self {
        let mut text = format!("{status}: {code}");
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        if !message.is_empty() {
            text = format!("{text}: {}", shortened(&message));
        }
        Self {
            text,
            code: code.to_owned(),
        }
    }

    /// Puts what was being done in front.
    #[must_use]
    pub fn while_doing(self, what: impl fmt::Display) -> Self {
        Self {
            text: format!("{what}: {}", self.text),
            code: self.code,
        }
    }

    /// Whether AWS knows who asks and does not like it: other credentials may help.
    pub fn is_rejection(&self) -> bool {
        REJECTIONS.contains(&&*self.code)
    }

    /// Whether AWS was asked too often.
    pub(super) fn is_throttle(&self) -> bool {
        THROTTLES.contains(&&*self.code)
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for AwsError {}
