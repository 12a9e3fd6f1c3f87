//! promtool against the real one: the same arguments and input give the same output and exit code.
//!
//! What is compared lies in `testdata` and `configs`; with `CONFORMANCE`, the folder of Prometheus' own test
//! files, those too. Without the real promtool the comparisons are skipped, loudly.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{peers, root, server, wait_for};

/// What a command says and how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

#[track_caller]
fn run(binary: &Path, directory: &Path, args: &[&str], input: &[u8]) -> Outcome {
    let mut child = Command::new(binary)
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("start {}: {error}", binary.display()));
    let mut stdin = child.stdin.take().expect("the input is piped");
    // A command that does not read may have ended by now.
    drop(stdin.write_all(input));
    drop(stdin);
    let output = child.wait_with_output().expect("wait for promtool");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

#[track_caller]
fn ours(args: &[&str], input: &str) -> Outcome {
    run(&server::promtool(), &root(), args, input.as_bytes())
}

/// Runs both and compares everything.
#[track_caller]
fn same(real: &Path, directory: &Path, args: &[&str], input: &[u8]) {
    let expected = run(real, directory, args, input);
    let found = run(&server::promtool(), directory, args, input);
    let input = String::from_utf8_lossy(input);
    assert_eq!(found, expected, "promtool {args:?} in {directory:?} < {input:?}");
}

fn files(directory: &Path, endings: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("read a directory").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| endings.iter().any(|ending| name.ends_with(ending)))
        .collect();
    names.sort();
    names
}

fn conformance(folder: &str) -> Option<PathBuf> {
    let Some(path) = std::env::var_os("CONFORMANCE") else {
        eprintln!("SKIPPED: {folder} of Prometheus' test files: CONFORMANCE is not set");
        return None;
    };
    Some(PathBuf::from(path).join(folder))
}

#[test]
fn a_malformed_command_line_is_refused_as_kingpin_refuses_it() {
    let Some(real) = peers::promtool("command lines of promtool") else {
        return;
    };
    for line in [
        "foo",
        "check",
        "check foo",
        "check config",
        "check config no-such-file",
        "check config src",
        "--foo check",
        "check config --lint",
        "check config --lint=a --lint=b LICENSE",
        "check rules --bogus",
        "check rules -x",
        "check rules -- -x",
        "check rules @no-such-file",
        "check --query.lookback-delta=x rules",
        "check config --no-lint",
        "test rules",
        "test rules no-such-file",
        "query instant",
        "query instant http://x",
        "query instant http://x up extra",
        "query -o foo instant http://x up",
        "query instant :bad up",
        "query instant 127.0.0.1:1 up",
        "query instant http://[::1 up",
        "query range --step=foo http://x up",
        "query range --header=a http://x up",
        "query series http://x",
        "query instant --time=foo http://127.0.0.1:1 up",
        "query range --start=5 --end=4 http://127.0.0.1:1 up",
        "query series --match=up --start=x http://127.0.0.1:1",
        "query --http.config.file=LICENSE instant http://127.0.0.1:1 up",
        "query instant http://127.0.0.1:1 up",
        "query labels --start=1 --end=2 http://127.0.0.1:1 job",
        "help foo",
        "promql format up",
        "promql label-matchers",
        "--enable-feature=foo check rules",
        "tsdb",
        "check rules --lint=foo",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        same(&real, &root(), &args, b"");
    }
}

