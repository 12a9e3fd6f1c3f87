//! Moving over the text, character by character, and kinds of characters.

use super::{LexError, Lexer, Step, narrow};
use crate::parser::ast::Span;
use crate::parser::token::{Kind, Token};

impl Lexer<'_> {
    pub(super) fn advance(&mut self) -> Option<char> {
        let c = self.peek();
        self.width = c.map_or(0, char::len_utf8);
        self.pos += self.width;
        c
    }

    pub(super) fn back(&mut self) {
        self.pos -= self.width;
    }

    pub(super) fn peek(&self) -> Option<char> {
        match self.input.as_bytes().get(self.pos) {
            Some(&byte) if byte.is_ascii() => Some(char::from(byte)),
            _ => self.input[self.pos..].chars().next(),
        }
    }

    pub(super) fn peek_is_digit(&self) -> bool {
        self.peek().is_some_and(|c| c.is_ascii_digit())
    }

    pub(super) fn accept(&mut self, valid: &str) -> bool {
        match self.peek() {
            Some(c) if valid.contains(c) => {
                self.advance();
                true
            }
            _ => false,
        }
    }

    pub(super) fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.advance();
        }
    }

    pub(super) fn pending(&self) -> &str {
        &self.input[self.start..self.pos]
    }

    pub(super) fn emit(&mut self, kind: Kind) -> Step {
        let span = Span {
            start: narrow(self.start),
            end: narrow(self.pos),
        };
        self.start = self.pos;
        Ok(Some(Token { kind, span }))
    }

    pub(super) fn error<T>(&self, text: String) -> Result<T, LexError> {
        Err(LexError {
            start: narrow(self.start),
            text,
        })
    }
}

pub(super) fn begins_duration_keyword(c: char) -> bool {
    matches!(c.to_ascii_lowercase(), 's' | 'r' | 'm')
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub(super) fn is_alpha(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

pub(super) fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A character as Go's `%q` writes it; the end of the text is U+FFFD.
pub(super) fn quoted_char(c: Option<char>) -> String {
    match c.unwrap_or(char::REPLACEMENT_CHARACTER) {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let quoted = crate::parser::token::quoted(c.encode_utf8(&mut [0; 4]));
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}
