//! The files of `testdata/config` and `testdata/rules`, and what holds for any configuration.
//!
//! With `DEUCALION_BLESS=1` expectations are written instead of checked: read the difference before you
//! commit it.

mod any_text;

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::config::rule_file::Checks;

fn environment(name: &str) -> Option<String> {
    match name {
        "DC" => Some("eu-1".into()),
        "EMPTY" => Some(String::new()),
        "LIMIT" => Some("7".into()),
        "TOKEN" => Some("hunter2".into()),
        _ => None,
    }
}

fn options(rule: ExpandEnv) -> LoadOptions<'static> {
    LoadOptions::default().with_environment(rule, &environment)
}

/// As for a file that is checked and that nothing starts with.
fn checking() -> LoadOptions<'static> {
    let mut options = options(ExpandEnv::Off);
    options.reading.accepts_unbuilt = true;
    options
}

fn files(directory: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yml"))
        .collect();
    files.sort();
    assert!(files.len() > 2, "{directory} holds the cases");
    files
}

#[track_caller]
fn check_against(expectation: &Path, found: &str) {
    if std::env::var_os("DEUCALION_BLESS").is_some() {
        fs::write(expectation, found).unwrap();
    }
    let expected = fs::read_to_string(expectation).unwrap_or_default();
    assert_eq!(found, expected, "{}", expectation.display());
}

fn without_directory(text: &str, directory: &str) -> String {
    text.replace(&format!("{directory}/"), "") + "\n"
}

#[test]
fn each_malformed_configuration_is_refused_with_every_mistake_at_its_place() {
    let directory = "testdata/config/bad";
    for file in files(directory) {
        let checked = Config::load(&file, &checking());
        let judged = checked.and_then(|_| Config::load(&file, &options(ExpandEnv::Off)));
        let errors = judged.expect_err(&file.to_string_lossy());
        check_against(
            &file.with_extension("err"),
            &without_directory(&errors.to_string(), directory),
        );
    }
}

#[test]
fn each_good_configuration_has_the_effective_form_of_prometheus() {
    for file in files("testdata/config/good") {
        let config = load_good(&file);
        check_against(&file.with_extension("effective"), &config.to_yaml().unwrap());
    }
}

/// Loads a good file as a server would; what is called `not_built` is only checked.
#[track_caller]
fn load_good(file: &Path) -> Config {
    let options = match file.ends_with("not_built.yml") {
        true => checking(),
        false => options(ExpandEnv::Off),
    };
    Config::load(file, &options).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_effective_form_loads_and_means_the_same() {
    for file in files("testdata/config/good") {
        let written = load_good(&file).to_yaml().unwrap();
        let again = Config::parse(&written, Path::new("again.yml"), &checking())
            .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert_eq!(again.to_yaml().unwrap(), written);
    }
}

#[test]
fn each_malformed_rule_file_is_refused_in_the_words_of_prometheus() {
    let directory = "testdata/rules/bad";
    for file in files(directory) {
        let errors = RuleFile::load(&file, &checks()).expect_err(&file.to_string_lossy());
        let mut found = String::new();
        for error in &errors {
            found += &without_directory(&error.to_string(), directory);
        }
        found.push('\n');
        for error in errors.iter().flat_map(RuleFileError::as_prometheus) {
            found += &without_directory(&error, directory);
        }
        check_against(&file.with_extension("err"), &found);
    }
}

/// Strict checks with a template engine that knows one broken template.
fn checks() -> Checks<'static> {
    Checks::new(&|name, text| {
        if text.contains("BROKEN") {
            return Err(format!("template: {name}:1: broken"));
        }
        Ok(())
    })
}

#[test]
fn each_good_rule_file_is_read() {
    for file in files("testdata/rules/good") {
        RuleFile::load(&file, &checks()).unwrap_or_else(|e| panic!("{}", e[0]));
    }
    let rules = RuleFile::load(Path::new("testdata/rules/good/everything.yml"), &checks()).unwrap();
    let group = &rules.groups[0];
    assert_eq!(
        (group.interval_ms, group.query_offset_ms, group.limit),
        (30_000, Some(0), 10)
    );
    assert_eq!(rules.rule_count(), 3);
    assert_eq!(group.rules[1].expr, "sum by (job) (up)");
    assert_eq!(group.rules[2].name(), "Down");
    assert_eq!(group.rules[2].for_ms, 300_000);
    assert_eq!(group.rules[2].annotations["long text"], "010");
    let two = RuleFile::load(Path::new("testdata/rules/good/two_documents.yml"), &checks()).unwrap();
    assert!(two.has_more_documents);
}

