//! Stack 003 as documented: a fleet on EC2, three Alertmanagers, mTLS, remote write with a password.
//!
//! Every name and address of its configuration exists in the test's own world. Of the file only the directory
//! that stands for "where your certificates are" is replaced, and one more receiver is added.
//!
//! ```text
//! ec2.us-east-1.amazonaws.com:443 ─ TLS ─ moto                 prometheus-storage.example.com:443 ─ TLS ─ Prometheus
//! 10.0.3.x:9090  instances of it                               receiver.example.com:443 ─ TLS ─ VictoriaMetrics
//! 10.0.1.100, 10.0.1.101, 10.0.2.100 (mTLS)                    alertmanager-1, -2, -3
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::around::{UP_MAX, alert_names, held, wait_up};
use super::copy;
use crate::support::alertmanager::Alertmanager;
use crate::support::exporter::TEXT;
use crate::support::moto::{Moto, text_of};
use crate::support::process::Process;
use crate::support::samples;
use crate::support::server::{Server, Start, deucalion};
use crate::support::tls::Authority;
use crate::support::web::{Page, Web};
use crate::support::world::World;
use crate::support::{now_ms, peers, wait_for};

const SKIPPED: &str = "the fleet of stack 003";

/// How long the target file is rewritten.
const REWRITTEN: Duration = Duration::from_secs(60);

/// The fleet's series.
const FLEET: &str = "{job=~\"spawn.*\"}";

/// Where VictoriaMetrics listens.
const VICTORIA: &str = "http://127.0.2.3:8428";

/// The programs that stand around the server.
struct Peers {
    prometheus: PathBuf,
    alertmanager: PathBuf,
    victoria: PathBuf,
}

impl Peers {
    fn find() -> Option<Self> {
        Some(Self {
            prometheus: peers::prometheus(SKIPPED)?,
            alertmanager: peers::find("prometheus-alertmanager", SKIPPED)?,
            victoria: peers::find("victoria-metrics", SKIPPED)?,
        })
    }
}

/// An instance that says what it is; while it is `spot`, an alert of it fires.
fn instance(address: &str, id: &'static str, spot: &Arc<AtomicBool>) -> Web {
    let (spot, seen) = (Arc::clone(spot), AtomicU64::new(0));
    Web::start_at(address, move |_| {
        let (spot, seen) = (
            u8::from(spot.load(Ordering::Relaxed)),
            seen.fetch_add(1, Ordering::Relaxed),
        );
        let page = format!(
            "spawn_uptime_seconds{{instance_id=\"{id}\"}} 4000\nspawn_spot_instance{{instance_id=\"{id}\"}} {spot}\n\
             spawn_network_bytes_total{{instance_id=\"{id}\"}} {seen}\n"
        );
        Page::new(200, TEXT, page)
    })
}

/// Which region the fleet is in.
const REGION: &str = "us-east-1";

/// Starts an instance with this private address; its id.
fn run(moto: &Moto, private_ip: &str, is_enabled: &str) -> String {
    let form = [
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("ImageId", "ami-12345678"),
        ("PrivateIpAddress", private_ip),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "spawn:metrics-enabled"),
        ("TagSpecification.1.Tag.1.Value", is_enabled),
    ];
    text_of(&moto.call("ec2", REGION, "RunInstances", &form), "instanceId").to_owned()
}

/// Ends an instance and takes its tag: moto goes on listing it with its address, which AWS does not.
fn terminate(moto: &Moto, id: &str) {
    moto.call("ec2", REGION, "TerminateInstances", &[("InstanceId.1", id)]);
    let form = [("ResourceId.1", id), ("Tag.1.Key", "spawn:metrics-enabled")];
    moto.call("ec2", REGION, "DeleteTags", &form);
}

