//! Signs the requests of an HTTP client: `sigv4` of an Alertmanager section or of `remote_write`.
//!
//! ```text
//! let signer = SigV4Signer::new(&sigv4, HttpClient::new(&HttpClientConfig::default())?, Environment::of_process())?;
//! let client = HttpClient::signed(&section.http_client, Arc::new(signer))?;
//! ```
//!
//! The client given to the signer is the one that STS, containers and instances are asked through: not the
//! section's own, whose options are for the receiver.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LENGTH, HeaderMap};
use url::Url;

use super::plan::Settings;
use super::sign::{Scope, sign};
use super::{AwsError, Environment, Identity};
use crate::config::SigV4Config;
use crate::http_client::{HttpClient, Sign, Signing};

/// Signs requests as whoever the configuration says.
#[derive(Debug)]
pub struct SigV4Signer {
    identity: Identity,
    region: String,
    service: String,
    environment: Environment,
}

/// The service that requests are signed for unless `service_name` says otherwise: Amazon's Prometheus.
const SERVICE_DEFAULT: &str = "aps";

impl SigV4Signer {
    /// A signer; credentials are fetched through `client` when the first request is signed.
    ///
    /// # Errors
    /// When no region is configured anywhere, or a profile cannot be followed.
    pub fn new(config: &SigV4Config, client: HttpClient, environment: Environment) -> Result<Self, AwsError> {
        let settings = Settings {
            region: config.region.clone(),
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
            profile: config.profile.clone(),
            role_arn: config.role_arn.clone(),
            external_id: config.external_id.clone(),
            uses_fips: Some(config.use_fips_sts_endpoint),
        };
        let identity = Identity::new(&settings, client, environment.clone())
            .map_err(|error| error.while_doing("could not create new AWS session"))?;
        // Prometheus signs with an empty region when the section names none, which nobody accepts.
        let region = identity.plan().region.clone();
        if region.is_empty() {
            let text = "region not configured in sigv4 or in default credentials chain";
            return Err(AwsError::new(text));
        }
        let service = match config.service_name.as_str() {
            "" => SERVICE_DEFAULT.to_owned(),
            name => name.to_owned(),
        };
        Ok(Self {
            identity,
            region,
            service,
            environment,
        })
    }
}

impl Sign for SigV4Signer {
    /// The address with `//`, `.`, `..` and a slash at the end of the path resolved as Go's `path.Clean` does.
    fn address<'a>(&self, url: &'a Url) -> Cow<'a, Url> {
        let path = cleaned(url.path());
        if path == url.path() {
            return Cow::Borrowed(url);
        }
        let mut url = url.clone();
        url.set_path(&path);
        Cow::Owned(url)
    }

    fn sign<'a>(
        &'a self,
        method: &'a Method,
        url: &'a Url,
        headers: &'a mut HeaderMap,
        body: &'a Bytes,
    ) -> Signing<'a> {
        Box::pin(async move {
            let credentials = self.identity.credentials().await;
            let credentials =
                credentials.map_err(|error| format!("error retrieving credentials: {error}"))?;
            if !body.is_empty() {
                headers.insert(CONTENT_LENGTH, body.len().into());
            }
            let scope = Scope {
                region: &self.region,
                service: &self.service,
                at: self.environment.now(),
            };
            sign(&credentials, scope, method, url, headers, body)
                .map_err(|error| format!("failed to sign request: {error}"))
        })
    }
}

fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests;
