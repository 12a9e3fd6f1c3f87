//! Daemons that behave and that do not.

use std::fs;
use std::path::Path;

use super::*;
use crate::config::{DockerFilter, HttpClientConfig};
use crate::discovery::fake_api::{Asked, FakeApi, Reply};
use crate::telemetry::Registry;

fn docker_config(host: &str) -> DockerSdConfig {
    DockerSdConfig {
        http_client: HttpClientConfig::default(),
        host: host.to_owned(),
        port: 80,
        filters: Vec::new(),
        host_networking_host: "localhost".to_owned(),
        refresh_interval_ms: 60_000,
        match_first_network: true,
    }
}

fn swarm_config(host: &str, role: DockerSwarmRole) -> DockerSwarmSdConfig {
    DockerSwarmSdConfig {
        http_client: HttpClientConfig::default(),
        host: host.to_owned(),
        role,
        port: 80,
        filters: Vec::new(),
        refresh_interval_ms: 60_000,
    }
}

fn docker(config: &DockerSdConfig) -> Result<MobyProvider, String> {
    MobyProvider::docker(config, "job", &DiscoveryMetrics::new(&Registry::new()))
}

fn swarm(config: &DockerSwarmSdConfig) -> MobyProvider {
    MobyProvider::swarm(config, "job", &DiscoveryMetrics::new(&Registry::new())).unwrap()
}

/// The recordings, from a daemon of version 1.47.
fn recorded(asked: &Asked) -> Reply {
    if asked.path == "/_ping" {
        return Reply::Whole(200, "Api-Version: 1.47\r\n".to_owned(), "OK".to_owned());
    }
    let name = match asked.path.strip_prefix("/v1.47/") {
        Some("containers/json") => "containers",
        Some(name) => name,
        None => return Reply::error(404, r#"{"message":"page not found"}"#),
    };
    let path = Path::new("testdata/discovery/moby").join(format!("{name}.json"));
    Reply::json(fs::read_to_string(path).unwrap())
}

/// The targets that a provider tells of, each as its labels without the prefix, in one text.
async fn targets(provider: &mut MobyProvider) -> Result<Vec<String>, String> {
    let groups = provider.daemon.refresh().await?;
    assert_eq!(groups.len(), 1);
    let text = |labels: &Labels| {
        let pairs = labels.iter().map(|(name, value)| {
            let name = name
                .replace("__meta_dockerswarm_", "")
                .replace("__meta_docker_", "");
            format!("{name}={value}")
        });
        pairs.collect::<Vec<_>>().join(" ")
    };
    Ok(groups[0].targets.iter().map(text).collect())
}

#[tokio::test]
async fn a_container_is_a_target_at_each_port_in_its_first_network() {
    let api = FakeApi::start(recorded);
    let mut provider = docker(&docker_config(&format!("http://{}", api.address))).unwrap();
    let found = targets(&mut provider).await.unwrap();
    let web = "container_id=c1 container_image=web:1 container_image_id=sha256:aa \
         container_label_com_example_role=front container_label_plain=x container_name=/web \
         container_network_mode=blue network_id=n1 network_ingress=false network_internal=false \
         network_ip=10.1.0.2 network_label_tier_of=one network_name=blue network_scope=local";
    assert_eq!(
        found[0],
        format!("__address__=10.1.0.2:8080 {web} port_private=8080")
    );
    assert_eq!(
        found[1],
        format!("__address__=10.1.0.2:9090 {web} port_private=9090 port_public=19090 port_public_ip=0.0.0.0")
    );
    assert_eq!(
        found[2],
        "__address__=10.1.0.2:80 container_id=c2 container_image=side:1 container_image_id=sha256:bb \
         container_name=/sidecar container_network_mode=container:c1 network_id=n1 network_ingress=false \
         network_internal=false network_ip=10.1.0.2 network_label_tier_of=one network_name=blue \
         network_scope=local"
    );
    assert!(
        found[3].starts_with("__address__=localhost container_id=c3 "),
        "{}",
        found[3]
    );
    assert!(
        found[4].starts_with("__address__=10.2.0.5:80 container_id=c5 "),
        "{}",
        found[4]
    );
    assert_eq!(found.len(), 5, "a container without a name is none");
}

#[tokio::test]
async fn a_container_is_a_target_in_all_its_networks_if_told() {
    let api = FakeApi::start(recorded);
    let config = DockerSdConfig {
        match_first_network: false,
        host_networking_host: "here:9100".to_owned(),
        ..docker_config(&format!("tcp://{}", api.address))
    };
    let found = targets(&mut docker(&config).unwrap()).await.unwrap();
    let addresses: Vec<&str> = found.iter().filter_map(|t| t.split(' ').next()).collect();
    assert_eq!(
        addresses,
        [
            "__address__=10.1.0.2:8080",
            "__address__=10.1.0.2:9090",
            "__address__=10.2.0.2:8080",
            "__address__=10.2.0.2:9090",
            "__address__=10.1.0.2:80",
            "__address__=10.2.0.2:80",
            "__address__=here:9100",
            "__address__=10.2.0.5:80",
        ]
    );
}

#[tokio::test]
async fn a_container_with_ipv6_alone_is_found_there_and_a_ring_of_containers_nowhere() {
    let api = FakeApi::start(|asked| match asked.path.as_str() {
        "/v1.55/containers/json" => Reply::json(
            r#"[{"Id":"a","Names":["/a"],"Ports":[{"PrivatePort":1,"Type":"tcp"}],
                 "HostConfig":{"NetworkMode":"x"},"NetworkSettings":{"Networks":
                 {"w":null,"x":{"NetworkID":"x","IPAddress":"","GlobalIPv6Address":"fd00:0::2"}}}},
                {"Id":"b","Names":["/b"],"HostConfig":{"NetworkMode":"container:c"},"NetworkSettings":null},
                {"Id":"c","Names":["/c"],"HostConfig":{"NetworkMode":"container:b"}},
                {"Id":"d","Names":["/d"],"HostConfig":{"NetworkMode":"container:gone"}}]"#,
        ),
        _ => Reply::json("[]"),
    });
    let mut provider = docker(&docker_config(&format!("http://{}", api.address))).unwrap();
    let found = targets(&mut provider).await.unwrap();
    assert_eq!(
        found,
        [
            "__address__=[fd00::2]:1 container_id=a container_name=/a container_network_mode=x \
             network_ip=fd00::2 port_private=1"
        ]
    );
}

