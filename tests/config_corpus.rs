//! Configurations judged as Prometheus judges them: its own test files and ours, by the texts of its tests and
//! beside the real promtool.
//!
//! The peer is 3.5; what later versions changed, and what its build leaves out, is listed in
//! `testdata/DIFFERENCES.md`. With `CONFORMANCE`, the folder of Prometheus' own test files, those are judged, too;
//! without it or without the real promtool, what is skipped is said loudly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::differences::listed;
use crate::support::{peers, root, server};

/// What `check config` says of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    /// What it prints from the file's name on.
    out: String,
    /// Why the file is refused, if it is.
    refusal: String,
}

impl Verdict {
    fn accepts(&self) -> bool {
        self.out.contains(" SUCCESS: ") && self.refusal.is_empty()
    }

    /// Whether the file is refused for one of these keys, which the peer does not know.
    fn misses_one_of(&self, keys: &[String]) -> bool {
        let mut misses = keys.iter().map(|key| format!("field {key} not found in type "));
        misses.any(|text| self.refusal.contains(&text))
    }
}

/// The verdicts on `files` in `directory`, in their order, of one run; mistakes that only we tell are left out.
#[track_caller]
fn verdicts(binary: &Path, directory: &Path, args: &[&str], files: &[String]) -> Vec<Verdict> {
    let output = Command::new(binary)
        .args(["check", "config"])
        .args(args)
        .args(files)
        .current_dir(directory)
        // The peer asks Amazon for its region where none is written.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("TEST")
        .output()
        .unwrap_or_else(|error| panic!("start {}: {error}", binary.display()));
    let err = String::from_utf8_lossy(&output.stderr);
    let mut refusals: Vec<String> = Vec::new();
    // What only we tell follows with its place, deeper than the rest; of external labels that became empty only
    // later versions tell.
    let is_later = |line: &str| line.starts_with("    ") || line.starts_with("  WARNING: Empty environment");
    for line in err.lines().filter(|line| !is_later(line)) {
        match (line.strip_prefix("  FAILED: "), refusals.last_mut()) {
            (Some(text), _) => refusals.push(text.to_owned()),
            (None, Some(last)) => *last += &format!("\n{line}"),
            (None, None) => {}
        }
    }
    let mut refusals = refusals.into_iter();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut rest = out.as_str();
    let mut found = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let start = format!("Checking {file}\n");
        assert!(rest.starts_with(&start), "{file}: {rest:?}\n{err}");
        let next = files.get(i + 1).map(|next| format!("\nChecking {next}\n"));
        let end = next
            .and_then(|next| rest.find(&next))
            .map_or(rest.len(), |at| at + 1);
        let out = rest[..end].to_owned();
        let refusal = match out.contains(" SUCCESS: ") {
            true => String::new(),
            false => refusals
                .next()
                .unwrap_or_else(|| panic!("{file}: no reason in {err}")),
        };
        found.push(Verdict { out, refusal });
        rest = &rest[end..];
    }
    assert_eq!(refusals.next(), None, "{err}");
    let is_refused = found.iter().any(|verdict| !verdict.accepts());
    assert_eq!(output.status.success(), !is_refused, "{:?}", output.status);
    found
}

/// Compares with the peer: a case differs if and only if it is listed.
#[track_caller]
fn check_beside(real: &Path, directory: &Path, args: &[&str], cases: &[(String, String)]) {
    let (different, unknown) = (listed("Configurations"), listed("Keys"));
    let files: Vec<String> = cases.iter().map(|(file, _)| file.clone()).collect();
    let ours = verdicts(&server::promtool(), directory, args, &files);
    let theirs = verdicts(real, directory, args, &files);
    let mut wrong = Vec::new();
    for (((_, case), found), expected) in cases.iter().zip(ours).zip(theirs) {
        match (found == expected, different.contains(case)) {
            (false, false) if !expected.misses_one_of(&unknown) => {
                wrong.push(format!("{case}\n  ours {found:?}\n  peer {expected:?}"));
            }
            (true, true) => wrong.push(format!("{case}: is listed as different, and is equal")),
            _ => {}
        }
    }
    check_none(&wrong);
}

#[track_caller]
fn check_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn yml_files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let names = entries.map(|entry| entry.expect("read a directory").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".yml")).collect();
    names.sort();
    names
}

/// The folder of Prometheus' own configurations.
fn conformance() -> Option<PathBuf> {
    let Some(path) = std::env::var_os("CONFORMANCE") else {
        eprintln!("SKIPPED: Prometheus' own configurations: CONFORMANCE is not set");
        return None;
    };
    Some(PathBuf::from(path).join("config"))
}

