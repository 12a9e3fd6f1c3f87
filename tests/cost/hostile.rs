//! Queries made to hurt: each is answered, soon, and the server lives on.

use std::fs;
use std::time::Instant;

use crate::support::exporter::{Exporter, TEXT};
use crate::support::http::{self, Answer};
use crate::support::server::{Server, Start, deucalion};
use crate::support::wait_for;

/// `--query.timeout`
const TIMEOUT_S: u64 = 5;

/// How much longer an answer may take, in a build that is not optimised and on a machine that is busy.
const SLACK_S: u64 = 20;

/// How a pattern may be answered that is slow in such a build.
const MATCHED: &[u16] = if cfg!(debug_assertions) {
    &[200, 503]
} else {
    &[200]
};

/// By how much texts are shorter in a build that is not optimised.
const SHORTER: usize = if cfg!(debug_assertions) { 10 } else { 1 };

fn start() -> (tempfile::TempDir, Exporter, Server) {
    // A value that makes engines that go back go back for ever.
    let long = "a".repeat(20_000);
    let exporter = Exporter::start(TEXT, move |_| {
        let few: String = (0..100).map(|i| format!("m{{i=\"{i}\"}} {i}\n")).collect();
        format!("{few}long{{v=\"{long}b\"}} 1\n")
    });
    let dir = tempfile::tempdir().expect("a directory");
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: m, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
        exporter.port
    );
    fs::write(dir.path().join("prometheus.yml"), config).expect("write");
    let server = Start::new(&deucalion(), dir.path())
        .arg(format!("--query.timeout={TIMEOUT_S}s"))
        .arg("--query.max-bytes=1GB")
        .ready();
    wait_for("the series to be there", 20, || {
        (server.query("long", "")["result"] != serde_json::json!([])).then_some(())
    });
    (dir, exporter, server)
}

/// Posts a query.
#[track_caller]
fn post(server: &Server, path: &str, params: &[(&str, &str)]) -> Answer {
    let (url, form) = (format!("{}{path}", server.url), http::encode(params));
    let began = Instant::now();
    let answer = http::request(
        "POST",
        &url,
        &[],
        Some(("application/x-www-form-urlencoded", &form)),
    );
    let answer = answer.unwrap_or_else(|e| panic!("{e}\n{}", server.log()));
    let shown: String = params
        .iter()
        .map(|(_, value)| &value[..value.len().min(60)])
        .collect();
    let took_s = began.elapsed().as_secs();
    assert!(took_s <= TIMEOUT_S + SLACK_S, "{shown}: {took_s} s");
    assert!(
        !answer.body.contains("unexpected error"),
        "{shown}: {}",
        &answer.body[..answer.body.len().min(500)]
    );
    answer
}

/// Asks, checks the status (0 for any) and that the error, if there is one, contains `text`.
#[track_caller]
fn check(server: &Server, query: &str, statuses: &[u16], text: &str) {
    let answer = post(server, "/api/v1/query", &[("query", query)]);
    let shown = &query[..query.len().min(60)];
    let body = &answer.body[..answer.body.len().min(500)];
    assert!(
        statuses.contains(&answer.status),
        "{shown}: {} {body}",
        answer.status
    );
    if answer.status != 200 {
        assert!(answer.body.contains(text), "{shown}: {body}");
    }
    assert_eq!(server.query("1", "")["result"][1], "1", "after {shown}");
}

