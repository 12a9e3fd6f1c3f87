//! What is told of an instance: `__address__` and `__meta_ec2_…`.
//!
//! | label | element | without it |
//! |---|---|---|
//! | `instance_id`, `ami`, `availability_zone`, `instance_state` | `instanceId`, `imageId`, `placement`, `instanceState` | an error: no instance lacks them |
//! | `private_ip`, and `__address__` from it | `privateIpAddress` | the default IPv6 address is taken, and the instance is left out if there is none either |
//! | `public_ip`, `public_dns_name` | `ipAddress`, `dnsName` | neither |
//! | `vpc_id`, `primary_subnet_id`, `subnet_id`, all of IPv6 | `vpcId`, `subnetId`, `networkInterfaceSet` | none of them |
//! | all others | of the same name | none |
//!
//! Lists have a comma before, between and after their items.

use std::collections::BTreeMap;

use tsdb::model::{Labels, LabelsBuilder};

use crate::aws::{AwsError, Element};

/// What is known besides the instance.
pub(super) struct Place<'a> {
    pub(super) region: &'a str,
    /// Ids of the zones by their names.
    pub(super) zone_ids: &'a BTreeMap<String, String>,
    pub(super) port: i64,
}

/// How many network interfaces an instance may have; the largest types have a few dozen.
const DEVICES_MAX: usize = 1024;

/// The addresses of version 6.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ipv6<'a> {
    /// That of device n at position n; a device without one has an empty text.
    primary: Vec<&'a str>,
    all: Vec<&'a str>,
}

/// The labels of an instance; none if it has no address.
pub(super) fn labels(
    instance: &Element,
    reservation: &Element,
    place: &Place<'_>,
) -> Result<Option<Labels>, AwsError> {
    let id = &instance.need("instanceId")?.text;
    let inside = |error: AwsError| error.while_doing(id);
    let ipv6 = Ipv6::of(instance).map_err(inside)?;
    let private = instance.text_of("privateIpAddress");
    let Some(address) = private.or(ipv6.default_address()) else {
        return Ok(None);
    };
    let mut labels = LabelsBuilder::new();
    labels.set("__address__", &joined(address, place.port));
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            labels.set(&format!("__meta_ec2_{name}"), value);
        }
    };
    // Tags first: no tag can take the place of another label, since those do not begin with `tag_`.
    for tag in instance.items("tagSet") {
        if let (Some(key), value @ Some(_)) = (tag.text_of("key"), tag.text_of("value")) {
            put(&format!("tag_{}", sanitized(key)), value);
        }
    }
    let zone = &instance
        .need("placement")?
        .need("availabilityZone")
        .map_err(inside)?
        .text;
    let state = &instance.need("instanceState")?.need("name").map_err(inside)?.text;
    put("ami", Some(&instance.need("imageId").map_err(inside)?.text));
    put("architecture", instance.text_of("architecture"));
    put("availability_zone", Some(zone));
    put(
        "availability_zone_id",
        place.zone_ids.get(zone).map(String::as_str),
    );
    put("default_ipv6_address", ipv6.default_address());
    put("instance_id", Some(id));
    put("instance_lifecycle", instance.text_of("instanceLifecycle"));
    put("instance_state", Some(state));
    put("instance_type", instance.text_of("instanceType"));
    put("ipv6_addresses", list(&ipv6.all).as_deref());
    put("owner_id", reservation.text_of("ownerId"));
    put("platform", instance.text_of("platform"));
    put("primary_ipv6_addresses", list(&ipv6.primary).as_deref());
    put("private_dns_name", instance.text_of("privateDnsName"));
    put("private_ip", private);
    let public = instance.text_of("ipAddress");
    put("public_ip", public);
    put(
        "public_dns_name",
        public.and_then(|_| instance.text_of("dnsName")),
    );
    put("region", Some(place.region));
    if let vpc @ Some(_) = instance.text_of("vpcId") {
        put("vpc_id", vpc);
        put("primary_subnet_id", instance.text_of("subnetId"));
        // Two commas when no interface has a subnet, as Prometheus writes it.
        put(
            "subnet_id",
            Some(&list(&subnets(instance)).unwrap_or_else(|| ",,".to_owned())),
        );
    }
    Ok(Some(labels.build()))
}

/// The subnets of the interfaces in their order, each once.
fn subnets(instance: &Element) -> Vec<&str> {
    let mut all = Vec::new();
    for interface in instance.items("networkInterfaceSet") {
        if let Some(subnet) = interface.text_of("subnetId")
            && !all.contains(&subnet)
        {
            all.push(subnet);
        }
    }
    all
}

impl<'a> Ipv6<'a> {
    fn of(instance: &'a Element) -> Result<Self, AwsError> {
        let mut found = Self::default();
        if instance.child("vpcId").is_none() {
            return Ok(found);
        }
        for interface in instance.items("networkInterfaceSet") {
            if interface.child("subnetId").is_none() {
                continue;
            }
            for item in interface.items("ipv6AddressesSet") {
                let address = item.need("ipv6Address")?.text.as_str();
                found.all.push(address);
                if item.text_of("isPrimaryIpv6") == Some("true") {
                    found.set_primary(device(interface)?, address);
                }
            }
        }
        Ok(found)
    }

    fn set_primary(&mut self, device: usize, address: &'a str) {
        if self.primary.len() <= device {
            self.primary.resize(device + 1, "");
        }
        self.primary[device] = address;
    }

    /// The first primary address, else the first of all.
    fn default_address(&self) -> Option<&'a str> {
        let mut all = self.primary.iter().chain(&self.all);
        all.find(|address| !address.is_empty()).copied()
    }
}

/// Which device of its instance an interface is.
fn device(interface: &Element) -> Result<usize, AwsError> {
    let text = &interface.need("attachment")?.need("deviceIndex")?.text;
    let device = text.parse().ok().filter(|device| *device < DEVICES_MAX);
    device.ok_or_else(|| {
        AwsError::unexpected(format!(
            "deviceIndex: expected a number below {DEVICES_MAX}, found {text:?}"
        ))
    })
}

/// `,a,b,`; nothing for no items.
fn list(items: &[&str]) -> Option<String> {
    (!items.is_empty()).then(|| format!(",{},", items.join(",")))
}

/// Host and port, with brackets around an address of version 6.
fn joined(host: &str, port: i64) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// A tag's name as a part of a label's name.
fn sanitized(key: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    key.chars().map(known).collect()
}

#[cfg(test)]
mod tests;
