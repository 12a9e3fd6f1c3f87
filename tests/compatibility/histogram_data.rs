//! A directory of native histograms and of names in odd spellings, written by a server to which everything is sent.
//!
//! Integer and float counts, gauges, listed bounds, resolutions and zero buckets that change, resets, series that
//! go stale, that turn from floats into histograms and back; beside them classic histograms of the same name,
//! metrics whose names are words of the language, and names that need quotes. Start with [`make`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::data::START_S;
use crate::support::server::Start;
use crate::support::write_request::build::{Counts, Histogram, Sample, pack, series_of};
use crate::support::{Dice, http};

/// From one sample to the next, in milliseconds.
const STEP_MS: i64 = 30_000;
/// How many samples a series has: two hours and a half.
const SAMPLES: i64 = 300;
/// The bits of the number that says that a series has ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// What `hint` of a gauge is.
const GAUGE: u64 = 3;

fn at_ms(at: i64) -> i64 {
    START_S * 1000 + at * STEP_MS
}

/// Buckets as spans and counts: a gap of at most two is stored as empty buckets, as clients do it.
fn laid_out(buckets: &BTreeMap<i64, u64>) -> (Vec<(i64, u64)>, Vec<u64>) {
    let (mut spans, mut counts): (Vec<(i64, u64)>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut next = 0;
    for (&index, &count) in buckets {
        let gap = index - next;
        match spans.last_mut() {
            Some(span) if (0..=2).contains(&gap) => {
                counts.extend((0..gap).map(|_| 0));
                span.1 += gap as u64 + 1;
            }
            _ => spans.push((gap, 1)),
        }
        counts.push(count);
        next = index + 1;
    }
    (spans, counts)
}

fn deltas(counts: &[u64]) -> Vec<i64> {
    let mut last = 0;
    let each = counts.iter().map(|&count| {
        let delta = count as i64 - last;
        last = count as i64;
        delta
    });
    each.collect()
}

/// What a histogram counts until now.
#[derive(Clone, Default)]
struct Counted {
    schema: i64,
    zero_threshold: f64,
    zero: u64,
    positive: BTreeMap<i64, u64>,
    negative: BTreeMap<i64, u64>,
    custom_values: Vec<f64>,
}

impl Counted {
    fn exponential(schema: i64, zero_threshold: f64) -> Self {
        Self {
            schema,
            zero_threshold,
            ..Self::default()
        }
    }

    fn listed(custom_values: &[f64]) -> Self {
        Self {
            schema: -53,
            custom_values: custom_values.to_vec(),
            ..Self::default()
        }
    }

    /// Observes some values: of exponential buckets around one, of listed ones in any.
    fn observe(&mut self, dice: &mut Dice, times: u64) {
        for _ in 0..times {
            if self.schema == -53 {
                let bucket = dice.roll(self.custom_values.len() as u64 + 1) as i64;
                *self.positive.entry(bucket).or_default() += 1 + dice.roll(3);
                continue;
            }
            match dice.roll(9) {
                0 if self.zero_threshold > 0.0 => self.zero += 1,
                1 if !self.negative.is_empty() => {
                    *self.negative.entry(dice.roll(4) as i64).or_default() += 1;
                }
                // Far from the others, so that there are gaps.
                2 => *self.positive.entry(12 + dice.roll(3) as i64).or_default() += 1,
                _ => *self.positive.entry(dice.roll(6) as i64 - 2).or_default() += 1 + dice.roll(4),
            }
        }
    }

    fn forget(&mut self) {
        self.zero = 0;
        self.positive.clear();
        self.negative.values_mut().for_each(|count| *count = 1);
    }

    /// As it is sent: with integers, or with `scale` times as many.
    fn sample(&self, at: i64, hint: u64, scale: Option<f64>) -> Sample {
        let (positive_spans, positive) = laid_out(&self.positive);
        let (negative_spans, negative) = laid_out(&self.negative);
        let count = positive.iter().chain(&negative).sum::<u64>() + self.zero;
        let scaled =
            |counts: &[u64], scale: f64| counts.iter().map(|&n| n as f64 * scale).collect::<Vec<_>>();
        let counts = match scale {
            None => Counts::Integer {
                count,
                zero: self.zero,
                positive_deltas: deltas(&positive),
                negative_deltas: deltas(&negative),
            },
            Some(scale) => Counts::Float {
                count: scaled(&positive, scale).iter().sum::<f64>()
                    + scaled(&negative, scale).iter().sum::<f64>()
                    + self.zero as f64 * scale,
                zero: self.zero as f64 * scale,
                positive: scaled(&positive, scale),
                negative: scaled(&negative, scale),
            },
        };
        Sample::Histogram(Histogram {
            at_ms: at_ms(at),
            schema: self.schema,
            sum: count as f64 * 1.37 - 3.0,
            zero_threshold: self.zero_threshold,
            counts,
            positive_spans,
            negative_spans,
            hint,
            custom_values: self.custom_values.clone(),
        })
    }
}

/// The histogram that says that a series has ended.
fn stale(at: i64) -> Sample {
    match Counted::default().sample(at, 0, None) {
        Sample::Histogram(histogram) => Sample::Histogram(Histogram {
            sum: f64::from_bits(STALE),
            ..histogram
        }),
        other => other,
    }
}

/// A series: its labels, then its samples.
type Series = (Vec<(&'static str, &'static str)>, Vec<Sample>);

fn counters(dice: &mut Dice) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for (i, kind, schema) in [("0", "a", 3), ("0", "b", 1), ("1", "a", 0), ("2", "a", 3)] {
        let mut counted = Counted::exponential(schema, 0.001);
        if i == "2" {
            counted.negative.extend([(0, 3), (1, 2)]);
        }
        let mut samples = Vec::new();
        for at in 0..SAMPLES {
            let events = 1 + dice.roll(5);
            counted.observe(dice, events);
            match (i, at) {
                ("1", 140 | 200) => counted.forget(),
                // The resolution falls, the zero bucket widens.
                ("1", 60) => counted = Counted::exponential(-1, 0.001),
                ("2", 90) => counted.zero_threshold = 0.25,
                ("2", 150) => counted = Counted::exponential(2, 0.5),
                _ => {}
            }
            match (i, at) {
                ("2", 100 | 210) => samples.push(stale(at)),
                ("2", 101..=120 | 211..=214) => {}
                _ => samples.push(counted.sample(at, 0, None)),
            }
        }
        all.push((
            vec![("__name__", "latency_seconds"), ("i", i), ("kind", kind)],
            samples,
        ));
    }
    for (i, scale) in [("0", 0.75), ("1", 1.1)] {
        let mut counted = Counted::exponential(2, 0.01);
        let mut samples = Vec::new();
        for at in 0..SAMPLES {
            let events = dice.roll(4);
            counted.observe(dice, events);
            if i == "1" && at == 170 {
                counted.forget();
            }
            samples.push(counted.sample(at, 0, Some(scale)));
        }
        all.push((vec![("__name__", "latency_float_seconds"), ("i", i)], samples));
    }
    all
}