#[tokio::test]
async fn a_service_is_a_target_at_each_of_its_addresses() {
    let api = FakeApi::start(recorded);
    let mut provider = swarm(&swarm_config(
        &format!("http://{}", api.address),
        DockerSwarmRole::Services,
    ));
    let found = targets(&mut provider).await.unwrap();
    assert_eq!(
        found[0],
        "__address__=10.0.0.3:8080 network_id=n4 network_ingress=true network_internal=false \
         network_name=ingress network_scope=swarm service_endpoint_port_name=http \
         service_endpoint_port_publish_mode=ingress service_id=s1 service_label_com_example_team=red \
         service_mode=replicated service_name=shop service_task_container_hostname=shop-{{.Node.ID}} \
         service_task_container_image=shop:1 service_updating_status=completed"
    );
    assert!(
        found[1].starts_with("__address__=10.1.0.3:8080 network_id=n1 "),
        "{}",
        found[1]
    );
    assert_eq!(
        found[2],
        "__address__=10.1.0.4:80 network_id=n1 network_ingress=false network_internal=false \
         network_label_tier_of=one network_name=blue network_scope=local service_id=s2 service_mode=global \
         service_name=agent service_task_container_image=agent:1"
    );
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn a_task_is_a_target_at_its_published_ports_and_in_its_networks() {
    let api = FakeApi::start(recorded);
    let mut provider = swarm(&swarm_config(
        &format!("http://{}", api.address),
        DockerSwarmRole::Tasks,
    ));
    let found = targets(&mut provider).await.unwrap();
    let node = "node_address=192.0.2.1 node_availability=active node_hostname=one node_id=d1 \
         node_label_zone_of=eu node_platform_architecture=x86_64 node_platform_os=linux node_role=manager \
         node_status=ready";
    let rest = "service_id=s1 service_label_com_example_team=red service_mode=replicated service_name=shop \
         task_container_id=c1 task_desired_state=running task_id=t1";
    assert_eq!(
        found[0],
        format!(
            "__address__=192.0.2.1:32768 container_label_a_b=c {node} {rest} task_port_publish_mode=host \
             task_slot=1 task_state=running"
        )
    );
    assert_eq!(
        found[1],
        format!(
            "__address__=10.0.0.9:8080 container_label_a_b=c network_id=n4 network_ingress=true \
             network_internal=false network_name=ingress network_scope=swarm {node} {rest} \
             task_port_publish_mode=ingress task_slot=1 task_state=running"
        )
    );
    assert!(found[2].starts_with("__address__=10.1.0.9:8080 "), "{}", found[2]);
    assert!(found[3].starts_with("__address__=10.1.0.10:80 "), "{}", found[3]);
    assert!(found[3].ends_with("task_desired_state=shutdown task_id=t2 task_slot=0 task_state=failed"));
    assert_eq!(found.len(), 4);
}

#[tokio::test]
async fn a_node_is_a_target_and_a_manager_says_so() {
    let api = FakeApi::start(recorded);
    let mut provider = swarm(&swarm_config(
        &format!("http://{}", api.address),
        DockerSwarmRole::Nodes,
    ));
    let found = targets(&mut provider).await.unwrap();
    assert_eq!(
        found,
        [
            "__address__=192.0.2.1:80 node_address=192.0.2.1 node_availability=active \
             node_engine_version=28.5.1 node_hostname=one node_id=d1 node_label_zone_of=eu \
             node_manager_address=192.0.2.1:2377 node_manager_leader=true \
             node_manager_reachability=reachable node_platform_architecture=x86_64 node_platform_os=linux \
             node_role=manager node_status=ready",
            "__address__=[fd00::2]:80 node_address=fd00::2 node_availability=drain \
             node_engine_version=27.0.0 node_hostname=two node_id=d2 node_platform_architecture=aarch64 \
             node_platform_os=linux node_role=worker node_status=down",
        ]
    );
}

#[tokio::test]
async fn a_daemon_behind_a_socket_is_asked_in_the_version_it_tells() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("docker.sock");
    let api = FakeApi::on_socket(&socket, recorded);
    let config = DockerSdConfig {
        filters: vec![DockerFilter {
            name: "label".to_owned(),
            values: vec!["a=b".to_owned()],
        }],
        ..docker_config(&format!("unix://{}", socket.display()))
    };
    let mut provider = docker(&config).unwrap();
    assert_eq!(targets(&mut provider).await.unwrap().len(), 5);
    assert_eq!(targets(&mut provider).await.unwrap().len(), 5);
    let asked = api.asked();
    let lines: Vec<String> = asked.iter().map(|a| format!("{} {}", a.method, a.path)).collect();
    let lists = ["GET /v1.47/containers/json", "GET /v1.47/networks"];
    assert_eq!(lines[0], "HEAD /_ping");
    assert_eq!(lines[1..], [lists, lists].concat());
    assert_eq!(asked[1].parameter("filters"), Some(r#"{"label":{"a=b":true}}"#));
    assert_eq!(asked[2].parameter("filters"), None);
    let headers = &asked[1].headers;
    assert!(headers.contains("host: api.moby.localhost\r\n"), "{headers}");
}

/// The version in the path of the first list that is asked of a daemon with this answer to `_ping`.
async fn version_after(ping: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> String {
    let api = FakeApi::start(move |asked| match asked.path.as_str() {
        "/_ping" => ping(asked),
        _ => Reply::json("[]"),
    });
    let mut provider = docker(&docker_config(&format!("http://{}", api.address))).unwrap();
    provider.daemon.refresh().await.unwrap();
    let lists = api.asked();
    let list = lists
        .iter()
        .find(|asked| asked.path.ends_with("/containers/json"))
        .unwrap();
    list.path.split('/').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn the_lower_of_both_versions_is_spoken_and_ours_where_none_is_told() {
    let whole = |version: &'static str| {
        move |_: &Asked| Reply::Whole(200, format!("Api-Version: {version}\r\n"), String::new())
    };
    assert_eq!(version_after(whole("1.41")).await, "v1.41");
    assert_eq!(version_after(whole("1.99")).await, "v1.55");
    assert_eq!(version_after(whole("1.24")).await, "v1.55");
    assert_eq!(version_after(whole("new")).await, "v1.55");
    assert_eq!(version_after(|_| Reply::json("OK")).await, "v1.55");
    assert_eq!(version_after(|_| Reply::error(500, "")).await, "v1.55");
    let only_get = |asked: &Asked| match asked.method.as_str() {
        "GET" => Reply::Whole(200, "Api-Version: 1.42\r\n".to_owned(), "OK".to_owned()),
        _ => Reply::error(405, ""),
    };
    assert_eq!(version_after(only_get).await, "v1.42");
}

/// The error of a refresh whose list of containers is answered so; `change` is done to the provider before.
async fn error_of(reply: Reply, change: impl FnOnce(&mut DockerSdConfig), limit_bytes: usize) -> String {
    let api = FakeApi::start(move |asked| match asked.path.ends_with("/containers/json") {
        true => reply.clone(),
        false => Reply::json("[]"),
    });
    let mut config = docker_config(&format!("http://{}", api.address));
    change(&mut config);
    let mut provider = docker(&config).unwrap();
    provider.daemon.engine.list_bytes_max = limit_bytes;
    let error = targets(&mut provider).await.unwrap_err();
    let text = error.replace(&api.address, "HOST");
    assert!(!text.contains("hunter2"), "{text}");
    text
}

#[tokio::test]
async fn a_list_that_is_none_is_an_error_that_says_what_was_found() {
    let limit = 1 << 20;
    let error = async |reply: Reply| error_of(reply, |_| {}, limit).await;
    let listing = "error while listing containers: ";
    assert_eq!(
        error(Reply::error(500, r#"{"message":"no storage"}"#)).await,
        format!("{listing}Error response from daemon: no storage")
    );
    assert_eq!(
        error(Reply::Whole(
            403,
            "Content-Type: text/plain\r\n".into(),
            "go away\n".into()
        ))
        .await,
        format!("{listing}Error response from daemon: go away")
    );
    assert_eq!(
        error(Reply::error(503, "")).await,
        format!("{listing}request returned 503 Said for /v1.55/containers/json")
    );
    assert_eq!(
        error(Reply::Truncated(r#"[{"Id":"a""#.into())).await,
        format!("{listing}/containers/json: unexpected EOF")
    );
    assert_eq!(
        error(Reply::json(r#"[{"Id":7}]"#)).await,
        format!(
            "{listing}/containers/json: invalid JSON: invalid type: integer `7`, expected a string at line 1 \
             column 8"
        )
    );
    assert_eq!(
        error(Reply::json(r#"[{"Id":"a""#)).await,
        format!("{listing}/containers/json: invalid JSON: EOF while parsing an object at line 1 column 10")
    );
    assert_eq!(
        error(Reply::json(
            r#"[{"Id":"a","Names":["/a"],"NetworkSettings":{"Networks":{"x":{"IPAddress":"1.2"}}}}]"#
        ))
        .await,
        "container a: error while parsing address \"1.2\": not an IP address"
    );
    assert_eq!(
        error(Reply::Endless).await,
        format!("{listing}/containers/json: body size limit exceeded")
    );
    let hangs = error_of(Reply::Hang, |config| config.refresh_interval_ms = 200, limit).await;
    assert!(hangs.ends_with("context deadline exceeded"), "{hangs}");
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_told_in_the_words_of_docker() {
    let mut provider = docker(&docker_config("tcp://127.0.0.1:1")).unwrap();
    assert_eq!(
        targets(&mut provider).await.unwrap_err(),
        "error while listing containers: Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the \
         docker daemon running?"
    );
    let mut provider = docker(&docker_config("unix:///nowhere/docker.sock")).unwrap();
    let error = targets(&mut provider).await.unwrap_err();
    assert!(error.contains("at unix:///nowhere/docker.sock"), "{error}");
    assert!(error.ends_with("no such file or directory"), "{error}");
    for (host, words) in [
        ("docker", "unable to parse docker host `docker`"),
        ("tcp://", "unable to parse docker host `tcp://`"),
        ("npipe:////./pipe/x", "protocol not available"),
        ("ssh://x", "protocol \"ssh\" is not one of unix, tcp, http, https"),
    ] {
        let error = docker(&docker_config(host)).unwrap_err();
        assert_eq!(error, format!("error setting up docker client: {words}"));
    }
}

#[tokio::test]
async fn a_failed_refresh_tells_nothing_and_is_counted_for_its_mechanism() {
    let registry = Registry::new();
    let config = swarm_config("tcp://127.0.0.1:1", DockerSwarmRole::Nodes);
    let provider = MobyProvider::swarm(&config, "job", &DiscoveryMetrics::new(&registry)).unwrap();
    let (updates, mut heard) = Updates::channel();
    let ran = tokio::time::timeout(Duration::from_millis(300), Box::new(provider).run(updates)).await;
    assert!(ran.is_err(), "it goes on asking");
    assert!(heard.try_recv().is_err());
    let text = registry.render();
    let counted = "prometheus_sd_refresh_failures_total{config=\"job\",mechanism=\"dockerswarm\"} 1\n";
    assert!(text.contains(counted), "{text}");
}
