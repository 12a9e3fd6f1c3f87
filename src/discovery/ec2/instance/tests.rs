//! Labels of instances as AWS describes them.

use super::*;

/// The labels of an instance as `name=value`, with `__meta_ec2_` cut off.
fn labels_of(instance: &str) -> Result<Option<Vec<String>>, String> {
    let text = format!("<item>{instance}</item>");
    let instance = Element::parse(text.as_bytes()).unwrap();
    let reservation = Element::parse(b"<item><ownerId>1234</ownerId></item>").unwrap();
    let zone_ids = [("eu-west-2a".to_owned(), "euw2-az2".to_owned())].into();
    let place = Place {
        region: "eu-west-2",
        zone_ids: &zone_ids,
        port: 9100,
    };
    let labels = labels(&instance, &reservation, &place).map_err(|error| error.to_string())?;
    Ok(labels.map(|labels| {
        let pair = |(name, value): (&str, &str)| {
            format!("{}={value}", name.strip_prefix("__meta_ec2_").unwrap_or(name))
        };
        labels.iter().map(pair).collect()
    }))
}

/// What every instance has.
const LEAST: &str = "<instanceId>i-1</instanceId><imageId>ami-1</imageId><instanceType>t3.micro</instanceType>\
                     <placement><availabilityZone>eu-west-2a</availabilityZone></placement>\
                     <instanceState><code>16</code><name>running</name></instanceState>";

