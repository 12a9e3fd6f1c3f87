//! Samples out of order, exemplars and deletions in one data directory, Prometheus and we in turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsdb::batch::{AppendOptions, Appendable, Batch};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::RealFs;
use tsdb::model::{Exemplar, Labels, Matcher};

use crate::peers::{peer, run};
use crate::shared_directory::{Contents, HOUR_MS, MIDDAY_MS, Prometheus, contents, scratch};

const WITH_EXEMPLARS: [&str; 2] = [
    "--enable-feature=exemplar-storage",
    "--web.enable-remote-write-receiver",
];

fn open(data: &std::path::Path) -> Db {
    let options = DbOptions {
        out_of_order_window_ms: 2 * HOUR_MS,
        exemplars_max: 1000,
        ..DbOptions::default()
    };
    Db::open(Arc::new(RealFs), data, options, MIDDAY_MS).unwrap()
}

/// Time of sample `step`: each third comes 40 minutes late.
fn time_ms(step: i64) -> i64 {
    let late_ms = if step % 3 == 2 { 40 * 60_000 + 7 } else { 0 };
    MIDDAY_MS + step * 15_000 - late_ms
}

fn series(instance: i64) -> Labels {
    let instance = instance.to_string();
    Labels::from_pairs([
        ("__name__", "m"),
        ("instance", instance.as_str()),
        ("job", "test"),
    ])
}

fn exemplar(step: i64) -> Exemplar {
    Exemplar {
        labels: Labels::from_pairs([("trace_id", step.to_string().as_str())]),
        value: step as f64,
        at_ms: Some(MIDDAY_MS + step * 15_000),
    }
}

/// Appends what belongs to the minutes `from .. to`, and notes it.
fn append_minutes(db: &Db, from: i64, to: i64, expected: &mut Contents) {
    for step in from * 4..to * 4 {
        let mut batch = Batch::at(time_ms(step));
        for instance in 0..20 {
            let labels = series(instance);
            let id = db.resolve(&labels, &mut batch).unwrap();
            let value = (step * instance) as f64 / 7.0;
            batch.push(id, value.to_bits());
            if step % 10 == 0 {
                batch.exemplars.push((id, exemplar(step)));
            }
            let pairs = labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            expected
                .entry(pairs)
                .or_default()
                .push((time_ms(step), value.to_bits()));
        }
        let receipt = db.append(&mut batch, &AppendOptions::default()).unwrap();
        assert_eq!(receipt.accepted, 20);
    }
    expected.values_mut().for_each(|samples| samples.sort_unstable());
}

/// Series → times of exemplars, of Prometheus.
fn their_exemplars(prometheus: &Prometheus, end_ms: i64) -> BTreeMap<String, Vec<i64>> {
    let (from, to) = ((end_ms - 20 * HOUR_MS) / 1000, end_ms / 1000 + 60);
    let path = format!("/api/v1/query_exemplars?query=m&start={from}&end={to}");
    let (status, body) = prometheus.get(&path).unwrap();
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let times = |series: &serde_json::Value| {
        let all = series["exemplars"].as_array().unwrap().iter();
        all.map(|e| (e["timestamp"].as_f64().unwrap() * 1000.0).round() as i64)
            .collect()
    };
    let found = answer["data"].as_array().unwrap().iter();
    found
        .map(|series| {
            let instance = series["seriesLabels"]["instance"].as_str().unwrap();
            (instance.to_owned(), times(series))
        })
        .collect()
}

fn our_exemplars(db: &Db) -> BTreeMap<String, Vec<i64>> {
    let found = db.exemplars(i64::MIN, i64::MAX, &[vec![Matcher::equal("__name__", "m")]]);
    found
        .iter()
        .map(|series| {
            let times = series.exemplars.iter().map(|e| e.at_ms.unwrap()).collect();
            (series.labels.get("instance").unwrap().to_owned(), times)
        })
        .collect()
}

