//! Which groups a change makes anew, and when the first are made.

use serde_json::{Value, json};

use super::scene::{ATTACH_ALL, Scene};
use crate::config::{AttachMetadata, KubernetesRole};
use crate::discovery::kubernetes::resource::Resource;

fn plain(namespace: &str, name: &str, label: &str) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name, "labels": {"x": label}}})
}

fn pod(name: &str, node: &str, owner: (&str, &str), phase: &str) -> Value {
    let owner = json!([{"kind": owner.0, "name": owner.1, "controller": true}]);
    json!({
        "metadata": {"namespace": "a", "name": name, "ownerReferences": owner},
        "spec": {"nodeName": node, "containers": [{"name": "c"}]}, "status": {"podIP": "10.0.0.1", "phase": phase},
    })
}

fn endpoints(name: &str, pod: &str, node: &str) -> Value {
    let to = json!({"kind": "Pod", "namespace": "a", "name": pod});
    json!({
        "metadata": {"namespace": "a", "name": name},
        "subsets": [{"addresses": [{"ip": "10.0.0.1", "nodeName": node, "targetRef": to}], "ports": [{"port": 1}]}],
    })
}

fn slice(name: &str, service: &str, pod: &str, node: &str) -> Value {
    let to = json!({"kind": "Pod", "namespace": "a", "name": pod});
    json!({
        "metadata": {"namespace": "a", "name": name, "labels": {"kubernetes.io/service-name": service}},
        "endpoints": [{"addresses": ["10.0.0.1"], "nodeName": node, "targetRef": to}], "ports": [{"port": 1}],
    })
}

#[test]
fn nothing_is_told_before_everything_that_is_joined_was_listed() {
    let mut scene = Scene::new(KubernetesRole::Pod, ATTACH_ALL);
    scene.put(Resource::Pods, pod("p", "n", ("", ""), ""));
    for resource in [
        Resource::Pods,
        Resource::NodeMetadata,
        Resource::Namespaces,
        Resource::ReplicaSets,
    ] {
        scene.list(resource, "");
        assert_eq!(scene.sources(), [""; 0], "{resource:?}");
    }
    scene.list(Resource::Jobs, "");
    assert_eq!(scene.sources(), ["pod/a/p"]);
}

#[test]
fn behind_services_nothing_waits_for_those_who_own_pods() {
    let mut scene = Scene::new(KubernetesRole::Endpoints, ATTACH_ALL);
    scene.put(Resource::Endpoints, endpoints("e", "p", "n"));
    for resource in [
        Resource::Endpoints,
        Resource::Services,
        Resource::Pods,
        Resource::NodeMetadata,
        Resource::Namespaces,
    ] {
        assert_eq!(scene.sources(), [""; 0], "{resource:?}");
        scene.list(resource, "");
    }
    assert_eq!(scene.sources(), ["endpoints/a/e"]);
}

#[test]
fn a_namespace_that_cannot_be_listed_does_not_hold_up_the_others() {
    let mut scene = Scene::within(KubernetesRole::Pod, AttachMetadata::default(), &["a", "b"]);
    scene.put(Resource::Pods, pod("p", "n", ("", ""), ""));
    scene.list(Resource::Pods, "a");
    assert_eq!(scene.sources(), ["pod/a/p"]);
}

#[test]
fn pods_are_told_anew_when_nodes_namespaces_and_owners_change() {
    let mut scene = Scene::new(KubernetesRole::Pod, ATTACH_ALL);
    scene
        .put(Resource::NodeMetadata, plain("", "n1", "1"))
        .put(Resource::Namespaces, plain("", "a", "1"))
        .put(Resource::Pods, pod("p1", "n1", ("ReplicaSet", "r"), ""))
        .put(Resource::Pods, pod("p2", "n2", ("Job", "j"), ""))
        .list_all();
    assert_eq!(scene.sources(), ["pod/a/p1", "pod/a/p2"]);

    scene.put(Resource::NodeMetadata, plain("", "n1", "1"));
    assert_eq!(
        scene.sources(),
        [""; 0],
        "a heartbeat changes nothing that is told"
    );
    scene.put(Resource::NodeMetadata, plain("", "n1", "2"));
    assert_eq!(scene.sources(), ["pod/a/p1"]);
    scene.delete(Resource::NodeMetadata, "", "n1");
    assert_eq!(scene.sources(), ["pod/a/p1"]);
    scene.put(Resource::NodeMetadata, plain("", "n2", "1"));
    assert_eq!(scene.sources(), ["pod/a/p2"]);
    scene.put(Resource::Namespaces, plain("", "a", "2"));
    assert_eq!(scene.sources(), ["pod/a/p1", "pod/a/p2"]);
    scene.put(Resource::Namespaces, plain("", "b", "1"));
    assert_eq!(scene.sources(), [""; 0]);
    scene.put(Resource::ReplicaSets, plain("a", "r", ""));
    assert_eq!(scene.sources(), ["pod/a/p1"]);
    scene.put(Resource::Jobs, plain("a", "j", ""));
    assert_eq!(scene.sources(), ["pod/a/p2"]);
    scene.delete(Resource::Jobs, "a", "j");
    assert_eq!(scene.sources(), ["pod/a/p2"]);
    scene.delete(Resource::Pods, "a", "p1");
    assert_eq!(scene.group().targets.len(), 0);
}

