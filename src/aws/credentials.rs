//! Credentials, and the JSON that the endpoints of containers and instances hand them out as.

use jiff::Timestamp;
use serde::Deserialize;

use super::AwsError;
use crate::config::Secret;

/// What a request is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Names the key; no secret.
    pub access_key: String,
    /// The key.
    pub secret_key: Secret,
    /// What goes with a temporary key; empty for a lasting one.
    pub session_token: Secret,
    /// When they cease to work, if ever.
    pub expires_at: Option<Timestamp>,
}

impl Credentials {
    /// Credentials that last.
    pub fn lasting(access_key: &str, secret_key: &str, session_token: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: Secret::new(secret_key),
            session_token: Secret::new(session_token),
            expires_at: None,
        }
    }
}

/// An answer of an endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Handed {
    code: Option<String>,
    message: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

/// Reads what an endpoint hands out.
pub(super) fn of_json(text: &[u8]) -> Result<Credentials, AwsError> {
    // The error of the parser may quote what it stumbled over: a secret, perhaps.
    let handed: Handed = serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        AwsError::new(format!(
            "expected credentials as a JSON object, found something else at line {line} column {column}"
        ))
    })?;
    if let Some(code) = handed.code.filter(|code| code != "Success") {
        let message = handed.message.unwrap_or_default();
        return Err(AwsError::answered("no credentials", &code, &message));
    }
    let needed = |value: Option<String>, name: &str| {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or_else(|| AwsError::new(format!("expected credentials with {name}, found none")))
    };
    Ok(Credentials {
        access_key: needed(handed.access_key_id, "AccessKeyId")?,
        secret_key: Secret::new(needed(handed.secret_access_key, "SecretAccessKey")?),
        session_token: Secret::new(handed.token.unwrap_or_default()),
        expires_at: match handed.expiration.filter(|text| !text.is_empty()) {
            Some(text) => Some(parse_expiration(&text)?),
            None => None,
        },
    })
}

/// Reads the time at which credentials expire.
pub(super) fn parse_expiration(text: &str) -> Result<Timestamp, AwsError> {
    text.parse()
        .map_err(|_| AwsError::new(format!("expected a time as Expiration, found {text:?}")))
}
