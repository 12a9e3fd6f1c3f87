//! What Prometheus checks once an item is read, in its order and words; one function a mechanism.

use super::Values;
use crate::config::duration::format_ms;
use crate::config::quote::quoted;
use crate::config::secret::REDACTED;
use crate::config::url;
use crate::config::uuid;

type Checked = Result<(), String>;

pub(super) fn none(_: &Values<'_>) -> Checked {
    Ok(())
}

/// Refuses with `text` what `is_wrong`.
fn refuse_if(is_wrong: bool, text: &str) -> Checked {
    match is_wrong {
        true => Err(text.to_owned()),
        false => Ok(()),
    }
}

/// The keys that must not be empty, each with what is said if it is.
fn require(values: &Values<'_>, required: &[(&str, &str)]) -> Checked {
    required
        .iter()
        .try_for_each(|(key, text)| refuse_if(values.text(key).is_empty(), text))
}

/// Exactly one of the secret key and its file.
fn require_one_secret(values: &Values<'_>) -> Checked {
    let has_key = !values.text("secret_key").is_empty();
    let has_file = !values.text("secret_key_file").is_empty();
    let text = match (has_key, has_file) {
        (false, false) => "one of secret_key & secret_key_file must be configured",
        (true, true) => "at most one of secret_key & secret_key_file must be configured",
        _ => return Ok(()),
    };
    Err(text.into())
}

pub(super) fn aws(values: &Values<'_>) -> Checked {
    refuse_if(values.text("role").is_empty(), "unknown AWS SD role \"\"")
}

pub(super) fn azure(values: &Values<'_>) -> Checked {
    let method = values.text("authentication_method");
    require(
        values,
        &[(
            "subscription_id",
            "azure SD configuration requires a subscription_id",
        )],
    )?;
    if method == "OAuth" {
        require(
            values,
            &[
                ("tenant_id", "azure SD configuration requires a tenant_id"),
                ("client_id", "azure SD configuration requires a client_id"),
                ("client_secret", "azure SD configuration requires a client_secret"),
            ],
        )?;
    }
    if ["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"].contains(&method) {
        return Ok(());
    }
    Err(format!(
        "unknown authentication_type {method}. Supported types are \"OAuth\", \"ManagedIdentity\", \"SDK\" or \"WorkloadIdentity\"",
        method = quoted(method)
    ))
}

pub(super) fn digitalocean(values: &Values<'_>) -> Checked {
    require(values, &[("role", "role missing (one of: droplets, databases)")])
}

pub(super) fn eureka(values: &Values<'_>) -> Checked {
    require(values, &[("server", "eureka_sd: empty or null eureka server")])?;
    let parts = url::split(values.text("server"))?;
    refuse_if(
        parts.scheme.is_empty() || parts.host.is_empty(),
        "eureka_sd: invalid eureka server URL",
    )
}

pub(super) fn gce(values: &Values<'_>) -> Checked {
    require(
        values,
        &[
            ("project", "GCE SD configuration requires a project"),
            ("zone", "GCE SD configuration requires a zone"),
        ],
    )
}

pub(super) fn hetzner(values: &Values<'_>) -> Checked {
    require(values, &[("role", "role missing (one of: robot, hcloud)")])
}

pub(super) fn ionos(values: &Values<'_>) -> Checked {
    require(values, &[("datacenter_id", "datacenter id can't be empty")])
}

pub(super) fn kuma(values: &Values<'_>) -> Checked {
    let server = values.text("server");
    require(values, &[("server", "kuma SD server must not be empty: ")])?;
    let parts = url::split(server)?;
    if parts.scheme.is_empty() || parts.host.is_empty() {
        let shown = url::redacted(server);
        return Err(format!(
            "kuma SD server must not be empty and have a scheme: {shown}"
        ));
    }
    Ok(())
}

