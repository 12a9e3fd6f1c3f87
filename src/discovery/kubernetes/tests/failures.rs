//! A discovery against an API server that fails: old targets stand, logs and metrics say what is wrong, and when the
//! server is well again so are the targets.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::fake::{FakeApi, TOKEN, Trouble};
use crate::config::proxy::ProxyEnvironment;
use crate::config::{Config, KubernetesSdConfig, LoadOptions, SdConfig};
use crate::discovery::TargetGroup;
use crate::discovery::kubernetes::KubernetesProvider;
use crate::discovery::kubernetes::access::Pod;
use crate::discovery::kubernetes::metrics::KubernetesMetrics;
use crate::discovery::provider::{Provider, Updates};
use crate::telemetry::Registry;

/// A discovery at work.
struct Discovery {
    heard: mpsc::Receiver<Vec<TargetGroup>>,
    /// How many targets each source has.
    targets: BTreeMap<String, usize>,
    registry: Registry,
}

fn config(text: &str) -> KubernetesSdConfig {
    let text = format!("scrape_configs: [{{job_name: a, kubernetes_sd_configs: [{{{text}}}]}}]");
    let config = Config::parse(&text, Path::new("t.yml"), &LoadOptions::default()).unwrap();
    let discovery = config.scrape_configs[0].discovery.mechanisms[0].clone();
    let SdConfig::Kubernetes(config) = discovery else {
        panic!("a Kubernetes discovery was configured");
    };
    *config
}

impl Discovery {
    /// A discovery that runs in a pod of the cluster.
    fn in_pod(api: &FakeApi, account: &Path, text: &str) -> Self {
        let pod = Pod {
            api: Some(("127.0.0.1".to_owned(), api.port().to_string())),
            account: api.write_account(account, "shop"),
            proxies: ProxyEnvironment::default(),
        };
        Self::start(&config(text), &pod)
    }

    fn start(config: &KubernetesSdConfig, pod: &Pod) -> Self {
        let registry = Registry::new();
        let provider = KubernetesProvider::within(config, pod, &KubernetesMetrics::new(&registry)).unwrap();
        let (updates, heard) = Updates::channel();
        tokio::spawn(Box::new(provider).run(updates));
        Self {
            heard,
            targets: BTreeMap::new(),
            registry,
        }
    }

    /// Waits until the targets are these: sources and numbers.
    #[track_caller]
    fn wait<'t>(&'t mut self, expected: &'t [(&str, usize)]) -> impl Future<Output = ()> + 't {
        let expected: BTreeMap<String, usize> = expected.iter().map(|(s, n)| ((*s).to_owned(), *n)).collect();
        async move {
            while self.targets != expected {
                let heard = timeout(Duration::from_secs(20), self.heard.recv()).await;
                let Ok(Some(groups)) = heard else {
                    panic!(
                        "{:?} is not {expected:?}: {}",
                        self.targets,
                        self.registry.render()
                    );
                };
                for group in groups {
                    match group.targets.len() {
                        0 => self.targets.remove(&group.source),
                        count => self.targets.insert(group.source, count),
                    };
                }
            }
        }
    }

    /// How many requests have failed.
    fn failures(&self) -> f64 {
        let text = self.registry.render();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix("prometheus_sd_kubernetes_failures_total "));
        value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
    }

    /// Waits until more requests have failed than before, and sees that nothing was told meanwhile.
    async fn wait_failure(&mut self, before: f64) {
        for _ in 0..1000 {
            if self.failures() > before {
                assert!(self.heard.try_recv().is_err(), "old targets stand");
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing fails: {}", self.registry.render());
    }

    /// Waits until a request has been answered with this status, and sees that nothing was told meanwhile: a watch
    /// that ends early is a failure too, so a count of failures alone does not tell what the API said.
    async fn wait_refusal(&mut self, status: &str) -> String {
        let told = format!("http_request_total{{status_code=\"{status}\"}}");
        for _ in 0..1000 {
            let metrics = self.registry.render();
            if metrics.contains(&told) {
                assert!(self.heard.try_recv().is_err(), "old targets stand");
                return metrics;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no answer {status}: {}", self.registry.render());
    }
}

fn pod(namespace: &str, name: &str) -> Value {
    json!({
        "kind": "Pod", "metadata": {"namespace": namespace, "name": name},
        "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 81}]}]},
        "status": {"podIP": "10.0.0.1"},
    })
}

const BOTH: &[(&str, usize)] = &[("pod/shop/a", 2), ("pod/shop/b", 2)];

#[tokio::test]
async fn the_account_of_the_pod_opens_the_api_and_its_namespace_can_be_all_that_is_looked_at() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().unwrap());
    api.put(pod("shop", "a"));
    api.put(pod("elsewhere", "b"));
    let text = "role: pod, namespaces: {own_namespace: true}";
    let mut discovery = Discovery::in_pod(&api, dir.path(), text);
    discovery.wait(&[("pod/shop/a", 2)]).await;
    let asked = api.requests();
    assert!(
        asked
            .iter()
            .all(|request| request.starts_with("/api/v1/namespaces/shop/pods?")),
        "{asked:?}"
    );
    assert!(asked[0].ends_with("?limit=500"), "{asked:?}");
    api.delete("pods", "shop", "a");
    api.put(pod("shop", "b"));
    discovery.wait(&[("pod/shop/b", 2)]).await;
}

#[tokio::test]
async fn a_kubeconfig_file_opens_the_api_and_its_paths_lie_beside_it() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().unwrap());
    api.write_account(dir.path(), "shop");
    api.put(pod("shop", "a"));
    let url = api.url();
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: '{url}', certificate-authority: ca.crt, tls-server-name: kubernetes.example}}}}]\n\
         users: [{{name: u, user: {{tokenFile: token}}}}]\n"
    );
    let file = dir.path().join("kubeconfig");
    std::fs::write(&file, text).unwrap();
    let config = config(&format!("role: pod, kubeconfig_file: {}", file.display()));
    let mut discovery = Discovery::start(&config, &Pod::of_process());
    discovery.wait(&[("pod/shop/a", 2)]).await;
}

