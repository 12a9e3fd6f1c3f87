//! The command line: every flag of Prometheus, hidden ones too, and our own.
//!
//! ```text
//! args ─ parse ─► words (kingpin's rules) ─► Flags ─ check ─► Flags | CliExit (text, exit code)
//!                      └ the table in `flags` ┘        └ modes, unbuilt flags, features
//! ```
//!
//! A flag stands in [`flags::FLAGS`] and nowhere else: help, defaults, types and `/api/v1/status/flags`
//! are derived from it. Start with [`parse`].

pub mod features;
pub mod flags;
mod help;
mod kingpin;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;

pub use features::{Features, Verdict};
pub use flags::{FLAGS, FlagSpec, Mode};
pub use value::FlagValue;

/// The Prometheus whose behaviour this server has.
pub const PROMETHEUS_VERSION: &str = "3.14.0";

/// The name of the program in messages.
const PROGRAM: &str = "deucalion";

/// The end of the process before it has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CliExit {
    /// What goes to standard output.
    pub stdout: String,
    /// What goes to standard error.
    pub stderr: String,
    /// The exit code: 0 for help and version, 1 for what is no flag, 2 for what is no value, 3 for a flag
    /// of the other mode.
    pub code: u8,
}

/// The value of every flag.
#[derive(Clone, Debug, PartialEq)]
pub struct Flags {
    values: BTreeMap<&'static str, FlagValue>,
    /// Flags that were written, in order, each once.
    written: Vec<&'static str>,
    /// What `--enable-feature` switches on.
    pub features: Features,
    /// What deserves a line in the log.
    pub warnings: Vec<String>,
}

/// Reads a command line (without the program's own name).
///
/// # Errors
/// With text and exit code when the process has to end: help, version, or a command line that Prometheus
/// refuses or that asks for what is not built.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Flags, CliExit> {
    let args: Vec<String> = args
        .into_iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let words = kingpin::split(&args).map_err(|text| structural_error(&text))?;
    match words.demand {
        Some(kingpin::Demand::Version) => return Err(version()),
        Some(kingpin::Demand::Help { shows_hidden }) => {
            return Err(CliExit {
                stdout: help::usage(shows_hidden),
                ..CliExit::default()
            });
        }
        None => {}
    }
    let mut flags = Flags::defaults();
    for (spec, text) in &words.values {
        flags.set(spec, text).map_err(|text| value_error(&text))?;
    }
    flags.check()?;
    Ok(flags)
}

/// A command line that kingpin cannot split: two lines, exit code 1.
fn structural_error(text: &str) -> CliExit {
    CliExit {
        stderr: format!("Error parsing command line arguments: {text}\n{PROGRAM}: error: {text}\n"),
        code: 1,
        ..CliExit::default()
    }
}

/// A value that its flag cannot take: the usage too, exit code 2.
fn value_error(text: &str) -> CliExit {
    CliExit {
        stdout: help::usage(false),
        stderr: format!("Error parsing command line arguments: {text}\n"),
        code: 2,
    }
}

fn version() -> CliExit {
    let own = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    CliExit {
        stdout: format!(
            "{PROGRAM}, version {own} (compatible with Prometheus {PROMETHEUS_VERSION})\n  platform:         {os}/{arch}\n"
        ),
        ..CliExit::default()
    }
}

impl Flags {
    /// Every flag at its default.
    pub fn defaults() -> Self {
        let values = FLAGS
            .iter()
            .map(|spec| (spec.name, FlagValue::default_of(spec)))
            .collect();
        Self {
            values,
            written: Vec::new(),
            features: Features::default(),
            warnings: Vec::new(),
        }
    }

    fn set(&mut self, spec: &'static FlagSpec, text: &str) -> Result<(), String> {
        let is_first = !self.written.contains(&spec.name);
        if !is_first && !spec.is_repeatable() {
            return Err(format!("flag '{}' cannot be repeated", spec.name));
        }
        let value = FlagValue::parse(spec, text)?;
        let slot = self.slot(spec.name);
        match (slot, value) {
            (FlagValue::Texts(texts), FlagValue::Texts(more)) if !is_first => texts.extend(more),
            (slot, value) => *slot = value,
        }
        if is_first {
            self.written.push(spec.name);
        }
        Ok(())
    }

