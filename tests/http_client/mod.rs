//! The options of the HTTP client beside the real Prometheus: both servers scrape the same, each in a world of
//! its own, and what arrives there and what `/targets` says of it must agree.
//!
//! Begin with [`JOBS`]: a job for each option and each way that a request may fail.

mod world;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use world::World;

use crate::support::differences::listed;
use crate::support::server::{Server, Start, deucalion};
use crate::support::{peers, wait_for};

/// Name, target, first part of the path, and what else the configuration of the job says. `{place}` is an
/// address of the world.
type Job = (&'static str, &'static str, &'static str, &'static str);

const CA: &str = "tls_config: {ca_file: ca.pem}, scheme: https";

/// Every job is scraped once a second.
fn jobs() -> Vec<Job> {
    let mut jobs = vec![];
    jobs.extend(PLAIN);
    jobs.extend(SECURE);
    jobs.extend(PROXIED);
    jobs.extend(TOKENS);
    jobs
}

const PLAIN: &[Job] = &[
    ("j-nothing", "{plain}", "ok", ""),
    (
        "j-basic",
        "{plain}",
        "ok",
        "basic_auth: {username: user, password: p}",
    ),
    (
        "j-basic-files",
        "{plain}",
        "ok",
        "basic_auth: {username_file: user, password_file: secret}",
    ),
    (
        "j-basic-user-only",
        "{plain}",
        "ok",
        "basic_auth: {username: user}",
    ),
    (
        "j-basic-lost",
        "{plain}",
        "ok",
        "basic_auth: {username: user, password_file: lost}",
    ),
    (
        "j-user-lost",
        "{plain}",
        "ok",
        "basic_auth: {username_file: lost}",
    ),
    ("j-bearer", "{plain}", "right", "bearer_token: right"),
    ("j-bearer-file", "{plain}", "right", "bearer_token_file: token"),
    (
        "j-bearer-lost",
        "{plain}",
        "right",
        "authorization: {credentials_file: lost}",
    ),
    (
        "j-bearer-wrong",
        "{plain}",
        "right",
        "authorization: {credentials: wrong}",
    ),
    (
        "j-type",
        "{plain}",
        "ok",
        "authorization: {type: ' Token ', credentials: x}",
    ),
    (
        "j-headers",
        "{plain}",
        "ok",
        "http_headers: {x-many: {values: [a, b], secrets: [c], files: [secret]}, X-OTHER: {values: ['']}}",
    ),
    (
        "j-headers-lost",
        "{plain}",
        "ok",
        "http_headers: {X: {files: [lost]}}",
    ),
    (
        "j-moved",
        "{plain}",
        "moved",
        "basic_auth: {username: user}, http_headers: {X: {values: [a]}}",
    ),
    ("j-moved-not", "{plain}", "moved", "follow_redirects: false"),
    ("j-circle", "{plain}", "circle", ""),
    ("j-moved-nowhere", "{plain}", "moved-nowhere", ""),
    ("j-fails", "{plain}", "fails", ""),
    ("j-words", "{plain}", "words", ""),
    ("j-hangs", "{plain}", "hangs", "scrape_timeout: 200ms"),
    ("j-cut", "{plain}", "cut", ""),
    ("j-cut-chunk", "{plain}", "cut-chunk", ""),
    ("j-silent", "{plain}", "silent", ""),
    ("j-greets", "{plain}", "greets", ""),
    ("j-endless", "{plain}", "endless", "body_size_limit: 10KB"),
    ("j-once", "{plain}", "once", ""),
    ("j-nobody", "{nobody}", "ok", ""),
    ("j-unknown", "nowhere.invalid", "ok", ""),
    ("j-is-tls", "{tls}", "ok", ""),
];

