//! The remote-write receiver beside the real one: the same requests, the same answers, the same samples.

use std::path::Path;

use crate::support::differences::listed;
use crate::support::exporter::{Exporter, TEXT};
use crate::support::samples::{self, Samples};
use crate::support::server::{Server, Start, deucalion};
use crate::support::write_request::build::{Counts, Histogram, Sample, pack, series, series_of};
use crate::support::{http, now_ms, peers, wait_for};

/// All series of floats.
const FLOATS: &str = "{__name__!='',__name__!~'nh|fh|bad'}";

const ENABLE: &str = "--web.enable-remote-write-receiver";

/// A series with one integer histogram: three buckets from the first on, of which the deltas are given.
fn histogram(name: &str, at_ms: i64, count: u64, schema: i64, deltas: [i64; 3]) -> Vec<u8> {
    let histogram = Histogram {
        at_ms,
        schema,
        sum: 18.5,
        zero_threshold: 0.001,
        counts: Counts::Integer {
            count,
            zero: 1,
            positive_deltas: deltas.to_vec(),
            negative_deltas: Vec::new(),
        },
        positive_spans: vec![(0, 3)],
        negative_spans: Vec::new(),
        hint: 0,
        custom_values: Vec::new(),
    };
    series_of(&[("__name__", name)], &[Sample::Histogram(histogram)])
}

/// A series with one float histogram of two buckets, a gauge.
fn float_histogram(name: &str, at_ms: i64, counts: [f64; 2]) -> Vec<u8> {
    let histogram = Histogram {
        at_ms,
        schema: 0,
        sum: 4.5,
        zero_threshold: 0.0,
        counts: Counts::Float {
            count: counts[0] + counts[1],
            zero: 0.0,
            positive: Vec::new(),
            negative: counts.to_vec(),
        },
        positive_spans: Vec::new(),
        negative_spans: vec![(-1, 2)],
        hint: 3,
        custom_values: Vec::new(),
    };
    series_of(&[("__name__", name)], &[Sample::Histogram(histogram)])
}

/// A series with one sample and an exemplar of it.
fn with_exemplar(name: &str, at_ms: i64, trace: &str) -> Vec<u8> {
    let labels = vec![("trace".to_owned(), trace.to_owned())];
    let samples = [Sample::Float(at_ms, 1.5), Sample::Exemplar(at_ms, 0.25, labels)];
    series_of(&[("__name__", name)], &samples)
}

/// A request as it is sent.
struct Sent {
    what: &'static str,
    content_type: &'static str,
    encoding: &'static str,
    body: Vec<u8>,
}

impl Sent {
    fn new(what: &'static str, request: &[Vec<u8>]) -> Self {
        Self {
            what,
            content_type: "application/x-protobuf",
            encoding: "snappy",
            body: pack(request),
        }
    }

    fn typed(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }

    fn encoded(mut self, encoding: &'static str) -> Self {
        self.encoding = encoding;
        self
    }
}

fn requests(now_ms: i64) -> Vec<Sent> {
    let a = |samples: &[(i64, f64)]| series(&[("__name__", "a"), ("x", "1")], samples);
    let b = |samples: &[(i64, f64)]| series(&[("__name__", "b")], samples);
    let at = |ago_ms: i64| now_ms - ago_ms;
    let one = [(at(100), 1.0)];
    let good = || Sent::new("as in protocol 1.0", &[b(&[(at(50), 9.0)])]);
    let mut broken = Sent::new("what is no protobuf", &[]);
    broken.body = pack(&[vec![0x0a, 9, 1]]);
    let mut unpacked = Sent::new("what is not packed", &[]);
    unpacked.body = b"no snappy".to_vec();
    vec![
        Sent::new(
            "first samples",
            &[a(&[(at(5000), 1.0), (at(4000), 2.0)]), b(&[(at(5000), 3.0)])],
        ),
        Sent::new("the same again", &[a(&[(at(4000), 2.0)]), b(&[(at(5000), 3.0)])]),
        Sent::new("another value", &[b(&[(at(3000), 4.0)]), a(&[(at(4000), 2.5e7)])]),
        Sent::new("an older sample", &[b(&[(at(2000), 4.0)]), a(&[(at(4500), 2.0)])]),
        Sent::new("a sample of tomorrow", &[b(&[(at(-24 * 3_600_000), 4.0)])]),
        Sent::new(
            "a sample of last year",
            &[series(&[("__name__", "c")], &[(at(365 * 24 * 3_600_000), 4.0)])],
        ),
        Sent::new(
            "no metric name",
            &[series(&[("x", "1")], &one), b(&[(at(1500), 5.0)])],
        ),
        Sent::new(
            "an empty label name",
            &[series(&[("__name__", "d"), ("", "1")], &one)],
        ),
        Sent::new(
            "a label twice",
            &[series(&[("__name__", "d"), ("x", "1"), ("x", "2")], &one)],
        ),
        Sent::new(
            "an empty value and no order",
            &[series(&[("z", ""), ("y", "1"), ("__name__", "e")], &one)],
        ),
        Sent::new(
            "a name that is not legacy",
            &[series(&[("__name__", "f.ü")], &one)],
        ),
        Sent::new("no samples", &[series(&[("__name__", "g")], &[])]),
        Sent::new("nothing", &[]),
        Sent::new(
            "out of order within",
            &[series(
                &[("__name__", "h")],
                &[(at(90), 1.0), (at(95), 2.0), (at(80), 3.0)],
            )],
        ),
        Sent::new(
            "twice within",
            &[series(&[("__name__", "i")], &[(at(90), 1.0), (at(90), 2.0)])],
        ),
        Sent::new("a histogram", &[histogram("nh", at(900), 6, 0, [1, 1, 0])]),
        Sent::new("the same histogram", &[histogram("nh", at(900), 6, 0, [1, 1, 0])]),
        Sent::new("a later histogram", &[histogram("nh", at(800), 9, 0, [2, 1, 0])]),
        Sent::new("an older histogram", &[histogram("nh", at(850), 6, 0, [1, 1, 0])]),
        Sent::new(
            "another histogram at once",
            &[histogram("nh", at(800), 7, 0, [2, 0, 0])],
        ),
        Sent::new(
            "buckets that do not add up",
            &[histogram("bad", at(900), 70, 0, [1, 1, 0])],
        ),
        Sent::new(
            "a bucket below nothing",
            &[histogram("bad", at(900), 7, 0, [1, -4, 0])],
        ),
        Sent::new(
            "a resolution that nobody has",
            &[histogram("bad", at(900), 6, 60, [1, 1, 0])],
        ),
        Sent::new("a float histogram", &[float_histogram("fh", at(900), [2.5, 0.5])]),
        Sent::new(
            "exemplars",
            &[
                with_exemplar("ex", at(900), "a"),
                with_exemplar("ex", at(800), "b"),
            ],
        ),
        broken,
        unpacked,
        good().typed("application/json"),
        good().typed("application/x-protobuf;proto=prometheus.WriteRequest"),
        Sent::new("a message that nobody knows", &[]).typed("application/x-protobuf;proto=what.is.this"),
        good().typed("application/x-protobuf;proto"),
        good().encoded("gzip"),
    ]
}

