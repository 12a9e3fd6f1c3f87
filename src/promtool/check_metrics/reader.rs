//! The bytes of a page, one at a time, and the tokens that client libraries see in them.

use std::fmt;

use crate::config::quote::quoted;

/// A page that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageError {
    line: usize,
    text: String,
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "text format parsing error in line {}: {}",
            self.line, self.text
        )
    }
}

/// Where a page is read.
#[derive(Debug)]
pub(super) struct Reader<'p> {
    rest: &'p [u8],
    /// The line, from 1.
    pub(super) line: usize,
    /// The byte read last.
    pub(super) byte: u8,
}

/// Which characters a name may have without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameOf {
    Metric,
    Label,
}

impl NameOf {
    fn may_begin_with(self, byte: u8) -> bool {
        byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'"') || (self == Self::Metric && byte == b':')
    }

    fn ends_at(self, byte: u8, is_quoted: bool) -> bool {
        !is_quoted && !self.may_begin_with(byte) && !byte.is_ascii_digit()
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Label => "label",
        }
    }
}

impl<'p> Reader<'p> {
    pub(super) fn new(page: &'p [u8]) -> Self {
        Self {
            rest: page,
            line: 0,
            byte: 0,
        }
    }

    pub(super) fn error(&self, text: impl Into<String>) -> PageError {
        PageError {
            line: self.line,
            text: text.into(),
        }
    }

    /// Reads a byte; `false` at the end.
    pub(super) fn advance(&mut self) -> bool {
        let Some((first, rest)) = self.rest.split_first() else {
            return false;
        };
        (self.byte, self.rest) = (*first, rest);
        true
    }

    /// Reads a byte.
    pub(super) fn read(&mut self) -> Result<(), PageError> {
        match self.advance() {
            true => Ok(()),
            false => Err(self.error("unexpected end of input stream")),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self.byte, b' ' | b'\t')
    }

    /// Reads on to the next byte that is no blank.
    pub(super) fn skip_blanks(&mut self) -> Result<(), PageError> {
        self.read()?;
        self.skip_blanks_here()
    }

    /// Reads on to the next byte that is no blank, unless it is read already.
    pub(super) fn skip_blanks_here(&mut self) -> Result<(), PageError> {
        while self.is_blank() {
            self.read()?;
        }
        Ok(())
    }

    /// The bytes from the one read last up to a blank or the line's end.
    pub(super) fn word(&mut self) -> Result<Vec<u8>, PageError> {
        let mut word = Vec::new();
        while !self.is_blank() && self.byte != b'\n' {
            word.push(self.byte);
            self.read()?;
        }
        Ok(word)
    }

    /// The rest of the line, from the byte read last on.
    pub(super) fn rest_of_line(&mut self, knows_escapes: bool) -> Result<Vec<u8>, PageError> {
        let mut text = Vec::new();
        let mut is_escaped = false;
        loop {
            match (is_escaped && knows_escapes, self.byte) {
                (true, _) => {
                    text.push(self.unescaped()?);
                    is_escaped = false;
                }
                (false, b'\n') => return Ok(text),
                // Without escapes a backslash is swallowed all the same.
                (false, b'\\') => is_escaped = true,
                (false, byte) => text.push(byte),
            }
            self.read()?;
        }
    }

    fn unescaped(&self) -> Result<u8, PageError> {
        match self.byte {
            b'\\' | b'"' => Ok(self.byte),
            b'n' => Ok(b'\n'),
            other => Err(self.error(format!("invalid escape sequence '\\{}'", char::from(other)))),
        }
    }

    /// A name that begins with the byte read last, empty if none does; in quotes it may hold anything.
    pub(super) fn name(&mut self, of: NameOf) -> Result<String, PageError> {
        let mut name = Vec::new();
        let (mut is_quoted, mut is_escaped) = (false, false);
        if !of.may_begin_with(self.byte) {
            return Ok(String::new());
        }
        loop {
            match self.byte {
                _ if is_escaped => {
                    name.push(self.unescaped()?);
                    is_escaped = false;
                }
                b'"' if is_quoted => {
                    self.read()?;
                    break;
                }
                b'"' => is_quoted = true,
                b'\n' => {
                    let shown = quoted(&String::from_utf8_lossy(&name));
                    let what = of.as_str();
                    return Err(self.error(format!("{what} name {shown} contains unescaped new-line")));
                }
                b'\\' => is_escaped = true,
                byte => name.push(byte),
            }
            self.read()?;
            if of.ends_at(self.byte, is_quoted) {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    /// A label's value; the byte read last is the quotation mark before it, then the one after it.
    pub(super) fn label_value(&mut self) -> Result<Vec<u8>, PageError> {
        let mut value = Vec::new();
        let mut is_escaped = false;
        loop {
            self.read()?;
            match self.byte {
                _ if is_escaped => {
                    value.push(self.unescaped()?);
                    is_escaped = false;
                }
                b'"' => return Ok(value),
                b'\n' => {
                    let shown = quoted(&String::from_utf8_lossy(&value));
                    return Err(self.error(format!("label value {shown} contains unescaped new-line")));
                }
                b'\\' => is_escaped = true,
                byte => value.push(byte),
            }
        }
    }

    /// The byte read last as Go's `%q` writes it.
    pub(super) fn shown_byte(&self) -> String {
        match char::from(self.byte) {
            '\'' => "'\\''".to_owned(),
            '"' => "'\"'".to_owned(),
            other => {
                let text = quoted(&other.to_string());
                format!("'{}'", text.trim_matches('"'))
            }
        }
    }
}