const SECURE: &[Job] = &[
    ("s-file", "{tls}", "ok", CA),
    ("s-plain", "{plain}", "ok", CA),
    ("s-unknown", "{tls}", "ok", "scheme: https"),
    (
        "s-stranger",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {ca_file: stranger.pem}",
    ),
    (
        "s-careless",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {insecure_skip_verify: true}",
    ),
    (
        "s-careless-expired",
        "{expired}",
        "ok",
        "scheme: https, tls_config: {insecure_skip_verify: true}",
    ),
    (
        "s-expired",
        "{expired}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, server_name: any.test}",
    ),
    (
        "s-name",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, server_name: metrics.example}",
    ),
    (
        "s-other-name",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, server_name: a.b.test}",
    ),
    (
        "s-other-address",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, server_name: 127.0.0.9}",
    ),
    (
        "s-no-address",
        "{talker}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem}",
    ),
    (
        "s-listed",
        "{listed}",
        "ok",
        "scheme: https, tls_config: {ca_file: listed.pem}",
    ),
    (
        "s-listed-name",
        "{listed}",
        "ok",
        "scheme: https, tls_config: {ca_file: listed.pem, server_name: x.test}",
    ),
    (
        "s-mutual",
        "{mutual}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, cert_file: client.pem, key_file: client.key}",
    ),
    (
        "s-mutual-without",
        "{mutual}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, max_version: TLS12}",
    ),
    ("s-12", "{tls12}", "ok", CA),
    (
        "s-12-only",
        "{tls12}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, max_version: TLS12}",
    ),
    (
        "s-13-of-12",
        "{tls12}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, min_version: TLS13}",
    ),
    (
        "s-12-of-13",
        "{tls13}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, max_version: TLS12}",
    ),
    (
        "s-http1",
        "{tls}",
        "ok",
        "scheme: https, enable_http2: false, tls_config: {ca_file: ca.pem}",
    ),
];

const PROXIED: &[Job] = &[
    ("p-plain", "far.test", "ok", "proxy_url: 'http://{proxy}'"),
    ("p-port", "far.test:8080", "ok", "proxy_url: 'http://{proxy}'"),
    (
        "p-user",
        "far.test",
        "ok",
        "proxy_url: 'http://user:p%40@{proxy}', basic_auth: {username: x}",
    ),
    (
        "p-header",
        "far.test",
        "ok",
        "proxy_url: 'http://{proxy}', proxy_connect_header: {X-A: [b]}",
    ),
    ("p-refused", "refused.test", "ok", "proxy_url: 'http://{proxy}'"),
    ("p-nobody", "far.test", "ok", "proxy_url: 'http://{nobody}'"),
    ("p-local", "{plain}", "ok", "proxy_url: 'http://{proxy}'"),
    (
        "p-local-excepted",
        "{plain}",
        "ok",
        "proxy_url: 'http://{proxy}', no_proxy: other",
    ),
    (
        "p-excepted",
        "p-excepted.test",
        "ok",
        "proxy_url: 'http://{proxy}', no_proxy: .test",
    ),
    (
        "p-unexcepted",
        "p-unexcepted.test",
        "ok",
        "proxy_url: 'http://{proxy}', no_proxy: 'p-unexcepted.test:81'",
    ),
    ("p-environment", "far.test", "ok", "proxy_from_environment: true"),
    (
        "p-environment-not",
        "{plain}",
        "ok",
        "proxy_from_environment: true",
    ),
    (
        "p-tunnel",
        "p-tunnel.test",
        "ok",
        "proxy_url: 'http://{proxy}', scheme: https, tls_config: {ca_file: ca.pem}",
    ),
    (
        "p-tunnel-user",
        "p-tunnel-user.test:8443",
        "ok",
        "proxy_url: 'http://user:p@{proxy}', scheme: https, tls_config: {ca_file: ca.pem}, \
         proxy_connect_header: {X-A: [b, c], x-b: [d]}",
    ),
    (
        "p-tunnel-refused",
        "refused-p-tunnel-refused.test",
        "ok",
        "proxy_url: 'http://{proxy}', scheme: https",
    ),
    (
        "p-tunnel-silenced",
        "silenced-p-tunnel-silenced.test",
        "ok",
        "proxy_url: 'http://{proxy}', scheme: https",
    ),
    (
        "p-tunnel-greeted",
        "greeted-p-tunnel-greeted.test",
        "ok",
        "proxy_url: 'http://{proxy}', scheme: https",
    ),
    (
        "p-tunnel-nobody",
        "far.test",
        "ok",
        "proxy_url: 'http://{nobody}', scheme: https",
    ),
    (
        "p-tunnel-environment",
        "p-tunnel-environment.test",
        "ok",
        "proxy_from_environment: true, scheme: https, tls_config: {ca_file: ca.pem}",
    ),
    (
        "p-secure",
        "p-secure.test",
        "ok",
        "proxy_url: 'https://{proxy_tls}', tls_config: {ca_file: ca.pem}",
    ),
    (
        "p-secure-tunnel",
        "p-secure-tunnel.test",
        "ok",
        "proxy_url: 'https://{proxy_tls}', scheme: https, enable_http2: false, tls_config: {ca_file: ca.pem}",
    ),
    (
        "p-secure-unknown",
        "far.test",
        "ok",
        "proxy_url: 'https://{proxy_tls}'",
    ),
    ("p-secure-plain", "far.test", "ok", "proxy_url: 'https://{proxy}'"),
    ("p-socks", "p-socks.test", "ok", "proxy_url: 'socks5://{socks}'"),
    (
        "p-socks-address",
        "10.9.8.7:81",
        "ok",
        "proxy_url: 'socks5://{socks}'",
    ),
    (
        "p-socks-user",
        "p-socks-user.test",
        "ok",
        "proxy_url: 'socks5://user:right@{socks}'",
    ),
    (
        "p-socks-wrong",
        "p-socks-wrong.test",
        "ok",
        "proxy_url: 'socks5h://user:wrong@{socks}'",
    ),
    (
        "p-socks-refused",
        "refused-p-socks-refused.test",
        "ok",
        "proxy_url: 'socks5://{socks}'",
    ),
    (
        "p-socks-nobody",
        "far.test",
        "ok",
        "proxy_url: 'socks5://{nobody}'",
    ),
    (
        "p-socks-tls",
        "p-socks-tls.test",
        "ok",
        "proxy_url: 'socks5://{socks}', scheme: https, tls_config: {ca_file: ca.pem}",
    ),
];

