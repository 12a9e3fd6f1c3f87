//! The stacks of `configs/stacks`: their rules' unit tests in both promtools, and servers that start on them.

mod around;
mod cluster;
mod fleet;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::server::{Start, deucalion, promtool};
use crate::support::{free_port, peers, root, wait_for};

fn stack(name: &str) -> PathBuf {
    root().join("configs/stacks").join(name)
}

#[track_caller]
fn check_unit_tests(promtool: &Path) {
    for name in ["000", "001", "002", "003", "004"] {
        let out = Command::new(promtool)
            .args(["test", "rules", "tests.yml"])
            .current_dir(stack(name))
            .output()
            .expect("run promtool");
        let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(
            out.status.success(),
            "stack {name} with {}:\n{text}",
            promtool.display()
        );
    }
}

#[test]
fn every_alert_of_every_stack_fires_once_and_is_silent_once() {
    check_unit_tests(&promtool());
}

#[test]
fn the_real_promtool_agrees_about_every_stack() {
    if let Some(promtool) = peers::promtool("unit tests of the stacks in the real promtool") {
        check_unit_tests(&promtool);
    }
}

/// Copies a stack, its files with some texts replaced.
fn copy(name: &str, to: &Path, replaced: &[(&str, &str)]) {
    fs::create_dir_all(to).expect("make a directory");
    for entry in fs::read_dir(stack(name)).expect("read the stack") {
        let path = entry.expect("read the stack").path();
        let mut text = fs::read_to_string(&path).expect("read a file of the stack");
        for (from, to) in replaced {
            text = text.replace(from, to);
        }
        fs::write(to.join(path.file_name().expect("files have names")), text).expect("write");
    }
}

#[test]
fn the_stacks_without_clouds_start() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["001", "002"] {
        let dir = dir.path().join(name);
        copy(name, &dir, &[]);
        let server = Start::new(&deucalion(), &dir).ready();
        wait_for("targets of the stack", 20, || {
            let targets = server.get("/api/v1/targets", &[]).json();
            (!targets["data"]["activeTargets"].as_array()?.is_empty()).then_some(())
        });
        let rules = server.get("/api/v1/rules", &[]).json();
        assert!(
            rules["data"]["groups"]
                .as_array()
                .is_some_and(|groups| !groups.is_empty()),
            "{rules}"
        );
        assert_eq!(server.stop(), Some(0));
    }
}

/// An exporter that asks for a password; how many requests brought the right one is told by its metric `seen`.
fn guarded_exporter(port: u16, authorization: String) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    std::thread::spawn(move || {
        let mut seen = 0;
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).to_lowercase();
            let is_right = head.contains(&format!("authorization: {}", authorization.to_lowercase()));
            let answer = if is_right && head.starts_with("get /metrics_prometheus ") {
                seen += 1;
                let body = format!("# TYPE seen gauge\nseen {seen}\n");
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                )
            } else {
                "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
            };
            // A client that has gone needs no answer.
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
}

#[test]
fn the_first_stack_scrapes_with_a_password_from_the_environment() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    // Only names that do not exist here are replaced: the rest of the file stays as documented.
    let address = format!("127.0.0.1:{port}");
    let rules = dir.path().join("alerts.rules.yml");
    copy(
        "000",
        dir.path(),
        &[
            ("host.docker.internal:8003", &address),
            ("/etc/prometheus/alerts.rules.yml", &rules.display().to_string()),
        ],
    );
    // "prometheus:s3cret" in base64.
    guarded_exporter(port, "Basic cHJvbWV0aGV1czpzM2NyZXQ=".to_owned());
    let start = Start::new(&deucalion(), dir.path()).arg("--config.expand-env=dollar");
    let server = start.env("PROMETHEUS_BASIC_AUTH", "s3cret").ready();
    wait_for("the guarded target to be scraped", 30, || {
        let seen = server.query("seen", "");
        seen["result"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
            .then_some(())
    });
    let config = server.get("/api/v1/status/config", &[]).body;
    assert!(!config.contains("s3cret"), "secrets are never shown: {config}");
    let without = Command::new(deucalion())
        .current_dir(dir.path())
        .arg("--config.expand-env=dollar")
        .env_remove("PROMETHEUS_BASIC_AUTH")
        .output()
        .expect("run the server");
    let text = String::from_utf8_lossy(&without.stderr).into_owned();
    assert_eq!(without.status.code(), Some(2), "{text}");
    assert!(text.contains("PROMETHEUS_BASIC_AUTH"), "{text}");
}