pub(super) fn marathon(values: &Values<'_>) -> Checked {
    refuse_if(
        values.texts("servers").is_empty(),
        "marathon_sd: must contain at least one Marathon server",
    )?;
    let has_token = !values.text("auth_token").is_empty();
    let has_file = !values.text("auth_token_file").is_empty();
    refuse_if(
        has_token && has_file,
        "marathon_sd: at most one of auth_token & auth_token_file must be configured",
    )?;
    if !has_token && !has_file {
        return Ok(());
    }
    refuse_if(
        values.client_has("basic_auth"),
        "marathon_sd: at most one of basic_auth, auth_token & auth_token_file must be configured",
    )?;
    refuse_if(
        values.client_has("bearer_token") || values.client_has("bearer_token_file"),
        "marathon_sd: at most one of bearer_token, bearer_token_file, auth_token & auth_token_file must be configured",
    )?;
    refuse_if(
        values.client_has("authorization"),
        "marathon_sd: at most one of auth_token, auth_token_file & authorization must be configured",
    )
}

pub(super) fn nerve(values: &Values<'_>) -> Checked {
    zookeeper(values, "nerve")
}

pub(super) fn serverset(values: &Values<'_>) -> Checked {
    zookeeper(values, "serverset")
}

fn zookeeper(values: &Values<'_>, name: &str) -> Checked {
    if values.texts("servers").is_empty() {
        return Err(format!(
            "{name} SD config must contain at least one Zookeeper server"
        ));
    }
    if values.texts("paths").is_empty() {
        return Err(format!("{name} SD config must contain at least one path"));
    }
    match values.texts("paths").iter().find(|path| !path.starts_with('/')) {
        Some(path) => Err(format!("{name} SD config paths must begin with '/': {path}")),
        None => Ok(()),
    }
}

pub(super) fn nomad(values: &Values<'_>) -> Checked {
    refuse_if(
        values.text("server").trim().is_empty(),
        "nomad SD configuration requires a server address",
    )
}

pub(super) fn oci(values: &Values<'_>) -> Checked {
    require(values, &[("region", "oci_sd: region is required")])?;
    let is_written = |key: &&str| !values.text(key).is_empty();
    let passphrases = ["key_passphrase", "key_passphrase_file"];
    match values.text("auth") {
        "api_key" => {
            require(
                values,
                &[
                    ("tenancy", "oci_sd: api_key auth requires tenancy"),
                    ("user", "oci_sd: api_key auth requires user"),
                    ("fingerprint", "oci_sd: api_key auth requires fingerprint"),
                    ("key_file", "oci_sd: api_key auth requires key_file"),
                ],
            )?;
            refuse_if(
                passphrases.iter().all(is_written),
                "oci_sd: at most one of key_passphrase and key_passphrase_file must be configured",
            )?;
        }
        "instance_principal" => {
            let mut keys = ["tenancy", "user", "fingerprint", "key_file"]
                .iter()
                .chain(&passphrases);
            refuse_if(
                keys.any(is_written),
                "oci_sd: instance_principal auth must not have tenancy, user, fingerprint, key_file, key_passphrase, or key_passphrase_file set",
            )?;
        }
        other => {
            return Err(format!(
                "oci_sd: unknown auth method {other}, expected \"api_key\" or \"instance_principal\"",
                other = quoted(other)
            ));
        }
    }
    let mut compartments = values.texts("compartments").iter();
    if let Some(i) = compartments.position(String::is_empty) {
        return Err(format!("oci_sd: compartments[{i}] must not be empty"));
    }
    let interval_ms = values.ms("refresh_interval");
    if interval_ms <= 0 {
        let shown = format_ms(interval_ms);
        return Err(format!("oci_sd: refresh_interval must be positive, got {shown}"));
    }
    Ok(())
}

pub(super) fn openstack(values: &Values<'_>) -> Checked {
    let availability = values.text("availability");
    if !["public", "internal", "admin"].contains(&availability) {
        return Err(format!(
            "unknown availability {availability}, must be one of admin, internal or public"
        ));
    }
    require(
        values,
        &[
            (
                "role",
                "role missing (one of: instance, hypervisor, loadbalancer)",
            ),
            ("region", "openstack SD configuration requires a region"),
        ],
    )
}

pub(super) fn outscale(values: &Values<'_>) -> Checked {
    require(
        values,
        &[
            ("region", "outscale SD configuration requires a region"),
            ("access_key", "outscale SD configuration requires access_key"),
        ],
    )?;
    require_one_secret(values)
}

pub(super) fn ovhcloud(values: &Values<'_>) -> Checked {
    require(
        values,
        &[
            ("endpoint", "endpoint can not be empty"),
            ("application_key", "application key can not be empty"),
            ("application_secret", "application secret can not be empty"),
            ("consumer_key", "consumer key can not be empty"),
        ],
    )?;
    match values.text("service") {
        "dedicated_server" | "vps" => Ok(()),
        other => Err(format!("unknown service: {other}")),
    }
}

