//! The objects of the cluster that both discover: by chance, and the same for the same seed.

use serde_json::{Map, Value, json};

use crate::support::Dice;
use crate::support::kubernetes::FakeApi;

const NAMESPACES: [&str; 3] = ["default", "shop", "infra"];

/// Makes and changes objects.
#[derive(Debug)]
pub(super) struct Scenery {
    dice: Dice,
}

impl Scenery {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice(seed) }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.roll(sides)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let at = self.roll(from.len() as u64);
        from[usize::try_from(at).expect("a small number")]
    }

    /// Something, or nothing at all.
    fn maybe(&mut self, value: impl Into<Value>) -> Value {
        match self.roll(3) {
            0 => Value::Null,
            _ => value.into(),
        }
    }

    /// A cluster with some of everything.
    pub(super) fn build(&mut self, api: &FakeApi) {
        for name in ["n0", "n1", "n2", "n3"] {
            api.put(self.node(name));
        }
        api.change("nodes", "", "n1", |node| {
            node["metadata"]["labels"] = json!({"disk": "ssd"})
        });
        for namespace in NAMESPACES.into_iter().chain(["odd"]) {
            api.put(json!({"kind": "Namespace", "metadata": {"name": namespace}}));
        }
        for namespace in NAMESPACES {
            for at in 0..6 {
                api.put(self.pod(namespace, &format!("p{at}")));
            }
            for at in 0..3 {
                let name = format!("s{at}");
                api.put(self.service(namespace, &name));
                api.put(self.endpoints(namespace, &name));
                api.put(self.slice(namespace, &format!("{name}-x"), Some(&name)));
                api.put(self.ingress(namespace, &format!("i{at}")));
            }
            api.put(self.slice(namespace, "alone", None));
        }
    }

    /// Makes something new, different or gone.
    pub(super) fn change_anything(&mut self, api: &FakeApi) {
        let namespace = self.pick(&NAMESPACES);
        let number = self.roll(6);
        let plural = self.pick(&[
            "nodes",
            "pods",
            "pods",
            "services",
            "endpoints",
            "endpointslices",
            "ingresses",
        ]);
        let is_deletion = self.roll(5) == 0;
        let (name, object) = match plural {
            "nodes" => {
                // Pods lie on n0 … n3: these never go.
                let name = self.pick(&["n0", "n2", "n3", "x0", "x1"]).to_owned();
                let object = self.node(&name);
                (name, object)
            }
            "pods" => {
                let name = format!("p{number}");
                let object = self.pod(namespace, &name);
                (name, object)
            }
            "services" => {
                let name = format!("s{}", number % 3);
                let object = self.service(namespace, &name);
                (name, object)
            }
            "endpoints" => {
                let name = format!("s{}", number % 3);
                let object = self.endpoints(namespace, &name);
                (name, object)
            }
            "endpointslices" => {
                let service = format!("s{}", number % 3);
                let name = format!("{service}-{}", self.pick(&["x", "y"]));
                let object = self.slice(namespace, &name, Some(&service));
                (name, object)
            }
            _ => {
                let name = format!("i{number}");
                let object = self.ingress(namespace, &name);
                (name, object)
            }
        };
        let namespace = if plural == "nodes" { "" } else { namespace };
        if is_deletion && !name.starts_with('n') {
            api.delete(plural, namespace, &name);
        } else {
            api.put(object);
        }
    }

    fn texts(&mut self) -> Value {
        let mut texts = Map::new();
        for _ in 0..self.roll(4) {
            let name = self.pick(&["app", "app.kubernetes.io/name", "tier", "größe", "a-b", "disk"]);
            let value = self.pick(&["a", "b", "", "ssd", "with space", "{\"json\": true}", "täglich"]);
            texts.insert(name.to_owned(), json!(value));
        }
        self.maybe(texts)
    }

    fn meta(&mut self, namespace: &str, name: &str) -> Value {
        let mut meta = json!({"name": name, "labels": self.texts(), "annotations": self.texts()});
        if !namespace.is_empty() {
            meta["namespace"] = json!(namespace);
        }
        let kind = self.pick(&["ReplicaSet", "Job", "DaemonSet", ""]);
        let is_controller = self.maybe(true);
        meta["ownerReferences"] = match self.roll(2) {
            0 => Value::Null,
            _ => json!([
                {"kind": "Other", "name": "not-it", "apiVersion": "v1", "uid": "1"},
                {"kind": kind, "name": "owner", "controller": is_controller, "apiVersion": "v1", "uid": "2"},
            ]),
        };
        meta
    }

    fn node(&mut self, name: &str) -> Value {
        let mut addresses = vec![json!({"type": "Hostname", "address": name})];
        for kind in [
            "InternalIP",
            "ExternalIP",
            "InternalDNS",
            "ExternalDNS",
            "LegacyHostIP",
        ] {
            for _ in 0..self.roll(3) {
                let host = self.pick(&["10.9.0.1", "10.9.0.2", "fd00::9", "node.example"]);
                addresses.push(json!({"type": kind, "address": host}));
            }
        }
        let provider = self.maybe("aws:///zone/i-1");
        json!({
            "kind": "Node", "metadata": self.meta("", name), "spec": {"providerID": provider},
            "status": {
                "addresses": addresses,
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            },
        })
    }

    fn containers(&mut self, prefix: &str) -> (Vec<Value>, Vec<Value>) {
        let (mut containers, mut statuses) = (Vec::new(), Vec::new());
        for at in 0..self.roll(3) {
            let name = format!("{prefix}{at}");
            let mut ports = Vec::new();
            for number in [8080, 9090, 53]
                .into_iter()
                .take(usize::try_from(self.roll(4)).expect("small"))
            {
                let port_name = self.maybe(format!("port-{number}"));
                let protocol = self.pick(&["TCP", "UDP"]);
                ports.push(json!({"containerPort": number, "name": port_name, "protocol": protocol}));
            }
            let id = self.maybe(format!("containerd://{name}"));
            statuses.push(json!({
                "name": name, "containerID": id, "ready": true, "restartCount": 0, "image": "i", "imageID": "",
            }));
            containers.push(json!({"name": name, "image": format!("{name}:1"), "ports": ports}));
        }
        (containers, statuses)
    }

    fn pod(&mut self, namespace: &str, name: &str) -> Value {
        let (mut containers, mut statuses) = self.containers("c");
        containers.push(json!({"name": "main", "image": "main:2"}));
        statuses.reverse();
        let (init, init_statuses) = self.containers("init");
        let ip = format!("{}{}", self.pick(&["10.0.0.", "fd00::"]), self.roll(9));
        let ready = self.pick(&["True", "False"]);
        let conditions = self
            .maybe(json!([{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": ready}]));
        json!({
            "kind": "Pod", "metadata": self.meta(namespace, name),
            "spec": {
                "nodeName": self.pick(&["n0", "n1", "n2", "n3"]),
                "containers": containers, "initContainers": init, "hostNetwork": self.roll(2) == 0,
            },
            "status": {
                "phase": self.pick(&["Running", "Pending", "Succeeded"]),
                "podIP": self.maybe(ip), "hostIP": self.maybe("10.9.0.1"), "conditions": conditions,
                "containerStatuses": statuses, "initContainerStatuses": init_statuses,
            },
        })
    }

    fn service(&mut self, namespace: &str, name: &str) -> Value {
        let kind = self.pick(&["ClusterIP", "NodePort", "ExternalName"]);
        let port_name = self.maybe("http");
        json!({
            "kind": "Service", "metadata": self.meta(namespace, name),
            "spec": {
                "type": kind, "clusterIP": self.pick(&["None", "10.1.0.1"]), "externalName": self.maybe("ext.example"),
                "ports": [
                    {"name": port_name, "port": 80 + self.roll(2), "protocol": "TCP"},
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                ],
            },
        })
    }

    fn reference(&mut self, namespace: &str) -> Value {
        let pod = format!("p{}", self.roll(7));
        match self.roll(4) {
            0 => Value::Null,
            1 => json!({"kind": "Node", "name": self.pick(&["n0", "n1", "n2"])}),
            _ => json!({"kind": "Pod", "namespace": namespace, "name": pod}),
        }
    }

    fn address(&mut self, namespace: &str) -> Value {
        let node = self.pick(&["n0", "n1", "n2", "n3", "unknown"]);
        json!({
            "ip": format!("10.2.0.{}", self.roll(20)), "hostname": self.maybe("host"), "nodeName": self.maybe(node),
            "targetRef": self.reference(namespace),
        })
    }

    fn endpoints(&mut self, namespace: &str, name: &str) -> Value {
        let mut subsets = Vec::new();
        for _ in 0..=self.roll(2) {
            let addresses: Vec<Value> = (0..=self.roll(3)).map(|_| self.address(namespace)).collect();
            let late: Vec<Value> = (0..self.roll(2)).map(|_| self.address(namespace)).collect();
            let port_name = self.maybe("http");
            subsets.push(json!({
                "addresses": addresses, "notReadyAddresses": late,
                "ports": [{"name": port_name, "port": 8080, "protocol": "TCP"}, {"name": "o", "port": 7000 + self.roll(3)}],
            }));
        }
        json!({"kind": "Endpoints", "metadata": self.meta(namespace, name), "subsets": subsets})
    }

    fn slice(&mut self, namespace: &str, name: &str, service: Option<&str>) -> Value {
        let mut endpoints = Vec::new();
        for _ in 0..=self.roll(3) {
            let node = self.pick(&["n0", "n1", "n2", "n3", "unknown"]);
            let conditions = json!({
                "ready": self.maybe(self.dice.0.is_multiple_of(2)), "serving": self.maybe(true), "terminating": self.maybe(false),
            });
            endpoints.push(json!({
                "addresses": [format!("10.2.0.{}", self.roll(20))], "conditions": conditions,
                "hostname": self.maybe("host"), "targetRef": self.reference(namespace), "nodeName": self.maybe(node),
                "zone": self.maybe("zone-a"), "deprecatedTopology": self.texts(),
                "hints": {"forZones": [{"name": "zone-a"}]},
            }));
        }
        let mut meta = self.meta(namespace, name);
        if let Some(service) = service {
            meta["labels"]["kubernetes.io/service-name"] = json!(service);
        }
        let port_name = self.maybe("http");
        let protocol = self.maybe("TCP");
        let app_protocol = self.maybe("grpc");
        let number = self.maybe(9090);
        json!({
            "kind": "EndpointSlice", "metadata": meta, "addressType": self.pick(&["IPv4", "IPv6", "FQDN"]),
            "endpoints": endpoints,
            "ports": [
                {"name": port_name, "port": 8080, "protocol": protocol, "appProtocol": app_protocol},
                {"name": "", "port": number},
            ],
        })
    }

    fn ingress(&mut self, namespace: &str, name: &str) -> Value {
        let mut rules = Vec::new();
        for _ in 0..=self.roll(3) {
            let host = self.pick(&["a.example", "b.a.example", "example", "", "x.y.a.example"]);
            let path = self.pick(&["/", "/shop", ""]);
            let backend = json!({"service": {"name": "s0", "port": {"number": 80}}});
            let http = json!({"paths": [
                {"path": path, "pathType": "Prefix", "backend": backend}, {"path": "/two", "pathType": "Exact", "backend": backend},
            ]});
            rules.push(json!({"host": host, "http": self.maybe(http)}));
        }
        let hosts: Vec<&str> = (0..self.roll(3))
            .map(|_| self.pick(&["*.example", "a.example", "*.a.example", "*"]))
            .collect();
        let class = self.maybe("nginx");
        json!({
            "kind": "Ingress", "metadata": self.meta(namespace, name),
            "spec": {"ingressClassName": class, "tls": [{"hosts": hosts}], "rules": rules},
        })
    }
}
