//! Runs the scripts of `testdata/promql`, and any others that `PROMQL_SCRIPTS` names a folder of.

use std::path::{Path, PathBuf};

use promql::script::run_file;

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "test"))
        .collect();
    found.sort();
    found
}

#[track_caller]
fn check_folder(folder: &Path) -> usize {
    let (mut report, mut passed, mut failed) = (Vec::new(), 0, 0);
    for path in scripts(folder) {
        let text = std::fs::read_to_string(&path).expect("a script can be read");
        let summary = run_file(&text, &path.display().to_string(), &mut report).expect("memory takes all");
        passed += summary.passed;
        failed += summary.failed;
    }
    assert_eq!(failed, 0, "{}", String::from_utf8_lossy(&report));
    passed
}

#[test]
fn the_language_behaves_as_its_scripts_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/promql");
    assert!(check_folder(&folder) > 90, "scripts were found and ran");
}

#[test]
fn scripts_from_elsewhere_hold_too() {
    if let Some(folder) = std::env::var_os("PROMQL_SCRIPTS") {
        check_folder(Path::new(&folder));
    }
}

#[test]
fn a_wrong_expectation_fails_its_command() {
    let script = "load 1m\n  a 1\n\neval instant at 0 a\n  a 2\n\neval instant at 0 a\n  a 1\n";
    let mut report = Vec::new();
    let summary = run_file(script, "s", &mut report).unwrap();
    assert_eq!((summary.passed, summary.failed), (1, 1));
    let report = String::from_utf8(report).unwrap();
    assert!(report.starts_with("s:4: "), "{report}");
    assert!(report.ends_with("s: 1 passed, 1 failed\n"), "{report}");
}
