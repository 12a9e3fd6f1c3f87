//! Files of the data directory that others shorten while queries read them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::names_below;
use crate::support::exporter::{Exporter, TEXT};
use crate::support::server::{Start, deucalion};
use crate::support::{http, wait_for};

fn newest(data: &Path, part: &str) -> Option<PathBuf> {
    let names = names_below(data);
    let fitting = names
        .into_iter()
        .filter(|name| name.contains(part) && !name.contains(".tmp-for"));
    fitting.max().map(PathBuf::from).filter(|path| path.is_file())
}

#[test]
fn queries_name_the_file_and_the_server_goes_on() {
    let dir = tempfile::tempdir().expect("make a directory");
    let exporter = Exporter::start(TEXT, |scrape| {
        (0..50).map(|i| format!("load{{i=\"{i}\"}} {scrape}\n")).collect()
    });
    let config = format!(
        "global: {{scrape_interval: 50ms, scrape_timeout: 50ms}}
scrape_configs: [{{job_name: load, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        exporter.port
    );
    std::fs::write(dir.path().join("prometheus.yml"), config).expect("write");
    let server = Start::new(&deucalion(), dir.path())
        .arg("--storage.tsdb.min-block-duration=2s")
        .arg("--storage.tsdb.max-block-duration=2s")
        .ready();
    let data = dir.path().join("data");
    let block = wait_for("a block", 30, || newest(&data, "/chunks/"));
    let url = format!("{}/api/v1/query?query=count_over_time(load[1h])", server.url);
    let is_over = AtomicBool::new(false);
    let failed = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    http::get(&url).expect("the server answers, well or badly");
                }
            });
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        let file = std::fs::File::options().write(true).open(&block).expect("open");
        file.set_len(0).expect("shorten");
        let failed = wait_for("a query that fails", 20, || {
            let answer = http::get(&url).expect("an answer");
            (answer.status != 200).then_some(answer)
        });
        std::thread::sleep(std::time::Duration::from_millis(300));
        is_over.store(true, Ordering::Relaxed);
        failed
    });
    assert!(failed.body.contains("/chunks/000001"), "{}", failed.body);
    let recent = server.query("count_over_time(load[1s])", "");
    assert_eq!(
        recent["result"].as_array().map(Vec::len),
        Some(50),
        "the rest is there"
    );
    let metrics = server.get("/metrics", &[]).body;
    assert!(
        metrics.contains("deucalion_tsdb_mapped_files_torn_total 1\n"),
        "{metrics}"
    );
    // What is damaged is set aside by the next start.
    assert_eq!(server.stop(), Some(0));
    let mut again = Start::new(&deucalion(), dir.path()).spawn();
    again.wait_ready();
    let answer = again.get("/api/v1/query", &[("query", "count_over_time(load[1h])")]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let ulid = block
        .ancestors()
        .nth(2)
        .and_then(Path::file_name)
        .expect("a block");
    let kept = format!("quarantine/{}", ulid.to_string_lossy());
    assert!(
        names_below(&data).iter().any(|name| name.contains(&kept)),
        "{kept} is kept"
    );
}
