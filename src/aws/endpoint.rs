//! Where the services of a region are.

use super::{AwsError, Environment};

/// Domains of the partitions, by how the names of their regions begin; every other region is in the first.
const PARTITIONS: [(&str, &str); 7] = [
    ("", "amazonaws.com"),
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
];

/// The address of a service: what the environment says, then what the profile says, then that of the region.
///
/// # Errors
/// When the region cannot be part of a host's name.
pub fn endpoint(
    service: &str,
    region: &str,
    is_fips: bool,
    of_profile: Option<&str>,
    environment: &Environment,
) -> Result<String, AwsError> {
    if !environment.says_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        let of_service = format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase());
        let written = environment.first(&[&of_service, "AWS_ENDPOINT_URL"]);
        if let Some(written) = written.or_else(|| of_profile.map(str::to_owned)) {
            return Ok(written);
        }
    }
    if region.is_empty() {
        return Err(AwsError::new(format!(
            "expected a region to find {service} in, found none"
        )));
    }
    if !region
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(AwsError::new(format!(
            "expected a region of letters, digits and hyphens, found {region:?}"
        )));
    }
    let of_region = |(prefix, _): &&(&str, &str)| region.starts_with(prefix);
    let domain = PARTITIONS
        .iter()
        .rev()
        .find(of_region)
        .map_or("", |(_, domain)| domain);
    let fips = if is_fips { "-fips" } else { "" };
    Ok(format!("https://{service}{fips}.{region}.{domain}"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn environment(variables: &[(&'static str, &str)]) -> Environment {
        let variables: Vec<_> = variables.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        Environment::new(variables, || Timestamp::UNIX_EPOCH)
    }

    #[track_caller]
    fn check(service: &str, region: &str, is_fips: bool, expected: &str) {
        let found = endpoint(service, region, is_fips, None, &environment(&[]));
        assert_eq!(found.unwrap_or_else(|error| error.to_string()), expected);
    }

    #[test]
    fn a_region_lies_in_the_domain_of_its_partition() {
        check("ec2", "eu-west-2", false, "https://ec2.eu-west-2.amazonaws.com");
        check(
            "sts",
            "us-east-1",
            true,
            "https://sts-fips.us-east-1.amazonaws.com",
        );
        check(
            "sts",
            "us-gov-west-1",
            true,
            "https://sts-fips.us-gov-west-1.amazonaws.com",
        );
        check(
            "ec2",
            "cn-north-1",
            false,
            "https://ec2.cn-north-1.amazonaws.com.cn",
        );
        check(
            "ec2",
            "us-isob-east-1",
            false,
            "https://ec2.us-isob-east-1.sc2s.sgov.gov",
        );
    }

    #[test]
    fn a_region_that_is_no_name_is_refused() {
        check("ec2", "", false, "expected a region to find ec2 in, found none");
        let text = "expected a region of letters, digits and hyphens, found \"x/@evil\"";
        check("ec2", "x/@evil", false, text);
    }

    #[test]
    fn the_environment_goes_before_the_profile_unless_it_says_that_neither_counts() {
        let of = |variables: &[(&'static str, &str)]| {
            endpoint("sts", "r", false, Some("http://profile"), &environment(variables)).unwrap()
        };
        let all = ("AWS_ENDPOINT_URL", "http://all");
        assert_eq!(of(&[all, ("AWS_ENDPOINT_URL_STS", "http://sts")]), "http://sts");
        assert_eq!(of(&[all]), "http://all");
        assert_eq!(of(&[("AWS_ENDPOINT_URL_EC2", "http://ec2")]), "http://profile");
        assert_eq!(
            of(&[all, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]),
            "https://sts.r.amazonaws.com"
        );
    }
}
