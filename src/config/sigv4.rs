//! `sigv4`: requests signed as AWS wants them.

use super::secret::Secret;
use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node};

/// The section `sigv4`; what is empty is found as the SDK of AWS finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigV4Config {
    /// The region that the receiver is in.
    pub region: String,
    /// Names the key.
    pub access_key: String,
    /// The key; there is both or neither.
    pub secret_key: Secret,
    /// A profile of the shared files.
    pub profile: String,
    /// A role to take.
    pub role_arn: String,
    /// What the role's owner wants to hear from whoever takes it.
    pub external_id: String,
    /// Whether STS is asked at its FIPS endpoint.
    pub use_fips_sts_endpoint: bool,
    /// The service that requests are signed for; empty for Amazon's Prometheus.
    pub service_name: String,
}

impl SigV4Config {
    /// Reads the section; null is none. `sigv4: {}` is one whose every value is found elsewhere.
    pub fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "sigv4.plain")?;
        let (mark, span) = (fields.mark, fields.span);
        let config = Self {
            region: decoder.text_of(&mut fields, "region"),
            access_key: decoder.text_of(&mut fields, "access_key"),
            secret_key: decoder.secret_of(&mut fields, "secret_key"),
            profile: decoder.text_of(&mut fields, "profile"),
            role_arn: decoder.text_of(&mut fields, "role_arn"),
            external_id: decoder.text_of(&mut fields, "external_id"),
            use_fips_sts_endpoint: decoder.bool_of(&mut fields, "use_fips_sts_endpoint", false),
            service_name: decoder.text_of(&mut fields, "service_name"),
        };
        decoder.finish(fields, &[]);
        if config.access_key.is_empty() != config.secret_key.is_empty() {
            decoder.mistake_of(
                span,
                mark,
                "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
            );
        } else if !config.external_id.is_empty() && config.role_arn.is_empty() {
            decoder.mistake_of(span, mark, "external_id can only be used with role_arn");
        }
        Some(config)
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put_unless_zero("region", self.region.as_str())
            .put_unless_zero("access_key", self.access_key.as_str())
            .put_unless_zero("secret_key", self.secret_key.to_string())
            .put_unless_zero("profile", self.profile.as_str())
            .put_unless_zero("role_arn", self.role_arn.as_str())
            .put_unless_zero("external_id", self.external_id.as_str())
            .put_unless_zero("use_fips_sts_endpoint", self.use_fips_sts_endpoint)
            .put_unless_zero("service_name", self.service_name.as_str());
        map.into()
    }
}
