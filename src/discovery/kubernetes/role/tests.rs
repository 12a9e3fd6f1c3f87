//! What is told of each kind of object.

use serde_json::{Value, json};

use crate::config::{AttachMetadata, KubernetesRole};
use crate::discovery::TargetGroup;
use crate::discovery::kubernetes::resource::Resource;
use crate::discovery::kubernetes::tests::scene::{ATTACH_ALL, Scene, told};

const NOTHING: AttachMetadata = AttachMetadata {
    node: false,
    namespace: false,
    deployment: false,
    job: false,
    cronjob: false,
};

/// The group of the only object of its role, with others to be joined with.
#[track_caller]
fn group(role: KubernetesRole, attach: AttachMetadata, objects: &[(Resource, Value)]) -> TargetGroup {
    let mut scene = Scene::new(role, attach);
    for (resource, object) in objects {
        scene.put(*resource, object.clone());
    }
    scene.list_all().group()
}

#[track_caller]
fn check(group: &TargetGroup, labels: &str, targets: &[&str]) {
    assert_eq!(told(&group.labels), labels);
    let found: Vec<String> = group.targets.iter().map(told).collect();
    assert_eq!(found, targets);
}

#[test]
fn a_node_tells_its_conditions_and_the_first_address_of_each_kind() {
    let node = json!({
        "metadata": {"name": "n", "labels": {"a/b": "c"}, "annotations": {"x": ""}},
        "spec": {"providerID": "aws:///i-1"},
        "status": {
            "addresses": [
                {"type": "Hostname", "address": "host"}, {"type": "ExternalIP", "address": "fd00::1"},
                {"type": "ExternalIP", "address": "fd00::2"},
            ],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Disk-Pressure", "status": "Unknown"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    });
    let found = group(KubernetesRole::Node, NOTHING, &[(Resource::Nodes, node)]);
    assert_eq!(found.source, "node/n");
    check(
        &found,
        "node_annotationpresent_x=true node_condition_disk_pressure=unknown node_condition_ready=true node_label_a_b=c \
         node_labelpresent_a_b=true node_name=n node_provider_id=aws:///i-1",
        &[
            "__address__=[fd00::1]:10250 node_address_ExternalIP=fd00::1 node_address_Hostname=host instance=n",
        ],
    );
}

#[test]
fn of_a_node_without_address_nothing_new_is_told() {
    let mut scene = Scene::new(KubernetesRole::Node, NOTHING);
    scene.put(Resource::Nodes, json!({"metadata": {"name": "n"}}));
    assert_eq!(scene.list_all().sources(), [""; 0]);
}

/// A pod on node `n` that belongs to someone.
fn pod(owner: &str) -> Value {
    json!({
        "metadata": {
            "namespace": "a", "name": "p", "uid": "u",
            "ownerReferences": [{"kind": "X", "name": "x"}, {"kind": owner, "name": "o", "controller": true}],
        },
        "spec": {
            "nodeName": "n",
            "containers": [
                {"name": "web", "image": "web:1", "ports": [
                    {"containerPort": 80, "name": "http", "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"},
                ]},
                {"name": "side", "image": "side:1"},
            ],
            "initContainers": [{"name": "init", "image": "init:1", "ports": [{"containerPort": 81}]}],
        },
        "status": {
            "podIP": "10.0.0.1", "hostIP": "10.9.0.1", "phase": "Running",
            "conditions": [{"type": "Initialized", "status": "False"}, {"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "side", "containerID": "cri://2"}, {"name": "web", "containerID": "cri://1"}],
            "initContainerStatuses": [{"name": "init", "containerID": "cri://3"}],
        },
    })
}

fn named(name: &str, label: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"l": label}, "annotations": {"n": label}}})
}

#[test]
fn a_pod_tells_each_port_of_its_containers_and_containers_without_ports() {
    let found = group(
        KubernetesRole::Pod,
        NOTHING,
        &[(Resource::Pods, pod("DaemonSet"))],
    );
    assert_eq!(found.source, "pod/a/p");
    check(
        &found,
        "namespace=a pod_controller_kind=DaemonSet pod_controller_name=o pod_host_ip=10.9.0.1 pod_ip=10.0.0.1 \
         pod_name=p pod_node_name=n pod_phase=Running pod_ready=true pod_uid=u",
        &[
            "__address__=10.0.0.1:80 pod_container_id=cri://1 pod_container_image=web:1 pod_container_init=false \
             pod_container_name=web pod_container_port_name=http pod_container_port_number=80 \
             pod_container_port_protocol=TCP",
            "__address__=10.0.0.1:53 pod_container_id=cri://1 pod_container_image=web:1 pod_container_init=false \
             pod_container_name=web pod_container_port_number=53 pod_container_port_protocol=UDP",
            "__address__=10.0.0.1 pod_container_id=cri://2 pod_container_image=side:1 pod_container_init=false \
             pod_container_name=side",
            "__address__=10.0.0.1:81 pod_container_id=cri://3 pod_container_image=init:1 pod_container_init=true \
             pod_container_name=init pod_container_port_number=81",
        ],
    );
}

#[test]
fn a_pod_tells_of_its_node_namespace_and_owners_when_they_are_attached() {
    let owner = |kind: &str| {
        json!({"metadata": {
            "namespace": "a", "name": "o", "ownerReferences": [{"kind": kind, "name": "above", "controller": true}],
        }})
    };
    for (kind, resource, above, expected) in [
        (
            "ReplicaSet",
            Resource::ReplicaSets,
            "Deployment",
            "pod_deployment_name=above",
        ),
        ("Job", Resource::Jobs, "CronJob", "pod_cronjob_name=above"),
    ] {
        let objects = [
            (Resource::NodeMetadata, named("n", "node")),
            (Resource::Namespaces, named("a", "space")),
            (resource, owner(above)),
            (Resource::Pods, pod(kind)),
        ];
        let labels = told(&group(KubernetesRole::Pod, ATTACH_ALL, &objects).labels);
        for part in [
            "namespace_annotation_n=space namespace_annotationpresent_n=true namespace_label_l=space",
            "node_annotation_n=node",
            "node_name=n",
            expected,
        ] {
            assert!(labels.contains(part), "{part}: {labels}");
        }
        assert_eq!(labels.contains("pod_job_name=o"), kind == "Job", "{labels}");
        // Without the owner in between nobody knows what is above it, but a job is named by the pod itself.
        let alone = [
            (Resource::NodeMetadata, named("n", "")),
            (Resource::Pods, pod(kind)),
        ];
        let labels = told(&group(KubernetesRole::Pod, ATTACH_ALL, &alone).labels);
        assert!(!labels.contains("above"), "{labels}");
        assert_eq!(labels.contains("pod_job_name=o"), kind == "Job", "{labels}");
    }
}

#[test]
fn a_pod_without_address_or_on_a_node_that_was_not_chosen_is_no_target() {
    let found = group(KubernetesRole::Pod, ATTACH_ALL, &[(Resource::Pods, pod(""))]);
    check(&found, "", &[]);
    let mut starting = pod("");
    starting["status"]["podIP"] = Value::Null;
    let found = group(KubernetesRole::Pod, NOTHING, &[(Resource::Pods, starting)]);
    check(&found, "", &[]);
}

fn service(kind: &str) -> Value {
    json!({
        "metadata": {"namespace": "a", "name": "s", "labels": {"l": "v"}},
        "spec": {
            "type": kind, "clusterIP": "10.1.0.1", "externalName": "ext.example", "loadBalancerIP": "10.8.0.1",
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        },
    })
}

#[test]
fn a_service_tells_its_kind_of_address() {
    for (kind, expected) in [
        ("ClusterIP", "service_cluster_ip=10.1.0.1"),
        ("ExternalName", "service_external_name=ext.example"),
        (
            "LoadBalancer",
            "service_cluster_ip=10.1.0.1 service_loadbalancer_ip=10.8.0.1",
        ),
    ] {
        let objects = [
            (Resource::Services, service(kind)),
            (Resource::Namespaces, named("a", "v")),
        ];
        let found = group(KubernetesRole::Service, ATTACH_ALL, &objects);
        assert_eq!(found.source, "svc/a/s");
        let target = format!(
            "__address__=s.a.svc:80 {expected} service_port_name=http service_port_number=80 \
             service_port_protocol=TCP service_type={kind}"
        );
        check(
            &found,
            "namespace=a namespace_annotation_n=v namespace_annotationpresent_n=true namespace_label_l=v \
             namespace_labelpresent_l=true service_label_l=v service_labelpresent_l=true service_name=s",
            &[&target],
        );
    }
}

const POD: &str = "pod_controller_kind=X pod_controller_name=o pod_host_ip=10.9.0.1 pod_ip=10.0.0.1 pod_name=p \
                   pod_node_name=n pod_phase=Running pod_ready=true pod_uid=u";

/// The labels of a target, sorted, with those of the pod behind it.
fn with_pod(labels: &str) -> String {
    let mut all: Vec<&str> = labels.split(' ').chain(POD.split(' ')).collect();
    all.sort_unstable_by_key(|pair| pair.split('=').next().unwrap_or("").replace('_', "\x01"));
    all.sort_by(|a, b| a.split('=').next().cmp(&b.split('=').next()));
    all.join(" ")
}

#[test]
fn endpoints_tell_the_pod_behind_an_address_and_its_other_ports() {
    let endpoints = json!({
        "metadata": {"namespace": "a", "name": "s"},
        "subsets": [{
            "addresses": [{"ip": "10.0.0.1", "nodeName": "n", "hostname": "h",
                           "targetRef": {"kind": "Pod", "namespace": "a", "name": "p"}}],
            "notReadyAddresses": [{"ip": "10.0.0.2", "targetRef": {"kind": "Node", "name": "n"}}],
            "ports": [{"name": "web", "port": 80, "protocol": "SCTP"}],
        }],
    });
    let objects = [
        (Resource::Pods, pod("X")),
        (Resource::Services, service("ClusterIP")),
        (Resource::Endpoints, endpoints),
    ];
    let found = group(KubernetesRole::Endpoints, NOTHING, &objects);
    assert_eq!(found.source, "endpoints/a/s");
    let web = "pod_container_image=web:1 pod_container_init=false pod_container_name=web";
    check(
        &found,
        "endpoints_name=s namespace=a service_label_l=v service_labelpresent_l=true service_name=s",
        &[
            &with_pod(&format!(
                "__address__=10.0.0.1:80 endpoint_address_target_kind=Pod endpoint_address_target_name=p \
                 endpoint_hostname=h endpoint_node_name=n endpoint_port_name=web endpoint_port_protocol=SCTP \
                 endpoint_ready=true {web} pod_container_port_name=http pod_container_port_number=80 \
                 pod_container_port_protocol=SCTP"
            )),
            "__address__=10.0.0.2:80 endpoint_address_target_kind=Node endpoint_address_target_name=n \
             endpoint_port_name=web endpoint_port_protocol=SCTP endpoint_ready=false",
            &with_pod(&format!(
                "__address__=10.0.0.1:53 {web} pod_container_port_number=53 pod_container_port_protocol=UDP"
            )),
            &with_pod(
                "__address__=10.0.0.1:81 pod_container_image=init:1 pod_container_init=true pod_container_name=init \
                 pod_container_port_number=81",
            ),
        ],
    );
}

fn slice(family: &str) -> Value {
    json!({
        "metadata": {"namespace": "a", "name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": family,
        "endpoints": [{
            "addresses": ["10.0.0.3"], "conditions": {"ready": true, "serving": true, "terminating": false},
            "hostname": "h", "nodeName": "n", "zone": "z", "deprecatedTopology": {"kubernetes.io/hostname": "t"},
        }],
        "ports": [{"name": "web", "port": 80, "protocol": "TCP", "appProtocol": "http"}, {}],
    })
}

#[test]
fn a_slice_tells_what_is_written_and_a_port_without_number_is_an_address_alone() {
    let found = group(
        KubernetesRole::EndpointSlice,
        NOTHING,
        &[(Resource::EndpointSlices, slice("IPv4"))],
    );
    assert_eq!(found.source, "endpointslice/a/s-1");
    let endpoint = "endpointslice_endpoint_conditions_ready=true endpointslice_endpoint_conditions_serving=true \
                    endpointslice_endpoint_conditions_terminating=false endpointslice_endpoint_hostname=h \
                    endpointslice_endpoint_node_name=n endpointslice_endpoint_topology_kubernetes_io_hostname=t \
                    endpointslice_endpoint_topology_present_kubernetes_io_hostname=true endpointslice_endpoint_zone=z";
    let port = "endpointslice_port=80 endpointslice_port_app_protocol=http endpointslice_port_name=web \
                endpointslice_port_protocol=TCP";
    check(
        &found,
        "endpointslice_address_type=IPv4 endpointslice_label_kubernetes_io_service_name=s \
         endpointslice_labelpresent_kubernetes_io_service_name=true endpointslice_name=s-1 namespace=a",
        &[
            &format!("__address__=10.0.0.3:80 {endpoint} {port}"),
            &format!("__address__=10.0.0.3 {endpoint}"),
        ],
    );
}

#[test]
fn slices_of_the_second_family_of_a_service_with_two_are_no_targets() {
    for (policy, family, targets) in [
        (json!("PreferDualStack"), "IPv4", 2),
        (json!("PreferDualStack"), "IPv6", 0),
        (json!("RequireDualStack"), "IPv6", 0),
        (json!("SingleStack"), "IPv6", 2),
        (Value::Null, "IPv6", 2),
    ] {
        let mut service = service("ClusterIP");
        service["spec"]["ipFamilyPolicy"] = policy.clone();
        service["spec"]["ipFamilies"] = json!(["IPv4", "IPv6"]);
        let objects = [
            (Resource::Services, service),
            (Resource::EndpointSlices, slice(family)),
        ];
        let found = group(KubernetesRole::EndpointSlice, NOTHING, &objects);
        assert_eq!(found.targets.len(), targets, "{policy} {family}");
    }
}

#[test]
fn an_ingress_tells_each_path_and_https_where_a_certificate_covers_the_host() {
    let host = |host: &str, http: Value| json!({"host": host, "http": http});
    let ingress = json!({
        "metadata": {"namespace": "a", "name": "i"},
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["x.example"]}, {"hosts": ["*.y.example"]}, {}],
            "rules": [
                host("x.example", json!({"paths": [{"path": "/a"}, {}]})),
                host("w.y.example", Value::Null),
                host("v.w.y.example", Value::Null),
                host("y.example", json!({"paths": []})),
            ],
        },
    });
    let objects = [(Resource::Ingresses, ingress)];
    let found = group(KubernetesRole::Ingress, NOTHING, &objects);
    let target = |host: &str, path: &str, scheme: &str| {
        format!("__address__={host} ingress_host={host} ingress_path={path} ingress_scheme={scheme}")
    };
    check(
        &found,
        "ingress_class_name=nginx ingress_name=i namespace=a",
        &[
            &target("x.example", "/a", "https"),
            &target("x.example", "/", "https"),
            &target("w.y.example", "/", "https"),
            &target("v.w.y.example", "/", "http"),
        ],
    );
}
