//! String literals: found here with their quotes, unquoted by [`super::super::literal`].

use super::{Lexer, Step};
use crate::parser::token::Kind;

impl Lexer<'_> {
    pub(super) fn quoted_text(&mut self, quote: char) -> Step {
        loop {
            match self.advance() {
                None | Some('\n') => return self.error("unterminated quoted string".to_owned()),
                Some('\\') => self.escape(quote)?,
                Some(char::REPLACEMENT_CHARACTER) => return self.error("invalid UTF-8 rune".to_owned()),
                Some(c) if c == quote => return self.emit(Kind::Text),
                Some(_) => {}
            }
        }
    }

    pub(super) fn raw_text(&mut self) -> Step {
        loop {
            match self.advance() {
                None => return self.error("unterminated raw string".to_owned()),
                Some(char::REPLACEMENT_CHARACTER) => return self.error("invalid UTF-8 rune".to_owned()),
                Some('`') => return self.emit(Kind::Text),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<(), super::LexError> {
        let (digits, base, largest) = match self.advance() {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\') => return Ok(()),
            Some(c) if c == quote => return Ok(()),
            Some('0'..='7') => {
                self.back();
                (3, 8, 255)
            }
            Some('x') => (2, 16, 255),
            Some('u') => (4, 16, u32::from(char::MAX)),
            Some('U') => (8, 16, u32::from(char::MAX)),
            None => return self.error("escape sequence not terminated".to_owned()),
            Some(c) => return self.error(format!("unknown escape sequence {}", code_point(c))),
        };
        let mut value: u32 = 0;
        for _ in 0..digits {
            let Some(c) = self.advance() else {
                return self.error("escape sequence not terminated".to_owned());
            };
            let Some(digit) = c.to_digit(base) else {
                return self.error(format!("illegal character {} in escape sequence", code_point(c)));
            };
            // Eight hexadecimal digits fill the 32 bits exactly.
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        if value > largest || (0xd800..0xe000).contains(&value) {
            return self.error("escape sequence is an invalid Unicode code point".to_owned());
        }
        Ok(())
    }
}

/// A character as Go's `%#U` writes it: `U+0071 'q'`.
fn code_point(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    let quoted = super::quoted_char(Some(c));
    // What has to be escaped is not shown, except quotes and the backslash.
    if quoted.starts_with("'\\") && !matches!(c, '\'' | '\\') {
        return number;
    }
    format!("{number} '{c}'")
}
