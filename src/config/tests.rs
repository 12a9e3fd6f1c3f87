//! The files of `testdata/config` and `testdata/rules`, and what holds for any configuration.
//!
//! With `DEUCALION_BLESS=1` expectations are written instead of checked: read the difference before you
//! commit it.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

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
        let errors = Config::load(&file, &options(ExpandEnv::Off)).expect_err(&file.to_string_lossy());
        check_against(
            &file.with_extension("err"),
            &without_directory(&errors.to_string(), directory),
        );
    }
}

#[test]
fn each_good_configuration_has_the_effective_form_of_prometheus() {
    for file in files("testdata/config/good") {
        let config = Config::load(&file, &options(ExpandEnv::Off)).unwrap_or_else(|e| panic!("{e}"));
        check_against(&file.with_extension("effective"), &config.to_yaml().unwrap());
    }
}

#[test]
fn the_effective_form_loads_and_means_the_same() {
    for file in files("testdata/config/good") {
        let config = Config::load(&file, &options(ExpandEnv::Off)).unwrap();
        let written = config.to_yaml().unwrap();
        // The two parts that are shown although they are not what was written.
        let cleaned: String = written
            .lines()
            .take_while(|line| *line != "otlp:")
            .filter(|line| !line.contains("outofordertimewindow"))
            .map(|line| format!("{line}\n"))
            .collect();
        let again = Config::parse(&cleaned, Path::new("again.yml"), &options(ExpandEnv::Off))
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
fn upstreams_own_good_files_of_built_sections_load_and_its_bad_ones_are_refused() {
    let Some(directory) = std::env::var_os("DEUCALION_CONFORMANCE") else {
        return;
    };
    for file in files(&Path::new(&directory).join("config").to_string_lossy()) {
        let name = file.to_string_lossy().into_owned();
        match Config::load(&file, &LoadOptions::default()) {
            Ok(_) => assert!(!name.ends_with(".bad.yml"), "{name}"),
            Err(errors) => assert!(
                !name.ends_with(".good.yml") || errors.iter().all(|e| e.text.contains("not supported")),
                "{errors}"
            ),
        }
    }
}

#[test]
fn upstreams_own_rule_files_are_judged_as_their_names_say() {
    let Some(directory) = std::env::var_os("DEUCALION_CONFORMANCE") else {
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

/// Lines that are nearly a configuration.
fn line() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "global",
        "scrape_configs",
        "job_name",
        "scrape_interval",
        "relabel_configs",
        "regex",
        "a",
        "1m",
        "5",
        "true",
        "~",
        "",
        "*a",
        "&a",
        "<<",
        "[",
        "]",
        "{",
        "}",
        "!!int",
        "!!binary",
        "\"",
        "'",
        "|",
        ">",
        "%",
        "#",
        "é",
        "\u{feff}",
        "rule_files",
        "static_configs",
        "targets",
        "storage",
        "tsdb",
        "external_labels",
        "$X",
        "%{",
    ]);
    (
        0_usize..6,
        prop::collection::vec(word, 0..5),
        prop::sample::select(vec![": ", " ", "- ", ", ", ""]),
    )
        .prop_map(|(indent, words, glue)| " ".repeat(indent) + &words.join(glue))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_configuration_panic(lines in prop::collection::vec(line(), 0..12), rule in 0_usize..3) {
        let text = lines.join("\n");
        let rule = ExpandEnv::ALL[rule].1;
        if let Ok(config) = Config::parse(&text, Path::new("t.yml"), &options(rule)) {
            prop_assert!(config.to_yaml().is_ok());
        }
        // Whatever they say, they say it without a panic.
        drop(RuleFile::parse(text.as_bytes(), Path::new("t.yml"), &checks()));
        drop(WebConfig::parse(text.as_bytes(), Path::new("t.yml")));
        drop(OwnConfig::parse(&text, Path::new("t.yml")));
        drop(sd_file::parse_yaml(text.as_bytes(), Path::new("t.yml")));
    }

    #[test]
    fn no_bytes_make_the_scanner_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        drop(yaml::load(&bytes));
        drop(sd_file::parse_json(&bytes));
    }

    #[test]
    fn what_is_written_is_read_back(texts in prop::collection::vec("\\PC{0,30}", 1..6)) {
        let mut map = OutMap::new();
        for (i, text) in texts.iter().enumerate() {
            map.put(&format!("k{i}"), text.as_str());
        }
        let written = yaml::write::write(&map.into()).unwrap();
        let document = yaml::load(written.as_bytes()).unwrap();
        let root = document.root.unwrap();
        let mut decoder = yaml::Decoder::new();
        let pairs = decoder.pairs(&root, "map").unwrap();
        for ((_, node), text) in pairs.iter().zip(&texts) {
            prop_assert_eq!(decoder.string(node).unwrap(), text.clone());
        }
    }
}
