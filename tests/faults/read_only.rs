//! A file system that turns read-only under a running server, and back.
//!
//! A remount of the whole file system is refused as long as a file is open for writing there, as the log is. So it is the
//! mount that is made read-only: every file that is opened, made, renamed or removed from then on meets it, while
//! the log's segment at hand could still be written.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::{OWN_CONFIG, Scene, alertmanager, run};
use crate::support::server::{Start, deucalion};
use crate::support::wait_for;
use crate::support::world::World;

const SKIPPED: &str = "a read-only file system under a running server";

fn make_read_only(dir: &Path) {
    let dir = dir.to_string_lossy();
    run("mount", &["--bind", &dir, &dir]);
    run("mount", &["-o", "remount,bind,ro", &dir]);
}

fn make_writable(dir: &Path) {
    run("umount", &["--lazy", &dir.to_string_lossy()]);
}

#[test]
fn ingest_stops_while_nothing_can_be_written_and_goes_on_afterwards() {
    let Some(manager) = alertmanager(SKIPPED) else {
        return;
    };
    let test = "faults::read_only::ingest_stops_while_nothing_can_be_written_and_goes_on_afterwards";
    let Some(world) = World::enter(test, SKIPPED) else {
        return;
    };
    let dir = world.files();
    let data = dir.join("data");
    std::fs::create_dir(&data).expect("make a directory");
    let mut scene = Scene::start(&dir, &manager);
    let pid = scene.server.pid();
    scene.load.store(9, Ordering::Relaxed);
    scene.wait_for_samples("a high load");
    make_read_only(&data);
    wait_for("samples to be refused", 20, || {
        scene.refuses("samples").then_some(())
    });
    scene.check_stopped("the file system is read-only");
    scene.wait_for_alerts(&["High", "Silent"]);
    make_writable(&data);
    scene.check_going_on(pid);
}

#[test]
fn a_start_on_a_read_only_file_system_says_so_and_changes_nothing() {
    let test = "faults::read_only::a_start_on_a_read_only_file_system_says_so_and_changes_nothing";
    let Some(world) = World::enter(test, SKIPPED) else {
        return;
    };
    let dir = world.files();
    let data = dir.join("data");
    std::fs::create_dir(&data).expect("make a directory");
    std::fs::write(dir.join("prometheus.yml"), "").expect("write");
    std::fs::write(dir.join("own.yml"), OWN_CONFIG).expect("write");
    let start = Start::new(&deucalion(), &dir).arg("--deucalion.config.file=own.yml");
    assert_eq!(start.ready().stop(), Some(0));
    let before = super::names_below(&data);
    run(
        "mount",
        &["--bind", &data.to_string_lossy(), &data.to_string_lossy()],
    );
    run("mount", &["-o", "remount,bind,ro", &data.to_string_lossy()]);
    let server = start.spawn();
    wait_for("the end", 20, || {
        server
            .log()
            .contains("lock: cannot be written, and a server has to write into its directory")
            .then_some(())
    });
    assert_eq!(server.wait(), Some(1));
    assert_eq!(super::names_below(&data), before);
}
