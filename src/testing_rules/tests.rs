//! The test files of `testdata/rules`, each beside what promtool prints for it.

use super::*;

/// Both streams of a run, as the `.expected` files hold them.
fn run(file: &str, options: &TestOptions) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        out: &mut out,
        err: &mut err,
    };
    let files = [PathBuf::from("testdata/rules").join(file)];
    let all_well = run_files(&files, options, &mut streams).unwrap();
    let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    assert_eq!(all_well, out.contains("SUCCESS"));
    format!("{out}---- stderr\n{err}")
}

#[track_caller]
fn check(file: &str, expected: &str, options: &TestOptions) {
    let expected = std::fs::read_to_string(Path::new("testdata/rules").join(expected)).unwrap();
    let given = run(file, options);
    assert!(
        given == expected,
        "{file}\n=== expected\n{expected}\n=== given\n{given}"
    );
}

#[test]
fn rules_that_do_as_expected_succeed() {
    check("good.yml", "good.expected", &TestOptions::default());
    check("empty.yml", "empty.expected", &TestOptions::default());
    check("start.yml", "start.expected", &TestOptions::default());
}

#[test]
fn what_differs_is_told_as_promtool_tells_it() {
    check("failing.yml", "failing.expected", &TestOptions::default());
}

#[test]
fn a_difference_can_be_shown_in_colours() {
    let options = TestOptions {
        diff: true,
        ..TestOptions::default()
    };
    check("failing.yml", "failing.diff.expected", &options);
}

#[test]
fn a_rule_that_fails_ends_its_test() {
    check(
        "failing_rules.yml",
        "failing_rules.expected",
        &TestOptions::default(),
    );
}

#[test]
fn a_malformed_file_is_refused_with_every_mistake() {
    for name in ["malformed", "bad_duration", "bad_start", "duplicate", "repeated"] {
        check(
            &format!("{name}.yml"),
            &format!("{name}.expected"),
            &TestOptions::default(),
        );
    }
}

#[test]
fn only_tests_whose_name_matches_are_run() {
    let options = TestOptions {
        run: vec!["^comments".to_owned(), "nobody".to_owned()],
        ..TestOptions::default()
    };
    assert_eq!(
        run("failing.yml", &options),
        "  SUCCESS\n\n---- stderr\n  WARNING: no file match pattern testdata/rules/nothing*.yml\n"
    );
}

#[test]
fn what_the_store_holds_can_be_told() {
    let options = TestOptions {
        debug: true,
        ..TestOptions::default()
    };
    let told = run("good.yml", &options);
    for expected in [
        "DEBUG: Starting test alerts go their way\n",
        "DEBUG: Dump of all data (input_series and rules) at 7m1s:\n",
        "{__name__=\"job:up:sum\", job=\"x\", team=\"ops\"} =>\n1 @[60000]\n1 @[120000]\n",
        "DEBUG: Test alerts go their way finished, took ",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}
