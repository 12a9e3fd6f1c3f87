//! Numbers and durations. What is cut out here need not be a valid number: `1__0` is refused when its
//! value is wanted.

use super::{LexError, Lexer, State, Step, is_alphanumeric};
use crate::parser::token::{Kind, quoted};

impl Lexer<'_> {
    pub(super) fn number(&mut self) -> Step {
        self.state = State::Statements;
        if self.scan_number() {
            return self.emit(Kind::Number);
        }
        self.error(format!("bad number syntax: {}", quoted(self.pending())))
    }

    pub(super) fn number_or_duration(&mut self) -> Step {
        if self.scan_number() {
            return self.emit(Kind::Number);
        }
        if self.scan_rest_of_duration() {
            self.back();
            return self.emit(Kind::Duration);
        }
        Err(LexError {
            start: super::narrow(self.start),
            text: format!("bad number or duration syntax: {}", quoted(self.pending())),
        })
    }

    /// A unit, then digits and units in turn; one character too many is read, for the caller to give back.
    fn scan_rest_of_duration(&mut self) -> bool {
        if !self.accept("smhdwy") {
            return false;
        }
        // The second letter of `ms`; `hs` and the like are found out when the value is wanted.
        self.accept("s");
        while self.peek_is_digit() {
            self.skip_while(|c| c.is_ascii_digit());
            // Years can only come first.
            if !self.accept("smhdw") {
                return false;
            }
            self.accept("s");
        }
        !self.advance().is_some_and(is_alphanumeric)
    }

    fn scan_number(&mut self) -> bool {
        let begin = self.pos;
        let mut digits = "0123456789";
        // Series descriptions have no hexadecimals: `0x3` is three more zeros there.
        let is_hex = !self.is_series && self.accept("0") && self.accept("xX");
        if is_hex {
            self.accept("_");
            digits = "0123456789abcdefABCDEF";
        }
        self.accept(".");
        self.accept(digits);
        if !self.scan_rest_of_number(digits, is_hex) || self.pos == begin {
            return false;
        }
        match self.peek() {
            Some('x') if self.is_series => true,
            next => !next.is_some_and(is_alphanumeric),
        }
    }

    fn scan_rest_of_number(&mut self, digits: &str, is_hex: bool) -> bool {
        let (mut seen_dot, mut seen_exponent) = (false, false);
        while let Some(c) = self.peek() {
            match c {
                '.' => {
                    self.advance();
                    if seen_dot || self.accept("_.") || is_hex {
                        return false;
                    }
                    seen_dot = true;
                }
                // In a hexadecimal, too: an `e` that is not its first digit is taken for an exponent.
                'e' | 'E' => {
                    self.advance();
                    if seen_exponent {
                        return false;
                    }
                    seen_exponent = true;
                    self.accept("+-");
                    if self.accept("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                '_' => {
                    self.advance();
                    if self.accept("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                c if digits.contains(c) => self.skip_while(|c| digits.contains(c)),
                _ => break,
            }
        }
        true
    }
}
