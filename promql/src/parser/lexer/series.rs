//! The words of series descriptions: `1+2x10 _x3 stale {{schema:0 count:3 buckets:[1 2]}}x4`.

use super::{HistogramState, Lexer, State, Step, is_alpha, is_space, quoted_char};
use crate::parser::token::{Kind, descriptor, keyword, quoted, reset_hint};

impl Lexer<'_> {
    pub(super) fn sequence(&mut self) -> Step {
        if self.histogram != HistogramState::Outside {
            self.state = State::Histogram;
            return Ok(None);
        }
        let Some(c) = self.advance() else {
            self.state = State::Statements;
            return Ok(None);
        };
        match c {
            '{' if self.peek() == Some('{') => {
                self.advance();
                self.histogram = HistogramState::Inside;
                self.state = State::Histogram;
                self.emit(Kind::OpenHistogram)
            }
            c if is_space(c) => self.space(),
            '+' => self.emit(Kind::Add),
            '-' => self.emit(Kind::Subtract),
            'x' => self.emit(Kind::Times),
            '_' => self.emit(Kind::Blank),
            c if c.is_ascii_digit() || (c == '.' && self.peek_is_digit()) => {
                self.back();
                let step = self.number();
                self.state = State::Sequence;
                step
            }
            c if is_alpha(c) => {
                self.back();
                self.keyword_or_identifier()
            }
            c => self.error(format!(
                "unexpected character in series sequence: {}",
                quoted_char(Some(c))
            )),
        }
    }

    /// A run of spaces is one token, as long as its first.
    fn space(&mut self) -> Step {
        let token = self.emit(Kind::Space);
        self.skip_while(is_space);
        self.start = self.pos;
        token
    }

    pub(super) fn in_histogram(&mut self) -> Step {
        if let HistogramState::Follows(kind) = self.histogram {
            self.histogram = HistogramState::Outside;
            self.state = State::Sequence;
            self.advance();
            return self.emit(kind);
        }
        if self.bracket_open {
            self.state = State::Buckets;
            return Ok(None);
        }
        match self.advance() {
            Some(c) if is_space(c) => self.space(),
            Some(c) if is_alpha(c) => self.histogram_word(),
            Some(':') => self.emit(Kind::Colon),
            Some('-') => self.emit(Kind::Subtract),
            Some(c) if c.is_ascii_digit() => {
                self.back();
                self.number()
            }
            Some('[') => {
                self.bracket_open = true;
                self.state = State::Buckets;
                self.emit(Kind::LeftBracket)
            }
            Some('}') if self.accept("}") => self.close_histogram(),
            other => self.error(format!(
                "histogram description incomplete unexpected: {}",
                quoted_char(other)
            )),
        }
    }

    fn close_histogram(&mut self) -> Step {
        let follows = match self.peek() {
            Some('x') => Some(Kind::Times),
            Some('+') => Some(Kind::Add),
            Some('-') => Some(Kind::Subtract),
            _ => None,
        };
        (self.histogram, self.state) = match follows {
            Some(kind) => (HistogramState::Follows(kind), State::Histogram),
            None => (HistogramState::Outside, State::Sequence),
        };
        self.emit(Kind::CloseHistogram)
    }

    fn histogram_word(&mut self) -> Step {
        self.skip_while(is_alpha);
        let word = self.pending();
        let kind = if let Some(key) = descriptor(word) {
            if self.peek() != Some(':') {
                return self.error("missing `:` for histogram descriptor".to_owned());
            }
            Kind::Descriptor(key)
        } else if keyword(word) == Some(Kind::Number) {
            Kind::Number
        } else if let Some(hint) = reset_hint(word) {
            Kind::ResetHint(hint)
        } else {
            return self.error(format!("bad histogram descriptor found: {}", quoted(word)));
        };
        self.state = State::Histogram;
        self.emit(kind)
    }

    pub(super) fn buckets(&mut self) -> Step {
        match self.advance() {
            Some(c) if is_space(c) => {
                self.state = State::Statements;
                self.space()
            }
            Some('-') => {
                self.state = State::Number;
                self.emit(Kind::Subtract)
            }
            Some(c) if c.is_ascii_digit() => {
                self.back();
                self.number()
            }
            Some(']') => {
                self.bracket_open = false;
                self.state = State::Histogram;
                self.emit(Kind::RightBracket)
            }
            // Letters pile up until they spell `Inf` or `NaN`.
            Some(c) if is_alpha(c) => {
                if keyword(self.pending()) != Some(Kind::Number) {
                    return Ok(None);
                }
                self.state = State::Statements;
                self.emit(Kind::Number)
            }
            other => self.error(format!(
                "invalid character in buckets description: {}",
                quoted_char(other)
            )),
        }
    }
}