/// Rule files that are wrong, each in its own way.
const RULES: [&str; 42] = [
    "a: [",
    "groups: 1",
    "groups: [1]",
    "groups: [{name: [a]}]",
    "groups: [{name: a, rules: 1}]",
    "groups: [{name: a, rules: [1]}]",
    "groups: [{name: a, interval: x}]",
    "groups: [{name: a, limit: x}]",
    "groups: [{name: a, foo: 1}]",
    "foo: 1",
    "groups: [{name: a, rules: [{record: [a], expr: 1}]}]",
    "groups: [{name: a, rules: [{alert: a, expr: [1]}]}]",
    "groups: [{name: a, rules: [{alert: a, expr: 1, labels: 1}]}]",
    "groups: [{name: a, rules: [{alert: a, expr: 1, labels: {a: [1]}}]}]",
    "groups: [{name: a, rules: [{alert: a, expr: 1, for: x}]}]",
    "groups: [{name: a, rules: [{alert: a, expr: 1, annotations: {a: \"{{ $x }}\"}}]}]",
    "groups: [{name: a, rules: [{alert: a, expr: \"sum(\"}]}]",
    "groups: [{name: a}, {name: a}]",
    "groups: [{name: \"\"}]",
    "groups: [{rules: []}]",
    "groups:\n- name: a\n  name: b\n",
    "groups:\n- name: a\n\trules: x",
    "%",
    "\0",
    "{",
    "- a",
    "a",
    "groups: [null]",
    "groups: [{name: a, rules: [null]}]",
    "groups: [{name: \"a\\\"b\", rules: [{record: \"a{\", expr: 1}]}]",
    "groups: [{name: a, rules: [{record: \"a b\", expr: 1}, {record: x, alert: y, expr: 1}, {expr: 1}]}]",
    "groups: [{name: a, labels: {\"\": x}, rules: []}]",
    "groups: [{name: a, query_offset: -5m}]",
    "a: *x",
    "groups: [{name: a, rules: [{record: a, expr: up, annotations: {a: b}, keep_firing_for: 1m}]}]",
    "groups: [{name: a, rules: [{record: a, expr: 1},{record: a, expr: 2}]}]",
    "<<: 1",
    "? [a]\n: b\n",
    "!!foo a",
    "\"a",
    "a: b: c",
    "a:\n - b\n c",
];

#[test]
fn a_malformed_rule_file_is_refused_in_the_same_words() {
    let Some(real) = peers::promtool("malformed rule files") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    for rules in RULES {
        same(&real, &root(), &["check", "rules"], rules.as_bytes());
        fs::write(directory.path().join("rules.yml"), rules).expect("write a rule file");
        for args in [
            &["check", "rules", "rules.yml"][..],
            &[
                "check",
                "rules",
                "--lint=all",
                "--lint-fatal",
                "--ignore-unknown-fields",
                "rules.yml",
            ],
            &["check", "rules", "--lint=none", "rules.yml", "rules.yml"],
        ] {
            same(&real, directory.path(), args, b"");
        }
    }
}

/// Configurations that are wrong, or refer to what is not there.
const CONFIGS: [&str; 24] = [
    "",
    "a: [",
    "global: 1",
    "global: {scrape_interval: x}",
    "global: {scrape_interval: 1s, scrape_timeout: 2s}",
    "scrape_configs: [{}]",
    "scrape_configs: [{job_name: a}, {job_name: a}]",
    "scrape_configs: [{job_name: a, foo: 1}]",
    "foo: 1\nbar: 2\n",
    "rule_files: [no-such-file.yml]",
    "rule_files: [no-such-*.yml]",
    "rule_files: [\"*/x\"]",
    "rule_files: [\"[\"]",
    "scrape_configs: [{job_name: a, static_configs: [{targets: [\"http://a\"]}]}]",
    "scrape_configs: [{job_name: a, file_sd_configs: [{files: [no-such-file.yml]}]}]",
    "scrape_configs: [{job_name: a, file_sd_configs: [{files: [config.yml]}]}]",
    "scrape_configs: [{job_name: a, authorization: {credentials_file: no-such-file}}]",
    "scrape_configs: [{job_name: a, tls_config: {cert_file: no-such-cert, key_file: no-such-key}}]",
    "scrape_configs: [{job_name: a, tls_config: {cert_file: no-such-cert}}]",
    "scrape_configs: [{job_name: a, scrape_interval: 10m}]",
    "scrape_configs: [{job_name: a, relabel_configs: [{target_label: __address__, replacement: \"a/b\"}], static_configs: [{targets: [x]}]}]",
    "alerting: {alertmanagers: [{relabel_configs: [{target_label: __address__, replacement: \"a/b\"}], static_configs: [{targets: [x]}]}]}",
    "alerting: {alertmanagers: [{file_sd_configs: [{files: [no-such-file.json]}]}]}",
    "scrape_config_files: [other.yml]",
];