/// `client_id: id, client_secret: hunter2` and a token's address go without saying.
const TOKENS: &[Job] = &[
    ("t-gives", "{plain}", "right", ""),
    (
        "t-escaped",
        "{plain}",
        "right",
        "client_id: 'a b:~*&', client_secret: 'c/d?+%'",
    ),
    (
        "t-file",
        "{plain}",
        "right",
        "client_secret: '', client_secret_file: secret",
    ),
    (
        "t-file-lost",
        "{plain}",
        "right",
        "client_secret: '', client_secret_file: lost",
    ),
    ("t-public", "{plain}", "right", "client_secret: ''"),
    (
        "t-more",
        "{plain}",
        "right",
        "scopes: [a, b], endpoint_params: {resource: x y, grant_type: other}",
    ),
    (
        "t-overwrites",
        "{plain}",
        "right",
        "scopes: [a], endpoint_params: {scope: b}",
    ),
    ("t-in-body", "{plain}", "right", "path: in-body"),
    ("t-as-form", "{plain}", "right", "path: as-form"),
    ("t-as-text", "{plain}", "right", "path: as-text"),
    ("t-other-type", "{plain}", "right", "path: other-type"),
    ("t-short", "{plain}", "right", "path: short"),
    ("t-wrong", "{plain}", "right", "path: wrong"),
    ("t-refuses", "{plain}", "right", "path: refuses"),
    ("t-refuses-politely", "{plain}", "right", "path: refuses-politely"),
    ("t-fails", "{plain}", "right", "path: fails"),
    ("t-page", "{plain}", "right", "path: page"),
    ("t-nothing", "{plain}", "right", "path: nothing"),
    ("t-no-token", "{plain}", "right", "path: no-token"),
    ("t-moved", "{plain}", "right", "path: moved"),
    ("t-nobody", "{plain}", "right", "giver: nobody"),
    ("t-unknown", "{plain}", "right", "token_url: 'nowhere'"),
    (
        "t-tls",
        "{plain}",
        "right",
        "giver: giver_tls, tls_config: {ca_file: ca.pem}",
    ),
    ("t-tls-unknown", "{plain}", "right", "giver: giver_tls"),
    (
        "t-tls-lost",
        "{plain}",
        "right",
        "giver: giver_tls, tls_config: {ca_file: lost}",
    ),
    (
        "t-proxy",
        "{plain}",
        "right",
        "token_url: 'http://giver.test/gives/t-proxy', proxy_url: 'http://u:p@{proxy}'",
    ),
];

/// The job of `name` as the configuration has it.
fn configured((name, target, path, more): &Job) -> String {
    let mut more = (*more).to_owned();
    if name.starts_with("t-") {
        more = format!("oauth2: {{{}}}", with_defaults(name, &more));
    }
    let more = if more.is_empty() {
        more
    } else {
        format!(", {more}")
    };
    format!(
        "  - {{job_name: {name}, metrics_path: /{path}/{name}, static_configs: [{{targets: ['{target}']}}]{more}}}\n"
    )
}

