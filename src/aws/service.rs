//! A service of AWS that speaks its query protocol: a form goes there, XML comes back.
//!
//! What passes by itself (a broken connection, a server's mistake, too many requests) is tried again, as the
//! SDK does; everything together has an end. Start with [`Service::call`].

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderValue;
use tokio::time::{Instant, sleep};
use url::Url;
use url::form_urlencoded::Serializer;

use super::sign::{Scope, sign};
use super::{AwsError, Credentials, Element, Environment};
use crate::http_client::{HttpClient, Request};

/// Which service is meant, as its signature and its requests name it.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// `ec2`
    pub name: &'static str,
    /// `2016-11-15`
    pub version: &'static str,
}

/// A service at its address.
#[derive(Clone, Debug)]
pub struct Service {
    client: HttpClient,
    url: Url,
    protocol: Protocol,
    region: String,
    environment: Environment,
}

/// How long a call may take with all its attempts. The SDK waits for ever, and a refresh with it.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);

/// How often a call is tried, as by the SDK.
const ATTEMPTS_MAX: u32 = 3;

/// How long is waited before the second attempt; twice as long before each further one.
const RETRY_WAIT: Duration = Duration::from_millis(300);

/// How large an answer may be: a page of a thousand instances with many tags is about 10 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A failed attempt.
struct Failure {
    error: AwsError,
    /// Whether another one may do.
    passes: bool,
}

impl Service {
    /// The service at `endpoint`.
    ///
    /// # Errors
    /// When the endpoint is no URL.
    pub fn new(
        client: HttpClient,
        protocol: Protocol,
        region: &str,
        endpoint: &str,
        environment: &Environment,
    ) -> Result<Self, AwsError> {
        let url = Url::parse(endpoint).map_err(|error| {
            AwsError::new(format!(
                "expected a URL as the endpoint of {}: {error}",
                protocol.name
            ))
        })?;
        Ok(Self {
            client,
            url,
            protocol,
            region: region.to_owned(),
            environment: environment.clone(),
        })
    }

    /// Asks for `action` and returns the answer's root, whose name was checked.
    ///
    /// Without credentials the request is not signed. `hidden` is what must not be shown of the parameters.
    ///
    /// # Errors
    /// When there is no answer, or it says no, or is not one to this action.
    pub async fn call(
        &self,
        credentials: Option<&Credentials>,
        action: &str,
        parameters: &[(String, String)],
        hidden: &[&str],
    ) -> Result<Element, AwsError> {
        let form = Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", self.protocol.version)
            .extend_pairs(parameters)
            .finish();
        let form = Bytes::from(form);
        let deadline = Instant::now() + CALL_TIME_MAX;
        let mut wait = RETRY_WAIT;
        let mut left = ATTEMPTS_MAX;
        loop {
            left -= 1;
            let attempt = self.attempt(credentials, action, &form, hidden, deadline).await;
            let failure = match attempt {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !failure.passes || left == 0 || Instant::now() + wait >= deadline {
                return Err(failure.error.while_doing(action));
            }
            sleep(wait).await;
            wait *= 2;
        }
    }

    async fn attempt(
        &self,
        credentials: Option<&Credentials>,
        action: &str,
        form: &Bytes,
        hidden: &[&str],
        deadline: Instant,
    ) -> Result<Element, Failure> {
        let lasting = |error| Failure { error, passes: false };
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        let time_left = deadline.saturating_duration_since(Instant::now());
        let mut request = Request::post(self.url.clone(), kind, form.clone(), time_left);
        if let Some(credentials) = credentials {
            let scope = Scope {
                region: &self.region,
                service: self.protocol.name,
                at: self.environment.now(),
            };
            let (method, url) = (&request.method, &request.url);
            let signed = sign(credentials, scope, method, url, &mut request.headers, form);
            signed.map_err(|error| lasting(AwsError::new(error)))?;
        }
        let lost = |error: crate::http_client::HttpError| Failure {
            passes: !error.is_timeout() && !error.is_body_too_large(),
            error: AwsError::new(error.to_string()),
        };
        let answer = self.client.send(request).await.map_err(lost)?;
        let (status, status_line) = (answer.status(), answer.status_line());
        let body = answer.read(ANSWER_BYTES_MAX).await.map_err(|error| {
            let host = self.url.host_str().unwrap_or("");
            let failure = lost(error);
            Failure {
                error: failure.error.while_doing(format!("the answer of {host}")),
                ..failure
            }
        })?;
        if !status.is_success() {
            let error = told(&status_line, &body, credentials, hidden);
            return Err(Failure {
                passes: status.is_server_error() || error.is_throttle(),
                error,
            });
        }
        let root = Element::parse(&body).map_err(lasting)?;
        let expected = format!("{action}Response");
        if root.name != expected {
            let text = format!("expected <{expected}>, found <{}>", root.name);
            return Err(lasting(AwsError::new(text)));
        }
        Ok(root)
    }
}

/// What an answer that says no tells. AWS repeats parts of the request in it, so secrets are cut out.
fn told(status: &str, body: &[u8], credentials: Option<&Credentials>, hidden: &[&str]) -> AwsError {
    let root = Element::parse(body).unwrap_or_default();
    let error = root.child("Errors").unwrap_or(&root).child("Error");
    let text = |name| error.and_then(|error| error.text_of(name)).unwrap_or("");
    let own = credentials.map(|own| [own.secret_key.expose(), own.session_token.expose()]);
    let secrets = own
        .iter()
        .flatten()
        .chain(hidden)
        .filter(|secret| !secret.is_empty());
    let message = secrets.fold(text("Message").to_owned(), |text, secret| {
        text.replace(secret, crate::config::secret::REDACTED)
    });
    match text("Code") {
        "" => AwsError::new(format!("server returned HTTP status {status}")),
        code => AwsError::answered(status, code, &message),
    }
}

#[cfg(test)]
mod tests;
