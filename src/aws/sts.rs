//! The Security Token Service: roles for those who may take them.

use super::credentials::parse_expiration;
use super::plan::Role;
use super::{AwsError, Credentials, Element, Environment, Protocol, Service};
use crate::config::Secret;

/// STS as its requests name it.
pub(super) const STS: Protocol = Protocol {
    name: "sts",
    version: "2011-06-15",
};

/// How long a role is taken for unless the profile says otherwise, as by the SDK; the shortest that there is.
const DURATION_S_DEFAULT: u32 = 900;

/// Takes a role, as whoever `own` belong to.
pub(super) async fn assume_role(
    sts: &Service,
    role: &Role,
    own: &Credentials,
    environment: &Environment,
) -> Result<Credentials, AwsError> {
    let mut parameters = of_role(role, environment);
    if !role.external_id.is_empty() {
        parameters.push(("ExternalId".to_owned(), role.external_id.clone()));
    }
    let answer = sts.call(Some(own), "AssumeRole", &parameters, &[]).await?;
    handed(&answer, "AssumeRoleResult").map_err(|error| error.while_doing("AssumeRole"))
}

/// Takes a role with a token that somebody else has signed.
pub(super) async fn assume_role_with_web_identity(
    sts: &Service,
    role: &Role,
    token: &Secret,
    environment: &Environment,
) -> Result<Credentials, AwsError> {
    let action = "AssumeRoleWithWebIdentity";
    let mut parameters = of_role(role, environment);
    parameters.push(("WebIdentityToken".to_owned(), token.expose().to_owned()));
    let answer = sts.call(None, action, &parameters, &[token.expose()]).await?;
    handed(&answer, "AssumeRoleWithWebIdentityResult").map_err(|error| error.while_doing(action))
}

fn of_role(role: &Role, environment: &Environment) -> Vec<(String, String)> {
    let session = match role.session_name.as_str() {
        "" => format!("deucalion-{}", environment.now().as_millisecond()),
        name => name.to_owned(),
    };
    let duration_s = role.duration_s.unwrap_or(DURATION_S_DEFAULT);
    vec![
        ("RoleArn".to_owned(), role.arn.clone()),
        ("RoleSessionName".to_owned(), session),
        ("DurationSeconds".to_owned(), duration_s.to_string()),
    ]
}

fn handed(answer: &Element, result: &str) -> Result<Credentials, AwsError> {
    let credentials = answer.need(result)?.need("Credentials")?;
    let text = |name| credentials.need(name).map(|element| element.text.clone());
    Ok(Credentials {
        access_key: text("AccessKeyId")?,
        secret_key: Secret::new(text("SecretAccessKey")?),
        session_token: Secret::new(text("SessionToken")?),
        expires_at: Some(parse_expiration(&text("Expiration")?)?),
    })
}
