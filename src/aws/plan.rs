//! Where credentials are to come from: decided from configuration, environment and shared files, once.
//!
//! The first that is there is the source, and none is tried after it:
//!
//! | | if | the source is |
//! |---:|---|---|
//! | 1 | `access_key` and `secret_key` are configured | these |
//! | 2 | `profile` is configured | that profile (below) |
//! | 3 | `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are set | these, with `AWS_SESSION_TOKEN` |
//! | 4 | `AWS_WEB_IDENTITY_TOKEN_FILE` is set | STS for `AWS_ROLE_ARN` |
//! | 5 | else | the profile that `AWS_PROFILE` names, or `default` |
//!
//! A profile leads to its `source_profile`, its keys, its `credential_source`, its `web_identity_token_file`,
//! else to the container's endpoint if the environment tells of one, else to the instance's metadata. Its
//! `role_arn` is taken with what came before, and a configured `role_arn` last of all.
//!
//! Nothing here asks anybody: [`super::Identity`] follows the plan.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::container::Container;
use super::profile::{Profile, Profiles};
use super::{AwsError, Credentials, Environment};
use crate::config::Secret;

/// What a section of the configuration says about who we are; empty is not said.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `region`
    pub region: String,
    /// `access_key`
    pub access_key: String,
    /// `secret_key`
    pub secret_key: Secret,
    /// `profile`
    pub profile: String,
    /// `role_arn`
    pub role_arn: String,
    /// `external_id`
    pub external_id: String,
    /// Whether STS is asked at its FIPS endpoint; `None` leaves it to `AWS_USE_FIPS_ENDPOINT`.
    pub uses_fips: Option<bool>,
}

/// Where credentials come from, and in whose name in the end.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The region as far as it is written somewhere, else empty.
    pub region: String,
    /// Whether services are asked at their FIPS endpoints.
    pub uses_fips: bool,
    /// The profile's `endpoint_url`.
    pub endpoint_url: Option<String>,
    pub(super) source: Source,
    /// To be taken in this order.
    pub(super) roles: Vec<Role>,
    /// Why not another source.
    pub(super) passed_over: Vec<String>,
}

/// Where credentials come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Fixed(Credentials),
    WebIdentity { token_file: PathBuf, role: Role },
    Container(Container),
    Imds,
}

/// A role to be taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) external_id: String,
    /// Empty for one of our own.
    pub(super) session_name: String,
    pub(super) duration_s: Option<u32>,
}

impl Source {
    /// What it is called in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "the configured keys",
            Self::WebIdentity { .. } => "the web identity token",
            Self::Container(_) => "the container's endpoint",
            Self::Imds => "the instance's metadata service",
        }
    }
}

/// A plan in the making.
struct Deciding<'a> {
    environment: &'a Environment,
    profiles: &'a Profiles,
    roles: Vec<Role>,
    passed_over: Vec<String>,
}

/// Settings of profiles that lead to credentials in ways that are not built.
const UNBUILT: [&str; 5] = [
    "sso_start_url",
    "sso_session",
    "sso_account_id",
    "credential_process",
    "login_session",
];

