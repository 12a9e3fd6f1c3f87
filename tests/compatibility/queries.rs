//! Several hundred queries over copies of one directory: answers, errors and annotations.

use super::data::{self, START_S};
use super::tally::{Pair, Tally};
use crate::support::server::{Server, Start, deucalion};
use crate::support::{peers, root};

/// An empty configuration, and the directory's copy.
pub(super) fn start_with(
    binary: &std::path::Path,
    data: &std::path::Path,
    dir: &std::path::Path,
    flags: &[&str],
) -> Server {
    data::copy(data, &dir.join("data"));
    std::fs::write(dir.join("prometheus.yml"), "global: {evaluation_interval: 1m}\n").expect("write");
    flags
        .iter()
        .fold(Start::new(binary, dir), |start, flag| start.arg(*flag))
        .arg("--storage.tsdb.retention.time=100y")
        .ready()
}

#[test]
fn queries_over_one_directory_are_answered_as_prometheus_answers_them() {
    let skipped = "several hundred queries beside the real Prometheus";
    let (Some(prometheus), Some(promtool)) = (peers::prometheus(skipped), peers::promtool(skipped)) else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let data = data::make(&promtool, dir.path());
    let theirs = start_with(&prometheus, &data, &dir.path().join("theirs"), &[]);
    let ours = start_with(&deucalion(), &data, &dir.path().join("ours"), &[]);

    let queries =
        std::fs::read_to_string(root().join("testdata/compatibility/queries.txt")).expect("read queries");
    let servers = Pair::new(ours, theirs);
    let mut tally = Tally::default();
    let instant = (START_S + 2 * 3600 + 17).to_string();
    let (from, to) = ((START_S + 600).to_string(), (START_S + 9000).to_string());
    let mut asked = 0;
    for query in queries.lines().filter(|line| !line.is_empty()) {
        asked += 1;
        let range = [("start", from.as_str()), ("end", to.as_str()), ("step", "137")];
        tally.ask(&servers, "/api/v1/query", query, &[("time", &instant)]);
        tally.ask(&servers, "/api/v1/query_range", query, &range);
    }
    assert!(asked >= 300, "{asked} queries are fewer than promised");
    tally.check();
}
