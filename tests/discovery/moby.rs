//! Containers and swarms beside the real Prometheus, from the same recordings of a daemon.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Pair, config, discovered, metric, start};
use crate::support::differences::listed;
use crate::support::fake_api::{Asked, FakeApi, Reply};
use crate::support::server::{Server, deucalion};
use crate::support::{peers, root, wait_for};

/// A daemon whose lists lie in a folder that can be changed.
#[derive(Clone)]
struct Daemon {
    version: &'static str,
    state: Arc<Mutex<State>>,
}

struct State {
    folder: PathBuf,
    failure: Option<Reply>,
}

impl Daemon {
    fn new(version: &'static str, folder: &Path) -> Self {
        let state = State {
            folder: folder.to_owned(),
            failure: None,
        };
        Self {
            version,
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn fail(&self, failure: Option<Reply>) {
        self.state
            .lock()
            .expect("nothing panics while it holds this")
            .failure = failure;
    }

    fn move_to(&self, folder: &Path) {
        folder.clone_into(
            &mut self
                .state
                .lock()
                .expect("nothing panics while it holds this")
                .folder,
        );
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let state = self.state.lock().expect("nothing panics while it holds this");
        if asked.path == "/_ping" {
            return Reply::Whole(200, format!("Api-Version: {}\r\n", self.version), "OK".into());
        }
        if let Some(failure) = &state.failure {
            return failure.clone();
        }
        let wanted = asked
            .path
            .strip_prefix(&format!("/v{}/", self.version))
            .unwrap_or_default();
        // Ours lie flat, the project's below `containers`.
        let files = [format!("{wanted}.json"), wanted.replace("/json", ".json")];
        let text = files
            .iter()
            .find_map(|file| std::fs::read_to_string(state.folder.join(file)).ok());
        text.map_or(Reply::error(404, r#"{"message":"page not found"}"#), Reply::json)
    }
}

/// Jobs of all kinds at this host.
fn jobs(host: &str) -> String {
    let job = |name: &'static str, key: &str, more: &str| {
        (
            name,
            format!("{key}: [{{host: '{host}', refresh_interval: 1s{more}}}]"),
        )
    };
    config(&[
        job("containers", "docker_sd_configs", ""),
        job(
            "all_networks",
            "docker_sd_configs",
            ", match_first_network: false, port: 1",
        ),
        job("services", "dockerswarm_sd_configs", ", role: services, port: 2"),
        job("tasks", "dockerswarm_sd_configs", ", role: tasks"),
        job("nodes", "dockerswarm_sd_configs", ", role: nodes"),
    ])
}

/// Both servers at one daemon; `None`, said loudly, without the real one.
fn pair(dir: &Path, host: &str) -> Option<(Pair, Server)> {
    let real = peers::prometheus("Docker discovery beside the real Prometheus")?;
    let theirs = start(&real, &dir.join("theirs"), &jobs(host));
    let pair = Pair {
        ours: start(&deucalion(), &dir.join("ours"), &jobs(host)),
        theirs_url: theirs.url.clone(),
        kept: Box::new({
            let ours_alone = listed("Discovery");
            move |label| !ours_alone.iter().any(|name| name == label)
        }),
    };
    Some((pair, theirs))
}

#[test]
fn both_find_the_same_containers_and_swarm_and_keep_them_while_the_daemon_fails() {
    let dir = tempfile::tempdir().expect("make a directory");
    let recordings = root().join("testdata/discovery/moby");
    let daemon = Daemon::new("1.47", &recordings);
    let answering = daemon.clone();
    let api = FakeApi::start(move |asked| answering.answer(asked));
    let Some((pair, theirs)) = pair(dir.path(), &format!("http://{}", api.address)) else {
        return;
    };
    let all = [
        ("containers", 5),
        ("all_networks", 8),
        ("services", 3),
        ("tasks", 4),
        ("nodes", 2),
    ];
    pair.check("the first lists", &all);
    for label in listed("Discovery") {
        let written = format!("\"{label}\":");
        let has = |server: &Server| server.get("/api/v1/targets", &[]).body.contains(&written);
        assert!(has(&pair.ours) && !has(&theirs), "{label} is ours alone");
    }
    for failure in [
        Reply::error(500, r#"{"message":"no storage"}"#),
        Reply::Truncated("[{".into()),
        Reply::json(r#"{"a":"list of another form"}"#),
        Reply::Hang,
    ] {
        daemon.fail(Some(failure));
        // Since 3.9 failures are counted by job too.
        let name = "prometheus_sd_refresh_failures_total";
        for (server, labels) in [
            (&pair.ours, "{config=\"nodes\",mechanism=\"dockerswarm\"}"),
            (&theirs, "{mechanism=\"dockerswarm\"}"),
        ] {
            let name = format!("{name}{labels}");
            let before = metric(server, &name);
            wait_for("failures", 20, || (metric(server, &name) > before).then_some(()));
        }
        pair.check("lists that fail", &all);
    }
    let smaller = dir.path().join("smaller");
    std::fs::create_dir(&smaller).expect("make a directory");
    for list in ["services", "tasks", "networks"] {
        std::fs::write(smaller.join(format!("{list}.json")), "[]").expect("write a list");
    }
    for list in ["containers", "nodes"] {
        let file = format!("{list}.json");
        std::fs::copy(recordings.join(&file), smaller.join(&file)).expect("copy a list");
    }
    daemon.move_to(&smaller);
    daemon.fail(None);
    pair.check(
        "smaller lists",
        &[("containers", 5), ("all_networks", 8), ("nodes", 2)],
    );
    let versions = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
    let asked = api.asked();
    assert!(
        asked
            .iter()
            .all(|a| a.path == "/_ping" || versions(&a.path) == "v1.47")
    );
    assert!(
        asked
            .iter()
            .all(|a| a.headers.contains("user-agent: prometheus/3."))
    );
}

#[test]
fn both_find_the_same_behind_a_socket() {
    let dir = tempfile::tempdir().expect("make a directory");
    let daemon = Daemon::new("1.40", &root().join("testdata/discovery/moby"));
    let socket = dir.path().join("docker.sock");
    FakeApi::on_socket(&socket, move |asked| daemon.answer(asked));
    let Some((pair, _theirs)) = pair(dir.path(), &format!("unix://{}", socket.display())) else {
        return;
    };
    pair.check(
        "the lists of a socket",
        &[
            ("containers", 5),
            ("all_networks", 8),
            ("services", 3),
            ("tasks", 4),
            ("nodes", 2),
        ],
    );
}

/// The project's recordings of this name; `None`, said loudly, where they are not.
fn upstream(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CONFORMANCE") else {
        eprintln!("SKIPPED: {name} of Prometheus' recordings of Docker: CONFORMANCE is not set");
        return None;
    };
    Some(PathBuf::from(folder).join("discovery/moby/testdata").join(name))
}

#[test]
fn both_find_the_same_in_prometheus_own_recordings() {
    for (name, counts) in [
        ("dockerprom", &[("all_networks", 13), ("containers", 8)][..]),
        ("swarmprom", &[("nodes", 5), ("services", 15), ("tasks", 27)]),
    ] {
        let Some(folder) = upstream(name) else { return };
        let dir = tempfile::tempdir().expect("make a directory");
        let daemon = Daemon::new("1.40", &folder);
        let api = FakeApi::start(move |asked| daemon.answer(asked));
        let Some((pair, _theirs)) = pair(dir.path(), &format!("http://{}", api.address)) else {
            return;
        };
        pair.check(name, counts);
    }
}

/// The real 3.5 cannot read these.
#[test]
fn recordings_of_newer_daemons_are_read() {
    for (name, job) in [("dockeripv6", "containers"), ("swarmprom-plugin", "services")] {
        let Some(folder) = upstream(name) else { return };
        let dir = tempfile::tempdir().expect("make a directory");
        let daemon = Daemon::new("1.40", &folder);
        let api = FakeApi::start(move |asked| daemon.answer(asked));
        let ours = start(
            &deucalion(),
            dir.path(),
            &jobs(&format!("http://{}", api.address)),
        );
        let found = wait_for(name, 20, || discovered(&ours.url, &|_| true).remove(job));
        let address = match job {
            "containers" => r#""__address__":"[fc00::2]:"#,
            _ => r#""__meta_dockerswarm_service_name""#,
        };
        assert!(found.iter().any(|target| target.contains(address)), "{found:?}");
    }
}
