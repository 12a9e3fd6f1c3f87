//! The active-query file: what ran when the server was killed is told by the next start, ours and the real one.

use std::fs;
use std::path::Path;

use crate::support::peers;
use crate::support::server::{Server, Start, deucalion};
use crate::support::wait_for;

/// Takes as long as it is let.
const LONG: &str = "count_over_time(vector(time() % 7)[30d:100ms]) # \"<long>\"";

/// Starts a server, lets it run the query, and kills it meanwhile.
fn kill_while_it_runs(binary: &Path, dir: &Path) {
    let server = Start::new(binary, dir)
        .arg("--query.max-samples=5000000000")
        .ready();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The connection ends with the server.
            let url = format!(
                "{}/api/v1/query?{}",
                server.url,
                crate::support::http::encode(&[("query", LONG)])
            );
            drop(crate::support::http::get(&url));
        });
        wait_for("the query to be noted", 20, || {
            let file = fs::read(dir.join("data/queries.active")).ok()?;
            String::from_utf8_lossy(&file)
                .contains("count_over_time")
                .then_some(())
        });
        server.kill_now();
    });
    server.kill();
}

fn told(server: &Server) -> String {
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("These queries didn't finish in prometheus' last run:"));
    let line = line.unwrap_or_else(|| panic!("no line in {log}"));
    assert!(line.contains("component=activeQueryTracker"), "{line}");
    let from = line.find("queries=").expect("the queries");
    // What stands behind the time is the same in both.
    let text = &line[from..];
    let text = &text[..text.find("timestamp_sec").expect("a time")];
    text.to_owned()
}

fn prepare(dir: &Path) {
    fs::create_dir_all(dir).expect("make a directory");
    fs::write(dir.join("prometheus.yml"), "").expect("write");
}

#[test]
fn a_start_tells_which_queries_ran_when_the_server_was_killed() {
    let dir = tempfile::tempdir().expect("a directory");
    prepare(dir.path());
    kill_while_it_runs(&deucalion(), dir.path());
    let server = Start::new(&deucalion(), dir.path()).ready();
    assert!(told(&server).contains("count_over_time(vector(time() % 7)[30d:100ms])"));
    assert_eq!(server.stop(), Some(0));
    // An orderly stop leaves nothing to tell.
    let server = Start::new(&deucalion(), dir.path()).ready();
    let log = server.log();
    assert_eq!(log.matches("didn't finish").count(), 0, "{log}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn the_real_prometheus_reads_our_file_and_writes_the_same() {
    let Some(prometheus) = peers::prometheus("the active-query file beside the real Prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let mut lines = Vec::new();
    for (killed, started) in [
        (&deucalion(), &prometheus),
        (&prometheus, &deucalion()),
        (&prometheus, &prometheus),
        (&deucalion(), &deucalion()),
    ] {
        let dir = dir.path().join(lines.len().to_string());
        prepare(&dir);
        kill_while_it_runs(killed, &dir);
        let size = fs::metadata(dir.join("data/queries.active"))
            .expect("the file")
            .len();
        assert_eq!(size, 20_001);
        let server = Start::new(started, &dir).ready();
        lines.push(told(&server));
    }
    lines.dedup();
    assert_eq!(lines.len(), 1, "{lines:#?}");
}
