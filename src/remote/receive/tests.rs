//! Requests spelled out, against storage in memory of the real kind.

#[allow(dead_code, reason = "the rest of it is for requests between processes")]
#[path = "../../../tests/support/write_request/build.rs"]
mod build;

use std::path::Path;

use proptest::prelude::*;
use tsdb::db::{Db, DbOptions, RoomOptions};
use tsdb::fs::MemoryFs;

use super::*;
use build::{pack, series};

const NOW_MS: i64 = 1_800_000_000_000;

struct Harness {
    receiver: Receiver,
    storage: Arc<Db>,
    registry: Registry,
}

impl Harness {
    fn new() -> Self {
        Self::with(DbOptions::default())
    }

    fn with(options: DbOptions) -> Self {
        let fs = Arc::new(MemoryFs::default());
        let db = Db::open(fs, Path::new("/data"), options, NOW_MS).unwrap();
        let (storage, registry) = (Arc::new(db), Registry::new());
        Self {
            receiver: Receiver::new(Arc::clone(&storage) as _, &registry),
            storage,
            registry,
        }
    }

    fn send(&self, request: &[Vec<u8>]) -> Result<(), Refusal> {
        self.receiver
            .receive("application/x-protobuf", "snappy", &pack(request), NOW_MS)
    }

    #[track_caller]
    fn check_refused(&self, request: &[Vec<u8>], text: &str) {
        let refusal = Refusal::new(400, text);
        assert_eq!(self.send(request), Err(refusal));
    }

    /// Samples of the series with this metric name.
    fn stored(&self, name: &str) -> Vec<(i64, f64)> {
        let selection = Selection::new(vec![Matcher::equal(METRIC_NAME, name)], 0, i64::MAX);
        let read = self
            .storage
            .open(&[selection], &Budget::unlimited(), &Cancel::new());
        let read = read.unwrap();
        let mut columns = Columns::default();
        if !read.rosters[0].is_empty() {
            let mut cursor = read.cursor();
            cursor.read(0, 0, 0, i64::MAX, &mut columns).unwrap();
        }
        columns.t_ms.into_iter().zip(columns.v).collect()
    }
}

#[test]
fn samples_of_a_request_are_stored_under_their_sorted_labels() {
    let harness = Harness::new();
    let sent = [(NOW_MS - 2, 1.0), (NOW_MS - 1, -0.5)];
    let request = [
        series(&[("z", "1"), (METRIC_NAME, "a"), ("empty", "")], &sent),
        series(&[(METRIC_NAME, "b")], &[(NOW_MS, 3.0)]),
    ];
    harness.send(&request).unwrap();
    assert_eq!(harness.stored("a"), sent);
    assert_eq!(harness.stored("b"), [(NOW_MS, 3.0)]);
}

#[test]
fn what_the_disk_refuses_is_to_be_sent_again() {
    // Endless room suffices once the reserve is there.
    let room = RoomOptions {
        reserve_bytes: 1,
        samples_free_bytes_min: u64::MAX,
        ..RoomOptions::default()
    };
    let harness = Harness::with(DbOptions {
        room,
        ..DbOptions::default()
    });
    harness.storage.sync().unwrap();
    let request = [series(&[(METRIC_NAME, "a")], &[(NOW_MS, 1.0)])];
    let refusal = harness.send(&request).unwrap_err();
    assert_eq!(refusal.status, 503, "{}", refusal.text);
    assert!(refusal.text.ends_with("are refused"), "{}", refusal.text);
    harness.storage.sync().unwrap();
    harness.send(&request).unwrap();
    assert_eq!(harness.stored("a"), [(NOW_MS, 1.0)]);
}

#[test]
fn the_same_request_twice_is_accepted_twice_and_stored_once() {
    let harness = Harness::new();
    let request = [series(&[(METRIC_NAME, "a")], &[(NOW_MS, 1.0)])];
    harness.send(&request).unwrap();
    harness.send(&request).unwrap();
    assert_eq!(harness.stored("a"), [(NOW_MS, 1.0)]);
}

