//! A region asked through a server that stands in for EC2 and STS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::aws::testing::{Asked, Clock, Reply, Server, sts_answer};
use crate::config::{Ec2Filter, Secret};
use crate::telemetry::Registry;

fn config(endpoint: &str) -> Ec2SdConfig {
    Ec2SdConfig {
        endpoint: endpoint.to_owned(),
        region: "eu-west-2".into(),
        access_key: "AKID".into(),
        secret_key: Secret::new("hunter2"),
        port: 9100,
        ..Ec2SdConfig::default()
    }
}

fn region_of(config: &Ec2SdConfig, variables: &[(&'static str, &str)]) -> Ec2Region {
    Ec2Region::new(config, Clock::new().environment(variables)).unwrap()
}

fn zones() -> Reply {
    Reply::ok(
        "<DescribeAvailabilityZonesResponse><availabilityZoneInfo><item><zoneName>eu-west-2a</zoneName>\
         <zoneId>euw2-az2</zoneId></item><item/></availabilityZoneInfo></DescribeAvailabilityZonesResponse>",
    )
}

/// A page with one instance of this address; `next` names the page after it.
fn page(address: &str, next: &str) -> Reply {
    Reply::ok(format!(
        "<DescribeInstancesResponse><reservationSet><item><ownerId>1</ownerId><instancesSet><item>\
         <instanceId>i-{address}</instanceId><imageId>ami</imageId><privateIpAddress>{address}</privateIpAddress>\
         <placement><availabilityZone>eu-west-2a</availabilityZone></placement>\
         <instanceState><name>running</name></instanceState></item></instancesSet></item></reservationSet>\
         <nextToken>{next}</nextToken></DescribeInstancesResponse>"
    ))
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply::Full(
        status,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>no hunter2</Message></Error></Errors></Response>"
        ),
    )
}

fn addresses(groups: &[TargetGroup]) -> Vec<&str> {
    let targets = groups.iter().flat_map(|group| &group.targets);
    targets.filter_map(|target| target.get("__address__")).collect()
}

#[tokio::test]
async fn all_pages_make_one_group_named_by_the_region() {
    let server = Server::start(|asked: &Asked| match asked.field("Action").as_str() {
        "DescribeAvailabilityZones" => zones(),
        _ => match asked.field("NextToken").as_str() {
            "" => page("10.0.0.1", "two"),
            "two" => page("10.0.0.2", "three"),
            _ => page("10.0.0.3", ""),
        },
    })
    .await;
    let mut region = region_of(&config(&server.url), &[]);
    let groups = region.refresh().await.unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].source, "eu-west-2");
    assert_eq!(
        addresses(&groups),
        ["10.0.0.1:9100", "10.0.0.2:9100", "10.0.0.3:9100"]
    );
    let zone_id = groups[0].targets[0].get("__meta_ec2_availability_zone_id");
    assert_eq!(zone_id, Some("euw2-az2"));
    region.refresh().await.unwrap();
    let asked = server.asked();
    let zones = asked
        .iter()
        .filter(|asked| asked.field("Action") == "DescribeAvailabilityZones");
    assert_eq!((zones.count(), asked.len()), (1, 7), "zones are asked for once");
}

#[tokio::test]
async fn filters_go_with_every_page() {
    let server = Server::start(|asked: &Asked| match asked.field("NextToken").as_str() {
        "" => page("10.0.0.1", "two"),
        _ => page("10.0.0.2", ""),
    })
    .await;
    let mut config = config(&server.url);
    let filter = |name: &str, values: &[&str]| Ec2Filter {
        name: name.into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    config.filters = vec![
        filter("tag:env", &["prod", "dev"]),
        filter("instance-state-name", &["running"]),
    ];
    region_of(&config, &[]).refresh().await.unwrap();
    let asked = server.last();
    assert_eq!(
        asked.body,
        "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag%3Aenv&Filter.1.Value.1=prod\
         &Filter.1.Value.2=dev&Filter.2.Name=instance-state-name&Filter.2.Value.1=running&NextToken=two"
    );
}

#[tokio::test]
async fn without_leave_to_ask_for_zones_only_their_ids_are_missing() {
    let server = Server::start(|asked: &Asked| match asked.field("Action").as_str() {
        "DescribeAvailabilityZones" => refusal(403, "UnauthorizedOperation"),
        _ => page("10.0.0.1", ""),
    })
    .await;
    let groups = region_of(&config(&server.url), &[]).refresh().await.unwrap();
    assert_eq!(groups[0].targets[0].get("__meta_ec2_availability_zone_id"), None);
    assert_eq!(
        groups[0].targets[0].get("__meta_ec2_availability_zone"),
        Some("eu-west-2a")
    );
}

#[tokio::test]
async fn a_role_is_taken_before_instances_are_asked_for() {
    let server = Server::start(|asked: &Asked| match asked.field("Action").as_str() {
        "AssumeRole" => Reply::ok(sts_answer("AssumeRole", "ASSUMED", "2026-05-04T13:00:00Z")),
        "DescribeAvailabilityZones" => zones(),
        _ => page("10.0.0.1", ""),
    })
    .await;
    let mut config = config(&server.url);
    config.role_arn = "arn:aws:iam::1:role/scraper".into();
    config.external_id = "theirs".into();
    region_of(&config, &[("AWS_ENDPOINT_URL_STS", &server.url)])
        .refresh()
        .await
        .unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].field("ExternalId"), "theirs");
    assert!(asked[0].header("authorization").contains("Credential=AKID/"));
    let last = server.last();
    assert!(
        last.header("authorization")
            .contains("Credential=ASSUMED/20260504/eu-west-2/ec2/")
    );
    assert_eq!(last.header("x-amz-security-token"), "assumed-token");
}

