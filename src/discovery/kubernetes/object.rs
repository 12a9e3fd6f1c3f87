//! What is kept of the objects of a cluster: the fields that labels are made of, and no others.
//!
//! A field that is missing or null has the zero value, as in Go; a field of another type is an error that names
//! it. What the fields mean is the Kubernetes API's to say; what becomes of them is told in [`super::role`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// Structs as the API writes them in JSON; a field's name there is its name here in camel case, or as given.
macro_rules! objects {
    ($($(#[$doc:meta])* $name:ident { $($field:ident $(= $key:literal)?: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
            #[serde(default, rename_all = "camelCase")]
            pub(super) struct $name {
                $(
                    #[serde(deserialize_with = "null_is_zero" $(, rename = $key)?)]
                    pub(super) $field: $type,
                )*
            }
        )*
    };
}

fn null_is_zero<'d, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'d>,
    T: Default + Deserialize<'d>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Labels or annotations.
pub(super) type Texts = BTreeMap<String, String>;

objects! {
    /// What every object has.
    Meta {
        name: String,
        namespace: String,
        uid: String,
        resource_version: String,
        labels: Texts,
        annotations: Texts,
        owner_references: Vec<Owner>,
    }
    /// An object that another belongs to.
    Owner {
        kind: String,
        name: String,
        controller: Option<bool>,
    }
    /// An object of which only the metadata counts.
    Plain {
        metadata: Meta,
    }
    /// A name for an object from within another.
    Reference {
        kind: String,
        namespace: String,
        name: String,
    }
    /// Something with a type and a status: conditions of nodes and pods.
    Condition {
        kind = "type": String,
        status: String,
    }

    /// A machine.
    Node {
        metadata: Meta,
        spec: NodeSpec,
        status: NodeStatus,
    }
    /// What a machine shall be.
    NodeSpec {
        provider_id = "providerID": String,
    }
    /// What a machine is.
    NodeStatus {
        conditions: Vec<Condition>,
        addresses: Vec<NodeAddress>,
        daemon_endpoints: NodeDaemons,
    }
    /// One of a machine's addresses.
    NodeAddress {
        kind = "type": String,
        address: String,
    }
    /// Where a machine's daemons listen.
    NodeDaemons {
        kubelet_endpoint: NodeDaemon,
    }
    /// Where a machine's daemon listens.
    NodeDaemon {
        port = "Port": i32,
    }

    /// Containers that run together.
    Pod {
        metadata: Meta,
        spec: PodSpec,
        status: PodStatus,
    }
    /// What a pod shall be.
    PodSpec {
        node_name: String,
        containers: Vec<Container>,
        init_containers: Vec<Container>,
    }
    /// One container.
    Container {
        name: String,
        image: String,
        ports: Vec<ContainerPort>,
    }
    /// A port that a container announces.
    ContainerPort {
        name: String,
        container_port: i32,
        protocol: String,
    }
    /// What a pod is.
    PodStatus {
        phase: String,
        pod_ip = "podIP": String,
        host_ip = "hostIP": String,
        conditions: Vec<Condition>,
        container_statuses: Vec<ContainerStatus>,
        init_container_statuses: Vec<ContainerStatus>,
    }
    /// What a container is.
    ContainerStatus {
        name: String,
        container_id = "containerID": String,
    }

    /// A name for addresses.
    Service {
        metadata: Meta,
        spec: ServiceSpec,
    }
    /// What a service shall be.
    ServiceSpec {
        kind = "type": String,
        ports: Vec<ServicePort>,
        cluster_ip = "clusterIP": String,
        external_name: String,
        load_balancer_ip = "loadBalancerIP": String,
        ip_families: Vec<String>,
        ip_family_policy: Option<String>,
    }
    /// A port of a service.
    ServicePort {
        name: String,
        port: i32,
        protocol: String,
    }
    /// The addresses behind a service, all in one object.
    Endpoints {
        metadata: Meta,
        subsets: Vec<Subset>,
    }
    /// Addresses with the same ports.
    Subset {
        addresses: Vec<EndpointAddress>,
        not_ready_addresses: Vec<EndpointAddress>,
        ports: Vec<EndpointPort>,
    }
    /// One address behind a service.
    EndpointAddress {
        ip: String,
        hostname: String,
        node_name: Option<String>,
        target_ref: Option<Reference>,
    }
    /// A port of addresses.
    EndpointPort {
        name: String,
        port: i32,
        protocol: String,
    }

    /// Some of the addresses behind a service.
    EndpointSlice {
        metadata: Meta,
        address_type: String,
        endpoints: Vec<SliceEndpoint>,
        ports: Vec<SlicePort>,
    }
    /// Someone behind a service.
    SliceEndpoint {
        addresses: Vec<String>,
        conditions: SliceConditions,
        hostname: Option<String>,
        target_ref: Option<Reference>,
        node_name: Option<String>,
        zone: Option<String>,
        deprecated_topology: Texts,
    }
    /// How someone behind a service is.
    SliceConditions {
        ready: Option<bool>,
        serving: Option<bool>,
        terminating: Option<bool>,
    }
    /// A port of all in a slice.
    SlicePort {
        name: Option<String>,
        protocol: Option<String>,
        port: Option<i32>,
        app_protocol: Option<String>,
    }

    /// A way in from outside.
    Ingress {
        metadata: Meta,
        spec: IngressSpec,
    }
    /// What an ingress shall be.
    IngressSpec {
        ingress_class_name: Option<String>,
        tls: Vec<IngressTls>,
        rules: Vec<IngressRule>,
    }
    /// Hosts that are reached by TLS.
    IngressTls {
        hosts: Vec<String>,
    }
    /// Paths of a host.
    IngressRule {
        host: String,
        http: Option<IngressHttp>,
    }
    /// Paths.
    IngressHttp {
        paths: Vec<IngressPath>,
    }
    /// One path.
    IngressPath {
        path: String,
    }
}

/// What names an object among those of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// Empty for an object that stands above namespaces.
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            return f.write_str(&self.name);
        }
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl Meta {
    pub(super) fn key(&self) -> Key {
        Key::new(&self.namespace, &self.name)
    }

    /// The owner that controls the object.
    pub(super) fn controller(&self) -> Option<&Owner> {
        self.owner_references
            .iter()
            .find(|owner| owner.controller == Some(true))
    }
}

/// Any object.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Node(Box<Node>),
    Pod(Box<Pod>),
    Service(Box<Service>),
    Endpoints(Box<Endpoints>),
    EndpointSlice(Box<EndpointSlice>),
    Ingress(Box<Ingress>),
    Plain(Box<Plain>),
}

impl Object {
    pub(super) fn meta(&self) -> &Meta {
        match self {
            Self::Node(object) => &object.metadata,
            Self::Pod(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::Endpoints(object) => &object.metadata,
            Self::EndpointSlice(object) => &object.metadata,
            Self::Ingress(object) => &object.metadata,
            Self::Plain(object) => &object.metadata,
        }
    }
}
