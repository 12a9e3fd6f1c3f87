//! The objects of the cluster in which nothing is left to chance.

use serde_json::{Value, json};

use crate::support::kubernetes::FakeApi;

/// Changes objects that others are joined with, each in a place of its own, so that the order does not matter.
pub(super) fn change_what_is_joined(api: &FakeApi) {
    let tier = |object: &mut Value| object["metadata"]["labels"]["tier"] = json!("changed");
    api.change("services", "fixed", "web", tier);
    api.change("nodes", "", "fixed-node", tier);
    api.change("pods", "fixed", "web-phase", |pod| {
        pod["status"]["phase"] = json!("Failed")
    });
    // This is not looked at before something else makes the group anew.
    api.change("pods", "fixed", "web-label", tier);
    api.delete("services", "fixed", "gone");
}

/// Puts an object of each kind with this name.
pub(super) fn put_markers(api: &FakeApi, name: &str) {
    let meta = |namespace: &str| json!({"name": name, "namespace": namespace});
    api.put(json!({
        "kind": "Node", "metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": "10.4.0.1"}]},
    }));
    for namespace in ["default", "shop"] {
        api.put(json!({
            "kind": "Pod", "metadata": meta(namespace),
            "spec": {"nodeName": "n0", "containers": [{"name": "c", "image": "i"}]}, "status": {"podIP": "10.4.0.2"},
        }));
    }
    api.put(json!({
        "kind": "Service", "metadata": meta("default"),
        "spec": {"type": "ClusterIP", "ports": [{"port": 80}]},
    }));
    api.put(json!({
        "kind": "Endpoints", "metadata": meta("default"),
        "subsets": [{"addresses": [{"ip": "10.4.0.3"}], "ports": [{"port": 80}]}],
    }));
    api.put(json!({
        "kind": "EndpointSlice", "metadata": meta("default"), "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.4.0.4"]}], "ports": [{"port": 80}],
    }));
    api.put(json!({
        "kind": "Ingress", "metadata": meta("default"), "spec": {"rules": [{"host": "marker.example"}]},
    }));
}

/// Puts the objects that change one by one, and those that versions differ in.
pub(super) fn build(api: &FakeApi) {
    api.put(json!({
        "kind": "Node", "metadata": {"name": "fixed-node", "labels": {"tier": "first"}},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.9.9.9"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}},
    }));
    let pod = |namespace: &str, name: &str, node: &str| {
        json!({
            "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": {"tier": "first"}},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 8080, "protocol": "TCP"}]}]},
            "status": {"phase": "Running", "podIP": "10.3.0.1"},
        })
    };
    for name in ["web", "web-phase", "web-label", "gone"] {
        let node = if name == "web" { "fixed-node" } else { "n0" };
        api.put(pod("fixed", name, node));
        api.put(json!({
            "kind": "Service", "metadata": {"name": name, "namespace": "fixed", "labels": {"tier": "first"}},
            "spec": {"type": "ClusterIP", "clusterIP": "None", "ports": [{"port": 80}]},
        }));
        let reference = json!({"kind": "Pod", "namespace": "fixed", "name": name});
        api.put(json!({
            "kind": "Endpoints", "metadata": {"name": name, "namespace": "fixed"},
            "subsets": [{
                "addresses": [{"ip": "10.3.0.1", "nodeName": node, "targetRef": reference}],
                "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            }],
        }));
        api.put(json!({
            "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": format!("{name}-x"), "namespace": "fixed", "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": ["10.3.0.1"], "nodeName": node, "targetRef": reference}],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }));
    }
    api.put(pod("odd", "nowhere", "no-such-node"));
    let mut chosen = pod("shop", "chosen", "n1");
    chosen["metadata"]["labels"] = json!({"app": "a"});
    api.put(chosen);
    api.put(json!({
        "kind": "Node", "metadata": {"name": "odd", "labels": {"odd": "yes"}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "10.9.9.8"}],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Disk-Pressure", "status": "False"}],
        },
    }));
    api.put(json!({
        "kind": "Service", "metadata": {"name": "balanced", "namespace": "odd"},
        "spec": {
            "type": "LoadBalancer", "loadBalancerIP": "10.8.0.1", "clusterIP": "10.1.0.2",
            "ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4", "IPv6"],
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "10.8.0.2"}, {"ip": "10.8.0.3"}]}},
    }));
    for (family, address) in [("IPv4", "10.3.0.9"), ("IPv6", "fd00::39")] {
        api.put(json!({
            "kind": "EndpointSlice", "addressType": family,
            "metadata": {"name": format!("balanced-{family}"), "namespace": "odd", "labels": {"kubernetes.io/service-name": "balanced"}},
            "endpoints": [{"addresses": [address]}], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        }));
    }
}