/// Lines of a table of ours: two columns.
fn table(name: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("testdata/config").join(name)).expect("read the table");
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.filter_map(|line| line.split_once('\t'));
    rows.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn prometheus_own_files_get_the_verdict_that_its_tests_expect() {
    let Some(directory) = conformance() else { return };
    let refused = table("verdicts.tsv");
    let files = yml_files(&directory);
    let gone: Vec<_> = refused.iter().filter(|(name, _)| !files.contains(name)).collect();
    assert!(gone.is_empty(), "files of the table that are not there: {gone:?}");
    let row = |file: &String| refused.iter().find(|(name, _)| name == file);
    // Files that are imported are read with all that is named.
    let is_import =
        |file: &&String| row(file).is_some_and(|(_, text)| text.starts_with("error loading scrape configs"));
    let (imports, others): (Vec<String>, Vec<String>) =
        files.iter().cloned().partition(|file| is_import(&file));
    let promtool = server::promtool();
    let mut judged = verdicts(&promtool, &directory, &["--syntax-only"], &others);
    judged.extend(verdicts(&promtool, &directory, &[], &imports));
    let mut wrong = Vec::new();
    for (file, verdict) in others.iter().chain(&imports).zip(judged) {
        let is_right = match row(file) {
            Some((_, text)) => {
                !verdict.accepts() && text.split("...").all(|part| verdict.refusal.contains(part))
            }
            None => verdict.accepts(),
        };
        if !is_right {
            wrong.push(format!("{file}: expected {:?}, found {verdict:?}", row(file)));
        }
    }
    check_none(&wrong);
}

#[test]
fn files_are_judged_as_the_real_promtool_judges_them() {
    let Some(real) = peers::promtool("configurations beside the peer") else {
        return;
    };
    let ours = ["bad", "good"].map(|name| root().join("testdata/config").join(name));
    for directory in ours.into_iter().chain(conformance()) {
        let cases = yml_files(&directory).into_iter();
        let cases = cases.map(|file| (file.clone(), file));
        let (agents, others): (Vec<_>, Vec<_>) = cases.partition(|(file, _)| file.starts_with("agent_mode"));
        check_beside(&real, &directory, &["--syntax-only"], &others);
        if !agents.is_empty() {
            check_beside(&real, &directory, &["--syntax-only", "--agent"], &agents);
        }
    }
}

/// The files that the configurations of `judged.txt` name, and what they hold.
const NAMED: [(&str, &str); 13] = [
    ("rules.yml", "groups: [{name: g, rules: [{record: a, expr: up}]}]"),
    ("jobs.yml", "scrape_configs: [{job_name: imported}]"),
    (
        "bad-jobs.yml",
        "scrape_configs: [{job_name: imported, scrape_timeout: 5m}]",
    ),
    (
        "jobs-of-files.yml",
        "scrape_configs: [{job_name: imported, bearer_token_file: none, file_sd_configs: [{files: [none.json]}]}]",
    ),
    ("targets.json", r#"[{"targets": ["a:1"], "labels": {"x": "y"}}]"#),
    ("targets.yml", "[{targets: [a], labels: {x: y}}]"),
    ("url-targets.json", r#"[{"targets": ["http://a"]}]"#),
    ("bad-targets.json", "[{"),
    ("bad-targets.yml", "[{target: [a]}]"),
    ("null-targets.json", "[null]"),
    ("null-targets.yml", "[~]"),
    ("cert", ""),
    ("key", ""),
];

#[test]
fn configurations_and_what_they_name_are_judged_alike() {
    let Some(real) = peers::promtool("configurations with the files that they name") else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    for (name, text) in NAMED {
        fs::write(directory.join(name), text).expect("write a file");
    }
    fs::write(directory.join("secret"), "x").expect("write a file");
    fs::create_dir(directory.join("folder")).expect("make a folder");
    fs::create_dir(directory.join("folder.json")).expect("make a folder");
    let text =
        fs::read_to_string(root().join("testdata/config/judged.txt")).expect("read the configurations");
    let mut cases = Vec::new();
    for (i, section) in text.split("\n# ").skip(1).enumerate() {
        let (title, lines) = section.split_once('\n').expect("a title and lines");
        let lines = lines.lines().filter(|line| !line.is_empty());
        for (j, line) in lines.enumerate() {
            let file = format!("c{i:02}{j:03}.yml");
            fs::write(directory.join(&file), line.replace("\\n", "\n")).expect("write a configuration");
            cases.push((title, file, line));
        }
    }
    let of = |titles: &[&str]| -> Vec<(String, String)> {
        let chosen = cases
            .iter()
            .filter(|(title, ..)| titles.is_empty() || titles.contains(title));
        chosen
            .map(|(_, file, line)| (file.clone(), (*line).to_owned()))
            .collect()
    };
    check_beside(&real, directory, &["--syntax-only"], &of(&[]));
    check_beside(&real, directory, &[], &of(&["files that are named"]));
    check_beside(&real, directory, &["--agent", "--syntax-only"], &of(&["agents"]));
}