#[track_caller]
fn check_turns(stretches: &[i64], in_good_order: bool) {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let db = open(&data);
    let (mut at, mut expected) = (0, Contents::new());
    for &minutes in stretches {
        append_minutes(&db, at, at + minutes, &mut expected);
        at += minutes;
        db.maintain(MIDDAY_MS + at * 60_000).unwrap();
    }
    append_minutes(&db, at, at + 3, &mut expected);
    at += 3;
    let end_ms = MIDDAY_MS + at * 60_000;
    let from_ms = end_ms - 20 * HOUR_MS + 1;
    assert!(
        contents(&db, from_ms, end_ms) == expected,
        "we see something else"
    );
    let deleted = (MIDDAY_MS + 60_000, MIDDAY_MS + 600_000);
    let matchers = [Matcher::equal("instance", "3")];
    db.delete(deleted.0, deleted.1, &matchers).unwrap();
    for (labels, samples) in &mut expected {
        if labels
            .iter()
            .any(|(name, value)| name == "instance" && value == "3")
        {
            samples.retain(|(t, _)| !(deleted.0..=deleted.1).contains(t));
        }
    }
    assert!(
        contents(&db, from_ms, end_ms) == expected,
        "deletion took something else"
    );
    let exemplars = our_exemplars(&db);
    if in_good_order {
        db.close().unwrap();
    }
    drop(db);
    for _ in 0..2 {
        let Some(prometheus) = Prometheus::start_with(&data, false, &WITH_EXEMPLARS) else {
            return;
        };
        let theirs = prometheus.contents(end_ms, 20);
        assert!(theirs == expected, "Prometheus sees something else");
        let theirs = their_exemplars(&prometheus, end_ms);
        if stretches.iter().sum::<i64>() < 180 {
            assert_eq!(theirs, exemplars);
        }
        prometheus.stop(in_good_order);
        let db = open(&data);
        assert!(
            contents(&db, from_ms, end_ms) == expected,
            "it is changed after Prometheus"
        );
        append_minutes(&db, at, at + 2, &mut expected);
        at += 2;
        // Only up to the end are samples compared.
        db.maintain(end_ms).unwrap();
        expected
            .values_mut()
            .for_each(|samples| samples.retain(|(t, _)| *t <= end_ms));
        if stretches.iter().sum::<i64>() < 180 {
            break;
        }
    }
}

#[test]
fn prometheus_reads_our_write_behind_log() {
    check_turns(&[], true);
    check_turns(&[20], false);
}

#[test]
fn prometheus_reads_our_late_chunks() {
    check_turns(&[45, 60], true);
    check_turns(&[45, 60], false);
}

#[test]
fn prometheus_reads_our_blocks_of_late_samples() {
    check_turns(&[190, 120, 120, 130], true);
    check_turns(&[190, 120], false);
}