#[test]
fn a_configuration_is_judged_in_the_same_words() {
    let Some(real) = peers::promtool("configurations") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(
        directory.path().join("other.yml"),
        "scrape_configs: [{job_name: \"\"}]",
    )
    .expect("write a file");
    for config in CONFIGS {
        fs::write(directory.path().join("config.yml"), config).expect("write a configuration");
        for args in [
            &["check", "config", "config.yml"][..],
            &["check", "config", "--syntax-only", "config.yml"],
            &["check", "config", "--lint=all", "--lint-fatal", "config.yml"],
            &[
                "check",
                "config",
                "--lint=too-long-scrape-interval,foo",
                "config.yml",
                "config.yml",
            ],
        ] {
            same(&real, directory.path(), args, b"");
        }
    }
}

/// Pages: malformed ones first, then those that a linter has something to say about.
const PAGES: [&str; 56] = [
    "foo 1",
    "foo bar\n",
    "foo 1 x\n",
    "foo 1 1 1\n",
    "# TYPE foo histogram\nfoo_bucket{le=\"x\"} 1\n",
    "# TYPE foo bar\n",
    "foo{a=b} 1\n",
    "foo{a=\"b\" 1\n",
    "foo{a=\"b\\x\"} 1\n",
    "# HELP foo a\\x\nfoo 1\n",
    "foo{a=\"b\",a=\"c\"} 1\n",
    "foo{a.b=\"c\"} 1\n",
    "foo{\"a.b\"=\"c\"} 1\n",
    "foo{__name__=\"c\"} 1\n",
    "foo 0x1p3\n",
    "foo 1_0\n",
    "foo 1e999\n",
    "# HELP a x\n# HELP a x\na 1\n",
    "a 1\n# TYPE a counter\n",
    "{\"my.metric\"} 1\n",
    "{b=\"c\"} 2\n",
    "{} 1\n",
    "foo{,} 1\n",
    "foo{a=\"b\",,} 1\n",
    "# HELP 1a x\n",
    "1a 1\n",
    "a{b=\"c\"",
    "a{b=\"c\n\"} 1\n",
    "a{b=\"c\"}\n",
    "a \n",
    "{\"a\",\"b\"} 1\n",
    "{\"a\" b} 1\n",
    "\"a\" 1\n",
    "a 1\r\n",
    "a{b='c'} 1\n",
    "",
    "#\n",
    "# HELP\n",
    "# HELP a \n",
    "# EOF\n",
    "# HELP a b\na 1\n",
    "foo{a=\"b\",} 1\n",
    "foo\t1\t2\n",
    "# HELP foo a\\\\x\nfoo 1\n",
    "{\"my_metric\",a=\"b\"} 1\n",
    "# TYPE a GAUGE\na 1\n",
    "# TYPE a gaugehistogram\na_bucket{le=\"1\"} 1\n",
    "foo{le=\"1\"} 1\n# TYPE b counter\nb{le=\"1\",quantile=\"1\"} 1\n",
    "# TYPE b_total gauge\nb_total 1\n# TYPE c_bucket counter\nc_bucket 1\n",
    "# TYPE d_count gauge\nd_count 1\n# TYPE e_sum gauge\ne_sum 1\n",
    "# HELP fooBar x\n# TYPE fooBar gauge\nfooBar{aB=\"c\",cD=\"e\"} 1\n",
    "# HELP x_ms x\nx_ms 1\n# HELP x_milliseconds x\nx_milliseconds 1\n# HELP job:x x\njob:x 1\n",
    "# HELP x_kilobits_total x\n# TYPE x_kilobits_total counter\nx_kilobits_total 1\nx_minutes_s 1\n",
    "# HELP x_gauge x\n# TYPE x_gauge gauge\nx_gauge 1\nx_gauge 1\nx_gauge{a=\"b\"} 1\n",
    "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"NaN\"} 1\ns_sum 1\ns_count 1\n",
    "# HELP my_histogram_h x\n# TYPE my_histogram_h histogram\nmy_histogram_h_bucket{le=\"+Inf\"} 1\n",
];

