//! Agents that behave and that do not.

use std::collections::BTreeMap;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tsdb::model::Labels;

use super::*;
use crate::config::{BasicAuth, HttpClientConfig, secret::Secret};
use crate::discovery::TargetGroup;
use crate::discovery::fake_api::{FakeApi, Reply};
use crate::discovery::fake_consul::FakeConsul;
use crate::telemetry::Registry;

const ONE: &str = r#"[{
    "Node": {"Node": "n1", "Address": "10.0.0.1", "Datacenter": "dc1",
             "TaggedAddresses": {"lan": "10.0.0.1", "wan-v4": "192.0.2.1"}, "Meta": {"rack.no": "7"}},
    "Service": {"ID": "web-1", "Service": "web", "Tags": ["a", "b"], "Meta": {"v-1": "x"}, "Port": 8080,
                "Address": "", "Namespace": "ns", "Partition": "part"},
    "Checks": [{"CheckID": "serfHealth", "Status": "passing"}, {"CheckID": "c", "Status": "warning"}]}]"#;

const ELSEWHERE: &str = r#"[{
    "Node": {"Node": "n2", "Address": "10.0.0.2", "Meta": null},
    "Service": {"ID": "web-2", "Tags": null, "Port": 0, "Address": "fd00::2"}, "Checks": null}]"#;

fn config(server: &str) -> ConsulSdConfig {
    ConsulSdConfig {
        server: server.to_owned(),
        path_prefix: String::new(),
        token: Secret::default(),
        datacenter: String::new(),
        namespace: String::new(),
        partition: String::new(),
        tag_separator: ",".to_owned(),
        scheme: "http".to_owned(),
        username: String::new(),
        password: Secret::default(),
        allow_stale: true,
        refresh_interval_ms: 1,
        services: Vec::new(),
        tags: Vec::new(),
        node_meta: BTreeMap::new(),
        filter: String::new(),
        health_filter: String::new(),
        http_client: HttpClientConfig::default(),
    }
}

/// A provider at work.
struct Watch {
    heard: Receiver<Vec<TargetGroup>>,
    task: JoinHandle<()>,
    registry: Registry,
}

impl Watch {
    fn start(config: &ConsulSdConfig) -> Self {
        Self::start_with(config, |_| {})
    }

    fn start_with(config: &ConsulSdConfig, change: impl FnOnce(&mut Consul)) -> Self {
        let registry = Registry::new();
        let mut provider = ConsulProvider::new(config, &DiscoveryMetrics::new(&registry)).unwrap();
        provider.0.retry = Duration::from_millis(5);
        change(&mut provider.0);
        let (updates, heard) = Updates::channel();
        Self {
            heard,
            task: tokio::spawn(Box::new(provider).run(updates)),
            registry,
        }
    }

    /// The group that is told next.
    async fn group(&mut self) -> TargetGroup {
        let told = timeout(Duration::from_secs(20), self.heard.recv()).await;
        let mut groups = told.expect("something is told").expect("it is still told");
        assert_eq!(groups.len(), 1);
        groups.remove(0)
    }

    /// Waits for a group of this source with this many targets; others may come before.
    async fn check(&mut self, source: &str, targets: usize) {
        loop {
            let group = self.group().await;
            if (group.source.as_str(), group.targets.len()) == (source, targets) {
                return;
            }
        }
    }