/// A field of a protobuf message: number, wire type 2, bytes.
fn field(into: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    into.push(number << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn pair(name: &str, value: &str) -> Vec<u8> {
    let mut message = Vec::new();
    field(&mut message, 1, name.as_bytes());
    field(&mut message, 2, value.as_bytes());
    message
}

/// A sample or exemplar: value, then time, with these field numbers.
fn point(value_at: u8, time_at: u8, value: f64, at_ms: i64) -> Vec<u8> {
    let mut message = vec![value_at << 3 | 1];
    message.extend(value.to_bits().to_le_bytes());
    message.push(time_at << 3);
    varint(&mut message, at_ms.cast_unsigned());
    message
}

/// Sends sample `step` of all series to Prometheus.
fn send(prometheus: &Prometheus, step: i64) {
    let mut request = Vec::new();
    for instance in 0..20 {
        let mut series_message = Vec::new();
        for (name, value) in series(instance).iter() {
            field(&mut series_message, 1, &pair(name, value));
        }
        let value = (step * instance) as f64 / 7.0;
        field(&mut series_message, 2, &point(1, 2, value, time_ms(step)));
        if step % 10 == 0 {
            let mut message = Vec::new();
            field(&mut message, 1, &pair("trace_id", &step.to_string()));
            message.extend(point(2, 3, step as f64, MIDDAY_MS + step * 15_000));
            field(&mut series_message, 3, &message);
        }
        field(&mut request, 1, &series_message);
    }
    let body = snap::raw::Encoder::new().compress_vec(&request).unwrap();
    let headers = "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n";
    let (status, answer) = prometheus.post("/api/v1/write", headers, &body);
    assert!(status == 204 || status == 200, "{status} {answer}");
}

#[track_caller]
fn check_same(found: &Contents, expected: &Contents, what: &str) {
    for (labels, samples) in expected {
        let found = found.get(labels).map_or(&[][..], Vec::as_slice);
        let lacking: Vec<_> = samples.iter().filter(|sample| !found.contains(sample)).collect();
        let more: Vec<_> = found.iter().filter(|sample| !samples.contains(sample)).collect();
        assert!(
            lacking.is_empty() && more.is_empty(),
            "{what}: {labels:?} lacks {} of {} samples, {:?}, and has {} of its own, {:?}",
            lacking.len(),
            samples.len(),
            lacking.first(),
            more.len(),
            more.first()
        );
    }
    assert_eq!(found.len(), expected.len(), "{what}: other series");
}

#[track_caller]
fn check_we_read_prometheus(steps: i64, in_good_order: bool) {
    let scratch = scratch();
    let data = scratch.path().join("data");
    let Some(prometheus) = Prometheus::start_with(&data, false, &WITH_EXEMPLARS) else {
        return;
    };
    for step in 0..steps {
        send(&prometheus, step);
    }
    let end_ms = MIDDAY_MS + steps * 15_000;
    let from_ms = end_ms - 20 * HOUR_MS + 1;
    let theirs = prometheus.contents(end_ms, 20);
    let exemplars = their_exemplars(&prometheus, end_ms);
    let late = theirs.values().flatten().filter(|(t, _)| t % 1000 != 0).count();
    assert!(late > 100, "only {late} samples came late");
    prometheus.stop(in_good_order);
    let db = open(&data);
    check_same(&contents(&db, from_ms, end_ms), &theirs, "we see something else");
    assert_eq!(our_exemplars(&db), exemplars);
    db.maintain(end_ms).unwrap();
    assert!(contents(&db, from_ms, end_ms) == theirs, "maintenance changed it");
    drop(db);
    let Some(prometheus) = Prometheus::start_with(&data, false, &WITH_EXEMPLARS) else {
        return;
    };
    assert!(
        prometheus.contents(end_ms, 20) == theirs,
        "it is changed after us"
    );
    prometheus.stop(true);
}

#[test]
fn we_read_what_came_late_to_prometheus() {
    check_we_read_prometheus(400, true);
    check_we_read_prometheus(400, false);
    // Not killed: while it compacts what came late, it loses some of it with the write buffer of its chunks.
    check_we_read_prometheus(1000, true);
}

#[test]
fn promtool_dumps_what_we_hold() {
    let Some(promtool) = peer("promtool") else { return };
    let scratch = scratch();
    let data = scratch.path().join("data");
    let db = open(&data);
    let mut expected = Contents::new();
    // No blocks: promtool takes the end of one of late samples for the end of all that is in blocks.
    append_minutes(&db, 0, 110, &mut expected);
    db.maintain(MIDDAY_MS).unwrap();
    append_minutes(&db, 110, 115, &mut expected);
    db.close().unwrap();
    drop(db);
    let dumped = run(&promtool, &["tsdb", "dump", data.to_str().unwrap()]);
    let lines: std::collections::BTreeSet<String> = dumped.lines().map(str::to_owned).collect();
    let mut count = 0;
    for (labels, samples) in &expected {
        let labels: Vec<_> = labels.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
        let labels = format!("{{{}}}", labels.join(", "));
        for (t, _) in samples {
            let found = lines
                .range(labels.clone()..)
                .any(|line| line.starts_with(&labels) && line.ends_with(&format!(" {t}")));
            assert!(found, "{labels} at {t}");
            count += 1;
        }
    }
    assert_eq!(lines.len(), count);
}
