//! Unit tests of rules: the engine of `promtool test rules`.
//!
//! ```text
//! test file ─ file ─► TestFile ─┬─ each test: load series ─ suite ─► evaluate rules step by step
//!                               │                                     ├ compare alerts      alerts
//!                               │                                     └ compare expressions expressions
//!                               └─ report: the texts that promtool prints
//! ```
//!
//! Everything runs in memory and on the test's own time. Begin with [`run_files`].

mod alerts;
mod diff;
mod expressions;
mod file;
mod hints;
mod histogram;
mod report;
mod suite;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use promql::parser::ParserOptions;
use tsdb::model::Regex;

use file::{TestFile, TestGroup};
use suite::Suite;

/// What `promtool test rules` is told.
#[derive(Clone, Debug, Default)]
pub struct TestOptions {
    /// `--run`: only tests whose name matches any of these patterns; all if empty.
    pub run: Vec<String>,
    /// `--diff`: show what differs instead of both sides.
    pub diff: bool,
    /// `--debug`: tell what is done and what the store holds.
    pub debug: bool,
    /// `--ignore-unknown-fields`, in rule files.
    pub ignore_unknown_fields: bool,
    /// What the parser accepts.
    pub parser: ParserOptions,
    /// `promql-delayed-name-removal`
    pub delayed_name_removal: bool,
}

/// The two streams of a command.
pub struct Streams<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Failures, warnings and what `--debug` tells.
    pub err: &'a mut dyn Write,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Streams")
    }
}

/// Runs all tests of all files and prints what promtool prints; whether all went well.
///
/// # Errors
/// When nothing can be printed, or a pattern of `--run` is malformed.
pub fn run_files(files: &[PathBuf], options: &TestOptions, streams: &mut Streams<'_>) -> io::Result<bool> {
    let run = match options.run.as_slice() {
        [] => None,
        patterns => Some(Regex::new(&patterns.join("|")).map_err(io::Error::other)?),
    };
    let mut all_well = true;
    for file in files {
        let errors = run_file(file, run.as_ref(), options, streams)?;
        if errors.is_empty() {
            writeln!(streams.out, "  SUCCESS")?;
        } else {
            all_well = false;
            writeln!(streams.err, "  FAILED:")?;
            for error in errors {
                writeln!(streams.err, "{error}")?;
                writeln!(streams.out)?;
            }
        }
        writeln!(streams.out)?;
    }
    Ok(all_well)
}

/// Everything that failed in one file.
fn run_file(
    path: &Path,
    run: Option<&Regex>,
    options: &TestOptions,
    streams: &mut Streams<'_>,
) -> io::Result<Vec<String>> {
    let file = match TestFile::load(path) {
        Ok(file) => file,
        Err(error) => return Ok(vec![error]),
    };
    let rule_files = match file.matching_rule_files(path) {
        Ok(matching) => matching,
        Err(error) => return Ok(vec![error]),
    };
    for pattern in &rule_files.unmatched {
        writeln!(
            streams.err,
            "  WARNING: no file match pattern {}",
            pattern.display()
        )?;
    }
    if let Some(repeated) = file.repeated_group() {
        return Ok(vec![format!(
            "group name repeated in evaluation order: {repeated}"
        )]);
    }
    let mut errors = Vec::new();
    for (i, test) in file.tests.iter().enumerate() {
        if run.is_some_and(|run| !run.is_match(&test.name)) {
            continue;
        }
        let began = Instant::now();
        let shown_name = if test.name.is_empty() {
            format!("unnamed#{i}")
        } else {
            test.name.clone()
        };
        if options.debug {
            writeln!(streams.err, "DEBUG: Starting test {shown_name}")?;
        }
        errors.extend(run_test(&file, test, &rule_files.files, options, streams)?);
        if options.debug {
            let took_ns = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
            let took = crate::config::duration::format_go_ns(took_ns);
            writeln!(streams.err, "DEBUG: Test {shown_name} finished, took {took}")?;
        }
    }
    Ok(errors)
}

/// Everything that failed in one test.
fn run_test(
    file: &TestFile,
    test: &TestGroup,
    rule_files: &[PathBuf],
    options: &TestOptions,
    streams: &mut Streams<'_>,
) -> io::Result<Vec<String>> {
    let mut suite = match Suite::new(file, test, rule_files, options) {
        Ok(suite) => suite,
        Err(errors) => return Ok(errors),
    };
    let mut errors = match alerts::check(&mut suite, file, test, options.diff) {
        Ok(failed) => failed,
        Err(errors) => return Ok(errors),
    };
    errors.extend(expressions::check(&suite, file, test));
    if options.debug {
        suite.dump(test, streams.err)?;
    }
    Ok(errors)
}

#[cfg(test)]
mod tests;
