//! Who we are to AWS: credentials as planned, kept and renewed in time.
//!
//! Whoever comes while credentials are being fetched waits for them: there is one fetch at a time. When a
//! renewal fails, those that still work are used on. Start with [`Identity::credentials`].

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tracing::warn;

use super::container::read_secret;
use super::imds::Imds;
use super::plan::{Plan, Settings, Source};
use super::sts::{STS, assume_role, assume_role_with_web_identity};
use super::{AwsError, Credentials, Environment, Service, endpoint};
use crate::http_client::HttpClient;

/// Who we are.
#[derive(Debug)]
pub struct Identity {
    plan: Plan,
    client: HttpClient,
    environment: Environment,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    credentials: Credentials,
    /// When new ones are asked for.
    renew_at: Option<Timestamp>,
}

/// How long before they expire credentials are renewed, as by the SDK; or after half of a life shorter than
/// twice that.
const RENEWAL_LEAD: SignedDuration = SignedDuration::from_mins(5);

/// How long after a failed renewal the next one is tried.
const RENEWAL_RETRY: SignedDuration = SignedDuration::from_secs(15);

impl Identity {
    /// Whoever `settings` say; STS, containers and instances are asked through `client`, and only when
    /// credentials are.
    ///
    /// # Errors
    /// As [`Plan::decide`].
    pub fn new(settings: &Settings, client: HttpClient, environment: Environment) -> Result<Self, AwsError> {
        Ok(Self {
            plan: Plan::decide(settings, &environment)?,
            client,
            environment,
            kept: Mutex::new(None),
        })
    }

    /// How it was decided.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Credentials that work now.
    ///
    /// # Errors
    /// When there are none to be had; the text tells which source was asked, and why no other was.
    pub async fn credentials(&self) -> Result<Credentials, AwsError> {
        let mut kept = self.kept.lock().await;
        let now = self.environment.now();
        if let Some(kept) = &*kept
            && kept.renew_at.is_none_or(|renew_at| now < renew_at)
        {
            return Ok(kept.credentials.clone());
        }
        match (self.fetch().await, &mut *kept) {
            (Ok(credentials), _) => {
                let renew_at = credentials.expires_at.map(|expires_at| {
                    let life = expires_at.duration_since(now).max(SignedDuration::ZERO);
                    expires_at - RENEWAL_LEAD.min(life / 2)
                });
                *kept = Some(Kept {
                    credentials: credentials.clone(),
                    renew_at,
                });
                Ok(credentials)
            }
            (Err(error), Some(old)) if old.credentials.expires_at.is_some_and(|end| now < end) => {
                warn!(%error, "Renewing AWS credentials failed, using those that still work");
                old.renew_at = Some(now + RENEWAL_RETRY);
                Ok(old.credentials.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn fetch(&self) -> Result<Credentials, AwsError> {
        let source = self.of_source().await;
        let mut credentials = source.map_err(|error| self.explained(error))?;
        for role in &self.plan.roles {
            let sts = self.sts()?;
            let assumed = assume_role(&sts, role, &credentials, &self.environment).await;
            credentials = assumed.map_err(|error| error.while_doing(format!("role {:?}", role.arn)))?;
        }
        Ok(credentials)
    }

    async fn of_source(&self) -> Result<Credentials, AwsError> {
        match &self.plan.source {
            Source::Fixed(credentials) => Ok(credentials.clone()),
            Source::WebIdentity { token_file, role } => {
                let token = read_secret(token_file)?;
                let sts = self.sts()?;
                assume_role_with_web_identity(&sts, role, &token, &self.environment).await
            }
            Source::Container(container) => container.credentials(&self.client).await,
            Source::Imds => {
                Imds::of_environment(&self.environment)?
                    .credentials(&self.client)
                    .await
            }
        }
    }

    /// Says of a source that failed why none of the others was asked.
    fn explained(&self, error: AwsError) -> AwsError {
        let name = self.plan.source.name();
        let passed_over = &self.plan.passed_over;
        error.while_doing(match passed_over.is_empty() {
            true => format!("no AWS credentials from {name}"),
            false => format!("no AWS credentials: {}; {name}", passed_over.join("; ")),
        })
    }

    fn sts(&self) -> Result<Service, AwsError> {
        let Plan {
            region,
            uses_fips,
            endpoint_url,
            ..
        } = &self.plan;
        let address = endpoint(
            STS.name,
            region,
            *uses_fips,
            endpoint_url.as_deref(),
            &self.environment,
        )?;
        Service::new(self.client.clone(), STS, region, &address, &self.environment)
    }
}

#[cfg(test)]
mod tests;
