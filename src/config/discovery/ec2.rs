//! `ec2_sd_configs`: the instances of a region of AWS.

use std::path::Path;

use super::Mechanism;
use crate::config::duration::format_ms;
use crate::config::http_client::HttpClientConfig;
use crate::config::secret::Secret;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Node, Span};

/// The instances of a region; what is empty is found as the SDK of AWS finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2SdConfig {
    /// Where EC2 is, if not where the region says.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// Names the key.
    pub access_key: String,
    /// The key; counts only together with its name.
    pub secret_key: Secret,
    /// A profile of the shared files.
    pub profile: String,
    /// A role to take.
    pub role_arn: String,
    /// What the role's owner wants to hear from whoever takes it.
    pub external_id: String,
    /// How often instances are asked for.
    pub refresh_interval_ms: i64,
    /// The port that is scraped.
    pub port: i64,
    /// Which instances are meant; all of these must hold.
    pub filters: Vec<Ec2Filter>,
    /// How AWS is spoken to.
    pub http_client: HttpClientConfig,
}

/// One filter: any of the values will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ec2Filter {
    /// As AWS names it: `tag:environment`, `instance-state-name`.
    pub name: String,
    /// At least one.
    pub values: Vec<String>,
}

/// How often instances are asked for, unless told otherwise.
const REFRESH_INTERVAL_MS_DEFAULT: i64 = 60_000;

/// The port that is scraped, unless told otherwise.
const PORT_DEFAULT: i64 = 80;

impl Default for Ec2SdConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            region: String::new(),
            access_key: String::new(),
            secret_key: Secret::default(),
            profile: String::new(),
            role_arn: String::new(),
            external_id: String::new(),
            refresh_interval_ms: REFRESH_INTERVAL_MS_DEFAULT,
            port: PORT_DEFAULT,
            filters: Vec::new(),
            http_client: HttpClientConfig::default(),
        }
    }
}

impl Mechanism for Ec2SdConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "aws.plain")?;
        let span = fields.span;
        let filters_mark = fields.mark_of("filters");
        let mut config = Self {
            endpoint: decoder.text_of(&mut fields, "endpoint"),
            region: decoder.text_of(&mut fields, "region"),
            access_key: decoder.text_of(&mut fields, "access_key"),
            secret_key: decoder.secret_of(&mut fields, "secret_key"),
            profile: decoder.text_of(&mut fields, "profile"),
            role_arn: decoder.text_of(&mut fields, "role_arn"),
            external_id: decoder.text_of(&mut fields, "external_id"),
            refresh_interval_ms: decoder.duration_of(
                &mut fields,
                "refresh_interval",
                REFRESH_INTERVAL_MS_DEFAULT,
            ),
            port: match fields.take("port") {
                Some(node) => decoder.int(node, "int").unwrap_or(PORT_DEFAULT),
                None => PORT_DEFAULT,
            },
            filters: match fields.take("filters") {
                Some(node) => Ec2Filter::decode_all(node, span, decoder),
                None => Vec::new(),
            },
            http_client: HttpClientConfig::default(),
        };
        if config.filters.iter().any(|filter| filter.values.is_empty()) {
            let text = "EC2 SD configuration filter values cannot be empty";
            decoder.mistake_of(span, filters_mark, text);
        }
        config.http_client =
            decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder));
        decoder.finish(fields, &[]);
        Some(config)
    }

    fn set_directory(&mut self, directory: &Path) {
        self.http_client.set_directory(directory);
    }

    fn http_client(&self) -> Option<&HttpClientConfig> {
        Some(&self.http_client)
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put("endpoint", self.endpoint.as_str())
            .put("region", self.region.as_str())
            .put_unless_zero("access_key", self.access_key.as_str())
            .put_unless_zero("secret_key", self.secret_key.to_string())
            .put_unless_zero("profile", self.profile.as_str())
            .put_unless_zero("role_arn", self.role_arn.as_str())
            .put_unless_zero("external_id", self.external_id.as_str());
        if self.refresh_interval_ms != 0 {
            map.put("refresh_interval", format_ms(self.refresh_interval_ms));
        }
        let filters = self.filters.iter().map(Ec2Filter::to_out).collect();
        map.put("port", self.port).put("filters", Out::List(filters));
        self.http_client.write(&mut map);
        map.into()
    }
}

impl Ec2Filter {
    fn decode_all(node: &Node, section: Span, decoder: &mut Decoder) -> Vec<Self> {
        let items = decoder.items(node, "[]*aws.Filter").unwrap_or_default();
        let mut filters = Vec::new();
        for item in items {
            if item.is_null() {
                // Prometheus would not survive it.
                decoder.mistake_of(section, item.mark, "empty or null filter in EC2 SD configuration");
            } else if let Some(mut fields) = decoder.fields(item, "aws.Filter") {
                filters.push(Self {
                    name: decoder.text_of(&mut fields, "name"),
                    values: decoder.strings_of(&mut fields, "values"),
                });
                decoder.finish(fields, &[]);
            }
        }
        filters
    }

    fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put("name", self.name.as_str())
            .put("values", self.values.clone());
        map.into()
    }
}
