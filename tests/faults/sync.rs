//! An fsync that fails: what is on disk is unknown from then on, so that nothing is written any more.

use std::process::{Child, Command, Stdio};

use super::{Scene, alertmanager};
use crate::support::wait_for;

const SKIPPED: &str = "an fsync that fails under a running server";

/// Makes every `fdatasync` of a process fail, as long as it lives.
struct Failing(Child);

impl Failing {
    /// Says what is skipped where system calls cannot be made to fail.
    fn start(pid: u32) -> Option<Self> {
        let child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"])
            .args(["-e", "inject=fdatasync:error=EIO", "-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.ok()?;
        std::thread::sleep(std::time::Duration::from_millis(300));
        match child.try_wait() {
            Ok(None) => Some(Self(child)),
            _ => None,
        }
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.0.id().cast_signed());
        // Asked to end it lets go of the process.
        if pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok()) {
            drop(self.0.wait());
        }
    }
}

#[test]
fn writing_stops_for_good_and_readiness_says_why() {
    let Some(manager) = alertmanager(SKIPPED) else {
        return;
    };
    let dir = tempfile::tempdir().expect("make a directory");
    let mut scene = Scene::start(dir.path(), &manager);
    scene.look();
    let Some(failing) = Failing::start(scene.server.pid()) else {
        eprintln!("SKIPPED: {SKIPPED}: strace cannot make system calls fail here");
        return;
    };
    let not_ready = wait_for("the server not to be ready", 20, || {
        let answer = scene.server.get("/-/ready", &[]);
        (answer.status == 503).then_some(answer)
    });
    drop(failing);
    assert!(
        not_ready
            .body
            .contains("an fsync of the write-ahead log failed (Input/output error"),
        "{}",
        not_ready.body
    );
    assert!(
        scene
            .server
            .log()
            .contains("nothing is taken any more until a restart")
    );
    scene.check_stopped("an fsync of the write-ahead log failed");
    scene.wait_for_alerts(&["Silent"]);
    // Syncs would go well again: that does not bring back what the failed one has lost.
    assert_eq!(scene.metric("deucalion_tsdb_wal_fsync_failed"), 1.0);
    assert_eq!(scene.server.get("/-/ready", &[]).status, 503);
    assert_eq!(scene.server.get("/-/healthy", &[]).status, 200);
    scene.restart_killed();
    scene.wait_for_samples("samples after the restart");
    assert_eq!(scene.metric("deucalion_tsdb_wal_fsync_failed"), 0.0);
}