fn with_defaults(name: &str, more: &str) -> String {
    let mut path = "gives";
    let mut giver = "giver";
    let mut kept = Vec::new();
    for part in more.split(", ").filter(|part| !part.is_empty()) {
        match part.split_once(": ") {
            Some(("path", value)) => path = value,
            Some(("giver", value)) => giver = value,
            _ => kept.push(part),
        }
    }
    let mut text = kept.join(", ");
    let scheme = if giver == "giver_tls" { "https" } else { "http" };
    let defaults = [
        ("client_id", "id".to_owned()),
        ("client_secret", "hunter2".to_owned()),
        ("token_url", format!("'{scheme}://{{{giver}}}/{path}/{name}'")),
    ];
    for (key, value) in defaults {
        if !kept.iter().any(|part| part.starts_with(&format!("{key}: "))) {
            let comma = if text.is_empty() { "" } else { ", " };
            write!(text, "{comma}{key}: {value}").expect("write to memory");
        }
    }
    text
}

struct Run {
    world: World,
    server: Server,
}

impl Run {
    fn start(binary: &Path, dir: &Path, jobs: &[Job]) -> Self {
        std::fs::create_dir_all(dir).expect("make a directory");
        let world = World::start();
        for (name, text) in &world.files {
            std::fs::write(dir.join(name), text).expect("write");
        }
        let mut config = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned();
        config.extend(jobs.iter().map(configured));
        let mut start = Start::new(binary, dir);
        for (name, address) in &world.places {
            config = config.replace(&format!("{{{name}}}"), address);
            if *name == "proxy" {
                start = start
                    .env("HTTP_PROXY", address)
                    .env("https_proxy", &format!("http://{address}"));
            }
        }
        std::fs::write(dir.join("prometheus.yml"), config).expect("write");
        let server = start.env("NO_PROXY", "").ready();
        Self { world, server }
    }

    /// What is said of each job once it has been scraped, with what arrived.
    fn told(&self, jobs: &[Job]) -> BTreeMap<String, String> {
        let mut told = BTreeMap::new();
        for (name, _, _, _) in jobs {
            let said = wait_for(&format!("{name} to be scraped"), 60, || self.said(name));
            told.insert(format!("said of {name}"), self.world.placed(&said));
        }
        for (name, _, _, _) in jobs {
            told.insert(
                format!("arrived of {name}"),
                self.world.noted(name).join("\n          "),
            );
        }
        told
    }

    fn said(&self, job: &str) -> Option<String> {
        let answer = self
            .server
            .get("/api/v1/targets", &[("state", "active"), ("scrapePool", job)]);
        let targets = answer.json()["data"]["activeTargets"].clone();
        let target = targets
            .as_array()?
            .iter()
            .find(|target| target["scrapePool"] == job)?
            .clone();
        let text = |name: &str| target[name].as_str().unwrap_or("").to_owned();
        (text("health") != "unknown").then(|| format!("{} {}", text("health"), text("lastError")))
    }
}

#[test]
fn what_arrives_and_what_is_said_of_it_is_the_same_as_with_prometheus() {
    let Some(prometheus) = peers::prometheus("the HTTP client beside the real Prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let jobs = jobs();
    let theirs = Run::start(&prometheus, &dir.path().join("theirs"), &jobs);
    let ours = Run::start(&deucalion(), &dir.path().join("ours"), &jobs);
    // Kept connections are used again, and tokens are not fetched again.
    for run in [&theirs, &ours] {
        let asked = || (run.world.times("j-nothing") >= 3).then_some(());
        wait_for("three scrapes", 60, asked);
    }
    let (theirs, ours) = (theirs.told(&jobs), ours.told(&jobs));
    let known = listed("HTTP client\n");
    let mut report = String::new();
    let mut found = 0;
    for (key, our) in &ours {
        let their = &theirs[key];
        let is_known = known.contains(key);
        found += usize::from(our != their);
        if (our != their) != is_known {
            writeln!(report, "{key}\n  ours    {our}\n  theirs  {their}").expect("write to memory");
        }
    }
    let count = ours.len();
    assert!(
        report.is_empty(),
        "of {count} things these are not as they should be:\n{report}"
    );
    assert!(count >= 2 * jobs.len(), "every job is compared");
    eprintln!("{count} things are the same, but for {found} listed ones");
}
