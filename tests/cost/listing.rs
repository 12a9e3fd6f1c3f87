//! Running queries are listed, stopped and traced; what cost most is remembered.

use std::fs;

use serde_json::Value;

use crate::support::http;
use crate::support::server::{Server, Start, deucalion};
use crate::support::wait_for;

/// Takes as long as it is let.
const LONG: &str = "count_over_time(vector(time() % 7 + time() % 6 + time() % 5 + time() % 4 + time() % 3 + time() % 2)[30d:100ms])";

fn start(flags: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let config = "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n";
    fs::write(dir.path().join("prometheus.yml"), config).expect("write");
    let rules = "groups: [{name: g, rules: [{record: r, expr: sum(r) or vector(1)}]}]\n";
    fs::write(dir.path().join("rules.yml"), rules).expect("write");
    let mut start = Start::new(&deucalion(), dir.path()).arg("--query.max-samples=5000000000");
    for flag in flags {
        start = start.arg(*flag);
    }
    (dir, start.ready())
}

fn listed(server: &Server, list: &str, query: &str) -> Option<Value> {
    let answer = server.get("/api/v1/status/queries", &[]).json();
    let all = answer["data"][list].as_array().expect("a list").clone();
    all.into_iter().find(|entry| entry["query"] == query)
}

fn post(server: &Server, path: &str) -> http::Answer {
    http::request("POST", &format!("{}{path}", server.url), &[], None).expect("an answer")
}

/// Asks and comes back with the answer, or with nothing once the server or `limit` ends it.
fn ask(server: &Server, path: &str, query: &str) -> Option<http::Answer> {
    let url = format!("{}{path}?{}", server.url, http::encode(&[("query", query)]));
    http::request("GET", &url, &[("user-agent", "tester/7")], None).ok()
}

#[test]
fn a_running_query_is_listed_with_its_origin_and_can_be_stopped() {
    let (_dir, server) = start(&["--web.enable-admin-api"]);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&server, "/api/v1/query", LONG));
        let entry = wait_for("the query to evaluate", 20, || {
            listed(&server, "running", LONG).filter(|entry| entry["phase"] == "evaluating")
        });
        assert_eq!(entry["class"], "ad hoc");
        assert_eq!(entry["origin"]["clientIP"], "127.0.0.1");
        assert_eq!(entry["origin"]["path"], "/api/v1/query");
        assert_eq!(entry["origin"]["userAgent"], "tester/7");
        assert!(
            entry["peakBytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20),
            "{entry}"
        );
        let path = format!("/api/v1/status/queries/{}/cancel", entry["id"]);
        assert_eq!(post(&server, &path).status, 204);
        let answer = asking.join().expect("no panic").expect("an answer");
        assert_eq!(answer.status, 499, "{}", answer.body);
        let body = answer.json();
        assert_eq!(body["errorType"], "canceled");
        assert_eq!(body["error"], "query was canceled in expression evaluation");
    });
    let entry = listed(&server, "recent", LONG).expect("it cost most");
    assert_eq!(entry["phase"], "canceled");
    assert!(listed(&server, "running", LONG).is_none());
    assert_eq!(post(&server, "/api/v1/status/queries/1000000/cancel").status, 404);
    assert_eq!(post(&server, "/api/v1/status/queries/x/cancel").status, 400);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn queries_are_stopped_only_where_the_admin_api_is_enabled() {
    let (_dir, server) = start(&[]);
    let answer = post(&server, "/api/v1/status/queries/1/cancel");
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert!(answer.body.contains("admin APIs disabled"), "{}", answer.body);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_query_ends_when_its_client_goes() {
    let (_dir, server) = start(&[]);
    let target = format!(
        "GET /api/v1/query?{} HTTP/1.1\r\nhost: x\r\n\r\n",
        http::encode(&[("query", LONG)])
    );
    let mut client = std::net::TcpStream::connect(("127.0.0.1", server.port)).expect("connect");
    std::io::Write::write_all(&mut client, target.as_bytes()).expect("ask");
    wait_for("the query to run", 20, || listed(&server, "running", LONG));
    drop(client);
    wait_for("the query to end", 20, || {
        listed(&server, "running", LONG).is_none().then_some(())
    });
    let entry = listed(&server, "recent", LONG).expect("it cost most");
    assert_eq!(entry["phase"], "canceled", "{entry}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn queries_of_rules_and_pages_are_listed_too() {
    let (_dir, server) = start(&[]);
    let rule = wait_for("the rule to be evaluated", 20, || {
        listed(&server, "recent", "sum(r) or vector(1)")
    });
    assert_eq!(rule["class"], "recording");
    assert_eq!(rule["origin"]["ruleGroup"], "g");
    assert_eq!(rule["origin"]["rule"], "r");
    assert_eq!(rule["phase"], "answered");
    let page = server.get("/query", &[("g0.expr", "1 + 2")]);
    assert_eq!(page.status, 200);
    let entry = listed(&server, "recent", "1 + 2").expect("it is remembered");
    assert_eq!(entry["origin"]["path"], "/query");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_traced_query_tells_where_its_time_went() {
    let (_dir, server) = start(&[]);
    wait_for("the rule to be stored", 20, || {
        (server.query("count_over_time(r[1m]) > 1", "")["result"] != serde_json::json!([])).then_some(())
    });
    let query = "sum(rate(r[1m])) + scalar(r)";
    let plain = server.query(query, "");
    assert!(plain.get("trace").is_none(), "{plain}");
    let answer = server
        .get("/api/v1/query", &[("query", query), ("trace", "1")])
        .json();
    let trace = &answer["data"]["trace"];
    assert_eq!(
        (&trace["node"], &trace["expr"]),
        (&"+".into(), &query.into()),
        "{trace}"
    );
    let sum = &trace["children"][0];
    assert_eq!(
        (&sum["node"], &sum["series"]),
        (&"sum".into(), &1.into()),
        "{trace}"
    );
    let rate = &sum["children"][0];
    assert_eq!(
        (&rate["expr"], &rate["series"]),
        (&"rate(r[1m])".into(), &1.into()),
        "{trace}"
    );
    assert!(
        rate["samplesRead"].as_u64().is_some_and(|samples| samples > 1),
        "{trace}"
    );
    let seconds = |node: &Value| node["seconds"].as_f64().expect("seconds");
    assert!(
        seconds(trace) >= seconds(sum) && seconds(sum) >= seconds(rate),
        "{trace}"
    );
    assert_eq!(server.stop(), Some(0));
}