pub(super) fn puppetdb(values: &Values<'_>) -> Checked {
    url::check_http(values.text("url"))?;
    require(values, &[("query", "query missing")])
}

pub(super) fn scaleway(values: &Values<'_>) -> Checked {
    require(
        values,
        &[
            ("role", "role missing (one of: instance, baremetal)"),
            ("project_id", "project_id is mandatory"),
        ],
    )?;
    require_one_secret(values)?;
    require(values, &[("access_key", "access_key is mandatory")])?;
    check_scaleway_client(values).map_err(|text| format!("scaleway-sdk-go: {text}"))
}

/// What Scaleway's own library checks; a secret key of the wrong shape is not shown.
fn check_scaleway_client(values: &Values<'_>) -> Checked {
    const UUID: &str = "expected a UUID: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    let access_key = values.text("access_key");
    let is_upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if access_key.len() != 20 || !access_key.starts_with("SCW") || !access_key.bytes().all(is_upper) {
        return Err(format!(
            "invalid access key format '{access_key}', expected SCWXXXXXXXXXXXXXXXXX format"
        ));
    }
    let secret_key = values.text("secret_key");
    if !secret_key.is_empty() && !uuid::is_canonical(secret_key) {
        return Err(format!("invalid secret key format '{REDACTED}', {UUID}"));
    }
    let project = values.text("project_id");
    if !uuid::is_canonical(project) {
        return Err(format!("invalid project ID format '{project}', {UUID}"));
    }
    let zone = values.text("zone");
    require(values, &[("zone", "default zone cannot be empty")])?;
    if !is_scaleway_zone(zone) {
        return Err(format!(
            "invalid default zone format '{zone}', available zones are: fr-par-1, fr-par-2, fr-par-3, nl-ams-1, nl-ams-2, nl-ams-3, pl-waw-1, pl-waw-2, pl-waw-3"
        ));
    }
    let api_url = values.text("api_url");
    if api_url.is_empty() || url::split(api_url).is_err() {
        return Err(format!("invalid url {}", url::redacted(api_url)));
    }
    Ok(())
}

/// `^[a-z]{2}-[a-z]{3}-[1-9]$`
fn is_scaleway_zone(text: &str) -> bool {
    let shape = |place: char| match place {
        'a' => |c: char| c.is_ascii_lowercase(),
        '1' => |c: char| ('1'..='9').contains(&c),
        _ => |c: char| c == '-',
    };
    text.len() == 8
        && text
            .chars()
            .zip("aa-aaa-1".chars())
            .all(|(c, place)| shape(place)(c))
}

pub(super) fn stackit(values: &Values<'_>) -> Checked {
    let endpoint = values.text("endpoint");
    refuse_if(
        endpoint.is_empty() && values.text("region").is_empty(),
        "stackit_sd: endpoint and region missing",
    )?;
    match url::split(endpoint) {
        Ok(_) => Ok(()),
        Err(text) => Err(format!(
            "stackit_sd: invalid endpoint {endpoint}: {text}",
            endpoint = quoted(endpoint)
        )),
    }
}

pub(super) fn triton(values: &Values<'_>) -> Checked {
    refuse_if(
        !["container", "cn"].contains(&values.text("role")),
        "triton SD configuration requires role to be 'container' or 'cn'",
    )?;
    require(
        values,
        &[
            ("account", "triton SD configuration requires an account"),
            ("dns_suffix", "triton SD configuration requires a dns_suffix"),
            ("endpoint", "triton SD configuration requires an endpoint"),
        ],
    )?;
    refuse_if(
        values.ms("refresh_interval") <= 0,
        "triton SD configuration requires RefreshInterval to be a positive integer",
    )
}

pub(super) fn uyuni(values: &Values<'_>) -> Checked {
    require(
        values,
        &[("server", "Uyuni SD configuration requires server host")],
    )?;
    url::split(values.text("server")).map_err(|text| format!("Uyuni Server URL is not valid: {text}"))?;
    require(
        values,
        &[
            ("username", "Uyuni SD configuration requires a username"),
            ("password", "Uyuni SD configuration requires a password"),
        ],
    )
}
