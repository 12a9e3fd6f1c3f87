//! The command line as operators and scripts write it.

use super::flags::Kind;
use super::*;

fn parse_words(words: &[&str]) -> Result<Flags, CliExit> {
    parse(words.iter().map(OsString::from))
}

#[track_caller]
fn check_exit(words: &[&str], code: u8, stderr: &str) {
    let exit = parse_words(words).unwrap_err();
    assert_eq!((exit.code, exit.stderr.as_str()), (code, stderr), "{words:?}");
}

#[track_caller]
fn check_shown(words: &[&str], name: &str, expected: &str) {
    let flags = parse_words(words).unwrap();
    let all = flags.all();
    let found = all.iter().find(|(flag, _)| flag == name);
    assert_eq!(
        found.map(|(_, value)| value.as_str()),
        Some(expected),
        "{words:?}"
    );
}

#[test]
fn every_flag_has_a_default_that_its_type_takes_and_a_getter_that_gives_it() {
    let flags = parse_words(&[]).unwrap();
    for spec in FLAGS {
        match spec.kind {
            Kind::Text | Kind::Enum(_) => drop(flags.text(spec.name)),
            Kind::Texts | Kind::WriteMessages => drop(flags.texts(spec.name)),
            Kind::Bool => drop(flags.bool(spec.name)),
            Kind::Int | Kind::Int64 => drop(flags.int(spec.name)),
            Kind::Float => drop(flags.float(spec.name)),
            Kind::Duration | Kind::GoDuration => drop(flags.duration_ms(spec.name)),
            Kind::Bytes => drop(flags.bytes(spec.name)),
        }
        assert!(spec.help.ends_with(['.', ']']), "--{}", spec.name);
    }
    let mut names: Vec<&str> = FLAGS.iter().map(|spec| spec.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FLAGS.len(), "a flag stands in the table once");
}

#[test]
fn values_are_shown_as_prometheus_shows_them() {
    check_shown(&[], "storage.remote.read-sample-limit", "50000000");
    check_shown(&[], "storage.tsdb.wal-segment-size", "0B");
    check_shown(&[], "storage.tsdb.retention.time", "0s");
    check_shown(&[], "scrape.timestamp-tolerance", "2ms");
    check_shown(&[], "auto-gomemlimit.ratio", "0.9");
    check_shown(&[], "enable-feature", "");
    check_shown(
        &[],
        "web.remote-write-receiver.accepted-protobuf-messages",
        "prometheus.WriteRequest,io.prometheus.write.v2.Request",
    );
    check_shown(
        &["--storage.tsdb.retention.size", "1.5GB"],
        "storage.tsdb.retention.size",
        "1GiB512MiB",
    );
    check_shown(&["--query.timeout=90s"], "query.timeout", "1m30s");
    check_shown(&["--query.max-samples=1e3"], "query.max-samples", "1000");
    check_shown(&["--log.level=WARN"], "log.level", "warn");
}

#[test]
fn switches_are_negated_and_repeated_flags_add_up() {
    check_shown(&["--web.enable-lifecycle"], "web.enable-lifecycle", "true");
    check_shown(
        &["--no-storage.tsdb.wal-compression"],
        "storage.tsdb.wal-compression",
        "false",
    );
    check_shown(
        &["--web.listen-address=:1", "--web.listen-address", ":2"],
        "web.listen-address",
        ":1,:2",
    );
}

#[test]
fn what_kingpin_cannot_split_ends_with_exit_code_1() {
    let told =
        |text: &str| format!("Error parsing command line arguments: {text}\ndeucalion: error: {text}\n");
    check_exit(&["--nope"], 1, &told("unknown long flag '--nope'"));
    check_exit(&["-x"], 1, &told("unknown short flag '-x'"));
    check_exit(
        &["--no-config.file"],
        1,
        &told("unknown long flag '--no-config.file'"),
    );
    check_exit(
        &["--config.file"],
        1,
        &told("expected argument for flag '--config.file'"),
    );
    check_exit(
        &["--log.level", "--agent"],
        1,
        &told("expected argument for flag '--log.level'"),
    );
    check_exit(&["--web.enable-lifecycle=true"], 1, &told("unexpected true"));
    check_exit(&["extra"], 1, &told("unexpected extra"));
    check_exit(&["--", "--config.file=x"], 1, &told("unexpected --config.file=x"));
    check_exit(
        &["@nofile"],
        1,
        &told("failed to open arguments file \"nofile\": open nofile: no such file or directory"),
    );
}