#[tokio::test]
async fn after_a_refusal_region_and_keys_are_looked_for_anew() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials");
    let keys = |key: &str| {
        let text = format!("[p]\naws_access_key_id = {key}\naws_secret_access_key = hunter2\n");
        std::fs::write(&file, text).unwrap();
    };
    let server = Server::start(|asked: &Asked| match asked.field("Action").as_str() {
        "DescribeAvailabilityZones" => zones(),
        _ if asked.header("authorization").contains("Credential=OLD/") => refusal(400, "ExpiredToken"),
        _ => page("10.0.0.1", ""),
    })
    .await;
    let config = Ec2SdConfig {
        endpoint: server.url.clone(),
        profile: "p".into(),
        ..Ec2SdConfig::default()
    };
    let path = file.to_string_lossy().into_owned();
    let mut region = region_of(
        &config,
        &[
            ("AWS_SHARED_CREDENTIALS_FILE", &path),
            ("AWS_DEFAULT_REGION", "eu-west-2"),
        ],
    );
    keys("OLD");
    let error = region.refresh().await.unwrap_err();
    assert_eq!(
        error,
        "could not describe instances: DescribeInstances: 400 X: ExpiredToken: no <secret>"
    );
    keys("NEW");
    assert_eq!(addresses(&region.refresh().await.unwrap()), ["10.0.0.1:80"]);
}

/// What a refresh says when instances are answered like this, which must not name a secret.
async fn error_of(answer: impl Fn() -> Reply + Send + Sync + 'static) -> String {
    let server = Server::start(move |asked: &Asked| match asked.field("Action").as_str() {
        "DescribeAvailabilityZones" => zones(),
        _ => answer(),
    })
    .await;
    let error = region_of(&config(&server.url), &[]).refresh().await.unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
    error
}

#[tokio::test]
async fn each_kind_of_bad_answer_is_told_with_what_it_was() {
    let error = error_of(|| refusal(401, "AuthFailure")).await;
    assert_eq!(
        error,
        "could not describe instances: DescribeInstances: 401 X: AuthFailure: no <secret>"
    );
    let error = error_of(|| Reply::Full(500, "<html>".into())).await;
    assert!(error.ends_with("server returned HTTP status 500 X"), "{error}");
    let error = error_of(|| Reply::ok("<DescribeInstancesResponse><reservationSet>")).await;
    assert!(
        error.ends_with("the answer ends within <reservationSet>"),
        "{error}"
    );
    let error =
        error_of(|| Reply::ok("<DescribeInstancesResponse><reservations/></DescribeInstancesResponse>"))
            .await;
    let expected = "could not describe instances: expected <reservationSet> in <DescribeInstancesResponse>, \
                    found reservations";
    assert_eq!(error, expected);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_does_not_hang_the_refresh() {
    let server = Server::start(|_| Reply::Never).await;
    let error = region_of(&config(&server.url), &[]).refresh().await.unwrap_err();
    assert!(error.ends_with("context deadline exceeded"), "{error}");
}

#[tokio::test]
async fn a_failed_refresh_tells_nothing_and_is_counted() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |asked: &Asked| match asked.field("Action").as_str() {
        "DescribeAvailabilityZones" => zones(),
        _ => match count.fetch_add(1, Ordering::Relaxed) {
            0 => page("10.0.0.1", ""),
            1 => refusal(403, "UnauthorizedOperation"),
            _ => Reply::ok("<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"),
        },
    })
    .await;
    let registry = Registry::new();
    let mut provider =
        Ec2Provider::new(&config(&server.url), "job", &DiscoveryMetrics::new(&registry)).unwrap();
    provider.every = Duration::from_millis(1);
    let (updates, mut heard) = Updates::channel();
    let running = tokio::spawn(Box::new(provider).run(updates));
    let first = heard.recv().await.unwrap();
    assert_eq!(addresses(&first), ["10.0.0.1:9100"]);
    let after_the_failure = heard.recv().await.unwrap();
    assert_eq!(addresses(&after_the_failure), [""; 0]);
    assert_eq!(
        after_the_failure[0].source, "eu-west-2",
        "the region has no instances any more"
    );
    running.abort();
    let text = registry.render();
    let counted = "prometheus_sd_refresh_failures_total{config=\"job\",mechanism=\"ec2\"} 1\n";
    assert!(text.contains(counted), "{text}");
}
