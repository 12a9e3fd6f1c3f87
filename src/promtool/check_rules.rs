//! `check rules`, and the rule files of `check config`.

use std::path::Path;

use super::command::Invocation;
use super::features::Features;
use super::{FAILED, LINT, OK, Terminal};
use crate::config::RuleFile;
use crate::config::document::Reading;
use crate::config::quote::quoted;
use crate::config::rule_file::{Checks, RuleFileError, duplicate_rules};
use crate::rules::file::check_template;

/// What is looked for besides mistakes, and how strictly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleLints {
    /// Rules that write the same series.
    pub(super) duplicate_rules: bool,
    /// Whether a complaint is a failure.
    pub(super) is_fatal: bool,
    /// Whether unknown fields are passed over.
    pub(super) ignores_unknown_fields: bool,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Something is wrong, be it a lint.
    pub(super) has_failed: bool,
    /// Something is wrong that is no lint.
    pub(super) has_errors: bool,
}

impl Verdict {
    /// The exit code.
    pub(super) fn code(self, lint_is_fatal: bool) -> u8 {
        match self {
            Self {
                has_failed: true,
                has_errors: true,
            } => FAILED,
            Self { has_failed: true, .. } if lint_is_fatal => LINT,
            _ => OK,
        }
    }
}

impl RuleLints {
    /// Lints of a list separated by commas; unknown names are told.
    pub(super) fn parse(&mut self, list: &str, terminal: &mut Terminal<'_>) {
        if list.is_empty() {
            return;
        }
        for name in list.split(',') {
            match name {
                "all" | "duplicate-rules" => self.duplicate_rules = true,
                "none" => {}
                other => {
                    terminal.print_line(format_args!("WARNING: unknown lint option: {}", quoted(other)));
                }
            }
        }
    }
}

pub(super) fn run(invocation: &Invocation<'_>, features: &Features, terminal: &mut Terminal<'_>) -> u8 {
    let mut lints = RuleLints {
        is_fatal: invocation.bool("lint-fatal"),
        ignores_unknown_fields: invocation.bool("ignore-unknown-fields"),
        ..RuleLints::default()
    };
    lints.parse(invocation.text("lint"), terminal);
    let files = invocation.texts("rule-files");
    let checking = Checking {
        lints,
        features,
        reading: Reading::STRICT,
    };
    let mut verdict = Verdict::default();
    if files.is_empty() {
        checking.standard_input(&mut verdict, terminal);
    } else {
        checking.files(files, &mut verdict, terminal);
    }
    verdict.code(lints.is_fatal)
}

/// How rule files are checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checking<'a> {
    /// What is looked for.
    pub(super) lints: RuleLints,
    /// Which expressions are valid.
    pub(super) features: &'a Features,
    /// Which variables are expanded.
    pub(super) reading: Reading<'a>,
}

impl Checking<'_> {
    fn parse(&self, file: &Path, bytes: &[u8]) -> Result<RuleFile, Vec<RuleFileError>> {
        let checks = self.checks();
        RuleFile::parse(bytes, file, &checks)
    }

    fn checks(&self) -> Checks<'_> {
        Checks {
            reading: Reading {
                ignores_unknown_fields: self.lints.ignores_unknown_fields,
                ..self.reading
            },
            parser: self.features.parser,
            ..Checks::new(&check_template)
        }
    }

    fn standard_input(&self, verdict: &mut Verdict, terminal: &mut Terminal<'_>) {
        terminal.print_line("Checking standard input");
        match terminal.read_input() {
            Ok(bytes) => {
                // A file without a name: its mistakes are told without one.
                let parsed = self.parse(Path::new(""), &bytes);
                self.tell("standard input", parsed, verdict, terminal);
            }
            Err(error) => {
                terminal.complain_line(format_args!("  FAILED: {error}"));
                (verdict.has_failed, verdict.has_errors) = (true, true);
            }
        }
    }

    /// Checks files one after the other.
    pub(super) fn files<F: AsRef<Path>>(
        &self,
        files: &[F],
        verdict: &mut Verdict,
        terminal: &mut Terminal<'_>,
    ) {
        for file in files {
            let file = file.as_ref();
            terminal.print_line(format_args!("Checking {}", file.display()));
            let parsed = RuleFile::load(file, &self.checks());
            self.tell(&file.display().to_string(), parsed, verdict, terminal);
        }
    }

    fn tell(
        &self,
        name: &str,
        parsed: Result<RuleFile, Vec<RuleFileError>>,
        verdict: &mut Verdict,
        terminal: &mut Terminal<'_>,
    ) {
        match parsed {
            Err(errors) => {
                (verdict.has_failed, verdict.has_errors) = (true, true);
                terminal.complain_line("  FAILED:");
                let told: Vec<String> = errors.iter().flat_map(RuleFileError::as_prometheus).collect();
                for text in &told {
                    terminal.complain_line(text);
                }
                // What Prometheus leaves out.
                for error in &errors {
                    let text = error.text();
                    let text = text.strip_prefix("yaml: ").unwrap_or(text);
                    if !told.iter().any(|all| all.contains(text)) {
                        terminal.complain_line(format_args!("    {error}"));
                    }
                }
            }
            Ok(rules) => {
                if rules.has_more_documents {
                    terminal.complain_line(format_args!(
                        "  WARNING: {name} has more than one YAML document; only the first is read"
                    ));
                }
                match self.complaint(&rules) {
                    Some(complaint) => {
                        verdict.has_failed = true;
                        terminal.complain_line(format_args!("  FAILED:\n{complaint}"));
                    }
                    None => {
                        let count = rules.rule_count();
                        terminal.print_line(format_args!("  SUCCESS: {count} rules found"));
                    }
                }
                terminal.print_line("");
            }
        }
    }

    fn complaint(&self, rules: &RuleFile) -> Option<String> {
        let duplicates = match self.lints.duplicate_rules {
            true => duplicate_rules(&rules.groups),
            false => Vec::new(),
        };
        if duplicates.is_empty() {
            return None;
        }
        let mut text = format!("lint error {} duplicate rule(s) found.\n", duplicates.len());
        for duplicate in &duplicates {
            text.push_str(&format!("Metric: {}\nLabel(s):\n", duplicate.metric));
            for (name, value) in duplicate.labels.iter() {
                text.push_str(&format!("\t{name}: {value}\n"));
            }
        }
        text.push_str("Might cause inconsistency while recording expressions");
        Some(text)
    }
}
