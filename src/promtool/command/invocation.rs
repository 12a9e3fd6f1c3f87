//! From words to a command with checked values.

use std::collections::BTreeMap;

use super::lexer::{Lexer, Token};
use super::table::ROOT;
use super::value;
use super::{ArgSpec, CommandSpec, FlagSpec, Kind, help};
use crate::build::{PROMETHEUS_VERSION, REVISION, VERSION};
use crate::cli::CliExit;
use crate::config::quote::quoted;

/// A command and the values of its flags and arguments.
#[derive(Debug)]
pub(in super::super) struct Invocation<'t> {
    path: Vec<&'t CommandSpec>,
    flags: Vec<&'t FlagSpec>,
    /// By name, as written or as it is by default.
    values: BTreeMap<&'t str, Vec<String>>,
    /// Flags that were written.
    written: Vec<&'t FlagSpec>,
}

/// Words matched to the tree, not checked yet.
#[derive(Debug, Default)]
struct Matched {
    path: Vec<&'static CommandSpec>,
    flags: Vec<&'static FlagSpec>,
    flag_values: Vec<(&'static FlagSpec, String)>,
    arg_values: Vec<(&'static ArgSpec, String)>,
}

/// Reads a command line.
///
/// # Errors
/// With text and exit code when the process has to end: help, version, or what kingpin refuses.
pub(in super::super) fn parse(program: &str, args: &[String]) -> Result<Invocation<'static>, CliExit> {
    let mut matched = Matched::default();
    matched.flags.extend(ROOT.flags);
    let outcome = matched.read(args);
    let is_asked = |name: &str| matched.flag_values.iter().any(|(flag, _)| flag.name == name);
    let refuse = |text: String| CliExit {
        stderr: format!("{program}: error: {text}, try --help\n"),
        code: 1,
        ..CliExit::default()
    };
    let values = matched.values();
    // kingpin answers these even where the rest is wrong.
    if is_asked("version") {
        return Err(told(version_text(program)));
    }
    if is_asked("help-long") || is_asked("help-man") {
        return Err(told(help::usage(program, &matched.path, true)));
    }
    if matched.path.first().is_some_and(|command| command.name == "help") {
        return Err(help_command(program, &matched));
    }
    outcome.map_err(refuse)?;
    if is_asked("help") || matched.path.is_empty() {
        return Err(told(help::usage(program, &matched.path, false)));
    }
    let values = values.map_err(refuse)?;
    matched.check_required().map_err(refuse)?;
    Ok(Invocation {
        written: matched.flag_values.iter().map(|(flag, _)| *flag).collect(),
        path: matched.path,
        flags: matched.flags,
        values,
    })
}

/// The version that scripts look for is that of Prometheus.
fn version_text(program: &str) -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!(
        "{program}, version {PROMETHEUS_VERSION} (Deucalion {VERSION}, revision: {REVISION})\n  platform:         {os}/{arch}\n"
    )
}

fn told(text: String) -> CliExit {
    CliExit {
        stdout: text,
        ..CliExit::default()
    }
}

/// `help check config`: the usage of the command that its arguments name.
fn help_command(program: &str, matched: &Matched) -> CliExit {
    let mut path: Vec<&'static CommandSpec> = Vec::new();
    for (_, word) in &matched.arg_values {
        let below = path.last().map_or(ROOT.commands, |command| command.commands);
        match below.iter().find(|command| command.name == word) {
            Some(command) => path.push(command),
            None if below.is_empty() => break,
            None => {
                return CliExit {
                    stderr: format!("{program}: error: expected command but got {}\n", quoted(word)),
                    code: 1,
                    ..CliExit::default()
                };
            }
        }
    }
    told(help::usage(program, &path, false))
}

impl Matched {
    fn read(&mut self, args: &[String]) -> Result<(), String> {
        let mut lexer = Lexer::new(args);
        while let Some(token) = lexer.next(&self.flags)? {
            match token {
                Token::Long(name) => {
                    let (flag, is_negated) = self.long(&name)?;
                    self.take_flag(flag, is_negated, &format!("--{name}"), &mut lexer)?;
                }
                Token::Short(name) => {
                    let found = self.flags.iter().find(|flag| flag.short == Some(name));
                    let flag = *found.ok_or_else(|| format!("unknown short flag '-{name}'"))?;
                    self.take_flag(flag, false, &format!("-{name}"), &mut lexer)?;
                }
                Token::Arg(word) => self.take_word(word)?,
            }
        }
        Ok(())
    }

    fn long(&self, name: &str) -> Result<(&'static FlagSpec, bool), String> {
        let named = |name: &str| self.flags.iter().copied().find(|flag| flag.name == name);
        if let Some(flag) = named(name) {
            return Ok((flag, false));
        }
        name.strip_prefix("no-")
            .and_then(named)
            .filter(|flag| flag.kind == Kind::Bool)
            .map(|flag| (flag, true))
            .ok_or_else(|| format!("unknown long flag '--{name}'"))
    }