fn start(binary: &Path, dir: &Path, name: &str) -> Server {
    let dir = dir.join(name);
    std::fs::create_dir_all(&dir).expect("make a directory");
    std::fs::write(dir.join("prometheus.yml"), "").expect("write");
    let features = "--enable-feature=native-histograms,exemplar-storage";
    Start::new(binary, &dir).arg(ENABLE).arg(features).ready()
}

/// Everything that a server holds of `matcher`.
fn held(server: &Server, matcher: &str) -> Samples {
    samples::of_matrix(&server.query(&format!("{matcher}[1h]"), ""))
}

#[test]
fn requests_are_answered_and_stored_as_by_the_real_receiver() {
    let Some(prometheus) = peers::prometheus("remote-write requests beside the real receiver") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let (ours, theirs) = (
        start(&deucalion(), dir.path(), "ours"),
        start(&prometheus, dir.path(), "theirs"),
    );
    let (mut different, listed) = (Vec::new(), listed("Remote write requests"));
    for sent in requests(now_ms()) {
        let answers = [&ours, &theirs].map(|server| {
            let url = format!("{}/api/v1/write", server.url);
            let headers = [("content-encoding", sent.encoding)];
            let answer = http::send("POST", &url, &headers, Some((sent.content_type, &sent.body)));
            let answer = answer.expect("an answer");
            (answer.status, answer.body)
        });
        let is_listed = listed.iter().any(|what| what == sent.what);
        if (answers[0] != answers[1]) != is_listed {
            different.push(format!("{}: {:?}, not {:?}", sent.what, answers[0], answers[1]));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    for query in ["nh[1h]", "fh[1h]"] {
        assert_eq!(ours.query(query, ""), theirs.query(query, ""), "{query}");
    }
    let now_s = (now_ms() / 1000 + 1).to_string();
    let exemplars = [&ours, &theirs].map(|server| {
        let asked = [("query", "ex"), ("start", "0"), ("end", &now_s)];
        server.get("/api/v1/query_exemplars", &asked).json()["data"].clone()
    });
    assert_eq!(exemplars[0], exemplars[1]);
    assert_eq!(
        exemplars[0][0]["exemplars"].as_array().map(Vec::len),
        Some(2),
        "{exemplars:?}"
    );
    let (ours, theirs) = (held(&ours, FLOATS), held(&theirs, FLOATS));
    assert!(samples::count(&theirs) > 5, "{theirs:?}");
    assert_eq!(ours, theirs);
}

#[test]
fn what_the_real_prometheus_sends_is_held_exactly() {
    let Some(prometheus) = peers::prometheus("samples written here by the real Prometheus") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let ours = start(&deucalion(), dir.path(), "ours");
    let exporter = Exporter::start(TEXT, |scrape| {
        let lines = (0..50).map(|n| format!("m{{n=\"{n}\"}} {}\n", scrape * n));
        lines.collect::<String>() + if scrape % 5 < 3 { "flickers 1\n" } else { "" }
    });
    let sender_dir = dir.path().join("sender");
    std::fs::create_dir_all(&sender_dir).expect("make a directory");
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: {{replica: a}}}}
scrape_configs: [{{job_name: m, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]
remote_write: [{{url: '{}/api/v1/write', queue_config: {{batch_send_deadline: 200ms}}}}]
",
        exporter.port, ours.url
    );
    std::fs::write(sender_dir.join("prometheus.yml"), config).expect("write");
    let theirs = Start::new(&prometheus, &sender_dir).ready();
    wait_for("twenty scrapes", 30, || (exporter.served() > 20).then_some(()));
    drop(exporter);
    let sent = wait_for("everything sent to have arrived", 30, || {
        let at = now_ms();
        let sent = held(&theirs, "{job='m'}");
        let arrived = held(&ours, "{job='m', replica='a'}");
        let bare: Samples = arrived
            .into_iter()
            .map(|(labels, points)| (labels.replace(",\"replica\":\"a\"", ""), points))
            .collect();
        // What the sender has scraped since may be under way.
        let until = at - 1_000;
        let sent = samples::between(&sent, 0, until);
        (sent == samples::between(&bare, 0, until)).then_some(sent)
    });
    assert!(samples::count(&sent) > 500, "{}", samples::count(&sent));
}
