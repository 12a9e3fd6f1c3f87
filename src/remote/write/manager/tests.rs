//! Which queues begin anew when the configuration changes.

use std::path::Path;

use tsdb::db::DbOptions;
use tsdb::fs::MemoryFs;
use tsdb::model::Metadata;

use super::*;
use crate::config::{Config, LoadOptions};

#[derive(Debug)]
struct Silent;

impl MetadataSource for Silent {
    fn families(&self) -> Vec<(String, Metadata)> {
        Vec::new()
    }
}

fn remote() -> RemoteWrite {
    let options = Options {
        flush_deadline: Duration::ZERO,
        runtime: Handle::current(),
        metadata: Arc::new(Silent),
    };
    let remote = RemoteWrite::new(options, &Registry::new(), || 0);
    let db = Db::open(
        Arc::new(MemoryFs::new()),
        Path::new("/data"),
        DbOptions::default(),
        0,
    );
    remote.open(Arc::new(db.unwrap()));
    remote
}

fn sections(text: &str) -> Vec<Arc<RemoteWriteConfig>> {
    let text = format!("remote_write: [{text}]");
    let config = Config::parse(&text, Path::new("x.yml"), &LoadOptions::default());
    config.unwrap().remote_write
}

/// The queue of each name, to be told from another of its name.
async fn queues(remote: &RemoteWrite) -> HashMap<String, Arc<Listener>> {
    let state = remote.inner.state.lock().await;
    let one = |queue: &Queue| (queue.name().to_owned(), queue.listener());
    state.queues.values().map(one).collect()
}

#[tokio::test]
async fn only_what_changes_is_begun_anew() {
    let remote = remote();
    let labels = Labels::empty();
    let (a, b) = (
        "{url: http://a, name: a, basic_auth: {username: u, password: p}}",
        "{url: http://b, name: b}",
    );
    remote
        .apply(&sections(&format!("{a}, {b}")), &labels)
        .await
        .unwrap();
    let first = queues(&remote).await;
    assert_eq!(first.len(), 2);
    // Another password and another timeout.
    let (a, b) = (
        a.replace("p}", "q}"),
        b.replace("name: b", "name: b, remote_timeout: 1s"),
    );
    remote
        .apply(&sections(&format!("{a}, {b}")), &labels)
        .await
        .unwrap();
    let second = queues(&remote).await;
    assert!(Arc::ptr_eq(&first["a"], &second["a"]));
    assert!(!Arc::ptr_eq(&first["b"], &second["b"]));
    let labels = Labels::from_pairs([("dc", "eu")]);
    remote.apply(&sections(&a), &labels).await.unwrap();
    let third = queues(&remote).await;
    assert_eq!(third.len(), 1);
    assert!(!Arc::ptr_eq(&second["a"], &third["a"]));
    remote.shutdown().await;
    assert!(queues(&remote).await.is_empty());
}

#[tokio::test]
async fn two_equal_sections_are_refused_and_nothing_changes() {
    let remote = remote();
    let labels = Labels::empty();
    remote.apply(&sections("{url: http://a}"), &labels).await.unwrap();
    let equal = sections("{url: http://u:p@b}, {url: http://u:q@b}");
    let refused = remote.apply(&equal, &labels);
    assert_eq!(
        refused.await.unwrap_err(),
        "duplicate remote write configs are not allowed, found duplicate for URL: http://u:xxxxx@b"
    );
    assert_eq!(queues(&remote).await.len(), 1);
    remote.shutdown().await;
}