#[test]
fn texts_made_to_hurt_the_parser_are_refused() {
    let (_dir, _exporter, server) = start();
    let deep = "nested too deeply";
    for (open, close) in [
        ("(", ")"),
        ("abs(", ")"),
        ("sum(", ")"),
        ("-", ""),
        ("1 + ", ""),
        ("1 ^ ", ""),
        ("up or ", ""),
        ("max_over_time(", "[1m:1s])"),
    ] {
        let count = 2_500_000 / SHORTER / (open.len() + close.len()).max(2);
        let query = format!("{}up{}", open.repeat(count), close.repeat(count));
        check(&server, &query, &[400], deep);
    }
    let long = "1".repeat(5_000_000 / SHORTER);
    check(&server, &long, &[200, 400], "");
    check(&server, &format!("\"{long}\""), &[200], "");
    check(&server, &format!("up{{a=\"{long}\"}}"), &[200], "");
    check(&server, &format!("up[{long}s]"), &[400], "");
    check(&server, &format!("up @ {long}"), &[400], "");
    check(
        &server,
        &format!("{{{}}}", "a=\"b\",".repeat(300_000 / SHORTER)),
        &[200],
        "",
    );
    check(
        &server,
        &format!("sum by ({}) (m)", "a,".repeat(1_000_000 / SHORTER)),
        &[200, 503],
        "",
    );
    check(
        &server,
        &format!(
            "label_join(m, \"d\", \",\"{})",
            ",\"i\"".repeat(300_000 / SHORTER)
        ),
        &[200, 422, 503],
        "",
    );
    check(&server, &"[".repeat(3_000_000 / SHORTER), &[400], "");
    check(&server, &"#".repeat(3_000_000 / SHORTER), &[400], "");
    for path in ["/api/v1/format_query", "/api/v1/parse_query"] {
        let query = format!("sum by ({}) (m)", "a,".repeat(1_000_000 / SHORTER));
        assert_eq!(post(&server, path, &[("query", &query)]).status, 200);
        let answer = post(&server, path, &[("query", &"(".repeat(3_000_000 / SHORTER))]);
        assert_eq!(answer.status, 400);
    }
    // More than a form may have.
    let answer = post(&server, "/api/v1/query", &[("query", &"x".repeat(10_600_000))]);
    assert_eq!(answer.status, 400);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn patterns_made_to_hurt_are_refused_or_matched_in_linear_time() {
    let (_dir, _exporter, server) = start();
    for pattern in [
        "(a{1,30}){1,30}{1,30}",
        "((a{1,100}){1,100}){1,100}",
        "a{100000}",
        "(?:(?:a{0,1000}){0,1000})",
        "[[:alpha:]",
    ] {
        check(
            &server,
            &format!("{{v=~\"{pattern}\"}}"),
            &[400],
            "parsing regexp",
        );
    }
    for pattern in [
        "(a|aa)+",
        "(a*)*",
        "(a+)+c",
        ".*.*.*.*.*.*.*.*.*x",
        "(.*a){20}",
        "(a?){500}a{500}",
        "(?i:(A|a|Aa)*)",
        "([a-z]+)*[0-9]",
        "\\\\pL{500}",
    ] {
        for function in [
            "{v=~\"P\",v!=\"\"}",
            "label_replace(long, \"d\", \"$1\", \"v\", \"P\")",
            "{v!~\"P\",v!=\"\"}",
        ] {
            check(&server, &function.replace('P', pattern), MATCHED, "");
        }
    }
    let words: String = (0..300_000 / SHORTER).map(|i| format!("w{i}|")).collect();
    check(
        &server,
        &format!("{{v=~\"{words}\",__name__=\"long\"}}"),
        &[200],
        "",
    );
    check(&server, &format!("{{v=~\"(?i:{words})\"}}"), &[200, 400], "");
    check(
        &server,
        &format!("{{v=~\"{}\"}}", "(".repeat(1_000_000 / SHORTER)),
        &[400],
        "parsing regexp",
    );
    check(
        &server,
        &format!("{{v=~\"{}\"}}", "(a|b)*c".repeat(100_000 / SHORTER)),
        &[200, 400],
        "",
    );
    check(
        &server,
        &format!("{{v=~\".*{}\"}}", "[a-z].*".repeat(1000)),
        &[200, 400],
        "",
    );
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn expressions_made_to_hurt_the_engine_end_in_time_and_memory() {
    let (_dir, _exporter, server) = start();
    let too_many = "too many samples";
    check(&server, "max_over_time(vector(1)[100y:1ms])", &[422], too_many);
    check(&server, "max_over_time(m[100y:1ms])", &[422], too_many);
    check(
        &server,
        "count_over_time(vector(time())[1e9:1e-3])",
        &[422],
        too_many,
    );
    check(&server, "m[1e300]", &[400], "duration");
    check(&server, "m[290y:1ms] @ 9e15", &[200, 400, 422], "");
    check(&server, "m offset 290y", &[200], "");
    check(&server, "m offset -290y", &[200], "");
    check(&server, "rate(m[290y] offset -290y)", &[200, 422], "");
    check(&server, "m @ 9223372036854775", &[200, 400], "");
    check(&server, "m @ -9223372036854775", &[200, 400], "");
    check(
        &server,
        &format!("sum_over_time(m[{}d:1s])", 360 / SHORTER),
        &[200, 422, 503],
        "",
    );
    check(&server, "topk(9e18, m)", &[200], "");
    check(&server, "topk(1e300, m)", &[422], "overflows int64");
    check(&server, "m ^ 1e308 ^ 1e308", &[200], "");
    let columns = format!(
        "max_over_time(vector({}time(){})[40d:1s])",
        "time() * (".repeat(200),
        ")".repeat(200)
    );
    check(&server, &columns, &[422], "");
    let references = "$1".repeat(1_500_000 / SHORTER);
    let replaced = format!("label_replace(long, \"d\", \"{references}\", \"v\", \"(.*)\")");
    check(&server, &replaced, &[422], "too long");
    let joined = format!(
        "label_join(long, \"d\", \",\"{})",
        ",\"v\"".repeat(300_000 / SHORTER)
    );
    check(&server, &joined, &[422], "too long");
    let named: String = (0..2000).map(|i| format!("(?P<n{i}>a?)")).collect();
    let replaced = format!(
        "label_replace(m, \"d\", \"{}\", \"i\", \"{named}.*\")",
        "${n1999}".repeat(300_000 / SHORTER)
    );
    check(&server, &replaced, &[200, 400, 422], "");
    check(
        &server,
        &format!("histogram_quantile(0.5, m{{}}) or m{}", " or m".repeat(500)),
        &[200],
        "",
    );
    let mut nested = "m".to_owned();
    for _ in 0..30 {
        nested = format!("max_over_time({nested}[1h:1s])");
    }
    check(&server, &nested, &[200, 422, 503], "");
    for (start, end, step) in [
        ("0", "1e9", "1"),
        ("-9e15", "9e15", "1e15"),
        ("0", "11000", "1"),
        ("0", "1", "1e-3"),
    ] {
        let params = [("query", "m"), ("start", start), ("end", end), ("step", step)];
        let answer = post(&server, "/api/v1/query_range", &params);
        assert!([200, 400].contains(&answer.status), "{}", answer.body);
    }
    assert_eq!(server.stop(), Some(0));
}