#[test]
fn endpoints_follow_services_nodes_and_phases_of_pods_but_not_their_labels() {
    let attach = AttachMetadata {
        node: true,
        ..AttachMetadata::default()
    };
    let mut scene = Scene::new(KubernetesRole::Endpoints, attach);
    scene
        .put(Resource::Pods, pod("p", "n", ("", ""), "Running"))
        .put(Resource::Endpoints, endpoints("e", "p", "n"))
        .put(Resource::Endpoints, endpoints("other", "q", "m"))
        .list_all()
        .groups();
    scene.put(Resource::Services, plain("a", "e", "1"));
    assert_eq!(scene.sources(), ["endpoints/a/e"]);
    scene.delete(Resource::Services, "a", "e");
    assert_eq!(scene.sources(), ["endpoints/a/e"]);
    scene.put(Resource::Services, plain("a", "none", "1"));
    assert_eq!(scene.sources(), [""; 0]);
    scene.put(Resource::Pods, pod("p", "elsewhere", ("", ""), "Running"));
    assert_eq!(scene.sources(), [""; 0]);
    scene.put(Resource::Pods, pod("p", "n", ("", ""), "Failed"));
    assert_eq!(scene.sources(), ["endpoints/a/e"]);
    scene.delete(Resource::Pods, "a", "p");
    assert_eq!(scene.sources(), [""; 0]);
    scene.put(Resource::NodeMetadata, plain("", "m", "1"));
    assert_eq!(scene.sources(), ["endpoints/a/other"]);
    let metrics = scene.metrics();
    for line in [
        "prometheus_sd_kubernetes_events_total{role=\"endpoints\",event=\"add\"} 2\n",
        "prometheus_sd_kubernetes_events_total{role=\"service\",event=\"add\"} 2\n",
        "prometheus_sd_kubernetes_events_total{role=\"service\",event=\"delete\"} 1\n",
        "prometheus_sd_kubernetes_events_total{role=\"pod\",event=\"add\"} 0\n",
        "prometheus_sd_kubernetes_events_total{role=\"pod\",event=\"update\"} 2\n",
        "prometheus_sd_kubernetes_workqueue_items_total{queue_name=\"endpoints\"} 6\n",
        "prometheus_sd_kubernetes_workqueue_depth{queue_name=\"endpoints\"} 0\n",
        "prometheus_sd_kubernetes_workqueue_latency_seconds_count{queue_name=\"endpoints\"} 6\n",
    ] {
        assert!(metrics.contains(line), "{line}{metrics}");
    }
}

#[test]
fn slices_follow_the_service_that_their_label_names_and_no_pod() {
    let mut scene = Scene::new(KubernetesRole::EndpointSlice, ATTACH_ALL);
    scene
        .put(Resource::Pods, pod("p", "n", ("", ""), "Running"))
        .put(Resource::EndpointSlices, slice("s-1", "s", "p", "n"))
        .put(Resource::EndpointSlices, slice("s-2", "s", "p", "m"))
        .list_all()
        .groups();
    scene.put(Resource::Services, plain("a", "s", "1"));
    assert_eq!(scene.sources(), ["endpointslice/a/s-1", "endpointslice/a/s-2"]);
    scene.put(Resource::Services, plain("a", "s-1", "1"));
    assert_eq!(scene.sources(), [""; 0]);
    scene.put(Resource::Pods, pod("p", "n", ("", ""), "Failed"));
    assert_eq!(scene.sources(), [""; 0]);
    scene.put(Resource::NodeMetadata, plain("", "m", "1"));
    assert_eq!(scene.sources(), ["endpointslice/a/s-2"]);
    // Made of another service from now on.
    scene
        .put(Resource::EndpointSlices, slice("s-2", "t", "p", "m"))
        .groups();
    scene.put(Resource::Services, plain("a", "s", "2"));
    assert_eq!(scene.sources(), ["endpointslice/a/s-1"]);
}

#[test]
fn a_known_version_is_no_event_and_what_a_list_no_longer_names_is_gone() {
    let mut scene = Scene::new(KubernetesRole::Service, AttachMetadata::default());
    let mut service = plain("a", "s", "1");
    service["metadata"]["resourceVersion"] = json!("5");
    scene.put(Resource::Services, service.clone()).list_all();
    assert_eq!(scene.sources(), ["svc/a/s"]);
    scene.put(Resource::Services, service);
    assert_eq!(scene.sources(), [""; 0]);
    scene.list_nothing(Resource::Services);
    let gone = scene.group();
    assert_eq!((gone.source.as_str(), gone.targets.len()), ("svc/a/s", 0));
    let metrics = scene.metrics();
    for (event, count) in [("add", 1), ("update", 0), ("delete", 1)] {
        let line = format!("events_total{{role=\"service\",event=\"{event}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[test]
fn a_group_is_made_once_for_many_changes() {
    let mut scene = Scene::new(KubernetesRole::Ingress, ATTACH_ALL);
    scene.list_all();
    for at in 0..10 {
        scene.put(Resource::Ingresses, plain("a", "i", &at.to_string()));
        scene.put(Resource::Namespaces, plain("", "a", &at.to_string()));
    }
    assert_eq!(scene.sources(), ["ingress/a/i"]);
}
