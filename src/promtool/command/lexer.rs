//! Words as kingpin sees them: `--flag=value`, `-ovalue`, `--` that ends the flags, `@file` for its lines.

use std::collections::VecDeque;
use std::path::Path;

use super::{FlagSpec, Kind};
use crate::config::errors::open_error;

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `--name`
    Long(String),
    /// `-n`
    Short(char),
    /// Anything else.
    Arg(String),
}

/// Words of a command line, one at a time: what a short flag is depends on the commands before it.
#[derive(Debug)]
pub(super) struct Lexer {
    words: VecDeque<String>,
    /// The value of the flag just given, if it was written with it.
    attached: Option<String>,
    is_after_dashes: bool,
    files_opened: usize,
}

/// How many files of arguments a command line may name, so that one that names itself ends.
const FILES_MAX: usize = 100;

impl Lexer {
    pub(super) fn new(args: &[String]) -> Self {
        Self {
            words: args.iter().cloned().collect(),
            attached: None,
            is_after_dashes: false,
            files_opened: 0,
        }
    }

    /// The next word, if there is one; `flags` are those that are known here.
    pub(super) fn next(&mut self, flags: &[&FlagSpec]) -> Result<Option<Token>, String> {
        if let Some(value) = self.attached.take() {
            return Ok(Some(Token::Arg(value)));
        }
        loop {
            let Some(word) = self.words.pop_front() else {
                return Ok(None);
            };
            if self.is_after_dashes {
                return Ok(Some(Token::Arg(word)));
            }
            if word == "--" {
                self.is_after_dashes = true;
                continue;
            }
            if let Some(long) = word.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                self.attached = value;
                return Ok(Some(Token::Long(name.to_owned())));
            }
            if let Some(short) = word.strip_prefix('-') {
                return Ok(Some(self.short(short, flags)));
            }
            match word.strip_prefix('@') {
                Some(file) => self.expand(file)?,
                None => return Ok(Some(Token::Arg(word))),
            }
        }
    }

    /// The next word, if it is a value.
    pub(super) fn value(&mut self, flags: &[&FlagSpec]) -> Result<Option<String>, String> {
        match self.next(flags)? {
            Some(Token::Arg(value)) => Ok(Some(value)),
            Some(Token::Long(name)) => {
                self.words.push_front(match self.attached.take() {
                    Some(value) => format!("--{name}={value}"),
                    None => format!("--{name}"),
                });
                Ok(None)
            }
            Some(Token::Short(name)) => {
                let rest = self.attached.take().unwrap_or_default();
                self.words.push_front(format!("-{name}{rest}"));
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn short(&mut self, text: &str, flags: &[&FlagSpec]) -> Token {
        let Some(name) = text.chars().next() else {
            // A lone dash is an empty argument.
            return Token::Arg(String::new());
        };
        let rest = &text[name.len_utf8()..];
        let takes_value = flags
            .iter()
            .any(|flag| flag.short == Some(name) && flag.kind != Kind::Bool);
        match (rest.is_empty(), takes_value) {
            (true, _) => {}
            (false, true) => self.attached = Some(rest.to_owned()),
            (false, false) => self.words.push_front(format!("-{rest}")),
        }
        Token::Short(name)
    }

    fn expand(&mut self, file: &str) -> Result<(), String> {
        if file.is_empty() {
            return Err("expected @ file to expand arguments from".into());
        }
        self.files_opened += 1;
        if self.files_opened > FILES_MAX {
            return Err(format!(
                "more than {FILES_MAX} arguments files, the last is \"{file}\""
            ));
        }
        let text = std::fs::read_to_string(file).map_err(|error| {
            let reason = open_error(Path::new(file), &error);
            format!("failed to open arguments file \"{file}\": {reason}")
        })?;
        let lines = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        for line in lines.rev() {
            self.words.push_front(line.to_owned());
        }
        Ok(())
    }
}
