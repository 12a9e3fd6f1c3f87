//! The text format's grammar over the careful lexer, with Prometheus' errors.
//!
//! ```text
//! # HELP name text
//! # TYPE name counter|gauge|histogram|summary|untyped
//! name{label="value",…} value [milliseconds]
//! {"name in UTF-8","label"="value"} value
//! ```

use std::fmt;

use tsdb::model::MetricKind;

use super::Entry;
use super::error::ParseError;
use super::number::parse_float;
use super::parser::Parser;
use super::quote::Quoted;
use super::text_lexer::next_token;
use super::token::{Reader, Token};

/// Stands for "no metric name yet" in the first two offsets.
pub(super) const UNSET: usize = usize::MAX;

/// One line being read token by token.
struct Line<'p, 'a> {
    parser: &'p mut Parser<'a>,
    reader: Reader<'a>,
    start: usize,
}

impl Parser<'_> {
    /// Reads the next entry token by token.
    pub(super) fn careful_text(&mut self) -> Result<Option<Entry>, ParseError> {
        let reader = Reader::new(self.page, self.at, true);
        let mut line = Line {
            start: self.at,
            parser: self,
            reader,
        };
        let entry = line.entry()?;
        let at = line.reader.at;
        self.at = at.min(self.page.len());
        Ok(entry)
    }
}

impl Line<'_, '_> {
    fn token(&mut self) -> Token {
        loop {
            match next_token(&mut self.reader) {
                Token::Whitespace => {}
                token => return token,
            }
        }
    }

    fn unexpected(&self, expected: impl fmt::Display, got: Token) -> ParseError {
        let found = self.reader.excerpt(self.reader.start);
        let line = self.reader.excerpt(self.start);
        ParseError::during(format!("{expected}, got {} (\"{got}\")", Quoted(&found)), &line)
    }

    fn during(&self, problem: impl fmt::Display) -> ParseError {
        ParseError::during(problem, &self.reader.with_newline(self.start, self.reader.at))
    }

    fn entry(&mut self) -> Result<Option<Entry>, ParseError> {
        loop {
            self.start = self.reader.at;
            let offsets = &mut self.parser.offsets;
            offsets.clear();
            return match self.token() {
                Token::Eof => Ok(None),
                Token::Linebreak => continue,
                Token::Help => self.meta(Token::Help, Entry::Help),
                Token::Type => self.meta(Token::Type, Entry::Type),
                Token::Comment => match self.token() {
                    Token::Linebreak => Ok(Some(Entry::Comment)),
                    got => Err(self.unexpected("linebreak expected after comment", got)),
                },
                Token::BraceOpen => {
                    self.parser.offsets.extend([UNSET, UNSET]);
                    self.labels()?;
                    self.parser.series = self.start..self.reader.at;
                    let token = self.token();
                    self.rest(token)
                }
                Token::MetricName => {
                    // The name begins with the line, blanks before it included, as Prometheus has it.
                    let name = [self.start, self.reader.at];
                    self.parser.offsets.extend(name);
                    self.parser.series = self.start..self.reader.at;
                    let mut token = self.token();
                    if token == Token::BraceOpen {
                        self.labels()?;
                        self.parser.series = self.start..self.reader.at;
                        token = self.token();
                    }
                    self.rest(token)
                }
                got => Err(self.unexpected("expected a valid start token", got)),
            };
        }
    }

    fn meta(&mut self, keyword: Token, entry: Entry) -> Result<Option<Entry>, ParseError> {
        match self.token() {
            Token::MetricName => {
                self.parser.family = unquoted(&self.reader);
            }
            got => {
                return Err(self.unexpected(format_args!("expected metric name after {keyword}"), got));
            }
        }
        match self.token() {
            Token::Text => {
                let end = self.reader.at;
                // The byte between name and text is taken for a blank, whatever it is.
                self.parser.text = (self.reader.start + 1).min(end)..end;
            }
            got => return Err(ParseError::new(format!("expected text in {keyword}, got {got}"))),
        }
        let text = &self.parser.page[self.parser.text.clone()];
        match entry {
            Entry::Type => {
                self.parser.kind = kind(text)
                    .ok_or_else(|| ParseError::new(format!("invalid metric type {}", Quoted(text))))?;
            }
            _ => check_help(text)?,
        }
        match self.token() {
            Token::Linebreak => Ok(Some(entry)),
            got => Err(self.unexpected("linebreak expected after metadata", got)),
        }
    }