#[test]
fn one_sample_that_does_not_fit_refuses_the_whole_request() {
    let harness = Harness::new();
    let a = |samples: &[(i64, f64)]| series(&[(METRIC_NAME, "a")], samples);
    let b = series(&[(METRIC_NAME, "b")], &[(NOW_MS, 1.0)]);
    harness.send(&[a(&[(NOW_MS, 1e6)])]).unwrap();
    harness.check_refused(&[b.clone(), a(&[(NOW_MS - 1, 1.0)])], "out of order sample");
    harness.check_refused(
        &[b.clone(), a(&[(NOW_MS, 2.5)])],
        &format!(
            "duplicate sample for timestamp {NOW_MS}; overrides not allowed: existing 1e+06, new value 2.5"
        ),
    );
    harness.check_refused(
        &[b.clone(), a(&[(NOW_MS + AHEAD_MS_MAX + 1, 1.0)])],
        "out of bounds: timestamp is too far in the future",
    );
    harness.check_refused(&[b, a(&[(1, 1.0)])], "out of bounds");
    assert_eq!(harness.stored("b"), []);
    assert_eq!(harness.stored("a"), [(NOW_MS, 1e6)]);
}

#[test]
fn beyond_the_series_limit_the_rest_of_a_request_is_stored() {
    let harness = Harness::with(DbOptions {
        series_max: 1,
        ..DbOptions::default()
    });
    let series = |name, at_ms| series(&[("__name__", name)], &[(at_ms, 1.0)]);
    harness.send(&[series("a", NOW_MS)]).unwrap();
    let text =
        "series limit of 1 reached (--storage.tsdb.max-series), new series are refused: 2 of this request";
    harness.check_refused(
        &[series("b", NOW_MS), series("a", NOW_MS + 1), series("c", NOW_MS)],
        text,
    );
    assert_eq!(harness.stored("a"), [(NOW_MS, 1.0), (NOW_MS + 1, 1.0)]);
    assert_eq!(harness.stored("b"), []);
    harness.send(&[series("a", NOW_MS + 2)]).unwrap();
}

#[test]
fn series_with_invalid_labels_are_passed_over_and_counted() {
    let harness = Harness::new();
    let samples = [(NOW_MS, 1.0)];
    let request = [
        series(&[("a", "b")], &samples),
        series(&[(METRIC_NAME, "")], &samples),
        series(&[(METRIC_NAME, "x"), ("", "b")], &samples),
        series(&[(METRIC_NAME, "x"), ("a", "b"), ("a", "c")], &samples),
        series(&[(METRIC_NAME, "good")], &samples),
    ];
    harness.send(&request).unwrap();
    assert_eq!(harness.stored("good"), samples);
    assert_eq!(harness.stored("x"), []);
    let metrics = harness.registry.render();
    assert!(
        metrics.contains("prometheus_api_remote_write_invalid_labels_samples_total 4\n"),
        "{metrics}"
    );
}

#[test]
fn what_is_no_request_is_refused_with_its_status() {
    let harness = Harness::new();
    let packed = pack(&[series(&[(METRIC_NAME, "a")], &[(NOW_MS, 1.0)])]);
    let check = |content_type: &str, encoding: &str, body: &[u8], status: u16, part: &str| {
        let refusal = harness
            .receiver
            .receive(content_type, encoding, body, NOW_MS)
            .unwrap_err();
        assert_eq!(refusal.status, status, "{}", refusal.text);
        assert!(refusal.text.contains(part), "{}", refusal.text);
    };
    check("application/json", "snappy", &packed, 415, "got application/json");
    check(
        "application/x-protobuf;proto",
        "snappy",
        &packed,
        415,
        "key-values",
    );
    check(
        "application/x-protobuf;proto=x",
        "snappy",
        &packed,
        415,
        "message x",
    );
    check(
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "",
        &packed,
        415,
        "only accepts",
    );
    check("application/x-protobuf", "gzip", &packed, 415, "gzip encoding");
    check("", "", b"no snappy", 400, "snappy: corrupt input");
    let broken = pack(&[vec![0x0a, 5, 1]]);
    check("", "", &broken, 400, "unexpected EOF");
    let large = pack(&[vec![0; REQUEST_BYTES_MAX + 1]]);
    check("", "", &large, 400, "decoded size exceeds");
    harness
        .receiver
        .receive(
            "application/x-protobuf;proto=prometheus.WriteRequest",
            "",
            &packed,
            NOW_MS,
        )
        .unwrap();
    assert_eq!(harness.stored("a"), [(NOW_MS, 1.0)]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let harness = Harness::new();
        let _refused = harness.send(&[bytes]);
    }
}
