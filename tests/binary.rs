//! The binary itself: what it says, how it ends, what it needs.

use std::process::{Command, Output};

use crate::support::server::{Start, deucalion};
use crate::support::wait_for;

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(deucalion())
        .current_dir(dir.path())
        .args(args)
        .output()
        .expect("run the server");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn without_a_configuration_file_it_ends_with_2_and_says_which_is_missing() {
    let (code, _, err) = run(&[]);
    assert_eq!(code, Some(2), "{err}");
    assert!(
        err.contains("prometheus.yml") && err.contains("no such file or directory"),
        "{err}"
    );
}

#[test]
fn the_version_names_itself_and_the_prometheus_it_follows() {
    let (code, out, _) = run(&["--version"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("deucalion") && out.contains("3.14.0"), "{out}");
}

#[test]
fn flags_end_the_start_with_the_codes_of_prometheus() {
    for (args, expected) in [
        (&["--nope"][..], 1),
        (&["--query.timeout=abc"], 2),
        (&["--storage.agent.path=x"], 3),
        (&["--agent"], 1),
        (&["--enable-feature=st-storage"], 1),
        (&["--web.external-url=::bad"], 2),
        (&["--web.cors.origin=["], 2),
        (&["--help"], 0),
    ] {
        let (code, out, err) = run(args);
        assert_eq!(code, Some(expected), "{args:?}\n{out}\n{err}");
    }
}

#[test]
fn it_needs_nothing_at_run_time_but_libc() {
    let Ok(out) = Command::new("ldd").arg(deucalion()).output() else {
        eprintln!("SKIPPED: what the binary links: there is no ldd");
        return;
    };
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    for line in text.lines() {
        let name = line.trim().split(['.', ' ']).next().unwrap_or_default();
        let of_libc = [
            "linux-vdso",
            "libc",
            "libm",
            "/lib64/ld-linux-x86-64",
            "/lib/ld-linux-aarch64",
        ];
        assert!(of_libc.contains(&name), "{text}");
    }
}

#[test]
fn the_demo_watches_itself_with_rules_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Start::new(&deucalion(), dir.path()).arg("--demo").ready();
    let rules = server.get("/api/v1/rules", &[]).json();
    let count = rules["data"]["groups"][0]["rules"].as_array().map_or(0, Vec::len);
    assert!(count >= 4, "{rules}");
    wait_for("its target to be discovered", 20, || {
        let targets = server.get("/api/v1/targets", &[]).json();
        (targets["data"]["activeTargets"][0]["scrapePool"] == "deucalion").then_some(())
    });
    assert_eq!(server.stop(), Some(0));
}