#[test]
fn a_value_that_its_flag_cannot_take_ends_with_exit_code_2_and_the_usage() {
    let told = |text: &str| format!("Error parsing command line arguments: {text}\n");
    for (word, text) in [
        ("--query.timeout=x", "not a valid duration string: \"x\""),
        (
            "--query.max-samples=x",
            "strconv.ParseFloat: parsing \"x\": invalid syntax",
        ),
        (
            "--rules.max-concurrent-evals=1e3",
            "strconv.ParseInt: parsing \"1e3\": invalid syntax",
        ),
        ("--log.level=loud", "unrecognized log level loud"),
        ("--storage.tsdb.wal-segment-size=5", "units: unknown unit  in 5"),
        (
            "--scrape.timestamp-tolerance=5",
            "time: missing unit in duration \"5\"",
        ),
        (
            "--storage.tsdb.wal-compression-type=lz4",
            "enum value must be one of snappy,zstd, got 'lz4'",
        ),
        (
            "--web.remote-write-receiver.accepted-protobuf-messages=x",
            "unknown remote write protobuf message x, supported: prometheus.WriteRequest, io.prometheus.write.v2.Request",
        ),
    ] {
        check_exit(&[word], 2, &told(text));
    }
    check_exit(
        &["--config.file=a", "--config.file=b"],
        2,
        &told("flag 'config.file' cannot be repeated"),
    );
    assert!(
        parse_words(&["--query.timeout=x"])
            .unwrap_err()
            .stdout
            .starts_with("usage: deucalion [<flags>]\n")
    );
}

#[test]
fn flags_of_the_other_mode_end_with_exit_code_3() {
    check_exit(
        &["--agent", "--query.timeout=1m", "--query.max-samples=1"],
        3,
        "The following flag(s) can not be used in agent mode: [\"--query.timeout\" \"--query.max-samples\"]",
    );
    check_exit(
        &["--storage.agent.path=x"],
        3,
        "The following flag(s) can only be used in agent mode: [\"--storage.agent.path\"]",
    );
}

#[test]
fn what_is_not_built_is_refused_by_name_unless_it_is_the_default() {
    check_exit(&["--agent"], 1, "--agent is not supported by Deucalion yet\n");
    check_exit(
        &["--web.page-title=x"],
        1,
        "--web.page-title is not supported by Deucalion yet\n",
    );
    assert!(parse_words(&["--no-agent"]).is_ok());
    let flags = parse_words(&["--web.console.templates=/x", "--auto-gomaxprocs"]).unwrap();
    assert_eq!(flags.warnings, ["--web.console.templates has no effect"]);
}

#[test]
fn features_are_switched_on_refused_or_warned_about() {
    let flags = parse_words(&[
        "--enable-feature=promql-experimental-functions,native-histograms",
        "--enable-feature=agent",
    ])
    .unwrap();
    assert!(flags.features.has("promql-experimental-functions"));
    assert_eq!(flags.features.iter().count(), 1);
    assert_eq!(flags.warnings.len(), 2, "{:?}", flags.warnings);
    check_exit(
        &["--enable-feature=search-api,st-storage"],
        1,
        "Error parsing feature list: --enable-feature=search-api, st-storage is not supported by Deucalion yet\n",
    );
}

#[test]
fn help_and_version_end_with_exit_code_0() {
    let help = parse_words(&["-h"]).unwrap_err();
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains(
        "      --config.file=\"prometheus.yml\"  \n                                 The configuration."
    ));
    assert!(!help.stdout.contains("samples-per-chunk"));
    assert!(
        parse_words(&["--help-long"])
            .unwrap_err()
            .stdout
            .contains("samples-per-chunk")
    );
    assert!(
        help.stdout
            .lines()
            .all(|line| line.starts_with(' ') || line.chars().count() <= 100)
    );
    let version = parse_words(&["--version", "--query.timeout=x"]).unwrap_err();
    assert!(version.stdout.contains("deucalion, version") && version.stdout.contains("3.14.0"));
}

#[test]
fn arguments_may_stand_in_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "# comment\n\n--query.timeout=7s\n--web.enable-lifecycle\n",
    )
    .unwrap();
    let flags = parse_words(&[&format!("@{}", file.path().display())]).unwrap();
    assert_eq!(flags.duration_ms("query.timeout"), 7_000);
    assert!(flags.bool("web.enable-lifecycle"));
    assert!(flags.is_written("query.timeout") && !flags.is_written("query.max-samples"));
}

#[test]
fn a_value_in_effect_replaces_the_one_written() {
    let mut flags = parse_words(&[]).unwrap();
    flags.put("storage.tsdb.retention.time", "15d").unwrap();
    assert_eq!(flags.duration_ms("storage.tsdb.retention.time"), 1_296_000_000);
    assert!(flags.put("query.timeout", "x").is_err());
}