#[test]
fn a_page_of_metrics_is_judged_in_the_same_words() {
    let Some(real) = peers::promtool("pages of metrics") else {
        return;
    };
    for page in PAGES {
        same(&real, &root(), &["check", "metrics"], page.as_bytes());
    }
    let clean = "# HELP a_seconds x\n# TYPE a_seconds histogram\na_seconds_bucket{le=\"1\"} 1\n\
                 a_seconds_bucket{le=\"+Inf\"} 1\na_seconds_sum 1\na_seconds_count 1\n# HELP b x\nb 1\n";
    same(
        &real,
        &root(),
        &["check", "metrics", "--extended"],
        clean.as_bytes(),
    );
}

#[test]
fn a_web_file_is_judged_in_the_same_words() {
    let Some(real) = peers::promtool("web files") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    for text in [
        "",
        "a: [",
        "foo: 1",
        "basic_auth_users: {a: b}",
        "tls_server_config: {cert_file: a}",
        "tls_server_config: {cert_file: a, key_file: b}",
        "tls_server_config: {min_version: x}",
        "http_server_config: {headers: {X-Frame-Options: foo}}",
        "http_server_config: {headers: {Foo: foo}}",
        "http_server_config: 1",
    ] {
        fs::write(directory.path().join("web.yml"), text).expect("write a web file");
        same(&real, directory.path(), &["check", "web-config", "web.yml"], b"");
    }
}

#[test]
fn a_web_file_must_name_a_certificate_and_its_key() {
    let Some(real) = peers::promtool("web files") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let made = || rcgen::generate_simple_self_signed(vec!["x".to_owned()]).expect("a certificate");
    let (one, other) = (made(), made());
    for (name, text) in [
        ("c", one.cert.pem()),
        ("k", one.signing_key.serialize_pem()),
        ("other", other.signing_key.serialize_pem()),
        ("junk", "junk".to_owned()),
        ("empty", String::new()),
    ] {
        fs::write(directory.path().join(name), text).expect("write");
    }
    let hash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
    let mut texts = vec![
        format!("basic_auth_users: {{a: {hash}}}"),
        "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin}}".to_owned(),
        "rate_limit: {interval: 1s, burst: 20}".to_owned(),
        "rate_limit: {interval: abc, burst: x}".to_owned(),
    ];
    for tls in [
        "",
        "client_auth_type: RequireAnyClientCert",
        "key_file: k",
        "cert_file: c, key_file: k",
        "cert_file: c, key_file: k, client_ca_file: c, client_auth_type: RequireAndVerifyClientCert",
        "cert_file: c, key_file: k, client_ca_file: lost, client_auth_type: RequireAnyClientCert",
        "cert_file: c, key_file: k, client_ca_file: c",
        "cert_file: c, key_file: k, client_auth_type: Any",
        "cert_file: c, key_file: k, min_version: TLS12, max_version: TLS13, curve_preferences: [X25519]",
        "cert_file: c, key_file: k, cipher_suites: [X]",
        "cert_file: c, key_file: k, curve_preferences: [X]",
        "cert_file: c, key_file: k, client_allowed_sans: [a]",
        "cert_file: lost, key_file: k",
        "cert_file: c, key_file: lost",
        "cert_file: c, key_file: other",
        "cert_file: c, key_file: junk",
        "cert_file: c, key_file: empty",
        "cert_file: c, key_file: c",
        "cert_file: k, key_file: k",
        "cert_file: junk, key_file: k",
        "cert: junk, key: junk",
    ] {
        texts.push(format!("tls_server_config: {{{tls}}}"));
    }
    for text in texts {
        fs::write(directory.path().join("web.yml"), &text).expect("write a web file");
        same(&real, directory.path(), &["check", "web-config", "web.yml"], b"");
    }
}

