//! Several hundred queries over copies of one directory: answers, errors and annotations.

use serde_json::Value;

use super::compare::{difference, sort_result, sort_texts};
use super::data::{self, START_S};
use crate::support::differences::listed;
use crate::support::http::Answer;
use crate::support::server::{Server, Start, deucalion};
use crate::support::{peers, root};

/// Status, and the body without what may differ between two right answers.
fn essence(answer: &Answer, ordered: bool) -> Value {
    let mut body = answer.json();
    if !ordered {
        sort_result(&mut body["data"]);
    }
    sort_texts(body.get_mut("warnings"));
    sort_texts(body.get_mut("infos"));
    body["status_code"] = answer.status.into();
    body
}

/// Whether the order of an instant vector is part of the answer.
pub(super) fn is_ordered(query: &str) -> bool {
    ["sort", "topk", "bottomk"]
        .iter()
        .any(|word| query.starts_with(word))
}

fn compare(ours: &Server, theirs: &Server, path: &str, params: &[(&str, &str)]) -> Option<String> {
    let ordered = path.ends_with("query_range") || is_ordered(params[0].1);
    let (a, b) = (ours.get(path, params), theirs.get(path, params));
    difference(&essence(&a, ordered), &essence(&b, ordered), "")
}

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
    let known = listed("Queries");
    let instant = (START_S + 2 * 3600 + 17).to_string();
    let (from, to) = ((START_S + 600).to_string(), (START_S + 9000).to_string());
    let mut failures = Vec::new();
    let mut asked = 0;
    for query in queries.lines().filter(|line| !line.is_empty()) {
        asked += 1;
        let instant = [("query", query), ("time", instant.as_str())];
        let range = [
            ("query", query),
            ("start", from.as_str()),
            ("end", to.as_str()),
            ("step", "137"),
        ];
        let found = compare(&ours, &theirs, "/api/v1/query", &instant)
            .or_else(|| compare(&ours, &theirs, "/api/v1/query_range", &range));
        match (found, known.iter().any(|case| case == query)) {
            (Some(difference), false) => failures.push(format!("{query}\n    {difference}")),
            (None, true) => failures.push(format!("{query}\n    is listed as different and is equal")),
            _ => {}
        }
    }
    assert!(asked >= 300, "{asked} queries are fewer than promised");
    assert!(
        failures.is_empty(),
        "{} of {asked} queries differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
