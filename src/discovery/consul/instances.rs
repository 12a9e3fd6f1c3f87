//! The instances of one service: where they are and how they are.

use std::collections::BTreeMap;

use serde::Deserialize;
use tokio::time::{Instant, sleep};
use tracing::error;
use tsdb::model::{Labels, LabelsBuilder};

use super::Consul;
use crate::discovery::TargetGroup;
use crate::discovery::json::nullable;
use crate::discovery::label::{host_port, sanitized};
use crate::discovery::provider::Updates;

/// What the API says of an instance.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    node: Node,
    service: Service,
    #[serde(default, deserialize_with = "nullable")]
    checks: Vec<Check>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    #[serde(deserialize_with = "nullable")]
    node: String,
    #[serde(deserialize_with = "nullable")]
    address: String,
    #[serde(deserialize_with = "nullable")]
    tagged_addresses: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    meta: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Service {
    #[serde(rename = "ID", deserialize_with = "nullable")]
    id: String,
    #[serde(deserialize_with = "nullable")]
    tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    meta: BTreeMap<String, String>,
    #[serde(deserialize_with = "nullable")]
    port: i64,
    #[serde(deserialize_with = "nullable")]
    address: String,
    #[serde(deserialize_with = "nullable")]
    namespace: String,
    #[serde(deserialize_with = "nullable")]
    partition: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Check {
    #[serde(rename = "CheckID", deserialize_with = "nullable")]
    check_id: String,
    #[serde(deserialize_with = "nullable")]
    status: String,
}

/// Watches the instances of `service` until nobody listens.
pub(super) async fn watch(consul: &Consul, service: &str, updates: &Updates) {
    let mut ticks = consul.ticks();
    let mut index = 0;
    loop {
        let began = Instant::now();
        let mut parameters = consul.watching.parameters(index, &consul.health_filter);
        parameters.extend(consul.tags.iter().map(|tag| ("tag", tag.clone())));
        let answer = consul
            .api
            .get::<Vec<Instance>>(&["health", "service", service], &parameters)
            .await;
        consul.service_duration.observe(began.elapsed().as_secs_f64());
        match answer {
            // With the same index the wait is over and nothing is new.
            Ok(answer) if answer.index == index => {}
            Ok(answer) => {
                index = answer.index;
                let group = consul.group(service, &answer.value);
                if !updates.send(vec![group]).await {
                    return;
                }
            }
            Err(error) => {
                let (datacenter, tags) = (&consul.datacenter, consul.tags.join(","));
                error!(%error, datacenter, service, tags, "Error refreshing service");
                consul.failures.inc();
                sleep(consul.retry).await;
            }
        }
        ticks.tick().await;
    }
}

impl Consul {
    fn group(&self, service: &str, instances: &[Instance]) -> TargetGroup {
        TargetGroup {
            source: service.to_owned(),
            targets: instances
                .iter()
                .map(|instance| instance.target(&self.tag_separator))
                .collect(),
            labels: Labels::from_pairs([
                ("__meta_consul_service", service),
                ("__meta_consul_dc", &self.datacenter),
            ]),
        }
    }
}

impl Instance {
    fn target(&self, tag_separator: &str) -> Labels {
        let (node, service) = (&self.node, &self.service);
        // A service may be registered through another node than it runs on.
        let host = match service.address.as_str() {
            "" => &node.address,
            address => address,
        };
        // The separator around all tags frees regular expressions from asking where one stands.
        let tags = service.tags.join(tag_separator);
        let mut labels = LabelsBuilder::new();
        labels
            .set("__address__", &host_port(host, service.port))
            .set("__meta_consul_address", &node.address)
            .set("__meta_consul_node", &node.node)
            .set("__meta_consul_namespace", &service.namespace)
            .set("__meta_consul_partition", &service.partition)
            .set(
                "__meta_consul_tags",
                &format!("{tag_separator}{tags}{tag_separator}"),
            )
            .set("__meta_consul_service_address", &service.address)
            .set("__meta_consul_service_port", &service.port.to_string())
            .set("__meta_consul_service_id", &service.id)
            .set("__meta_consul_health", health(&self.checks));
        for (prefix, pairs) in [
            ("__meta_consul_metadata_", &node.meta),
            ("__meta_consul_service_metadata_", &service.meta),
            ("__meta_consul_tagged_address_", &node.tagged_addresses),
        ] {
            for (key, value) in pairs {
                labels.set(&format!("{prefix}{}", sanitized(key)), value);
            }
        }
        labels.build()
    }
}

/// The worst of all checks; a check of unknown status makes the whole unknown.
fn health(checks: &[Check]) -> &'static str {
    const BY_BADNESS: [&str; 4] = ["passing", "warning", "critical", "maintenance"];
    let mut worst = 0;
    for check in checks {
        let id = check.check_id.as_str();
        let badness = match check.status.as_str() {
            _ if id == "_node_maintenance" || id.starts_with("_service_maintenance:") => 3,
            "critical" => 2,
            "warning" => 1,
            "passing" => 0,
            _ => return "",
        };
        worst = badness.max(worst);
    }
    BY_BADNESS[worst]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_health(checks: &[(&str, &str)], expected: &str) {
        let check = |(id, status): &(&str, &str)| Check {
            check_id: (*id).to_owned(),
            status: (*status).to_owned(),
        };
        assert_eq!(health(&checks.iter().map(check).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn the_worst_check_decides() {
        check_health(&[], "passing");
        check_health(&[("a", "passing"), ("b", "warning")], "warning");
        check_health(&[("a", "critical"), ("b", "warning")], "critical");
        check_health(
            &[("_node_maintenance", "critical"), ("b", "passing")],
            "maintenance",
        );
        check_health(&[("_service_maintenance:x", "critical")], "maintenance");
        check_health(&[("a", "critical"), ("b", "odd")], "");
        check_health(&[("a", "maintenance")], "");
    }
}
