//! The metadata service of an EC2 instance, version 2: a token first, then questions with it.
//!
//! A service that does not know tokens is asked without one, unless `AWS_EC2_METADATA_V1_DISABLED` forbids it.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::credentials::of_json;
use super::{AwsError, Credentials, Environment};
use crate::http_client::{HttpClient, HttpError, Request};

/// The service, as the environment describes it.
#[derive(Clone, Debug)]
pub(super) struct Imds {
    endpoint: String,
    needs_token: bool,
}

const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const TOKEN_TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");

/// How long one question may take: the service is on the same machine, and elsewhere nobody answers.
const TIME_MAX: Duration = Duration::from_secs(2);

const ANSWER_BYTES_MAX: usize = 1 << 20;

const ROLES: &str = "latest/meta-data/iam/security-credentials/";

#[derive(Deserialize)]
struct Identity {
    region: Option<String>,
}

impl Imds {
    /// The service, unless the environment says that there is none.
    pub(super) fn of_environment(environment: &Environment) -> Result<Self, AwsError> {
        if environment.says_true("AWS_EC2_METADATA_DISABLED") {
            return Err(AwsError::new("AWS_EC2_METADATA_DISABLED is true"));
        }
        let is_v6 = environment
            .get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
        let usual = if is_v6 {
            "http://[fd00:ec2::254]"
        } else {
            "http://169.254.169.254"
        };
        let written = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        Ok(Self {
            endpoint: written.unwrap_or_else(|| usual.to_owned()),
            needs_token: environment.says_true("AWS_EC2_METADATA_V1_DISABLED"),
        })
    }

    /// The credentials of the instance's role.
    pub(super) async fn credentials(&self, client: &HttpClient) -> Result<Credentials, AwsError> {
        let token = self.token(client).await?;
        let roles = self.get(client, ROLES, token.as_ref()).await?;
        let roles = String::from_utf8_lossy(&roles).into_owned();
        let Some(role) = roles.lines().map(str::trim).find(|line| !line.is_empty()) else {
            return Err(AwsError::new("the instance has no role"));
        };
        of_json(
            &self
                .get(client, &format!("{ROLES}{role}"), token.as_ref())
                .await?,
        )
    }

    /// The region that the instance runs in.
    pub(super) async fn region(&self, client: &HttpClient) -> Result<String, AwsError> {
        let token = self.token(client).await?;
        let path = "latest/dynamic/instance-identity/document";
        let text = self.get(client, path, token.as_ref()).await?;
        let identity: Identity = serde_json::from_slice(&text)
            .map_err(|error| AwsError::new(format!("the instance's identity document: {error}")))?;
        let region = identity.region.filter(|region| !region.is_empty());
        region.ok_or_else(|| AwsError::new("the instance's identity document names no region"))
    }

    /// A token to ask with; none if the service does not know tokens.
    async fn token(&self, client: &HttpClient) -> Result<Option<HeaderValue>, AwsError> {
        let mut request = Request::get(self.url("latest/api/token")?, TIME_MAX);
        request.method = Method::PUT;
        request.headers.insert(TOKEN_TTL, HeaderValue::from_static("300"));
        let answer = client.send(request).await.map_err(failed)?;
        let status = answer.status();
        let is_unknown = matches!(
            status,
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        );
        if is_unknown && !self.needs_token {
            return Ok(None);
        }
        if status != StatusCode::OK {
            let status = answer.status_line();
            return Err(AwsError::new(format!(
                "asked for a token: server returned HTTP status {status}"
            )));
        }
        let token = answer.read(ANSWER_BYTES_MAX).await.map_err(failed)?;
        let mut token = HeaderValue::from_bytes(token.trim_ascii())
            .map_err(|_| AwsError::new("the token holds a character that no header may hold"))?;
        token.set_sensitive(true);
        Ok(Some(token))
    }

    async fn get(
        &self,
        client: &HttpClient,
        path: &str,
        token: Option<&HeaderValue>,
    ) -> Result<Vec<u8>, AwsError> {
        let mut request = Request::get(self.url(path)?, TIME_MAX);
        if let Some(token) = token {
            request.headers.insert(TOKEN, token.clone());
        }
        let answer = client.send(request).await.map_err(failed)?;
        if answer.status() != StatusCode::OK {
            let status = answer.status_line();
            return Err(AwsError::new(format!(
                "GET /{path}: server returned HTTP status {status}"
            )));
        }
        answer.read(ANSWER_BYTES_MAX).await.map_err(failed)
    }

    fn url(&self, path: &str) -> Result<Url, AwsError> {
        let base = self.endpoint.trim_end_matches('/');
        Url::parse(&format!("{base}/{path}")).map_err(|error| {
            AwsError::new(format!(
                "AWS_EC2_METADATA_SERVICE_ENDPOINT: expected a URL: {error}"
            ))
        })
    }
}

fn failed(error: HttpError) -> AwsError {
    AwsError::new(error.to_string())
}