    /// Waits until this many questions have failed.
    async fn check_failures(&self, at_least: u64) {
        let name = "prometheus_sd_consul_rpc_failures_total ";
        let count = || {
            let text = self.registry.render();
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.parse::<u64>().unwrap()
        };
        let counting = async {
            while count() < at_least {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(20), counting)
            .await
            .expect("failures are counted");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn pairs(labels: &Labels) -> Vec<String> {
    labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

#[tokio::test]
async fn an_instance_has_the_labels_of_its_node_and_service() {
    let consul = FakeConsul::start();
    consul.set("web", &["a", "b"], ONE);
    let mut watch = Watch::start(&config(&consul.api.address));
    let group = watch.group().await;
    assert_eq!(group.source, "web");
    assert_eq!(
        pairs(&group.labels),
        ["__meta_consul_dc=dc1", "__meta_consul_service=web"]
    );
    assert_eq!(
        pairs(&group.targets[0]),
        [
            "__address__=10.0.0.1:8080",
            "__meta_consul_address=10.0.0.1",
            "__meta_consul_health=warning",
            "__meta_consul_metadata_rack_no=7",
            "__meta_consul_namespace=ns",
            "__meta_consul_node=n1",
            "__meta_consul_partition=part",
            "__meta_consul_service_id=web-1",
            "__meta_consul_service_metadata_v_1=x",
            "__meta_consul_service_port=8080",
            "__meta_consul_tagged_address_lan=10.0.0.1",
            "__meta_consul_tagged_address_wan_v4=192.0.2.1",
            "__meta_consul_tags=,a,b,",
        ]
    );
    consul.set("web", &[], ELSEWHERE);
    assert_eq!(
        pairs(&watch.group().await.targets[0]),
        [
            "__address__=[fd00::2]:0",
            "__meta_consul_address=10.0.0.2",
            "__meta_consul_health=passing",
            "__meta_consul_node=n2",
            "__meta_consul_service_address=fd00::2",
            "__meta_consul_service_id=web-2",
            "__meta_consul_service_port=0",
            "__meta_consul_tags=,,",
        ]
    );
}

#[tokio::test]
async fn services_come_change_and_go_while_they_are_watched() {
    let consul = FakeConsul::start();
    let mut watch = Watch::start(&config(&consul.api.address));
    assert_eq!(watch.group().await, TargetGroup::default());
    consul.set("web", &[], ONE);
    watch.check("web", 1).await;
    consul.set("db", &[], ELSEWHERE);
    watch.check("db", 1).await;
    consul.set("web", &[], "[]");
    watch.check("web", 0).await;
    consul.set("web", &[], ONE);
    watch.check("web", 1).await;
    consul.remove("db");
    // Its own watcher may tell that there are no instances before the catalog tells that it is gone.
    watch.check("db", 0).await;
    consul.remove("web");
    watch.check("", 0).await;
    assert_eq!(
        consul
            .api
            .asked()
            .iter()
            .filter(|a| a.path == "/v1/agent/self")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_question_says_what_is_known_and_who_asks() {
    let consul = FakeConsul::start();
    consul.set("a b", &["x", "y"], ONE);
    consul.set("c", &["x"], ONE);
    let mut asking = config(&consul.api.address);
    asking.token = Secret::new("hunter2");
    asking.datacenter = "dc2".to_owned();
    asking.namespace = "team".to_owned();
    asking.partition = "part".to_owned();
    asking.tags = vec!["x".to_owned(), "y".to_owned()];
    asking.node_meta = BTreeMap::from([("rack".to_owned(), "7".to_owned())]);
    asking.filter = "Node == \"n\"".to_owned();
    asking.health_filter = "Service.Port > 1".to_owned();
    asking.http_client.basic_auth = Some(BasicAuth {
        username: "u".to_owned(),
        password: Secret::new("p"),
        ..BasicAuth::default()
    });
    let mut watch = Watch::start(&asking);
    let group = watch.group().await;
    assert_eq!(group.labels.get("__meta_consul_dc"), Some("dc2"));
    consul.set("d", &["x", "y"], ONE);
    watch.check("d", 1).await;
    let asked = consul.api.asked();
    let of = |path: &str| asked.iter().filter(|a| a.path == path).collect::<Vec<_>>();
    let mut first: Vec<(&str, &str)> = of("/v1/catalog/services")[0]
        .query
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    first.sort_unstable();
    assert_eq!(
        first,
        [
            ("dc", "dc2"),
            ("filter", "Node == \"n\""),
            ("node-meta", "rack:7"),
            ("ns", "team"),
            ("partition", "part"),
            ("stale", ""),
            ("wait", "120000ms"),
        ]
    );
    assert_eq!(of("/v1/catalog/services")[1].parameter("index"), Some("3"));
    let health = of("/v1/health/service/a%20b");
    let tags: Vec<&str> = health[0]
        .query
        .iter()
        .filter(|(key, _)| key == "tag")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(tags, ["x", "y"]);
    assert_eq!(health[0].parameter("filter"), Some("Service.Port > 1"));
    assert_eq!(health[0].parameter("stale"), Some(""));
    assert!(of("/v1/health/service/c").is_empty(), "it lacks a tag");
    assert!(of("/v1/agent/self").is_empty(), "the datacenter is configured");
    for question in &asked {
        assert!(question.headers.contains("x-consul-token: hunter2\r\n"));
        assert!(question.headers.contains("authorization: basic dtpw\r\n"));
    }
}

#[tokio::test]
async fn named_services_are_watched_without_the_catalog() {
    let consul = FakeConsul::start();
    consul.set("web", &[], ONE);
    let mut asking = config(&consul.api.address);
    asking.services = vec!["web".to_owned(), "later".to_owned()];
    asking.allow_stale = false;
    let mut watch = Watch::start(&asking);
    let mut sources = [watch.group().await, watch.group().await].map(|group| group.source);
    sources.sort_unstable();
    assert_eq!(sources, ["later", "web"]);
    consul.set("later", &[], ONE);
    watch.check("later", 1).await;
    let asked = consul.api.asked();
    assert!(asked.iter().all(|a| a.path != "/v1/catalog/services"));
    assert!(asked.iter().all(|a| a.parameter("stale").is_none()));
}

#[tokio::test]
async fn with_names_and_a_filter_the_catalog_says_which_of_the_names_there_are() {
    let consul = FakeConsul::start();
    consul.set("web", &[], ONE);
    consul.set("db", &[], ONE);
    let mut asking = config(&consul.api.address);
    asking.services = vec!["web".to_owned(), "later".to_owned()];
    asking.filter = "x".to_owned();
    let mut watch = Watch::start(&asking);
    watch.check("web", 1).await;
    consul.set("later", &[], ELSEWHERE);
    watch.check("later", 1).await;
    let asked = consul.api.asked();
    assert!(asked.iter().all(|a| a.path != "/v1/health/service/db"));
}

#[tokio::test]
async fn what_fails_is_counted_tells_nothing_and_is_asked_again() {
    let consul = FakeConsul::start();
    consul.set("web", &[], ONE);
    let mut watch = Watch::start_with(&config(&consul.api.address), |consul| {
        consul.api.answer_time_max = Duration::from_secs(2);
        consul.api.answer_bytes_max = 1 << 20;
    });
    watch.check("web", 1).await;
    let mut failures = 0;
    for failure in [
        Reply::error(403, "Permission denied"),
        Reply::error(500, ""),
        Reply::Truncated("{".to_owned()),
        Reply::Endless,
        Reply::json("<html>"),
        Reply::Whole(
            200,
            "X-Consul-Index: 77\r\n".to_owned(),
            "[{\"Knoten\":{}}]".to_owned(),
        ),
    ] {
        consul.fail(Some(failure.clone()));
        failures += 2;
        watch.check_failures(failures).await;
        assert!(watch.heard.try_recv().is_err(), "{failure:?} tells nothing");
    }
    consul.fail(None);
    consul.set("web", &[], "[]");
    watch.check("web", 0).await;
}

#[tokio::test]
async fn an_error_says_what_was_found_and_no_secret() {
    #[track_caller]
    fn check(error: &str, expected: &str) {
        assert_eq!(error, expected);
        assert!(!error.contains("hunter2"));
    }
    let replies = [
        Reply::error(403, "token does not exist\n"),
        Reply::json("{\"Config\":{\"Datacenter\":7}}"),
        Reply::json("{}"),
        Reply::json("{\"Config\""),
    ];
    let replies = std::sync::Mutex::new(replies.into_iter());
    let api = FakeApi::start(move |_| replies.lock().unwrap().next().unwrap_or(Reply::Hang));
    let mut asking = config(&api.address);
    asking.token = Secret::new("hunter2");
    let metrics = DiscoveryMetrics::new(&Registry::new());
    let mut consul = ConsulProvider::new(&asking, &metrics).unwrap().0;
    let error = async |consul: &Consul| consul.datacenter_of_agent().await.unwrap_err();
    check(
        &error(&consul).await,
        "Unexpected response code: 403 (token does not exist)",
    );
    check(&error(&consul).await, "invalid value '7' for Config.Datacenter");
    check(
        &error(&consul).await,
        "invalid value 'null' for Config.Datacenter",
    );
    check(
        &error(&consul).await,
        "agent/self: invalid JSON: EOF while parsing an object at line 1 column 9",
    );
    consul.api.answer_time_max = Duration::from_millis(50);
    let url = format!("http://{}/v1/agent/self", api.address);
    check(
        &error(&consul).await,
        &format!("Get \"{url}\": context deadline exceeded"),
    );
    assert!(!format!("{consul:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_datacenter_is_asked_for_until_the_agent_says_it() {
    let consul = FakeConsul::start();
    consul.set("web", &[], ONE);
    consul.fail(Some(Reply::error(500, "no leader")));
    let mut watch = Watch::start(&config(&consul.api.address));
    watch.check_failures(3).await;
    consul.fail(None);
    assert_eq!(watch.group().await.labels.get("__meta_consul_dc"), Some("dc1"));
}

#[test]
fn an_address_may_be_a_url_and_the_environment_says_what_is_left_open() {
    let environment = |name: &str| match name {
        "CONSUL_NAMESPACE" => Some("ns-of-variable".to_owned()),
        "CONSUL_HTTP_TOKEN" => Some("token-of-variable".to_owned()),
        _ => None,
    };
    let base = |change: fn(&mut ConsulSdConfig)| {
        let mut config = config("c:1");
        change(&mut config);
        Api::new(&config, &environment).map(|api| api.base.to_string())
    };
    assert_eq!(base(|_| {}).unwrap(), "http://c:1/");
    assert_eq!(base(|c| c.scheme = "https".into()).unwrap(), "https://c:1/");
    assert_eq!(base(|c| c.path_prefix = "/p".into()).unwrap(), "http://c:1/p");
    assert_eq!(
        base(|c| c.server = "https://d:2/q/r".into()).unwrap(),
        "https://d:2/q/r"
    );
    let secure = |c: &mut ConsulSdConfig| {
        c.server = "http://d:2".into();
        c.scheme = "https".into();
        c.path_prefix = "/p".into();
    };
    assert_eq!(base(secure).unwrap(), "https://d:2/p");
    assert_eq!(
        base(|c| c.server = "unix:///s".into()).unwrap(),
        "http://localhost/"
    );
    let error = base(|c| c.server = "ftp://d".into()).unwrap_err();
    assert_eq!(error, "Unknown protocol scheme: ftp");
    assert!(base(|c| c.token = Secret::new("a\nb")).is_err());
    let api = Api::new(&config("c:1"), &environment).unwrap();
    assert_eq!(api.place, [("ns", "ns-of-variable".to_owned())]);
    assert_eq!(api.token.as_ref().unwrap(), "token-of-variable");
    let mut named = config("c:1");
    named.namespace = "own".into();
    assert_eq!(
        Api::new(&named, &environment).unwrap().place,
        [("ns", "own".to_owned())]
    );
}

#[tokio::test]
async fn a_provider_that_is_dropped_asks_no_more() {
    let consul = FakeConsul::start();
    consul.set("web", &[], ONE);
    let mut watch = Watch::start(&config(&consul.api.address));
    watch.check("web", 1).await;
    watch.task.abort();
    let ended = (&mut watch.task).await;
    assert!(ended.is_err_and(|error| error.is_cancelled()));
    // Watchers hold a way to tell: once all are gone, nothing can be heard any more.
    let all_gone = async { while watch.heard.recv().await.is_some() {} };
    timeout(Duration::from_secs(20), all_gone)
        .await
        .expect("all watchers end");
}