/// What `check service-discovery` finds, in no order, without the labels that Prometheus has had since 3.13.
#[track_caller]
fn found_targets(outcome: &Outcome) -> Vec<String> {
    let json: serde_json::Value =
        serde_json::from_str(&outcome.out).unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
    let mut entries: Vec<String> = Vec::new();
    for mut entry in json.as_array().expect("a list").clone() {
        for labels in ["discoveredLabels", "labels"] {
            let labels = entry[labels].as_object_mut().expect("labels");
            labels.retain(|name, _| !name.contains("_histograms_"));
        }
        // The real one shows an empty object for any error.
        if entry["error"].is_string() {
            entry["error"] = serde_json::json!({});
        }
        entries.push(entry.to_string());
    }
    entries.sort();
    entries
}

#[test]
fn discovery_finds_the_same_targets_with_the_same_labels() {
    let Some(real) = peers::promtool("check service-discovery") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("write");
    write(
        "t.json",
        r#"[{"targets": ["f:1", "drop:2", "f:1"], "labels": {"__meta_x": "m", "l": "v"}}]"#,
    );
    write("u.yml", "- targets: ['no/host']\n");
    let relabel = "relabel_configs:\n  - {source_labels: [__address__], regex: 'drop.*', action: drop}\n  \
                   - {source_labels: [__meta_x], target_label: x}\n  - {source_labels: [l], target_label: __param_p}\n";
    write(
        "prometheus.yml",
        &format!(
            "scrape_configs:\n- job_name: files\n  params: {{module: [m]}}\n  \
             file_sd_configs: [{{files: ['t.json', 'u.yml']}}]\n  {relabel}\
             - job_name: statics\n  static_configs: [{{targets: ['a:1', 'b:2'], labels: {{l: v}}}}, {{targets: ['a:1']}}]\n  \
             {relabel}- job_name: nothing\n"
        ),
    );
    for job in ["files", "statics", "nothing"] {
        let args = [
            "check",
            "service-discovery",
            "--timeout=1s",
            "prometheus.yml",
            job,
        ];
        let found = run(&server::promtool(), directory.path(), &args, b"");
        let expected = run(&real, directory.path(), &args, b"");
        assert_eq!(found.code, expected.code, "{job}: {found:?}");
        assert_eq!(found_targets(&found), found_targets(&expected), "{job}");
    }
    let args = ["check", "service-discovery", "prometheus.yml", "other"];
    same(&real, directory.path(), &args, b"");
}

#[test]
fn the_files_of_this_repository_get_the_same_verdicts() {
    let Some(real) = peers::promtool("files of this repository") else {
        return;
    };
    let stacks = root().join("configs/stacks");
    let mut count = 0;
    for entry in fs::read_dir(&stacks).expect("the stacks") {
        let directory = entry.expect("a stack").path();
        if !directory.is_dir() {
            continue;
        }
        for file in files(&directory, &["rules.yml", "alerts.yml"]) {
            same(&real, &directory, &["check", "rules", &file], b"");
        }
        let tests = ["test", "rules", "tests.yml"];
        same(&real, &directory, &tests, b"");
        let outcome = run(&server::promtool(), &directory, &tests, b"");
        assert_eq!(outcome.code, Some(0), "{}: {outcome:?}", directory.display());
        count += 1;
    }
    assert!(count >= 5, "{count} stacks in {}", stacks.display());
    let bad = root().join("testdata/rules/bad");
    for file in files(&bad, &[".yml"]) {
        let args = ["check", "rules", file.as_str()];
        let mut found = run(&server::promtool(), &bad, &args, b"");
        // Mistakes that Go leaves out follow with their places.
        let is_further = |line: &&str| line.starts_with(&format!("    {file}:"));
        let told = found.err.lines().filter(|line| !is_further(line));
        found.err = told.map(|line| format!("{line}\n")).collect();
        assert_eq!(found, run(&real, &bad, &args, b""), "{file}");
    }
    same(
        &real,
        &root().join("configs/demo"),
        &["check", "rules", "rules.yml"],
        b"",
    );
}