    fn take_flag(
        &mut self,
        flag: &'static FlagSpec,
        is_negated: bool,
        shown: &str,
        lexer: &mut Lexer,
    ) -> Result<(), String> {
        let text = if flag.kind == Kind::Bool {
            if is_negated { "false" } else { "true" }.to_owned()
        } else {
            let value = lexer.value(&self.flags)?;
            value.ok_or_else(|| format!("expected argument for flag '{shown}'"))?
        };
        self.flag_values.push((flag, text));
        Ok(())
    }

    fn take_word(&mut self, word: String) -> Result<(), String> {
        let command = self.path.last();
        let below = command.map_or(ROOT.commands, |command| command.commands);
        if !below.is_empty() {
            let found = below.iter().find(|command| command.name == word);
            let command = found.ok_or_else(|| format!("expected command but got {}", quoted(&word)))?;
            self.flags.extend(command.flags);
            self.path.push(command);
            return Ok(());
        }
        let args = command.map_or(&[][..], |command| command.args);
        let position = self.arg_values.len();
        let arg = args
            .get(position)
            .or_else(|| args.last().filter(|arg| arg.kind.is_cumulative()));
        match arg {
            Some(arg) => {
                self.arg_values.push((arg, word));
                Ok(())
            }
            None => Err(format!("unexpected {word}")),
        }
    }

    /// All values, defaults where nothing is written.
    fn values(&self) -> Result<BTreeMap<&'static str, Vec<String>>, String> {
        let mut values: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (flag, text) in &self.flag_values {
            let slot = values.entry(flag.name).or_default();
            if !slot.is_empty() && !flag.kind.is_cumulative() {
                return Err(format!("flag '{}' cannot be repeated", flag.name));
            }
            value::check(flag.kind, text)?;
            slot.push(text.clone());
        }
        for (arg, text) in &self.arg_values {
            value::check(arg.kind, text)?;
            values.entry(arg.name).or_default().push(text.clone());
        }
        if let Some(command) = self.path.last()
            && !command.commands.is_empty()
        {
            let path: Vec<&str> = self.path.iter().map(|command| command.name).collect();
            return Err(format!("must select a subcommand of '{}'", path.join(" ")));
        }
        for flag in self.flags.iter().filter(|flag| !flag.default.is_empty()) {
            values
                .entry(flag.name)
                .or_insert_with(|| vec![flag.default.to_owned()]);
        }
        Ok(values)
    }

    fn check_required(&self) -> Result<(), String> {
        let missing: Vec<String> = self
            .flags
            .iter()
            .filter(|flag| flag.is_required && !self.flag_values.iter().any(|(f, _)| f.name == flag.name))
            .map(|flag| format!("'--{}'", flag.name))
            .collect();
        if !missing.is_empty() {
            return Err(format!("required flag(s) {} not provided", missing.join(", ")));
        }
        let args = self.path.last().map_or(&[][..], |command| command.args);
        let mut left_out = args.iter().skip(self.arg_values.len());
        match left_out.find(|arg| arg.is_required) {
            Some(arg) => Err(format!("required argument '{}' not provided", arg.name)),
            None => Ok(()),
        }
    }
}

impl Invocation<'_> {
    /// The command's words: `check config`.
    pub(in super::super) fn command(&self) -> String {
        let names: Vec<&str> = self.path.iter().map(|command| command.name).collect();
        names.join(" ")
    }

    /// The command, or the first flag written, that is not built.
    pub(in super::super) fn first_unbuilt(&self) -> Option<String> {
        if self.path.iter().any(|command| command.is_unbuilt) {
            return Some(format!("'{}'", self.command()));
        }
        let flag = self.written.iter().find(|flag| flag.is_unbuilt)?;
        Some(format!("--{}", flag.name))
    }

    /// Every text of a flag or argument that can be repeated.
    pub(in super::super) fn texts(&self, name: &str) -> &[String] {
        debug_assert!(self.is_known(name), "{name} is in the table");
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// The text of a flag or argument, empty if there is none.
    pub(in super::super) fn text(&self, name: &str) -> &str {
        self.texts(name).last().map_or("", String::as_str)
    }

    /// Whether a switch is on.
    pub(in super::super) fn bool(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// A duration, 0 if there is none.
    pub(in super::super) fn duration_ns(&self, name: &str) -> i64 {
        value::duration_ns(self.text(name)).unwrap_or(0)
    }

    /// Names and values, in order.
    pub(in super::super) fn pairs(&self, name: &str) -> Vec<(&str, &str)> {
        let texts = self.texts(name).iter();
        texts.filter_map(|text| value::pair(text)).collect()
    }

    fn is_known(&self, name: &str) -> bool {
        let args = self.path.last().map_or(&[][..], |command| command.args);
        self.flags.iter().any(|flag| flag.name == name) || args.iter().any(|arg| arg.name == name)
    }
}
