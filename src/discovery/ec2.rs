//! `ec2_sd_configs`: the instances of a region of AWS, one group for the region.
//!
//! ```text
//! DescribeAvailabilityZones ─ zone → id (kept once known) ─┐
//! DescribeInstances, page by page ─ instances ─────────────┴─ labels (see [`instance`]) ─ one group
//! ```
//!
//! Region and credentials are found at the first refresh and looked for anew after AWS has refused them. Start
//! with [`Ec2Provider`].

mod instance;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tracing::{debug, warn};

use super::metrics::RefreshMetrics;
use super::provider::{Provider, Updates};
use super::refresh::{Refresh, keep_asking};
use super::{DiscoveryMetrics, TargetGroup};
use crate::aws::{AwsError, Credentials, Element, Environment, Identity, Protocol, Service, Settings};
use crate::aws::{endpoint, region};
use crate::config::Ec2SdConfig;
use crate::http_client::HttpClient;

const EC2: Protocol = Protocol {
    name: "ec2",
    version: "2016-11-15",
};

/// How many pages a region may have. Each may hold a thousand instances.
const PAGES_MAX: usize = 10_000;

/// Tells of the instances of a region.
#[derive(Debug)]
pub(super) struct Ec2Provider {
    region: Ec2Region,
    every: Duration,
    metrics: RefreshMetrics,
}

/// A region that is asked for its instances.
#[derive(Debug)]
struct Ec2Region {
    config: Ec2SdConfig,
    client: HttpClient,
    environment: Environment,
    /// Missing until the first refresh, and after a refusal.
    session: Option<Session>,
    /// Ids of the zones by their names, which differ between accounts. Missing until they could be asked for.
    zone_ids: Option<BTreeMap<String, String>>,
    /// Whether it was said that they could not.
    has_warned: bool,
}

/// Who we are, and where.
#[derive(Debug)]
struct Session {
    region: String,
    identity: Identity,
    service: Service,
}

impl Ec2Provider {
    pub(super) fn new(config: &Ec2SdConfig, job: &str, metrics: &DiscoveryMetrics) -> Result<Self, String> {
        let every = Duration::from_millis(u64::try_from(config.refresh_interval_ms).unwrap_or(1).max(1));
        Ok(Self {
            region: Ec2Region::new(config, Environment::of_process())?,
            every,
            metrics: metrics.refresh("ec2", job),
        })
    }
}

impl Provider for Ec2Provider {
    fn run(self: Box<Self>, updates: Updates) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(keep_asking(self.region, self.every, self.metrics, updates))
    }
}

impl Refresh for Ec2Region {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, String> {
        let refreshed = self.group().await;
        if let Err(error) = &refreshed
            && error.is_rejection()
        {
            self.session = None;
        }
        refreshed
            .map(|group| vec![group])
            .map_err(|error| error.to_string())
    }
}

impl Ec2Region {
    fn new(config: &Ec2SdConfig, environment: Environment) -> Result<Self, String> {
        Ok(Self {
            config: config.clone(),
            client: HttpClient::new(&config.http_client).map_err(|error| error.to_string())?,
            environment,
            session: None,
            zone_ids: None,
            has_warned: false,
        })
    }

