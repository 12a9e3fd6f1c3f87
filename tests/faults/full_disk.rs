//! A disk that others fill to the last byte, and empty again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::{Scene, alertmanager, run};
use crate::support::wait_for;
use crate::support::world::World;

const SKIPPED: &str = "a full disk under a running server";

/// Writes until nothing more goes in.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("make a file");
    for size in [1 << 20, 4096, 1] {
        let chunk = vec![b'x'; size];
        while file.write_all(&chunk).is_ok() {}
    }
}

#[test]
fn alerts_are_sent_while_the_disk_is_full_and_ingest_goes_on_when_it_is_not() {
    let Some(manager) = alertmanager(SKIPPED) else {
        return;
    };
    let test = "faults::full_disk::alerts_are_sent_while_the_disk_is_full_and_ingest_goes_on_when_it_is_not";
    let Some(world) = World::enter(test, SKIPPED) else {
        return;
    };
    let dir = world.files();
    let data = dir.join("data");
    std::fs::create_dir(&data).expect("make a directory");
    run(
        "mount",
        &["-t", "tmpfs", "-o", "size=32m", "tmpfs", &data.to_string_lossy()],
    );
    let mut scene = Scene::start(&dir, &manager);
    let pid = scene.server.pid();
    wait_for("the reserve", 10, || {
        (scene.metric("deucalion_tsdb_reserve_bytes") > 4e6).then_some(())
    });
    let room = std::fs::metadata(data.join("deucalion/reserve")).expect("the reserve");
    assert_eq!(room.len(), 4 << 20);
    // Pending when the disk fills, firing while it is full.
    scene.load.store(9, Ordering::Relaxed);
    scene.wait_for_samples("a high load");
    scene.look();
    for round in 0..2 {
        let filler = data.join("filler");
        fill(&filler);
        wait_for("samples to be refused", 20, || {
            scene.refuses("samples").then_some(())
        });
        scene.check_stopped("refused");
        scene.wait_for_alerts(&["High", "Silent"]);
        let ready = scene.server.get("/-/ready", &[]);
        assert_eq!(ready.status, 200, "queries are answered");
        assert!(scene.server.log().contains("samples are refused until there is"));
        std::fs::remove_file(&filler).expect("give the room back");
        if round == 0 {
            wait_for("samples to be taken", 20, || {
                (!scene.refuses("samples")).then_some(())
            });
            scene.wait_for_samples("samples between");
            scene.wait_for_alerts(&["High"]);
        }
    }
    scene.check_going_on(pid);
}
