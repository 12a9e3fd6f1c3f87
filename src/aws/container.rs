//! Credentials of a container: an endpoint that ECS, EKS and Greengrass tell of in the environment.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use url::{Host, Url};

use super::credentials::of_json;
use super::{AwsError, Credentials, Environment};
use crate::config::Secret;
use crate::http_client::{HttpClient, Request};

/// The endpoint.
#[derive(Clone, Debug)]
pub(super) struct Container {
    url: Url,
    token: Secret,
    /// Read each time, for it is changed from outside.
    token_file: Option<PathBuf>,
}

/// What a relative address belongs to.
const ECS: &str = "http://169.254.170.2";

/// Hosts that may be asked without TLS besides the loopback: those of ECS and EKS.
const TRUSTED: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// How long the endpoint, which is on the same machine, may take.
const TIME_MAX: Duration = Duration::from_secs(5);

const ANSWER_BYTES_MAX: usize = 1 << 20;

impl Container {
    /// The endpoint that the environment tells of, if it does.
    pub(super) fn of_environment(environment: &Environment) -> Option<Result<Self, AwsError>> {
        let relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let (variable, address) = match relative {
            Some(path) => ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", format!("{ECS}{path}")),
            None => {
                let variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
                (variable, environment.get(variable)?)
            }
        };
        let url = match checked(&address) {
            Ok(url) => url,
            Err(error) => return Some(Err(error.while_doing(variable))),
        };
        let token_file = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        Some(Ok(Self {
            url,
            token: Secret::new(
                environment
                    .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
                    .unwrap_or_default(),
            ),
            token_file: token_file.map(PathBuf::from),
        }))
    }

    /// Asks it.
    pub(super) async fn credentials(&self, client: &HttpClient) -> Result<Credentials, AwsError> {
        let mut request = Request::get(self.url.clone(), TIME_MAX);
        let token = match &self.token_file {
            Some(file) => read_secret(file)?,
            None => self.token.clone(),
        };
        if !token.is_empty() {
            let value = HeaderValue::from_str(token.expose());
            let mut value = value.map_err(|_| {
                AwsError::new("the container's authorization token holds a character that no header may hold")
            })?;
            value.set_sensitive(true);
            request.headers.insert(AUTHORIZATION, value);
        }
        let failed = |error: crate::http_client::HttpError| AwsError::new(error.to_string());
        let answer = client.send(request).await.map_err(failed)?;
        if !answer.status().is_success() {
            let status = answer.status_line();
            return Err(AwsError::new(format!("server returned HTTP status {status}")));
        }
        of_json(&answer.read(ANSWER_BYTES_MAX).await.map_err(failed)?)
    }
}

/// A file that holds a token and nothing else.
pub(super) fn read_secret(file: &Path) -> Result<Secret, AwsError> {
    // A few bytes, once in many minutes: shorter than handing them to another thread.
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| AwsError::new(format!("cannot read {}: {error}", file.display())))?;
    Ok(Secret::new(text.trim()))
}

/// An address to which a token may be sent: over TLS, or on this machine.
fn checked(address: &str) -> Result<Url, AwsError> {
    let url = Url::parse(address).map_err(|error| AwsError::new(format!("expected a URL: {error}")))?;
    let is_near = |ip: IpAddr| ip.is_loopback() || TRUSTED.contains(&&*ip.to_string());
    let is_trusted = match url.host() {
        Some(Host::Ipv4(ip)) => is_near(ip.into()),
        Some(Host::Ipv6(ip)) => is_near(ip.into()),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && is_trusted) {
        return Ok(url);
    }
    Err(AwsError::new(format!(
        "expected https, or a host that is this machine, found {} and {:?}",
        url.scheme(),
        url.host_str().unwrap_or("")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_this_machine_or_over_tls_only() {
        for good in [
            "https://anywhere/x",
            "http://127.0.0.1:8080/x",
            "http://localhost/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
        ] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.1/x",
            "http://example.com/",
            "ftp://127.0.0.1/",
            "nonsense",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
