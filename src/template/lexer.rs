//! Text to tokens. Trim markers and comments end here; the parser never sees them.
//!
//! ```text
//! a {{- $x | f "s" -}} b
//!   Text("a") Left Variable Space Pipe Space Identifier Space Quoted Right Text("b") End
//! ```
//!
//! A mistake becomes the last token, [`Kind::Error`], so that the parser can say where it stood.

use tsdb::model::labels::write_quoted;

use super::token::{Kind, Token};

/// All tokens of `text`; the last is [`Kind::End`] or [`Kind::Error`].
pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
        counted_to: 0,
        line: 1,
        open_parens: 0,
    };
    if let Err(Mistake { pos, message }) = lexer.run() {
        lexer.push(Kind::Error, pos, message);
    }
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    /// Newlines before here are in `line`.
    counted_to: usize,
    line: usize,
    open_parens: usize,
}

struct Mistake {
    pos: usize,
    message: String,
}

const SPACES: &[char] = &[' ', '\t', '\r', '\n'];

impl<'a> Lexer<'a> {
    fn push(&mut self, kind: Kind, pos: usize, text: impl Into<String>) {
        if pos > self.counted_to {
            self.line += self.text[self.counted_to..pos].matches('\n').count();
            self.counted_to = pos;
        }
        self.tokens.push(Token {
            kind,
            pos,
            line: self.line,
            text: text.into(),
        });
    }

    /// Adds the token from `start` to here.
    fn emit(&mut self, kind: Kind, start: usize) {
        self.push(kind, start, &self.text[start..self.at]);
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, any: &str) -> bool {
        let found = self.peek().is_some_and(|c| any.contains(c));
        if found {
            self.at += 1;
        }
        found
    }

    fn accept_run(&mut self, any: &str) {
        while self.accept(any) {}
    }

    fn run(&mut self) -> Result<(), Mistake> {
        loop {
            let start = self.at;
            let Some(left) = self.rest().find("{{") else {
                self.at = self.text.len();
                if self.at > start {
                    self.emit(Kind::Text, start);
                }
                self.push(Kind::End, self.at, "EOF");
                return Ok(());
            };
            let delimiter = start + left;
            let trims = trims_left(&self.text[delimiter + 2..]);
            let shown = &self.text[start..delimiter];
            let shown = if trims {
                shown.trim_end_matches(SPACES)
            } else {
                shown
            };
            if !shown.is_empty() {
                self.push(Kind::Text, start, shown);
            }
            self.at = delimiter + 2;
            let marker = if trims { 2 } else { 0 };
            if self.text[self.at + marker..].starts_with("/*") {
                self.at += marker;
                self.comment()?;
            } else {
                self.emit(Kind::Left, delimiter);
                self.at += marker;
                self.open_parens = 0;
                self.action()?;
            }
        }
    }

    fn comment(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        let mistake = |message: &str| Mistake {
            pos: start,
            message: message.to_owned(),
        };
        let end = self.text[start + 2..]
            .find("*/")
            .ok_or_else(|| mistake("unclosed comment"))?;
        self.at = start + 2 + end + 2;
        let Some(trims) = self.right_delimiter() else {
            return Err(mistake("comment ends before closing delimiter"));
        };
        self.pass_right_delimiter(trims);
        Ok(())
    }

