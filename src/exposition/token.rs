//! Tokens of both text formats, and what their two lexers share.
//!
//! The lexers are the careful half of the parsers: byte-exact state machines that Prometheus' generated
//! lexers can be compared with, odd corners included. The fast half never gets here on a plain line.

use std::fmt;

/// One token. Its bytes are `start..at` of the [`Reader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Invalid,
    Eof,
    Linebreak,
    Whitespace,
    Help,
    Type,
    Unit,
    EofWord,
    Text,
    Comment,
    MetricName,
    Quoted,
    BraceOpen,
    BraceClose,
    LabelName,
    LabelValue,
    Comma,
    Equal,
    Timestamp,
    Value,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "INVALID",
            Self::Eof => "EOF",
            Self::Linebreak => "LINEBREAK",
            Self::Whitespace => "WHITESPACE",
            Self::Help => "HELP",
            Self::Type => "TYPE",
            Self::Unit => "UNIT",
            Self::EofWord => "EOFWORD",
            Self::Text => "TEXT",
            Self::Comment => "COMMENT",
            Self::MetricName => "MNAME",
            Self::Quoted => "QSTRING",
            Self::BraceOpen => "BOPEN",
            Self::BraceClose => "BCLOSE",
            Self::LabelName => "LNAME",
            Self::LabelValue => "LVALUE",
            Self::Comma => "COMMA",
            Self::Equal => "EQUAL",
            Self::Timestamp => "TIMESTAMP",
            Self::Value => "VALUE",
        })
    }
}

/// Where in a line the lexer is; decides which tokens are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Init,
    Comment,
    /// Before the metric name of a `#` line.
    MetaName,
    /// Before the text of a `#` line.
    MetaText,
    Labels,
    LabelValue,
    Value,
    Timestamp,
    Exemplar,
    ExemplarValue,
    ExemplarTimestamp,
}

/// A page and a place in it. Behind the last byte stands a line feed, if `virtual_newline`, and then 0.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    page: &'a [u8],
    virtual_newline: bool,
    pub(super) state: State,
    pub(super) start: usize,
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(page: &'a [u8], at: usize, virtual_newline: bool) -> Self {
        Self {
            page,
            virtual_newline,
            state: State::Init,
            start: at,
            at,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.page.len() + usize::from(self.virtual_newline)
    }

    /// The byte here; 0 beyond the end.
    pub(super) fn current(&self) -> u8 {
        match self.page.get(self.at) {
            Some(&byte) => byte,
            None if self.virtual_newline && self.at == self.page.len() => b'\n',
            None => 0,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.len()
    }

    /// Moves on by one byte and tells the byte there. NULs are skipped where texts may hold them.
    pub(super) fn advance(&mut self) -> u8 {
        self.at += 1;
        if matches!(self.state, State::LabelValue | State::MetaText | State::Comment) {
            while !self.is_at_end() && self.current() == 0 {
                self.at += 1;
            }
        }
        self.current()
    }

    /// The current token's bytes.
    pub(super) fn token(&self) -> &'a [u8] {
        self.slice(self.start, self.at)
    }

    /// Bytes of the page; a virtual newline is left out.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        let end = self.page.len();
        &self.page[from.min(end)..to.min(end)]
    }

    /// Bytes for an error, from `from` to one behind the token: there the lexer stumbled.
    pub(super) fn excerpt(&self, from: usize) -> Vec<u8> {
        self.with_newline(from, self.len().min(self.at + 1))
    }

    /// Like [`Reader::slice`] with the virtual newline.
    pub(super) fn with_newline(&self, from: usize, to: usize) -> Vec<u8> {
        let mut bytes = self.slice(from, to).to_vec();
        if self.virtual_newline && to > self.page.len() && from <= self.page.len() {
            bytes.push(b'\n');
        }
        bytes
    }

    /// Moves over bytes that satisfy `wanted`; the current one is known to.
    pub(super) fn run(&mut self, wanted: impl Fn(u8) -> bool) {
        while wanted(self.advance()) {}
    }

    /// Reads the rest of a quoted string whose opening quote is here; `false` where it breaks off.
    pub(super) fn quoted(&mut self, newline_allowed: bool) -> bool {
        loop {
            match self.advance() {
                b'"' => {
                    self.advance();
                    return true;
                }
                // A backslash takes any byte but a newline along.
                b'\\' => {
                    if matches!(self.advance(), 0 | b'\n') {
                        return false;
                    }
                }
                0 => return false,
                b'\n' if !newline_allowed => return false,
                _ => {}
            }
        }
    }

    /// Moves over `word`, byte by byte; `false` at the first byte that differs.
    pub(super) fn word(&mut self, word: &[u8]) -> bool {
        for &expected in word {
            if self.current() != expected {
                return false;
            }
            self.advance();
        }
        true
    }
}

pub(super) fn starts_label_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

pub(super) fn in_label_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn starts_metric_name(byte: u8) -> bool {
    starts_label_name(byte) || byte == b':'
}

pub(super) fn in_metric_name(byte: u8) -> bool {
    in_label_name(byte) || byte == b':'
}
