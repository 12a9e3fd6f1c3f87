//! One data directory, two servers in turns: what ours wrote the real Prometheus carries on, and back.
//!
//! `carried` has the directories with more than floats in order. `EXCHANGE_ROUNDS=50` makes more hand-overs.

mod carried;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::exporter::{Exporter, TEXT};
use crate::support::samples::{self, Samples};
use crate::support::server::{Server, Start, deucalion};
use crate::support::{http, now_ms, number_from_env, peers, wait_for};

/// How many scrapes a server is in charge. Blocks are ten seconds long and made from a head of fifteen.
const TURN_SCRAPES: u64 = 15;
/// Scrapes before that are stored: the timeout is less than half a second.
const SETTLED_MS: i64 = 2_000;

/// Kept integers, so that sums do not depend on the order; values that are hard to write; series that end.
fn page(scrape: u64) -> String {
    use std::fmt::Write;
    let mut out = format!("# TYPE load_serial gauge\nload_serial {scrape}\n# TYPE load_value gauge\n");
    for i in 0..40 {
        writeln!(out, "load_value{{n=\"{i}\"}} {}", scrape * 1_000 + i * i).expect("strings take all");
    }
    let hard = [
        "NaN",
        "+Inf",
        "-Inf",
        "5e-324",
        "1.7976931348623157e+308",
        "0.1",
        "-0",
        "1e-7",
        "3",
    ];
    writeln!(
        out,
        "load_hard{{of=\"é \\\"quoted\\\" \\\\ \\n\"}} {}",
        hard[scrape as usize % hard.len()]
    )
    .expect("strings take all");
    writeln!(out, "load_fraction {}", scrape as f64 / 7.0).expect("strings take all");
    // Each generation of series lives for eight scrapes, and every third comes back later.
    let generation = scrape / 8;
    for i in 0..5 {
        writeln!(
            out,
            "load_churn{{generation=\"{generation}\",n=\"{i}\"}} {scrape}"
        )
        .expect("strings take all");
    }
    writeln!(out, "load_returning{{third=\"{}\"}} {scrape}", generation % 3).expect("strings take all");
    out
}

fn start(binary: &Path, dir: &Path) -> Start {
    Start::new(binary, dir)
        .arg("--storage.tsdb.min-block-duration=10s")
        .arg("--storage.tsdb.max-block-duration=1m")
        .arg("--scrape.discovery-reload-interval=500ms")
        .arg("--log.level=debug")
}

/// What is asked before a hand-over and after it.
#[derive(Clone, Debug, PartialEq)]
struct Answers {
    through_ms: i64,
    all: Samples,
    instants: Vec<Value>,
}

impl Answers {
    fn of(server: &Server, through_ms: i64, begin_ms: i64) -> Self {
        let time = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
        let window = format!("{{__name__=~\".+\"}}[{}ms]", through_ms - begin_ms);
        let all = samples::of_matrix(&server.query(&window, &time(through_ms)));
        let mut instants = Vec::new();
        for at_ms in (begin_ms..=through_ms).rev().step_by(7_300).take(20) {
            for query in [
                "count({__name__=~\".+\"})",
                "sum by (__name__) ({__name__=~\"load_value|load_churn|up\"})",
            ] {
                let mut data = server.query(query, &time(at_ms));
                if let Some(all) = data["result"].as_array_mut() {
                    all.sort_by_cached_key(|series| series["metric"].to_string());
                }
                instants.push(data);
            }
        }
        Self {
            through_ms,
            all,
            instants,
        }
    }

    #[track_caller]
    fn check_same(&self, before: &Self, when: &str) {
        if let Some(lost) = samples::missing(&before.all, &self.all) {
            panic!("{when}: lost {lost}");
        }
        if let Some(made_up) = samples::missing(&self.all, &before.all) {
            panic!("{when}: there are more samples than before: {made_up}");
        }
        for (before, after) in before.instants.iter().zip(&self.instants) {
            assert_eq!(after, before, "{when}");
        }
    }
}