impl Plan {
    /// Decides.
    ///
    /// # Errors
    /// When a profile that is named is not there, or says what cannot be followed.
    pub fn decide(settings: &Settings, environment: &Environment) -> Result<Self, AwsError> {
        let profiles = Profiles::read(environment);
        let variable = environment.get("AWS_PROFILE");
        let (name, must_exist) = match (settings.profile.as_str(), variable) {
            ("", Some(name)) => (name, true),
            ("", None) => {
                let name = environment.get("AWS_DEFAULT_PROFILE");
                (name.unwrap_or_else(|| "default".to_owned()), false)
            }
            (name, _) => (name.to_owned(), true),
        };
        if must_exist && profiles.get(&name).is_none() {
            let text = format!(
                "failed to get shared config profile, {name}: {}",
                profiles.missing(&name)
            );
            return Err(AwsError::new(text));
        }
        let mut deciding = Deciding {
            environment,
            profiles: &profiles,
            roles: Vec::new(),
            passed_over: Vec::new(),
        };
        let source = deciding.source(settings, &name)?;
        if !settings.role_arn.is_empty() {
            deciding.roles.push(Role {
                arn: settings.role_arn.clone(),
                external_id: settings.external_id.clone(),
                ..Role::default()
            });
        }
        let profile = profiles.get(&name).cloned().unwrap_or_default();
        let of_profile = |key| Some(profile.text(key).to_owned()).filter(|text| !text.is_empty());
        let region = Some(settings.region.clone()).filter(|region| !region.is_empty());
        let region = region.or_else(|| environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]));
        Ok(Self {
            region: region.or_else(|| of_profile("region")).unwrap_or_default(),
            uses_fips: settings
                .uses_fips
                .unwrap_or_else(|| environment.says_true("AWS_USE_FIPS_ENDPOINT")),
            endpoint_url: of_profile("endpoint_url"),
            source,
            roles: deciding.roles,
            passed_over: deciding.passed_over,
        })
    }
}