#[test]
fn expressions_are_formatted_and_edited_alike() {
    let Some(real) = peers::promtool("expressions") else {
        return;
    };
    for query in [
        "sum by(job)(rate(http_requests_total{code=~\"5..\"}[5m]))/ignoring(code) sum(b)",
        "a{b=\"c\"} + on(x) group_left a{d!=\"e\"}",
        "-up[5m:1m] offset 5m",
        "up +",
        "sum(",
        "",
    ] {
        for args in [
            &["--experimental", "promql", "format", query][..],
            &[
                "--experimental",
                "promql",
                "label-matchers",
                "set",
                query,
                "b",
                "x",
            ],
            &[
                "--experimental",
                "promql",
                "label-matchers",
                "set",
                "-t",
                "!~",
                query,
                "b",
                "x.*",
            ],
            &["--experimental", "promql", "label-matchers", "delete", query, "b"],
        ] {
            same(&real, &root(), args, b"");
        }
    }
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    for (line, name) in [
        ("tsdb analyze", "'tsdb analyze'"),
        ("tsdb list data", "'tsdb list'"),
        (
            "tsdb create-blocks-from openmetrics x",
            "'tsdb create-blocks-from openmetrics'",
        ),
        ("debug all http://x", "'debug all'"),
        ("push metrics http://x", "'push metrics'"),
        ("check healthy", "'check healthy'"),
        ("test --junit=x rules LICENSE", "--junit"),
        (
            "query analyze --server=http://x --type=histogram --match=a",
            "'query analyze'",
        ),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let outcome = ours(&args, "");
        let expected = format!("promtool: error: {name} is not supported by Deucalion yet\n");
        assert_eq!((outcome.code, outcome.err), (Some(1), expected), "{line}");
    }
}

#[test]
fn the_version_names_this_program_and_the_prometheus_that_it_stands_for() {
    let outcome = ours(&["--version"], "");
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.out.contains("Deucalion"), "{}", outcome.out);
    assert!(outcome.out.contains("3.14.0"), "{}", outcome.out);
}

#[test]
fn a_script_tells_what_fails_and_how_many_commands_held() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = directory.path().join("script.test");
    let text = "load 1m\n  a 1 2 3\n\neval instant at 1m a\n  a 2\n\neval instant at 1m a\n  a 3\n";
    fs::write(&script, text).expect("write a script");
    let path = script.to_string_lossy();
    let outcome = ours(&["--experimental", "promql", "script", &path], "");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.out.ends_with("1 passed, 1 failed\n"), "{}", outcome.out);
    assert!(outcome.out.contains(&format!("{path}:7: ")), "{}", outcome.out);
}

#[test]
fn variables_of_a_configuration_are_expanded_on_request() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = "scrape_configs: [{job_name: \"%{NO_SUCH_VARIABLE_HERE:-a}\", scrape_interval: \"%{NO_SUCH:-1m}\"}]\n";
    fs::write(directory.path().join("config.yml"), config).expect("write a configuration");
    let check = |args: &[&str]| run(&server::promtool(), directory.path(), args, b"").code;
    assert_eq!(check(&["check", "config", "config.yml"]), Some(1));
    let expanded = ["check", "config", "--config.expand-env=percent", "config.yml"];
    assert_eq!(check(&expanded), Some(0));
}

