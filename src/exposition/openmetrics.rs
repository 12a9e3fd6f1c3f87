//! OpenMetrics' grammar over the careful lexer, with Prometheus' errors.
//!
//! ```text
//! # HELP name text            # UNIT name_seconds seconds
//! # TYPE name counter|gauge|histogram|gaugehistogram|summary|info|stateset|unknown
//! name{label="value",…} value [seconds] [# {label="value"} value [seconds]]
//! # EOF
//! ```
//!
//! `_created` series come as ordinary samples.

use std::fmt;

use tsdb::model::MetricKind;

use super::Entry;
use super::error::ParseError;
use super::number::parse_float;
use super::openmetrics_lexer::next_token;
use super::parser::{ExemplarSpan, Parser};
use super::quote::Quoted;
use super::text::{UNSET, check_help, check_label_value, unquoted};
use super::token::{Reader, Token};

const NO_EOF: &str = "data does not end with # EOF";

/// One line being read token by token.
struct Line<'p, 'a> {
    parser: &'p mut Parser<'a>,
    reader: Reader<'a>,
    start: usize,
}

impl Parser<'_> {
    /// Reads the next entry token by token.
    pub(super) fn careful_openmetrics(&mut self) -> Result<Option<Entry>, ParseError> {
        let mut reader = Reader::new(self.page, self.at, false);
        reader.state = self.state;
        let mut line = Line {
            start: self.at,
            parser: self,
            reader,
        };
        let entry = line.entry()?;
        let (at, state) = (line.reader.at, line.reader.state);
        (self.at, self.state) = (at, state);
        Ok(entry)
    }
}

impl Line<'_, '_> {
    fn token(&mut self) -> Token {
        next_token(&mut self.reader)
    }

    fn unexpected(&self, expected: impl fmt::Display, got: Token) -> ParseError {
        let found = self.reader.excerpt(self.reader.start);
        let line = self.reader.excerpt(self.start);
        ParseError::during(format!("{expected}, got {} (\"{got}\")", Quoted(&found)), &line)
    }

    fn during(&self, problem: impl fmt::Display) -> ParseError {
        ParseError::during(problem, self.reader.slice(self.start, self.reader.at))
    }

    fn entry(&mut self) -> Result<Option<Entry>, ParseError> {
        self.parser.offsets.clear();
        match self.token() {
            Token::EofWord => match self.token() {
                Token::Eof => Ok(None),
                _ => Err(ParseError::new("unexpected data after # EOF")),
            },
            Token::Eof => Err(ParseError::new(NO_EOF)),
            Token::Help => self.meta(Token::Help, Entry::Help),
            Token::Type => self.meta(Token::Type, Entry::Type),
            Token::Unit => self.meta(Token::Unit, Entry::Unit),
            Token::BraceOpen => {
                self.parser.offsets.extend([UNSET, UNSET]);
                self.labels(false)?;
                self.parser.series = self.start..self.reader.at;
                let token = self.token();
                self.rest(token)
            }
            Token::MetricName => {
                self.parser.offsets.extend([self.start, self.reader.at]);
                self.parser.series = self.start..self.reader.at;
                let mut token = self.token();
                if token == Token::BraceOpen {
                    self.labels(false)?;
                    self.parser.series = self.start..self.reader.at;
                    token = self.token();
                }
                self.rest(token)
            }
            got => Err(self.unexpected("expected a valid start token", got)),
        }
    }

    fn meta(&mut self, keyword: Token, entry: Entry) -> Result<Option<Entry>, ParseError> {
        match self.token() {
            Token::MetricName => self.parser.family = unquoted(&self.reader),
            got => {
                return Err(self.unexpected(format_args!("expected metric name after {keyword}"), got));
            }
        }
        if self.token() != Token::Text {
            return Err(ParseError::new(format!("expected text in {keyword}")));
        }
        // Without the blank before and the newline behind.
        self.parser.text = self.reader.start + 1..self.reader.at - 1;
        let text = &self.parser.page[self.parser.text.clone()];
        match entry {
            Entry::Type => {
                self.parser.kind = kind(text)
                    .ok_or_else(|| ParseError::new(format!("invalid metric type {}", Quoted(text))))?;
            }
            Entry::Unit => check_unit(&self.parser.page[self.parser.family.clone()], text)?,
            _ => check_help(text)?,
        }
        Ok(Some(entry))
    }