    async fn group(&mut self) -> Result<TargetGroup, AwsError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.begin().await?,
        };
        let session = self.session.insert(session);
        let credentials = session.identity.credentials().await?;
        if self.zone_ids.is_none() {
            match session.zone_ids(&credentials).await {
                Ok(zone_ids) => self.zone_ids = Some(zone_ids),
                Err(error) if self.has_warned => debug!(%error, "Unable to describe availability zones"),
                Err(error) => {
                    warn!(%error, "Unable to describe availability zones");
                    self.has_warned = true;
                }
            }
        }
        let nothing_known = BTreeMap::new();
        let place = instance::Place {
            region: &session.region,
            zone_ids: self.zone_ids.as_ref().unwrap_or(&nothing_known),
            port: self.config.port,
        };
        let mut targets = Vec::new();
        let mut parameters = filters(&self.config);
        for _ in 0..PAGES_MAX {
            let page = session.instances(&credentials, &parameters).await?;
            for reservation in page.reservations()? {
                for found in reservation.items("instancesSet") {
                    let labels = instance::labels(found, reservation, &place);
                    targets.extend(labels.map_err(Page::explained)?);
                }
            }
            let Some(next) = page.next_token() else {
                return Ok(TargetGroup {
                    source: session.region.clone(),
                    targets,
                    ..TargetGroup::default()
                });
            };
            parameters.retain(|(name, _)| name != NEXT_TOKEN);
            parameters.push((NEXT_TOKEN.to_owned(), next.to_owned()));
        }
        Err(AwsError::unexpected(format!(
            "could not describe instances: expected an end, found {PAGES_MAX} pages"
        )))
    }

    /// Finds out who we are and where.
    async fn begin(&self) -> Result<Session, AwsError> {
        let config = &self.config;
        // A configured profile does not say the region, only who we are: as in Prometheus.
        let region = region(&config.region, &self.client, &self.environment).await?;
        let settings = Settings {
            region: region.clone(),
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
            profile: config.profile.clone(),
            role_arn: config.role_arn.clone(),
            external_id: config.external_id.clone(),
            uses_fips: None,
        };
        let identity = Identity::new(&settings, self.client.clone(), self.environment.clone())
            .map_err(|error| error.while_doing("could not create aws config"))?;
        let plan = identity.plan();
        let address = match config.endpoint.as_str() {
            "" => {
                let of_profile = plan.endpoint_url.as_deref();
                endpoint(EC2.name, &region, plan.uses_fips, of_profile, &self.environment)?
            }
            written => written.to_owned(),
        };
        let service = Service::new(self.client.clone(), EC2, &region, &address, &self.environment)?;
        Ok(Session {
            region,
            identity,
            service,
        })
    }
}

const NEXT_TOKEN: &str = "NextToken";

/// The filters as `DescribeInstances` takes them.
fn filters(config: &Ec2SdConfig) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for (filter, at) in config.filters.iter().zip(1..) {
        parameters.push((format!("Filter.{at}.Name"), filter.name.clone()));
        for (value, nth) in filter.values.iter().zip(1..) {
            parameters.push((format!("Filter.{at}.Value.{nth}"), value.clone()));
        }
    }
    parameters
}

impl Session {
    async fn zone_ids(&self, credentials: &Credentials) -> Result<BTreeMap<String, String>, AwsError> {
        let action = "DescribeAvailabilityZones";
        let answer = self.service.call(Some(credentials), action, &[], &[]).await?;
        let zones = answer.need("availabilityZoneInfo")?.children.iter();
        let pair = |zone: &Element| {
            let (name, id) = (zone.text_of("zoneName")?, zone.text_of("zoneId")?);
            Some((name.to_owned(), id.to_owned()))
        };
        Ok(zones.filter_map(pair).collect())
    }

    async fn instances(
        &self,
        credentials: &Credentials,
        parameters: &[(String, String)],
    ) -> Result<Page, AwsError> {
        let asked = self
            .service
            .call(Some(credentials), "DescribeInstances", parameters, &[]);
        asked.await.map(Page).map_err(Page::explained)
    }
}

/// A page of instances.
struct Page(Element);

impl Page {
    fn reservations(&self) -> Result<&[Element], AwsError> {
        let set = self.0.need("reservationSet").map_err(Self::explained)?;
        Ok(&set.children)
    }

    fn next_token(&self) -> Option<&str> {
        self.0.text_of("nextToken").filter(|token| !token.is_empty())
    }

    fn explained(error: AwsError) -> AwsError {
        error.while_doing("could not describe instances")
    }
}

#[cfg(test)]
mod tests;