/// The real Prometheus as a receiver behind TLS and a password.
fn receiver(peers: &Peers, dir: &Path, authority: &Authority) -> (Server, crate::support::tls::Relay) {
    let dir = dir.join("receiver");
    fs::create_dir_all(&dir).expect("make a directory");
    fs::write(dir.join("prometheus.yml"), "").expect("write");
    let hash = bcrypt::hash("your-password", 5).expect("a hash");
    fs::write(
        dir.join("web.yml"),
        format!("basic_auth_users: {{your-username: {hash}}}\n"),
    )
    .expect("write");
    let start = Start::new(&peers.prometheus, &dir).arg("--web.enable-remote-write-receiver");
    // Asked without a password, it never says that it is ready.
    let server = start
        .arg("--web.config.file=web.yml")
        .user("your-username", "your-password")
        .ready();
    let to = format!("127.0.0.1:{}", server.port).parse().expect("an address");
    let relay = authority.terminate("storage", false, "127.0.2.1:443", to);
    (server, relay)
}

fn victoria(peers: &Peers, dir: &Path) -> Process {
    let args = [
        format!("-httpListenAddr={}", VICTORIA.trim_start_matches("http://")),
        format!("-storageDataPath={}", dir.join("victoria").display()),
        "-httpAuth.username=your-username".to_owned(),
        "-httpAuth.password=your-password".to_owned(),
        "-search.latencyOffset=0".to_owned(),
        "-search.disableCache".to_owned(),
    ];
    Process::start(&peers.victoria, dir, &args)
}

fn write_targets(turn: u64) {
    let dir = Path::new("/etc/prometheus/targets");
    fs::create_dir_all(dir).expect("make a directory");
    // Written in place, as `jq … > file` does: a reader may see half of it.
    let text = format!(
        r#"[{{"targets": ["10.0.1.100:9090"], "labels": {{"instance_id": "i-file", "region": "us-east-1", "turn": "{}"}}}}]"#,
        turn % 2
    );
    fs::write(dir.join("spawn-instances.json"), text).expect("write");
}