    fn labels(&mut self) -> Result<(), ParseError> {
        let mut token = self.token();
        loop {
            let (mut from, mut to) = (self.reader.start, self.reader.at);
            let quoted = match token {
                Token::BraceClose => return Ok(()),
                Token::LabelName => false,
                Token::Quoted => true,
                got => return Err(self.unexpected("expected label name", got)),
            };
            token = self.token();
            if quoted {
                (from, to) = (from + 1, to - 1);
            }
            // A quoted string before a comma or a brace is the metric's name.
            if quoted && matches!(token, Token::Comma | Token::BraceClose) {
                if self.parser.offsets[0] != UNSET {
                    return Err(self.during("metric name already set"));
                }
                self.parser.offsets[..2].copy_from_slice(&[from, to]);
                if token == Token::BraceClose {
                    return Ok(());
                }
                token = self.token();
                continue;
            }
            if token != Token::Equal {
                return Err(self.unexpected("expected equal", token));
            }
            match self.token() {
                Token::LabelValue => {}
                got => return Err(self.unexpected("expected label value", got)),
            }
            check_label_value(&self.reader)?;
            let value = [self.reader.start + 1, self.reader.at - 1];
            self.parser.offsets.extend([from, to, value[0], value[1]]);
            token = self.token();
            if token == Token::Comma {
                token = self.token();
            }
        }
    }

    fn rest(&mut self, token: Token) -> Result<Option<Entry>, ParseError> {
        if self.parser.offsets[0] == UNSET {
            return Err(self.during("metric name not set"));
        }
        if token != Token::Value {
            return Err(self.unexpected("expected value after metric", token));
        }
        self.parser.value = parse_float(self.reader.token()).map_err(|error| self.during(error))?;
        self.parser.at_ms = None;
        match self.token() {
            Token::Linebreak => {}
            Token::Timestamp => {
                self.parser.at_ms = Some(self.time()?);
                match self.token() {
                    Token::Linebreak => {}
                    got => return Err(self.unexpected("expected next entry after timestamp", got)),
                }
            }
            got => return Err(self.unexpected("expected timestamp or new record", got)),
        }
        Ok(Some(Entry::Series))
    }

    fn time(&self) -> Result<i64, ParseError> {
        let digits = self.reader.token();
        let text = String::from_utf8_lossy(digits);
        text.parse().map_err(|_| {
            let quoted = Quoted(digits);
            self.during(format!("strconv.ParseInt: parsing {quoted}: value out of range"))
        })
    }
}

/// The bounds of the token, without quotes if it has them.
pub(super) fn unquoted(reader: &Reader<'_>) -> std::ops::Range<usize> {
    match reader.token() {
        [b'"', .., b'"'] => reader.start + 1..reader.at - 1,
        _ => reader.start..reader.at,
    }
}

pub(super) fn check_help(text: &[u8]) -> Result<(), ParseError> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(ParseError::new(format!(
            "help text {} is not a valid utf8 string",
            Quoted(text)
        ))),
    }
}

pub(super) fn check_label_value(reader: &Reader<'_>) -> Result<(), ParseError> {
    match std::str::from_utf8(reader.token()) {
        Ok(_) => Ok(()),
        Err(_) => Err(ParseError::new(format!(
            "invalid UTF-8 label value: {}",
            Quoted(reader.token())
        ))),
    }
}

fn kind(text: &[u8]) -> Option<MetricKind> {
    Some(match text {
        b"counter" => MetricKind::Counter,
        b"gauge" => MetricKind::Gauge,
        b"histogram" => MetricKind::Histogram,
        b"summary" => MetricKind::Summary,
        b"untyped" => MetricKind::Unknown,
        _ => return None,
    })
}