#[tokio::test]
async fn a_list_of_many_pages_is_one_list_and_selectors_are_asked_for() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().unwrap());
    api.limit_pages(2);
    let names: Vec<String> = (0..7).map(|at| format!("p{at}")).collect();
    for name in &names {
        let mut object = pod("shop", name);
        object["metadata"]["labels"] = json!({"app": "x"});
        api.put(object);
    }
    api.put(pod("shop", "other"));
    let text = "role: pod, selectors: [{role: pod, label: 'app=x', field: 'status.podIP=10.0.0.1'}]";
    let mut discovery = Discovery::in_pod(&api, dir.path(), text);
    let sources: Vec<String> = names.iter().map(|name| format!("pod/shop/{name}")).collect();
    let expected: Vec<(&str, usize)> = sources.iter().map(|source| (source.as_str(), 2)).collect();
    discovery.wait(&expected).await;
    let asked = api.requests();
    let pages = asked
        .iter()
        .filter(|request| request.contains("limit=500"))
        .count();
    assert_eq!(pages, 4, "{asked:?}");
    let selector = "labelSelector=app%3Dx&fieldSelector=status.podIP%3D10.0.0.1";
    assert!(
        asked.iter().all(|request| request.contains(selector)),
        "{asked:?}"
    );

    api.trouble(Trouble::PagesExpire);
    api.expire();
    api.delete("pods", "shop", "p6");
    discovery.wait(&expected[..6]).await;
}

#[tokio::test]
async fn whatever_fails_old_targets_stand_and_come_up_to_date_afterwards() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().unwrap());
    api.put(pod("shop", "a"));
    let mut discovery = Discovery::in_pod(&api, dir.path(), "role: pod");
    discovery.wait(&[("pod/shop/a", 2)]).await;
    let troubles = [
        Trouble::Status(500),
        Trouble::Status(403),
        Trouble::Truncated,
        Trouble::TruncatedJson,
        Trouble::Html,
    ];
    for trouble in troubles {
        let before = discovery.failures();
        api.trouble(trouble);
        // The list is needed again.
        api.expire();
        api.put(pod("shop", "b"));
        discovery.wait_failure(before).await;
        api.trouble(Trouble::None);
        discovery.wait(BOTH).await;
        api.delete("pods", "shop", "b");
        discovery.wait(&BOTH[..1]).await;
    }
}

#[tokio::test]
async fn a_broken_stream_and_one_whose_past_is_forgotten_lose_no_change() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().unwrap());
    api.put(pod("shop", "a"));
    let mut discovery = Discovery::in_pod(&api, dir.path(), "role: pod");
    discovery.wait(&BOTH[..1]).await;
    api.drop_streams();
    api.put(pod("shop", "b"));
    discovery.wait(BOTH).await;
    api.bookmark();
    api.end_streams();
    api.delete("pods", "shop", "b");
    discovery.wait(&BOTH[..1]).await;
    api.put(pod("shop", "b"));
    api.expire();
    discovery.wait(BOTH).await;
}

#[tokio::test]
async fn a_rotated_token_is_read_again_and_a_wrong_one_is_never_shown() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().unwrap());
    api.put(pod("shop", "a"));
    let mut discovery = Discovery::in_pod(&api, dir.path(), "role: pod");
    discovery.wait(&BOTH[..1]).await;
    api.rotate_token("another");
    api.end_streams();
    let metrics = discovery.wait_refusal("401").await;
    assert!(!metrics.contains(TOKEN), "{metrics}");
    std::fs::write(dir.path().join("token"), "another").unwrap();
    api.put(pod("shop", "b"));
    discovery.wait(BOTH).await;
}

#[tokio::test]
async fn a_slow_api_is_waited_for_and_a_certificate_that_has_expired_is_refused() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().unwrap());
    api.put(pod("shop", "a"));
    api.trouble(Trouble::Slow(Duration::from_millis(300)));
    let mut discovery = Discovery::in_pod(&api, dir.path(), "role: pod");
    discovery.wait(&BOTH[..1]).await;

    let (api, dir) = (FakeApi::expired(), tempfile::tempdir().unwrap());
    let mut discovery = Discovery::in_pod(&api, dir.path(), "role: pod");
    discovery.wait_refusal("<error>").await;
}

#[tokio::test]
async fn what_may_not_be_seen_holds_back_only_what_is_joined_with_it() {
    let (api, dir) = (FakeApi::start(), tempfile::tempdir().unwrap());
    api.put(pod("shop", "a"));
    api.forbid("nodes");
    let mut plain = Discovery::in_pod(&api, dir.path(), "role: pod");
    plain.wait(&BOTH[..1]).await;
    let mut joined = Discovery::in_pod(&api, dir.path(), "role: pod, attach_metadata: {node: true}");
    let metrics = joined.wait_refusal("403").await;
    assert!(
        metrics.contains("http_request_duration_seconds_count{endpoint=\"/api/v1/nodes\"}"),
        "{metrics}"
    );
}