    fn slot(&mut self, name: &str) -> &mut FlagValue {
        self.values
            .get_mut(name)
            .unwrap_or_else(|| unreachable!("--{name} is not in the table of flags"))
    }

    /// What Prometheus checks once all values are there, and what is not built.
    fn check(&mut self) -> Result<(), CliExit> {
        let refuse = |code: u8, text: String| {
            Err(CliExit {
                stderr: text,
                code,
                ..CliExit::default()
            })
        };
        let (features, warnings) = match Features::parse(self.texts("enable-feature")) {
            Ok(found) => found,
            Err(text) => return refuse(1, format!("Error parsing feature list: {text}\n")),
        };
        self.features = features;
        self.warnings = warnings;
        let inert: Vec<String> = self
            .changed(|spec| spec.is_inert)
            .map(|spec| format!("--{} has no effect", spec.name))
            .collect();
        self.warnings.extend(inert);
        let foreign = self.flags_of(if self.bool("agent") {
            Mode::Server
        } else {
            Mode::Agent
        });
        if !foreign.is_empty() {
            let rule = if self.bool("agent") {
                "can not be used"
            } else {
                "can only be used"
            };
            let names: Vec<String> = foreign.iter().map(|name| format!("\"--{name}\"")).collect();
            let names = names.join(" ");
            return refuse(
                3,
                format!("The following flag(s) {rule} in agent mode: [{names}]"),
            );
        }
        if let Some(spec) = self.changed(|spec| spec.is_unbuilt).next() {
            return refuse(1, format!("--{} is not supported by Deucalion yet\n", spec.name));
        }
        let ratio = self.float("auto-gomemlimit.ratio");
        if !(ratio > 0.0 && ratio <= 1.0) {
            return refuse(
                1,
                "--auto-gomemlimit.ratio must be greater than 0 and less than or equal to 1.".into(),
            );
        }
        let limit = self.int("web.search.max-limit");
        if limit < 0 {
            return refuse(
                1,
                format!(
                    "--web.search.max-limit must be non-negative; got {limit} (use 0 to disable the cap)\n"
                ),
            );
        }
        Ok(())
    }

    fn flags_of(&self, mode: Mode) -> Vec<&'static str> {
        let is_of = |name: &&&str| FLAGS.iter().any(|spec| spec.name == **name && spec.mode == mode);
        self.written.iter().filter(is_of).copied().collect()
    }

    /// Flags of a kind that are written and not at their default.
    fn changed(&self, is_wanted: fn(&FlagSpec) -> bool) -> impl Iterator<Item = &'static FlagSpec> {
        FLAGS.iter().filter(move |spec| {
            is_wanted(spec)
                && self.written.contains(&spec.name)
                && self.values.get(spec.name) != Some(&FlagValue::default_of(spec))
        })
    }

    /// Whether `name` was written on the command line.
    pub fn is_written(&self, name: &str) -> bool {
        self.written.contains(&name)
    }

    /// Every flag with its value as `/api/v1/status/flags` shows it, sorted by name.
    pub fn all(&self) -> Vec<(String, String)> {
        self.values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_string()))
            .collect()
    }

    /// Replaces a value by the one in effect (`web.route-prefix`, retention), for [`Flags::all`].
    ///
    /// # Errors
    /// When the flag cannot have the value.
    pub fn put(&mut self, name: &str, text: &str) -> Result<(), String> {
        let spec = FLAGS
            .iter()
            .find(|spec| spec.name == name)
            .unwrap_or_else(|| unreachable!("--{name} is not in the table of flags"));
        *self.slot(spec.name) = FlagValue::parse(spec, text)?;
        Ok(())
    }
}