fn gauges(dice: &mut Dice) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for (i, scale) in [("0", None), ("1", Some(0.5))] {
        let mut samples = Vec::new();
        for at in 0..SAMPLES {
            let mut counted = Counted::exponential(1, 0.125);
            let events = 3 + dice.roll(20);
            counted.observe(dice, events);
            samples.push(counted.sample(at, GAUGE, scale));
        }
        all.push((vec![("__name__", "queue_depth"), ("i", i)], samples));
    }
    all
}

fn listed(dice: &mut Dice) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    let bounds: [(&str, &[f64], Option<f64>); 3] = [
        ("0", &[0.5, 1.0, 5.0], None),
        ("1", &[0.5, 1.0, 5.0], Some(2.5)),
        ("2", &[0.5, 2.0, 5.0, 10.0], None),
    ];
    for (i, bounds, scale) in bounds {
        let mut counted = Counted::listed(bounds);
        let mut samples = Vec::new();
        for at in 0..SAMPLES {
            let events = dice.roll(4);
            counted.observe(dice, events);
            match (i, at) {
                ("1", 130) => counted.forget(),
                ("2", 220) => counted = Counted::listed(&[1.0, 2.0]),
                _ => {}
            }
            samples.push(counted.sample(at, 0, scale));
        }
        all.push((vec![("__name__", "listed_bounds"), ("i", i)], samples));
    }
    // Now numbers, now buckets of one kind, now of the other.
    for (i, turns) in [("0", 75), ("1", 20)] {
        let (mut a, mut b) = (Counted::exponential(2, 0.001), Counted::listed(&[1.0, 4.0]));
        let mut samples = Vec::new();
        for at in 0..SAMPLES {
            a.observe(dice, 2);
            b.observe(dice, 2);
            samples.push(match at / turns % 3 {
                0 => a.sample(at, 0, None),
                1 => Sample::Float(at_ms(at), at as f64 * 1.5),
                _ => b.sample(at, 0, None),
            });
        }
        all.push((vec![("__name__", "turning"), ("i", i)], samples));
    }
    all
}