#[test]
fn a_fleet_is_discovered_alerted_on_and_written_to_two_receivers() {
    let Some(peers) = Peers::find() else { return };
    if peers::find("moto_server", SKIPPED).is_none() {
        return;
    }
    let name = "stacks::fleet::a_fleet_is_discovered_alerted_on_and_written_to_two_receivers";
    let Some(world) = World::enter(name, SKIPPED) else {
        return;
    };
    for address in ["10.0.1.100", "10.0.1.101", "10.0.2.100", "10.0.3.10", "10.0.3.11"] {
        world.own(address);
    }
    world.name("ec2.us-east-1.amazonaws.com", "127.0.2.2");
    world.name("prometheus-storage.example.com", "127.0.2.1");
    for n in 1..=3 {
        world.name(&format!("alertmanager-{n}"), &format!("127.0.1.{n}"));
    }
    let dir = world.files();
    let certificates = Path::new("/etc/prometheus/certs");
    let authority = Authority::new(certificates);
    authority.issue("storage", &["prometheus-storage.example.com"]);
    authority.issue("aws", &["ec2.us-east-1.amazonaws.com"]);
    authority.issue("fleet", &["10.0.2.100"]);
    authority.issue("client", &["prometheus"]);

    // Everything around the server.
    let Some(moto) = Moto::start(&dir, SKIPPED) else {
        return;
    };
    let _aws = authority.terminate("aws", false, "127.0.2.2:443", moto.address());
    let first = run(&moto, "10.0.3.10", "true");
    run(&moto, "10.0.3.99", "false");
    let (never, at_once, later) = (Arc::default(), Arc::new(true.into()), Arc::default());
    let _one = instance("10.0.3.10:9090", "exporter-10", &never);
    let _two = instance("10.0.3.11:9090", "exporter-11", &never);
    let _static_one = instance("10.0.1.100:9090", "i-static-100", &later);
    let _static_two = instance("10.0.1.101:9090", "i-static-101", &at_once);
    let behind = instance("127.0.0.1:0", "i-fleet", &never);
    let _fleet = authority.terminate("fleet", true, "10.0.2.100:9090", behind.address);
    let mut managers: Vec<Option<Alertmanager>> = (1..=3)
        .map(|n| {
            let dir = dir.join(format!("alertmanager-{n}"));
            fs::create_dir_all(&dir).expect("make a directory");
            Some(Alertmanager::start(
                &peers.alertmanager,
                &dir,
                &format!("127.0.1.{n}:9093"),
            ))
        })
        .collect();
    let (receiver, _storage) = receiver(&peers, &dir, &authority);
    let _victoria = victoria(&peers, &dir);
    write_targets(0);

    // The server, on the file as documented.
    let home = dir.join("server");
    copy("003", &home, &[("/path/to", "/etc/prometheus/certs")]);
    let config = fs::read_to_string(home.join("prometheus.yml")).expect("read");
    let another = format!(
        "  - url: {VICTORIA}/api/v1/write\n    basic_auth: {{username: your-username, password: your-password}}\n\nscrape_configs:"
    );
    fs::write(
        home.join("prometheus.yml"),
        config.replace("\nscrape_configs:", &another),
    )
    .expect("write");
    let started_ms = now_ms();
    let start = Start::new(&deucalion(), &home)
        .env("SSL_CERT_FILE", "/etc/prometheus/certs/ca.crt")
        .env("AWS_CA_BUNDLE", "/etc/prometheus/certs/ca.crt")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-test");
    let server = start.ready();

    // File discovery, rewritten each second for a minute, while instances come and go.
    let began = Instant::now();
    let rewriting = std::thread::spawn(move || {
        let mut turn = 0;
        while began.elapsed() < REWRITTEN {
            turn += 1;
            write_targets(turn);
            std::thread::sleep(Duration::from_secs(1));
        }
        turn
    });
    let expected = |ec2: &[&str]| {
        let mut all: Vec<String> = ec2.iter().map(|id| format!("spawn-ec2/{id}")).collect();
        let rest = ["spawn-file/i-file", "spawn-fleet/10.0.2.100:9090"];
        all.extend(rest.map(str::to_owned));
        all.extend(["100", "101"].map(|n| format!("spawn-instances/10.0.1.{n}:9090")));
        all.sort();
        all
    };
    wait_up(&server, &expected(&[&first]));
    let second = run(&moto, "10.0.3.11", "true");
    wait_up(&server, &expected(&[&first, &second]));

    // Every Alertmanager has the alert of the spot instance; the second goes down and the others get the next.
    let spot = "SpotInstanceInterruptionWarning i-static-101".to_owned();
    for manager in managers.iter().flatten() {
        wait_for("the first alert at each Alertmanager", 90, || {
            alert_names(manager).contains(&spot).then_some(())
        });
    }
    managers[1] = None;
    terminate(&moto, &first);
    let turns = rewriting.join().expect("the writer ends well");
    assert!(turns >= 50, "{turns}");
    wait_up(&server, &expected(&[&second]));
    later.store(true, Ordering::Relaxed);
    let spot = "SpotInstanceInterruptionWarning i-static-100".to_owned();
    for manager in managers.iter().flatten() {
        wait_for("the second alert at those that are up", 120, || {
            alert_names(manager).contains(&spot).then_some(())
        });
    }

    // What both receivers hold is what we hold.
    let until_ms = now_ms() - 5_000;
    let ours = held(&server.url, &[], FLEET, started_ms, until_ms).expect("our samples");
    assert!(samples::count(&ours) > 100, "{}", samples::count(&ours));
    let password = [("authorization", "Basic eW91ci11c2VybmFtZTp5b3VyLXBhc3N3b3Jk")];
    for (who, url) in [
        ("the real receiver", &*receiver.url),
        ("VictoriaMetrics", VICTORIA),
    ] {
        let began = Instant::now();
        loop {
            let theirs = held(url, &password, FLEET, started_ms, until_ms).unwrap_or_default();
            let (lacks, more) = (samples::missing(&ours, &theirs), samples::missing(&theirs, &ours));
            if lacks.is_none() && more.is_none() {
                break;
            }
            assert!(
                began.elapsed() < UP_MAX,
                "{who} lacks {lacks:?} and has {more:?} besides"
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    let log = server.log();
    assert!(
        !log.contains("a-secret-of-the-test") && !log.contains("your-password"),
        "{log}"
    );
    assert_eq!(server.stop(), Some(0));
}