/// The labels of an instance with more than the least, of which only those named are looked at.
#[track_caller]
fn check(more: &str, expected: &[&str]) {
    let labels = labels_of(&format!("{LEAST}{more}")).unwrap().unwrap();
    let names: Vec<&str> = expected
        .iter()
        .filter_map(|pair| pair.split('=').next())
        .collect();
    let found: Vec<&String> = labels
        .iter()
        .filter(|pair| names.contains(&pair.split('=').next().unwrap_or("")))
        .collect();
    let expected: Vec<&str> = expected
        .iter()
        .filter(|pair| !pair.ends_with('='))
        .copied()
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn an_instance_outside_of_a_vpc_has_these_labels_and_no_others() {
    let labels = labels_of(&format!("{LEAST}<privateIpAddress>10.0.0.1</privateIpAddress>"));
    assert_eq!(
        labels.unwrap().unwrap(),
        [
            "__address__=10.0.0.1:9100",
            "ami=ami-1",
            "availability_zone=eu-west-2a",
            "availability_zone_id=euw2-az2",
            "instance_id=i-1",
            "instance_state=running",
            "instance_type=t3.micro",
            "owner_id=1234",
            "private_ip=10.0.0.1",
            "region=eu-west-2",
        ]
    );
}

#[test]
fn an_instance_without_an_address_is_left_out() {
    assert_eq!(labels_of(LEAST), Ok(None));
    let interface = "<vpcId>vpc-1</vpcId><networkInterfaceSet><item><subnetId>s-1</subnetId></item></networkInterfaceSet>";
    assert_eq!(labels_of(&format!("{LEAST}{interface}")), Ok(None));
}

#[test]
fn a_public_name_needs_a_public_address() {
    let private = "<privateIpAddress>10.0.0.1</privateIpAddress><dnsName>x.example</dnsName>";
    check(private, &["public_dns_name=", "public_ip="]);
    let public = format!("{private}<ipAddress>1.2.3.4</ipAddress>");
    check(&public, &["public_dns_name=x.example", "public_ip=1.2.3.4"]);
}

#[test]
fn what_is_said_of_the_machine_becomes_labels() {
    check(
        "<privateIpAddress>10.0.0.1</privateIpAddress><architecture>arm64</architecture>\
         <instanceLifecycle>spot</instanceLifecycle><platform>windows</platform>\
         <privateDnsName>ip-10-0-0-1</privateDnsName>",
        &[
            "architecture=arm64",
            "instance_lifecycle=spot",
            "platform=windows",
            "private_dns_name=ip-10-0-0-1",
        ],
    );
}

#[test]
fn subnets_are_listed_once_in_their_order_between_commas() {
    let interfaces: String = ["s-2", "s-1", "s-2"]
        .map(|subnet| format!("<item><subnetId>{subnet}</subnetId></item>"))
        .concat();
    check(
        &format!(
            "<privateIpAddress>10.0.0.1</privateIpAddress><vpcId>vpc-1</vpcId><subnetId>s-1</subnetId>\
             <networkInterfaceSet>{interfaces}<item/></networkInterfaceSet>"
        ),
        &["primary_subnet_id=s-1", "subnet_id=,s-2,s-1,", "vpc_id=vpc-1"],
    );
    check(
        "<privateIpAddress>10.0.0.1</privateIpAddress><vpcId>vpc-1</vpcId>",
        &["primary_subnet_id=", "subnet_id=,,"],
    );
}

/// An interface that is device `device` with addresses and whether each is primary.
fn interface(device: usize, addresses: &[(&str, bool)]) -> String {
    let items = addresses.iter().map(|(address, primary)| {
        format!("<item><ipv6Address>{address}</ipv6Address><isPrimaryIpv6>{primary}</isPrimaryIpv6></item>")
    });
    format!(
        "<item><subnetId>s</subnetId><attachment><deviceIndex>{device}</deviceIndex></attachment>\
         <ipv6AddressesSet>{}</ipv6AddressesSet></item>",
        items.collect::<String>()
    )
}

fn with_interfaces(interfaces: &str) -> String {
    format!("<vpcId>vpc-1</vpcId><networkInterfaceSet>{interfaces}</networkInterfaceSet>")
}

#[test]
fn primary_addresses_stand_at_the_place_of_their_device() {
    let interfaces =
        interface(3, &[("2600::3", true)]) + &interface(1, &[("2600::1", false), ("2600::2", true)]);
    check(
        &with_interfaces(&interfaces),
        &[
            "__address__=[2600::2]:9100",
            "default_ipv6_address=2600::2",
            "ipv6_addresses=,2600::3,2600::1,2600::2,",
            "primary_ipv6_addresses=,,2600::2,,2600::3,",
            "private_ip=",
        ],
    );
}

#[test]
fn without_a_primary_address_the_first_one_is_the_default() {
    let interfaces = with_interfaces(&interface(0, &[("2600::1", false), ("2600::2", false)]));
    check(
        &interfaces,
        &[
            "__address__=[2600::1]:9100",
            "default_ipv6_address=2600::1",
            "ipv6_addresses=,2600::1,2600::2,",
            "primary_ipv6_addresses=",
        ],
    );
    check(
        &format!("{interfaces}<privateIpAddress>10.0.0.1</privateIpAddress>"),
        &["__address__=10.0.0.1:9100", "default_ipv6_address=2600::1"],
    );
}

#[test]
fn a_tag_keeps_its_value_and_loses_what_no_label_name_holds() {
    let tag = |key: &str, value: &str| format!("<item><key>{key}</key><value>{value}</value></item>");
    let tags = [
        tag("Name", "a b"),
        tag("kubernetes.io/role", "x"),
        tag("aws:größe ", " y "),
        tag("empty", ""),
        tag("a-b", "first"),
        tag("a.b", "second"),
    ];
    check(
        &format!(
            "<privateIpAddress>10.0.0.1</privateIpAddress><tagSet>{}</tagSet>",
            tags.concat()
        ),
        &[
            "tag_Name=a b",
            "tag_a_b=second",
            "tag_aws_gr__e_= y ",
            "tag_empty=",
            "tag_kubernetes_io_role=x",
        ],
    );
}

#[test]
fn an_instance_that_lacks_what_every_instance_has_is_an_error_that_names_it() {
    let address = "<privateIpAddress>10.0.0.1</privateIpAddress>";
    let renamed =
        |from: &str, to: &str| labels_of(&format!("{}{address}", LEAST.replace(from, to))).unwrap_err();
    assert_eq!(
        renamed("imageId", "imageIdentifier"),
        "i-1: expected <imageId> in <item>, found instanceId, imageIdentifier, instanceType, placement, \
         instanceState, privateIpAddress"
    );
    assert!(renamed("instanceId", "id").starts_with("expected <instanceId> in <item>, found id, "));
    let device = with_interfaces(&interface(5000, &[("2600::1", true)]));
    assert_eq!(
        labels_of(&format!("{LEAST}{device}")).unwrap_err(),
        "i-1: deviceIndex: expected a number below 1024, found \"5000\""
    );
}