impl Deciding<'_> {
    fn source(&mut self, settings: &Settings, profile: &str) -> Result<Source, AwsError> {
        if !settings.access_key.is_empty() && !settings.secret_key.is_empty() {
            let (access, secret) = (&settings.access_key, settings.secret_key.expose());
            return Ok(Source::Fixed(Credentials::lasting(access, secret, "")));
        }
        self.pass_over("access_key and secret_key are not both configured");
        if settings.profile.is_empty() {
            if let Some(keys) = self.keys_of_environment() {
                return Ok(Source::Fixed(keys));
            }
            self.pass_over("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set");
            if let Some(token_file) = self.environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") {
                let role = Role {
                    arn: self.environment.get("AWS_ROLE_ARN").unwrap_or_default(),
                    session_name: self.environment.get("AWS_ROLE_SESSION_NAME").unwrap_or_default(),
                    ..Role::default()
                };
                if role.arn.is_empty() {
                    let text = "AWS_WEB_IDENTITY_TOKEN_FILE is set, expected AWS_ROLE_ARN too, found none";
                    return Err(AwsError::new(text));
                }
                return Ok(Source::WebIdentity {
                    token_file: token_file.into(),
                    role,
                });
            }
            self.pass_over("AWS_WEB_IDENTITY_TOKEN_FILE is not set");
        }
        match self.profiles.get(profile) {
            Some(_) => self.of_profile(profile, &mut BTreeSet::new()),
            None => {
                self.pass_over(self.profiles.missing(profile));
                self.of_machine()
            }
        }
    }

    fn pass_over(&mut self, why: impl Into<String>) {
        self.passed_over.push(why.into());
    }

    fn keys_of_environment(&self) -> Option<Credentials> {
        let access = self.environment.first(&["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"])?;
        let secret = self
            .environment
            .first(&["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"])?;
        let token = self.environment.get("AWS_SESSION_TOKEN").unwrap_or_default();
        Some(Credentials::lasting(&access, &secret, &token))
    }

    /// `seen` are the profiles that led here.
    fn of_profile(&mut self, name: &str, seen: &mut BTreeSet<String>) -> Result<Source, AwsError> {
        let profiles = self.profiles;
        let Some(profile) = profiles.get(name) else {
            return Err(AwsError::new(profiles.missing(name)));
        };
        if !seen.insert(name.to_owned()) {
            return Err(AwsError::new(format!(
                "profile {name:?} is its own source_profile in the end"
            )));
        }
        self.ways_of(name, profile)?;
        let keys = keys_of(profile);
        let source = if profile.has_any(&["source_profile"]) && profile.text("source_profile") != name {
            self.of_profile(profile.text("source_profile"), seen)?
        } else if let Some(keys) = keys {
            Source::Fixed(keys)
        } else if profile.has_any(&["credential_source"]) {
            self.of_credential_source(name, profile.text("credential_source"))?
        } else if profile.has_any(&["web_identity_token_file"]) {
            // Its role is part of the source.
            return Ok(Source::WebIdentity {
                token_file: profile.text("web_identity_token_file").into(),
                role: role_of(name, profile)?,
            });
        } else {
            self.pass_over(format!("profile {name:?} says nothing about credentials"));
            self.of_machine()?
        };
        if profile.has_any(&["role_arn"]) {
            self.roles.push(role_of(name, profile)?);
        }
        Ok(source)
    }

    /// Refuses a profile whose way to credentials is not built, or which has none to take its role with.
    fn ways_of(&self, name: &str, profile: &Profile) -> Result<(), AwsError> {
        let leads = profile.has_any(&["source_profile", "credential_source", "web_identity_token_file"])
            || keys_of(profile).is_some();
        let unbuilt = UNBUILT.iter().find(|key| profile.has_any(&[key]));
        if let Some(key) = unbuilt.filter(|_| !leads) {
            let what = format!("profile {name:?}: {key}");
            return Err(AwsError::new(crate::config::refuse::refusal(&what)));
        }
        if profile.has_any(&["role_arn"]) && profile.has_any(&["mfa_serial"]) {
            let what = format!("profile {name:?}: mfa_serial");
            return Err(AwsError::new(crate::config::refuse::refusal(&what)));
        }
        if profile.has_any(&["role_arn"]) && !leads {
            return Err(AwsError::new(format!(
                "profile {name:?} has role_arn, expected source_profile, credential_source, \
                 web_identity_token_file or keys too, found none"
            )));
        }
        Ok(())
    }

    fn of_credential_source(&mut self, name: &str, source: &str) -> Result<Source, AwsError> {
        let missing = |what: &str| {
            AwsError::new(format!(
                "profile {name:?} has credential_source {source:?}, but {what} not set"
            ))
        };
        match source.to_ascii_lowercase().as_str() {
            "ec2instancemetadata" => Ok(Source::Imds),
            "environment" => {
                let keys = self.keys_of_environment();
                let names = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are";
                keys.map(Source::Fixed).ok_or_else(|| missing(names))
            }
            "ecscontainer" => match Container::of_environment(self.environment) {
                Some(container) => container.map(Source::Container),
                None => Err(missing(
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are",
                )),
            },
            _ => Err(AwsError::new(format!(
                "profile {name:?}: credential_source: expected EcsContainer, Ec2InstanceMetadata or \
                 Environment, found {source:?}"
            ))),
        }
    }

    /// What the machine that we run on knows.
    fn of_machine(&mut self) -> Result<Source, AwsError> {
        match Container::of_environment(self.environment) {
            Some(container) => container.map(Source::Container),
            None => {
                self.pass_over(
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set",
                );
                Ok(Source::Imds)
            }
        }
    }
}

fn keys_of(profile: &Profile) -> Option<Credentials> {
    let (access, secret) = (
        profile.text("aws_access_key_id"),
        profile.text("aws_secret_access_key"),
    );
    let is_whole = !access.is_empty() && !secret.is_empty();
    is_whole.then(|| Credentials::lasting(access, secret, profile.text("aws_session_token")))
}

fn role_of(name: &str, profile: &Profile) -> Result<Role, AwsError> {
    let arn = profile.text("role_arn");
    if arn.is_empty() {
        let text = format!("profile {name:?} has web_identity_token_file, expected role_arn too, found none");
        return Err(AwsError::new(text));
    }
    let duration_s = match profile.text("duration_seconds") {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            AwsError::new(format!(
                "profile {name:?}: duration_seconds: expected a number, found {text:?}"
            ))
        })?),
    };
    Ok(Role {
        arn: arn.to_owned(),
        external_id: profile.text("external_id").to_owned(),
        session_name: profile.text("role_session_name").to_owned(),
        duration_s,
    })
}

#[cfg(test)]
mod tests;