    /// Labels up to the closing brace; those of an exemplar have no metric name among them.
    fn labels(&mut self, of_exemplar: bool) -> Result<(), ParseError> {
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
            if quoted && matches!(token, Token::Comma | Token::BraceClose) {
                if of_exemplar {
                    return Err(self.unexpected("expected label name", token));
                }
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
            let label = [from, to, self.reader.start + 1, self.reader.at - 1];
            if of_exemplar {
                self.parser.exemplar_offsets.extend(label);
            } else {
                self.parser.offsets.extend(label);
            }
            token = self.token();
            match token {
                Token::Comma => token = self.token(),
                Token::BraceClose => {}
                got => return Err(self.unexpected("expected comma or brace close", got)),
            }
        }
    }

    fn rest(&mut self, token: Token) -> Result<Option<Entry>, ParseError> {
        if self.parser.offsets[0] == UNSET {
            return Err(self.during("metric name not set"));
        }
        self.parser.value = self.number(token, "metric")?;
        self.parser.at_ms = None;
        match self.token() {
            Token::Eof => return Err(ParseError::new(NO_EOF)),
            Token::Comment => self.exemplar()?,
            Token::Timestamp => {
                self.parser.at_ms = Some(self.time("timestamp")?);
                match self.token() {
                    Token::Linebreak => {}
                    Token::Comment => self.exemplar()?,
                    got => return Err(self.unexpected("expected next entry after timestamp", got)),
                }
            }
            // Whatever else stands here is left to the next line to stumble over, as in Prometheus.
            _ => {}
        }
        Ok(Some(Entry::Series))
    }

    fn exemplar(&mut self) -> Result<(), ParseError> {
        self.parser.exemplar_offsets.clear();
        self.labels(true)?;
        let token = self.token();
        let value = self.number(token, "exemplar labels")?;
        let mut at_ms = None;
        match self.token() {
            Token::Eof => return Err(ParseError::new(NO_EOF)),
            Token::Linebreak => {}
            Token::Timestamp => {
                at_ms = Some(self.time("exemplar timestamp")?);
                match self.token() {
                    Token::Linebreak => {}
                    got => {
                        return Err(self.unexpected("expected next entry after exemplar timestamp", got));
                    }
                }
            }
            got => return Err(self.unexpected("expected timestamp or comment", got)),
        }
        self.parser.exemplar = Some(ExemplarSpan { value, at_ms });
        Ok(())
    }

    fn number(&self, token: Token, after: &str) -> Result<f64, ParseError> {
        if token != Token::Value {
            return Err(self.unexpected(format_args!("expected value after {after}"), token));
        }
        parse_float(&self.reader.token()[1..]).map_err(|error| self.during(error))
    }

    /// Seconds as a float; milliseconds are as fine as it gets.
    fn time(&self, what: &str) -> Result<i64, ParseError> {
        let seconds = parse_float(&self.reader.token()[1..]).map_err(|error| self.during(error))?;
        if seconds.is_nan() {
            return Err(ParseError::new(format!("invalid {what} NaN")));
        }
        if seconds.is_infinite() {
            let sign = if seconds > 0.0 { '+' } else { '-' };
            return Err(ParseError::new(format!("invalid {what} {sign}Inf")));
        }
        let milliseconds = seconds * 1000.0;
        // Go converts what does not fit to the lowest integer.
        let fits = (i64::MIN as f64..i64::MAX as f64).contains(&milliseconds);
        Ok(if fits { milliseconds as i64 } else { i64::MIN })
    }
}

fn check_unit(family: &[u8], unit: &[u8]) -> Result<(), ParseError> {
    let is_suffix = family
        .strip_suffix(unit)
        .is_some_and(|base| base.last() == Some(&b'_'));
    if unit.is_empty() || is_suffix {
        return Ok(());
    }
    let (unit, family) = (Quoted(unit), Quoted(family));
    Err(ParseError::new(format!(
        "unit {unit} not a suffix of metric {family}"
    )))
}

fn kind(text: &[u8]) -> Option<MetricKind> {
    Some(match text {
        b"counter" => MetricKind::Counter,
        b"gauge" => MetricKind::Gauge,
        b"histogram" => MetricKind::Histogram,
        b"gaugehistogram" => MetricKind::GaugeHistogram,
        b"summary" => MetricKind::Summary,
        b"info" => MetricKind::Info,
        b"stateset" => MetricKind::StateSet,
        b"unknown" => MetricKind::Unknown,
        _ => return None,
    })
}