#[test]
fn answers_of_a_server_are_printed_alike() {
    let skipped = "answers of a server";
    let (Some(real), Some(prometheus)) = (peers::promtool(skipped), peers::prometheus(skipped)) else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let config = "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: self\n  static_configs: [{targets: [\"SELF\"]}]\n";
    let start = server::Start::new(&prometheus, directory.path()).arg("--enable-feature=native-histograms");
    let config = config.replace("SELF", &format!("127.0.0.1:{}", start.address_port()));
    fs::write(directory.path().join("prometheus.yml"), config).expect("write a configuration");
    let server = start.ready();
    let at = wait_for("a scrape", 30, || {
        let found = server.query("max(timestamp(prometheus_http_request_duration_seconds))", "");
        Some(found["result"][0]["value"][0].as_f64()?.to_string())
    });
    let url = server.url.as_str();
    let time = format!("--time={at}");
    for query in [
        "1",
        "up",
        "no_such_metric",
        "up[1m]",
        "prometheus_http_request_duration_seconds",
        "{__name__=~\"go_gc.*\"}",
        "label_replace(vector(-0.5e-7), \"a\", \"<&>\\\"\\n\", \"\", \"\")",
        "vector(NaN) or vector(Inf)",
        "sum(",
        "up +",
    ] {
        for layout in ["promql", "json"] {
            same(
                &real,
                &root(),
                &["query", "-o", layout, "instant", &time, url, query],
                b"",
            );
            let (start, end) = (
                format!("--start={at}"),
                format!("--end={}1", at.trim_end_matches(".0")),
            );
            let range = [
                "query",
                "-o",
                layout,
                "range",
                &start,
                &end,
                "--step=1s",
                url,
                query,
            ];
            same(&real, &root(), &range, b"");
        }
    }
    for layout in ["promql", "json"] {
        let fixed = ["--start=1", "--end=2000000000.5"];
        let series = [
            "query",
            "-o",
            layout,
            "series",
            "--match=up",
            "--match={__name__=~\"go_gc_.*_bucket\",le!=\"\"}",
            url,
        ];
        same(&real, &root(), &[&series[..], &fixed].concat(), b"");
        for name in ["job", "__name__", "no_such_label"] {
            let labels = ["query", "-o", layout, "labels", url, name];
            same(&real, &root(), &[&labels[..], &fixed].concat(), b"");
        }
    }
    // The real one adds where in the answer its JSON library stood.
    let text = run(
        &server::promtool(),
        &root(),
        &["query", "instant", url, "\"text\""],
        b"",
    );
    assert_eq!(text.err, "query error: unexpected value type \"string\"\n");
    assert_eq!(text.code, Some(1));
    let elsewhere = format!("{url}/nowhere");
    same(
        &real,
        &root(),
        &["query", "instant", &time, &elsewhere, "up"],
        b"",
    );
}

/// Tests of rules that need more than Prometheus 3.5 knows.
const NEWER_TESTS: [&str; 2] = ["start-time-test.yml", "features.yml"];

#[test]
fn prometheus_own_unit_tests_of_rules_get_the_same_verdicts() {
    let (Some(real), Some(directory)) = (peers::promtool("unit tests of rules"), conformance("promtool"))
    else {
        return;
    };
    for file in files(&directory, &[".yml"]) {
        if NEWER_TESTS.contains(&file.as_str()) {
            continue;
        }
        let args = ["test", "rules", file.as_str()];
        let expected = run(&real, &directory, &args, b"");
        let found = run(&server::promtool(), &directory, &args, b"");
        // 3.14 sorts the two series of such an error.
        if expected.err.contains("found duplicate series") {
            assert_eq!((found.code, found.out), (expected.code, expected.out), "{file}");
        } else {
            assert_eq!(found, expected, "{file}");
        }
    }
    let args = ["test", "rules", "start-time-test.yml"];
    assert_eq!(run(&server::promtool(), &directory, &args, b"").code, Some(0));
}

#[test]
fn prometheus_own_rule_files_get_the_same_verdicts() {
    let Some(real) = peers::promtool("Prometheus' rule files") else {
        return;
    };
    for folder in ["rulefmt", "promtool"] {
        let Some(directory) = conformance(folder) else {
            return;
        };
        for file in files(&directory, &[".yml", ".yaml"]) {
            if !NEWER_TESTS.contains(&file.as_str()) {
                same(&real, &directory, &["check", "rules", &file], b"");
            }
        }
    }
}

#[test]
fn prometheus_own_scripts_hold() {
    let Some(directory) = conformance("promqltest") else {
        return;
    };
    for name in [
        "at_modifier",
        "collision",
        "literals",
        "name_label_dropping",
        "selectors",
        "staleness",
        "trig_functions",
    ] {
        let file = format!("{name}.test");
        let args = ["--experimental", "promql", "script", file.as_str()];
        let outcome = run(&server::promtool(), &directory, &args, b"");
        assert_eq!(outcome.code, Some(0), "{name}:\n{}", outcome.out);
    }
}
