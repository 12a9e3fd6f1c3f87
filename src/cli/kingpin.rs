//! Splitting a command line as kingpin does, the library that Prometheus reads its flags with.
//!
//! `--flag value`, `--flag=value`, `--switch`, `--no-switch`; `-h`; `--` ends the flags; `@file` stands
//! for the lines of a file. A switch takes no value: `--switch=true` leaves a `true` that nothing expects.

use std::path::Path;

use super::flags::{FLAGS, FlagSpec, Kind};
use crate::config::errors::open_error;

/// What a command line says.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Flags and their texts, in order.
    pub(super) values: Vec<(&'static FlagSpec, String)>,
    /// A wish to be told something instead.
    pub(super) demand: Option<Demand>,
}

/// What is told instead of running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// `--help`, `--help-long`
    Help { shows_hidden: bool },
    /// `--version`
    Version,
}

/// How deep files of arguments may name others.
const FILE_DEPTH_MAX: usize = 8;

pub(super) fn split(args: &[String]) -> Result<Words, String> {
    let mut words = Words::default();
    let mut rest = expand_files(args, 0)?.into_iter();
    while let Some(arg) = rest.next() {
        if arg.is_literal || !arg.text.starts_with('-') || arg.text == "-" {
            return Err(format!("unexpected {}", arg.text));
        }
        if arg.text == "--" {
            // Everything after it is no flag, and no argument is expected.
            match rest.next() {
                Some(next) => return Err(format!("unexpected {}", next.text)),
                None => break,
            }
        }
        let Some(long) = arg.text.strip_prefix("--") else {
            match arg.text.as_str() {
                "-h" => {
                    demand(&mut words, Demand::Help { shows_hidden: false });
                    continue;
                }
                other => {
                    let short: String = other.chars().take(2).collect();
                    return Err(format!("unknown short flag '{short}'"));
                }
            }
        };
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        if let Some(asked) = builtin(name) {
            if let Some(value) = value {
                return Err(format!("unexpected {value}"));
            }
            demand(&mut words, asked);
            continue;
        }
        let (spec, is_negated) = find(name)?;
        let text = if spec.kind == Kind::Bool {
            if let Some(value) = value {
                return Err(format!("unexpected {value}"));
            }
            if is_negated { "false" } else { "true" }.to_owned()
        } else {
            match value.or_else(|| next_value(&mut rest)) {
                Some(value) => value,
                None => return Err(format!("expected argument for flag '--{name}'")),
            }
        };
        words.values.push((spec, text));
    }
    Ok(words)
}

fn next_value(rest: &mut std::vec::IntoIter<Arg>) -> Option<String> {
    let next = rest.as_slice().first()?;
    // A lone "-" and what follows no dash is a value.
    if next.text.starts_with('-') && next.text != "-" {
        return None;
    }
    rest.next().map(|arg| arg.text)
}

fn demand(words: &mut Words, asked: Demand) {
    words.demand.get_or_insert(asked);
}

fn builtin(name: &str) -> Option<Demand> {
    match name {
        "help" => Some(Demand::Help { shows_hidden: false }),
        "help-long" | "help-man" => Some(Demand::Help { shows_hidden: true }),
        "version" => Some(Demand::Version),
        _ => None,
    }
}

/// The flag called `name`, and whether it is written with `no-` before it.
fn find(name: &str) -> Result<(&'static FlagSpec, bool), String> {
    let named = |name: &str| FLAGS.iter().find(|spec| spec.name == name);
    if let Some(spec) = named(name) {
        return Ok((spec, false));
    }
    name.strip_prefix("no-")
        .and_then(named)
        .filter(|spec| spec.kind == Kind::Bool)
        .map(|spec| (spec, true))
        .ok_or_else(|| format!("unknown long flag '--{name}'"))
}

struct Arg {
    text: String,
    /// Whether it stood after `--`.
    is_literal: bool,
}

fn expand_files(args: &[String], depth: usize) -> Result<Vec<Arg>, String> {
    let mut expanded = Vec::with_capacity(args.len());
    let mut is_literal = false;
    for arg in args {
        match arg.strip_prefix('@') {
            Some(file) if !is_literal => {
                if depth == FILE_DEPTH_MAX {
                    return Err(format!("arguments file \"{file}\" is nested too deep"));
                }
                let text = std::fs::read_to_string(file).map_err(|error| {
                    let reason = open_error(Path::new(file), &error);
                    format!("failed to open arguments file \"{file}\": {reason}")
                })?;
                let lines: Vec<String> = text
                    .lines()
                    .filter(|line| !line.is_empty() && !line.starts_with('#'))
                    .map(str::to_owned)
                    .collect();
                expanded.extend(expand_files(&lines, depth + 1)?);
            }
            _ => {
                expanded.push(Arg {
                    text: arg.clone(),
                    is_literal,
                });
                is_literal |= arg == "--";
            }
        }
    }
    Ok(expanded)
}