/// Our directory as the real promtool tells it.
#[track_caller]
fn dump(promtool: &Path, data: &Path) -> Samples {
    let out = Command::new(promtool)
        .args(["tsdb", "dump"])
        .arg(data)
        .output()
        .expect("run promtool");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut all = Samples::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let (labels, rest) = line
            .rsplit_once("} ")
            .unwrap_or_else(|| panic!("a series and a sample: {line}"));
        let (value, at_ms) = rest
            .split_once(' ')
            .unwrap_or_else(|| panic!("a value and a time: {line}"));
        let points = all.entry(labels_as_json(labels)).or_default();
        let other = points.insert(at_ms.parse().expect("a time"), samples::bits(value));
        assert!(other.is_none(), "twice: {line}");
    }
    all
}

/// `{a="b", c="d"` as `{"a":"b","c":"d"}`.
fn labels_as_json(labels: &str) -> String {
    let mut map = serde_json::Map::new();
    let mut rest = labels.trim_start_matches('{');
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut end = 0;
        let mut escaped = false;
        for (at, c) in after.char_indices() {
            end = at;
            if c == '"' && !escaped {
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        // Go's quoting of what stands in these labels is JSON's.
        let value: String = serde_json::from_str(&format!("\"{}\"", &after[..end])).expect("a quoted value");
        map.insert(name.to_owned(), value.into());
        rest = after[end + 1..].trim_start_matches(", ");
    }
    Value::Object(map).to_string()
}

/// Without NaN: promtool shows the marks of ended series as such, answers leave them out.
fn numbers(all: &Samples, through_ms: i64) -> Samples {
    let mut all = samples::between(all, i64::MIN, through_ms);
    for points in all.values_mut() {
        points.retain(|_, bits| *bits != f64::NAN.to_bits());
    }
    all.retain(|_, points| !points.is_empty());
    all
}

fn block_names(data: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(data).expect("read the directory");
    let names = entries.map(|entry| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    names
        .filter(|name| name.len() == 26 && name.starts_with("01"))
        .collect()
}

#[track_caller]
fn check_promtool(promtool: &Path, data: &Path, told: &Answers) {
    let out = Command::new(promtool)
        .args(["tsdb", "list"])
        .arg(data)
        .output()
        .expect("run promtool");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let listed: BTreeSet<String> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, block_names(data), "{text}");
    let dumped = numbers(&dump(promtool, data), told.through_ms);
    let told = numbers(&told.all, told.through_ms);
    if let Some(lacks) = samples::missing(&told, &dumped) {
        panic!("the dump lacks {lacks}");
    }
    if let Some(more) = samples::missing(&dumped, &told) {
        panic!("the dump has more: {more}");
    }
}

/// Each page that was served is there, but those that met a server's end or a slow moment of the machine.
#[track_caller]
fn check_serials(all: &Samples, hand_overs: usize) {
    let of = |name: &str| {
        all.iter()
            .find(|(key, _)| key.contains(&format!("\"__name__\":\"{name}\"")))
    };
    let (_, points) = of("load_serial").expect("the exporter was scraped");
    let serials: Vec<u64> = points.values().map(|bits| f64::from_bits(*bits) as u64).collect();
    assert!(
        serials.windows(2).all(|pair| pair[0] < pair[1]),
        "scrapes in order, none twice: {serials:?}"
    );
    let (_, up) = of("up").expect("the target was up");
    let failed = up.values().filter(|bits| f64::from_bits(**bits) == 0.0).count();
    let gaps: Vec<u64> = serials.windows(2).map(|pair| pair[1] - pair[0] - 1).collect();
    let lost: u64 = gaps.iter().sum();
    eprintln!(
        "{} pages kept, {lost} met {hand_overs} ends of servers or {failed} failed scrapes",
        serials.len()
    );
    // A server's end may cost the one scrape that is under way.
    let at_ends = gaps
        .iter()
        .map(|gap| 1.min(*gap))
        .sum::<u64>()
        .min(hand_overs as u64);
    assert!(
        lost <= at_ends + failed as u64,
        "{lost} pages are missing after {hand_overs} hand-overs: {serials:?}"
    );
}

#[test]
fn servers_in_turns_answer_the_same_from_one_directory() {
    let skipped = "handing a directory to the real Prometheus and back";
    let (Some(prometheus), Some(promtool)) = (peers::prometheus(skipped), peers::promtool(skipped)) else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let (dir, data) = (dir.path(), dir.path().join("data"));
    let exporter = Exporter::start(TEXT, page);
    let config = format!(
        "global: {{scrape_interval: 400ms, scrape_timeout: 400ms}}
scrape_configs: [{{job_name: load, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        exporter.port
    );
    std::fs::write(dir.join("prometheus.yml"), config).expect("write");
    let ours = deucalion();
    let begin_ms = now_ms() - 1_000;
    let rounds = number_from_env("EXCHANGE_ROUNDS", 7) as usize;
    let mut before: Option<Answers> = None;
    let mut kinds = String::new();
    for round in 0..rounds {
        let is_ours = round % 2 == 0;
        // Ours and theirs in turns, two clean stops after two kills, so that each meets each.
        let is_kill = round / 2 % 2 == 1;
        let name = if is_ours { "ours" } else { "theirs" };
        let when = format!("round {round}, {name} after{kinds}");
        let server = match is_ours {
            true => start(&ours, dir).arg("--web.enable-admin-api").ready(),
            false => start(&prometheus, dir).arg("--web.enable-admin-api").ready(),
        };
        if let Some(before) = &before {
            Answers::of(&server, before.through_ms, begin_ms).check_same(before, &when);
        }
        let enough = exporter.served() + TURN_SCRAPES;
        wait_for("scrapes", 60, || (exporter.served() >= enough).then_some(()));
        let (mut known, settled_ms) = before
            .as_ref()
            .map_or((Samples::new(), begin_ms), |b| (b.all.clone(), b.through_ms));
        // The first round knows of nothing yet.
        if (1..40).contains(&round) {
            delete(&server, round, &mut known);
        }
        let answers = Answers::of(&server, now_ms() - SETTLED_MS, begin_ms);
        if let Some(lost) = samples::missing(&known, &answers.all) {
            panic!("{when}, at its end: lost {lost}");
        }
        let fresh = samples::between(&answers.all, settled_ms + 1, i64::MAX);
        assert!(
            samples::count(&fresh) > 200,
            "{when}: nothing was scraped\n{}",
            server.log()
        );
        kinds = match is_kill {
            true => format!(" {name} was killed"),
            false => format!(" {name} was stopped"),
        };
        if is_kill {
            server.kill();
        } else {
            assert_eq!(server.stop(), Some(0), "{when}");
        }
        if is_ours {
            check_promtool(&promtool, &data, &answers);
        }
        eprintln!(
            "{when}: {} samples, {} blocks",
            samples::count(&answers.all),
            block_names(&data).len()
        );
        before = Some(answers);
    }
    let last = before.expect("there was a round");
    assert!(rounds < 5 || block_names(&data).len() > 1, "blocks were made");
    check_serials(&last.all, rounds);
}

/// Has a server delete a series up to now; its key.
#[track_caller]
fn delete(server: &Server, n: usize, known: &mut Samples) {
    let series = format!("load_value{{n=\"{n}\"}}");
    let params = http::encode(&[("match[]", &series)]);
    let url = format!("{}/api/v1/admin/tsdb/delete_series?{params}", server.url);
    let answer = http::request("POST", &url, &[], None).expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.body);
    let before = known.len();
    known.retain(|key, _| !(key.contains("\"load_value\"") && key.contains(&format!("\"n\":\"{n}\""))));
    assert!(known.len() < before, "{series} was there");
}

/// Waits until `query` has a result.
#[track_caller]
fn wait_for_result(server: &Server, query: &str) {
    wait_for(query, 30, || {
        let data = server.query(query, "");
        data["result"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
            .then_some(())
    });
}