    /// Whether a right delimiter stands here, and whether it trims.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        let mut chars = rest.chars();
        let trims = chars.next().is_some_and(is_space) && chars.next() == Some('-');
        if trims && rest[2..].starts_with("}}") {
            return Some(true);
        }
        rest.starts_with("}}").then_some(false)
    }

    fn pass_right_delimiter(&mut self, trims: bool) {
        if trims {
            self.at += 4;
            self.at += self.rest().len() - self.rest().trim_start_matches(SPACES).len();
        } else {
            self.at += 2;
        }
    }

    /// The inside of an action, its right delimiter included.
    fn action(&mut self) -> Result<(), Mistake> {
        loop {
            let start = self.at;
            let mistake = |message: String| Mistake { pos: start, message };
            if let Some(trims) = self.right_delimiter() {
                if self.open_parens > 0 {
                    return Err(mistake("unclosed left paren".to_owned()));
                }
                let delimiter = if trims { start + 2 } else { start };
                self.push(Kind::Right, delimiter, "}}");
                self.pass_right_delimiter(trims);
                return Ok(());
            }
            let Some(c) = self.next() else {
                return Err(mistake("unclosed action".to_owned()));
            };
            match c {
                c if is_space(c) => {
                    while self.peek().is_some_and(is_space) && self.right_delimiter().is_none() {
                        self.at += 1;
                    }
                    self.emit(Kind::Space, start);
                }
                '=' => self.emit(Kind::Assign, start),
                ':' => {
                    if self.next() != Some('=') {
                        return Err(mistake("expected :=".to_owned()));
                    }
                    self.emit(Kind::Declare, start);
                }
                '|' => self.emit(Kind::Pipe, start),
                '"' => {
                    self.until_quote('"', "unterminated quoted string", start)?;
                    self.emit(Kind::Quoted, start);
                }
                '\'' => {
                    self.until_quote('\'', "unterminated character constant", start)?;
                    self.emit(Kind::CharConstant, start);
                }
                '`' => {
                    let Some(end) = self.rest().find('`') else {
                        return Err(mistake("unterminated raw quoted string".to_owned()));
                    };
                    self.at += end + 1;
                    self.emit(Kind::RawText, start);
                }
                '$' => self.name(Kind::Variable, start)?,
                '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                    if self.at_terminator() {
                        self.emit(Kind::Dot, start);
                    } else {
                        self.name(Kind::Field, start)?;
                    }
                }
                '.' | '+' | '-' | '0'..='9' => {
                    self.at = start;
                    self.number(start)?;
                }
                c if is_alphanumeric(c) => self.name(Kind::Identifier, start)?,
                '(' => {
                    self.open_parens += 1;
                    self.emit(Kind::LeftParen, start);
                }
                ')' => {
                    let Some(open) = self.open_parens.checked_sub(1) else {
                        return Err(mistake("unexpected right paren".to_owned()));
                    };
                    self.open_parens = open;
                    self.emit(Kind::RightParen, start);
                }
                c if c.is_ascii_graphic() => self.emit(Kind::Char, start),
                c => {
                    return Err(mistake(format!(
                        "unrecognized character in action: {}",
                        code_point(Some(c))
                    )));
                }
            }
        }
    }

    /// The rest of a word, field or variable.
    fn name(&mut self, kind: Kind, start: usize) -> Result<(), Mistake> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        if !self.at_terminator() {
            return Err(Mistake {
                pos: start,
                message: format!("bad character {}", code_point(self.peek())),
            });
        }
        let kind = match kind {
            Kind::Identifier => Kind::of_word(&self.text[start..self.at]),
            kind => kind,
        };
        self.emit(kind, start);
        Ok(())
    }

    /// Whether what stands here may follow a name.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with("}}"),
        }
    }

    fn until_quote(&mut self, quote: char, message: &str, start: usize) -> Result<(), Mistake> {
        loop {
            match self.next() {
                Some('\\') if self.next().is_some_and(|c| c != '\n') => {}
                Some(c) if c == quote => return Ok(()),
                Some(c) if c != '\\' && c != '\n' => {}
                _ => {
                    return Err(Mistake {
                        pos: start,
                        message: message.to_owned(),
                    });
                }
            }
        }
    }

    fn number(&mut self, start: usize) -> Result<(), Mistake> {
        let mut good = self.scan_number();
        let is_complex = good && matches!(self.peek(), Some('+' | '-'));
        if is_complex {
            good = self.scan_number() && self.text[..self.at].ends_with('i');
        }
        if !good {
            let mut message = "bad number syntax: ".to_owned();
            let written = write_quoted(&mut message, &self.text[start..self.at]);
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
            return Err(Mistake { pos: start, message });
        }
        self.emit(if is_complex { Kind::Complex } else { Kind::Number }, start);
        Ok(())
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits.len() == 11 && self.accept("eE") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        if digits.len() == 23 && self.accept("pP") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

fn trims_left(after_delimiter: &str) -> bool {
    let mut chars = after_delimiter.chars();
    chars.next() == Some('-') && chars.next().is_some_and(is_space)
}

fn is_space(c: char) -> bool {
    SPACES.contains(&c)
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphabetic() || (c.is_numeric() && c.is_ascii_digit()) || is_other_digit(c)
}

/// Decimal digits of other scripts.
fn is_other_digit(c: char) -> bool {
    !c.is_ascii() && c.is_numeric() && c.to_digit(10).is_none() && !c.is_alphabetic()
}

/// Go's `%#U`: `U+002B '+'`; the end of the text is -1.
fn code_point(c: Option<char>) -> String {
    match c {
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(c) if c.is_control() => format!("U+{:04X}", c as u32),
        Some(c) => format!("U+{:04X} '{c}'", c as u32),
    }
}
