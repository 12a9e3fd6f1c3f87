//! In which region the server is to look.

use super::imds::Imds;
use super::plan::{Plan, Settings};
use super::{AwsError, Environment};
use crate::http_client::HttpClient;

/// The region that is configured, else that of the environment or the shared files, else the instance's own.
///
/// # Errors
/// When nothing knows one.
pub async fn region(
    configured: &str,
    client: &HttpClient,
    environment: &Environment,
) -> Result<String, AwsError> {
    if !configured.is_empty() {
        return Ok(configured.to_owned());
    }
    let undetermined = |error: AwsError| error.while_doing("could not determine AWS region");
    let loaded = Plan::decide(&Settings::default(), environment).map_err(undetermined)?;
    if !loaded.region.is_empty() {
        return Ok(loaded.region);
    }
    let asked = match Imds::of_environment(environment) {
        Ok(imds) => imds.region(client).await,
        Err(error) => Err(error),
    };
    asked.map_err(|error| {
        undetermined(error.while_doing(
            "neither region, AWS_REGION nor a profile says it, and failed to get region from IMDS",
        ))
    })
}