fn numbers(dice: &mut Dice) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for i in ["0", "1"] {
        let mut totals = [0.0; 4];
        let mut series: Vec<Series> = Vec::new();
        for le in ["0.5", "1", "5", "+Inf"] {
            series.push((
                vec![("__name__", "latency_seconds_bucket"), ("i", i), ("le", le)],
                Vec::new(),
            ));
        }
        for at in 0..SAMPLES {
            let mut below = 0.0;
            for (total, (_, samples)) in totals.iter_mut().zip(&mut series) {
                below += dice.roll(7) as f64;
                *total += below;
                samples.push(Sample::Float(at_ms(at), *total));
            }
        }
        all.append(&mut series);
    }
    let named: [&[(&str, &str)]; 7] = [
        &[("__name__", "plain"), ("i", "0")],
        &[("__name__", "plain"), ("i", "1")],
        &[("__name__", "plain"), ("i", "2")],
        &[("__name__", "sum"), ("by", "x"), ("offset", "1")],
        &[("__name__", "sum"), ("by", "y"), ("offset", "1")],
        &[
            ("__name__", "dotted.name"),
            ("label with space", "é"),
            ("on", "x"),
        ],
        &[
            ("__name__", "dotted.name"),
            ("label with space", "1"),
            ("on", "x"),
        ],
    ];
    for labels in named {
        let mut value = dice.roll(100) as f64 / 7.0;
        let mut samples = Vec::new();
        for at in 0..SAMPLES {
            value += dice.roll(1000) as f64 / 300.0;
            value = if dice.roll(90) == 0 { 0.0 } else { value };
            let shown = match (labels[1].1, dice.roll(60)) {
                ("2", 0) => f64::NAN,
                ("2", 1) => f64::NEG_INFINITY,
                ("y", 2) => f64::from_bits(STALE),
                _ => value,
            };
            samples.push(Sample::Float(at_ms(at), shown));
        }
        all.push((labels.to_vec(), samples));
    }
    all
}

/// Sends everything to `server` in `dir`, stops it, and tells where its data is.
pub(super) fn make(server: &Path, dir: &Path) -> PathBuf {
    let mut dice = Dice(43);
    let mut all = counters(&mut dice);
    all.append(&mut gauges(&mut dice));
    all.append(&mut listed(&mut dice));
    all.append(&mut numbers(&mut dice));
    let dir = dir.join("writer");
    std::fs::create_dir_all(&dir).expect("make a directory");
    std::fs::write(dir.join("prometheus.yml"), "").expect("write");
    let running = Start::new(server, &dir)
        .arg("--web.enable-remote-write-receiver")
        .arg("--enable-feature=native-histograms")
        .arg("--storage.tsdb.retention.time=100y")
        .ready();
    let url = format!("{}/api/v1/write", running.url);
    let headers = [("content-encoding", "snappy")];
    // In turns, as samples arrive: a server takes none that lie far behind others.
    let rest = all
        .into_iter()
        .map(|(labels, samples)| (labels, samples.into_iter()));
    let mut rest: Vec<_> = rest.collect();
    for _ in 0..SAMPLES / 20 {
        let series = rest.iter_mut().map(|(labels, samples)| {
            let part: Vec<Sample> = samples.by_ref().take(20).collect();
            series_of(labels, &part)
        });
        let body = pack(&series.collect::<Vec<_>>());
        let answer = http::send("POST", &url, &headers, Some(("application/x-protobuf", &body)));
        let answer = answer.expect("an answer");
        assert!(
            answer.status < 300,
            "{}: {}\n{}",
            answer.status,
            answer.body,
            running.log()
        );
    }
    assert_eq!(running.stop(), Some(0), "the writer stops in order");
    dir.join("data")
}