#[track_caller]
fn parse(text: &str, rule: ExpandEnv) -> Config {
    Config::parse(text, Path::new("t.yml"), &options(rule)).unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn check_refused(text: &str, rule: ExpandEnv, expected: &str) {
    let errors = Config::parse(text, Path::new("t.yml"), &options(rule)).unwrap_err();
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn external_labels_expand_always_and_an_unset_variable_leaves_an_empty_label_and_a_warning() {
    let config = parse(
        "global: {external_labels: {dc: 'x-${DC}', none: $NOPE, price: 5$$}}",
        ExpandEnv::Off,
    );
    assert_eq!(config.global.external_labels.get("dc"), Some("x-eu-1"));
    assert_eq!(config.global.external_labels.get("none"), None);
    assert_eq!(config.global.external_labels.get("price"), Some("5$"));
    assert!(config.to_yaml().unwrap().contains("    none: \"\"\n"));
    assert_eq!(
        config.warnings,
        ["Empty environment variable NOPE in external label none"]
    );
}

#[test]
fn variables_expand_inside_values_on_request_only() {
    let text = "scrape_configs: [{job_name: '%{DC}', sample_limit: '%{LIMIT}', metrics_path: /$DC}]";
    check_refused(
        text,
        ExpandEnv::Percent,
        "t.yml:1:52: cannot unmarshal !!str `%{LIMIT}` into uint",
    );
    let text = "scrape_configs:\n- job_name: a-%{DC}\n  sample_limit: !!int '%{LIMIT}'\n  metrics_path: /$DC";
    let job = Arc::clone(&parse(text, ExpandEnv::Percent).scrape_configs[0]);
    assert_eq!(
        (job.job_name.as_str(), job.sample_limit, job.metrics_path.as_str()),
        ("a-eu-1", 7, "/$DC")
    );
    let text = "scrape_configs:\n- job_name: $DC\n  relabel_configs: [{target_label: x, regex: $DC, replacement: $DC}]";
    let job = Arc::clone(&parse(text, ExpandEnv::Dollar).scrape_configs[0]);
    assert_eq!(job.job_name, "eu-1");
    assert_eq!(job.relabel_configs[0].replacement, "$DC");
}

#[test]
fn an_unset_variable_is_a_mistake_with_its_place() {
    check_refused(
        "scrape_configs:\n- job_name: '%{NOPE}'\n",
        ExpandEnv::Percent,
        "t.yml:2:13: environment variable NOPE is not set",
    );
}

#[test]
fn an_expanded_secret_is_shown_nowhere() {
    let text = "scrape_configs:\n- job_name: a\n  authorization: {credentials: '%{TOKEN}'}\n";
    let config = parse(text, ExpandEnv::Percent);
    let credentials = &config.scrape_configs[0]
        .http_client
        .authorization
        .as_ref()
        .unwrap()
        .credentials;
    assert_eq!(credentials.expose(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(!config.to_yaml().unwrap().contains("hunter2"));
    check_refused(
        "scrape_configs:\n- job_name: a\n  scrape_interval: '%{TOKEN}'\n",
        ExpandEnv::Percent,
        "t.yml:3:20: not a valid duration string: \"%{TOKEN}\"",
    );
}

#[test]
fn files_of_scrape_config_files_bring_jobs_with_paths_beside_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir(root.join("jobs")).unwrap();
    fs::write(
        root.join("main.yml"),
        "scrape_config_files: [jobs/*.yml]\nscrape_configs: [{job_name: a}]\n",
    )
    .unwrap();
    fs::write(
        root.join("jobs/one.yml"),
        "scrape_configs: [{job_name: b, file_sd_configs: [{files: [t.json]}]}]\n",
    )
    .unwrap();
    let config = Config::load(&root.join("main.yml"), &LoadOptions::default()).unwrap();
    let jobs: Vec<&str> = config.jobs().map(|job| job.job_name.as_str()).collect();
    assert_eq!(jobs, ["a", "b"]);
    let imported = &config.imported_scrape_configs[0].discovery;
    assert!(imported.target_files().eq([&root.join("jobs/t.json")]));
    assert!(!config.to_yaml().unwrap().contains("job_name: b"));

    fs::write(
        root.join("jobs/two.yml"),
        "scrape_configs: [{job_name: a}, {job_name: b}]\nglobal: {}\n",
    )
    .unwrap();
    let errors = Config::load(&root.join("main.yml"), &LoadOptions::default()).unwrap_err();
    assert_eq!(errors.iter().len(), 3, "{errors}");
}

#[test]
fn a_missing_file_is_told_in_the_words_of_go() {
    let errors = Config::load(Path::new("nope.yml"), &LoadOptions::default()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "nope.yml: open nope.yml: no such file or directory"
    );
}

#[test]
fn unknown_fields_can_be_passed_over() {
    let mut options = LoadOptions::default();
    options.reading.ignores_unknown_fields = true;
    assert!(Config::parse("foo: 1", Path::new("t.yml"), &options).is_ok());
}

#[test]
fn what_prometheus_leaves_out_of_the_effective_form_is_left_out() {
    let text = "remote_read: [{url: http://x, filter_external_labels: false}]\n\
                otlp: {label_name_underscore_sanitization: false}\n";
    let config = Config::parse(text, Path::new("t.yml"), &checking()).unwrap();
    let written = config.to_yaml().unwrap();
    assert!(!written.contains("filter_external_labels"), "{written}");
    assert!(
        !written.contains("label_name_underscore_sanitization"),
        "{written}"
    );
    // A section that is null is not the default in Go, and the field that it prints is one that it reads.
    let text = "otlp:\nstorage: {tsdb: {outofordertimewindow: 5}}\n";
    let written = parse(text, ExpandEnv::Off).to_yaml().unwrap();
    assert!(!written.contains("otlp"), "{written}");
    assert!(written.contains("outofordertimewindow: 0"), "{written}");
}

#[test]
fn an_agent_neither_stores_nor_evaluates() {
    let file = Path::new("testdata/config/not_for_agents.yml");
    assert!(Config::load(file, &checking()).is_ok());
    let options = LoadOptions {
        is_agent: true,
        ..checking()
    };
    let errors = Config::load(file, &options).unwrap_err();
    assert_eq!(errors.as_go(), "field alerting is not allowed in agent mode");
    let keys = ["alerting", "rule_files", "remote_read"];
    let refusals = keys.map(|key| format!("{}: field {key} is not allowed in agent mode", file.display()));
    assert_eq!(errors.to_string(), refusals.join("\n"));
}

#[test]
fn of_several_mistakes_go_tells_the_first_that_it_comes_to_see() {
    for (text, expected) in [
        // A section is checked after its last value, so that a later one may end it before.
        (
            "scrape_configs:\n- static_configs: [{targets: [a/b]}]\n- job_name: b\n  relabel_configs: [{regex: '('}]\n",
            "job_name is empty",
        ),
        (
            "scrape_configs:\n- relabel_configs: [{regex: '('}]\n",
            "error parsing regexp: missing closing ): `^(?s:()$`",
        ),
        // A value of the wrong shape keeps its own section from being checked, and the file.
        (
            "rule_files: ['*/x']\nscrape_configs:\n- honor_labels: 1\n",
            "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!int `1` into bool",
        ),
        (
            "scrape_configs:\n- job_name: a\n  honor_labels: 1\n- metrics_path: /\n",
            "job_name is empty",
        ),
        // The file is checked last.
        (
            "rule_files: ['*/x']\nscrape_configs:\n- metrics_path: /\n",
            "job_name is empty",
        ),
        (
            "alerting: {alert_relabel_configs: [{}]}\nscrape_config_files: ['*/y']\nrule_files: ['*/x']\n",
            "invalid rule file path \"*/x\"",
        ),
        // What is not built is no concern of Go's.
        (
            "remote_read: [{url: http://x}]\nglobal: {scrape_timeout: 2m}\n",
            "global scrape timeout greater than scrape interval",
        ),
    ] {
        let errors = Config::parse(text, Path::new("t.yml"), &options(ExpandEnv::Off)).unwrap_err();
        assert_eq!(errors.as_go(), expected, "{text}");
    }
}

#[test]
fn upstreams_own_rule_files_are_judged_as_their_names_say() {
    let Some(directory) = std::env::var_os("DEUCALION_CONFORMANCE") else {
        eprintln!("SKIPPED: Prometheus' own rule files: DEUCALION_CONFORMANCE is not set");
        return;
    };
    for entry in fs::read_dir(Path::new(&directory).join("rulefmt")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.to_string_lossy().into_owned();
        let mut checks = checks();
        if name.contains("legacy_validation") {
            checks.scheme = ValidationScheme::Legacy;
        }
        let found = RuleFile::load(&file, &checks);
        assert_eq!(found.is_err(), name.contains(".bad."), "{name} {found:?}");
    }
}
