//! From text to tokens.
//!
//! The lexer is a state machine because the same bytes mean different things in different places:
//! a word between braces is never a keyword, between brackets only four words exist, and series
//! descriptions have words of their own ([`series`]).
//!
//! ```text
//! rate ( http_requests { job = "api" } [ 5m ] )
//! └ Statements ───────┘└ Braces ──────┘└ Brackets, Statements after the first number ┘
//! ```
//!
//! A complaint ends the reading; its words are Prometheus'. Start with [`Lexer::next`].

mod cursor;
mod number;
mod series;
mod text;

use super::position::narrow;
use super::token::{Kind, Token, duration_keyword, keyword};
use cursor::{begins_duration_keyword, is_alpha, is_alphanumeric, is_space, quoted_char};

/// Why the text cannot be cut into tokens; it concerns everything from the token's beginning on.
pub(crate) struct LexError {
    pub(crate) start: u32,
    pub(crate) text: String,
}

/// What the next bytes are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Statements,
    Brackets,
    Sequence,
    Histogram,
    Buckets,
    /// Digits must come.
    Number,
}

/// How a histogram literal goes on after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HistogramState {
    Outside,
    Inside,
    /// One of `x + -` follows, which says how the histogram is repeated.
    Follows(Kind),
}

/// Cuts a query, or a series description, into tokens.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    input: &'a str,
    pos: usize,
    start: usize,
    width: usize,
    /// Where the last token began.
    last_start: usize,
    state: State,
    paren_depth: i32,
    brace_open: bool,
    bracket_open: bool,
    got_colon: bool,
    got_duration: bool,
    is_series: bool,
    histogram: HistogramState,
}

/// Either a token, or nothing yet: the state has changed.
type Step = Result<Option<Token>, LexError>;

impl<'a> Lexer<'a> {
    /// Reads an expression or a selector.
    pub(crate) fn new(input: &'a str) -> Self {
        Self {
            input,
            pos: 0,
            start: 0,
            width: 0,
            last_start: 0,
            state: State::Statements,
            paren_depth: 0,
            brace_open: false,
            bracket_open: false,
            got_colon: false,
            got_duration: false,
            is_series: false,
            histogram: HistogramState::Outside,
        }
    }

    /// Reads a series description: labels, then a sequence of values.
    pub(crate) fn for_series(input: &'a str) -> Self {
        Self {
            is_series: true,
            ..Self::new(input)
        }
    }

    /// The text that is read.
    pub(crate) fn input(&self) -> &'a str {
        self.input
    }

    /// The next token; [`Kind::End`] again and again at the end.
    pub(crate) fn next(&mut self) -> Result<Token, LexError> {
        loop {
            let step = match self.state {
                State::Statements => self.statements(),
                State::Brackets => self.brackets(),
                State::Sequence => self.sequence(),
                State::Histogram => self.in_histogram(),
                State::Buckets => self.buckets(),
                State::Number => self.number(),
            }?;
            if let Some(token) = step {
                self.last_start = token.span.start as usize;
                return Ok(token);
            }
        }
    }

    fn statements(&mut self) -> Step {
        if self.histogram != HistogramState::Outside {
            self.state = State::Histogram;
            return Ok(None);
        }
        if self.brace_open {
            return self.in_braces();
        }
        let Some(c) = self.advance() else {
            return self.at_end();
        };
        match c {
            '#' => self.comment(),
            c if is_space(c) => self.skip_spaces(),
            ',' => self.emit(Kind::Comma),
            '*' => self.emit(Kind::Multiply),
            '/' => self.emit(Kind::Divide),
            '%' => self.emit(Kind::Modulo),
            '+' => self.emit(Kind::Add),
            '-' => self.emit(Kind::Subtract),
            '^' => self.emit(Kind::Power),
            '@' => self.emit(Kind::At),
            '=' | '!' | '<' | '>' => self.comparison(c),
            '"' | '\'' => self.quoted_text(c),
            '`' => self.raw_text(),
            '(' | ')' => self.paren(c),
            '{' => {
                self.brace_open = true;
                self.emit(Kind::LeftBrace)
            }
            '[' | ']' => self.bracket(c),
            c if c.is_ascii_digit() || (c == '.' && self.peek_is_digit()) => {
                self.back();
                self.number_or_duration()
            }
            c if is_alpha(c) || c == ':' => self.word(c),
            c => self.error(format!("unexpected character: {}", quoted_char(Some(c)))),
        }
    }

    fn at_end(&mut self) -> Step {
        if self.paren_depth != 0 {
            return self.error("unclosed left parenthesis".to_owned());
        }
        if self.bracket_open {
            return self.error("unclosed left bracket".to_owned());
        }
        self.emit(Kind::End)
    }

    fn comparison(&mut self, first: char) -> Step {
        let second = self.peek();
        let kind = match (first, second) {
            ('=', Some('=')) => Kind::EqualEqual,
            ('=', Some('~')) => return self.error("unexpected character after '=': '~'".to_owned()),
            ('=', _) => return self.emit(Kind::Equal),
            ('!', Some('=')) => Kind::NotEqual,
            ('!', other) => {
                let found = quoted_char(other);
                return self.error(format!("unexpected character after '!': {found}"));
            }
            ('<', Some('=')) => Kind::LessOrEqual,
            ('<', Some('/')) => Kind::TrimUpper,
            ('<', _) => return self.emit(Kind::Less),
            ('>', Some('=')) => Kind::GreaterOrEqual,
            ('>', Some('/')) => Kind::TrimLower,
            _ => return self.emit(Kind::Greater),
        };
        self.advance();
        self.emit(kind)
    }

    fn paren(&mut self, c: char) -> Step {
        if c == '(' {
            self.paren_depth += 1;
            return self.emit(Kind::LeftParen);
        }
        self.paren_depth -= 1;
        if self.paren_depth < 0 {
            self.start = self.pos;
            return self.error("unexpected right parenthesis ')'".to_owned());
        }
        self.emit(Kind::RightParen)
    }

    fn bracket(&mut self, c: char) -> Step {
        if c == '[' {
            if self.bracket_open {
                return self.error("unexpected left bracket '['".to_owned());
            }
            self.got_colon = false;
            self.bracket_open = true;
            self.state = State::Brackets;
            return self.emit(Kind::LeftBracket);
        }
        if !self.bracket_open {
            return self.error("unexpected right bracket ']'".to_owned());
        }
        self.bracket_open = false;
        self.emit(Kind::RightBracket)
    }

    fn word(&mut self, first: char) -> Step {
        if !self.bracket_open {
            self.back();
            return self.keyword_or_identifier();
        }
        if first == ':' {
            if self.got_colon {
                return self.error("unexpected colon ':'".to_owned());
            }
            self.got_colon = true;
            return self.emit(Kind::Colon);
        }
        if begins_duration_keyword(first)
            && let Some(kind) = self.duration_word()
        {
            return self.emit(kind);
        }
        let found = quoted_char(Some(first));
        self.error(format!("unexpected character: {found}, expected ':'"))
    }

    /// Between brackets, up to and including the first number; [`State::Statements`] reads the rest.
    fn brackets(&mut self) -> Step {
        let Some(c) = self.advance() else {
            return self.error("unexpected end of input in duration expression".to_owned());
        };
        match c {
            ']' => {
                self.bracket_open = false;
                self.got_colon = false;
                self.state = State::Statements;
                self.emit(Kind::RightBracket)
            }
            ':' => self.colon_in_brackets(),
            '(' | ')' => self.paren(c),
            c if is_space(c) => self.skip_spaces(),
            '+' => self.emit(Kind::Add),
            '-' => self.emit(Kind::Subtract),
            '*' => self.emit(Kind::Multiply),
            '/' => self.emit(Kind::Divide),
            '%' => self.emit(Kind::Modulo),
            '^' => self.emit(Kind::Power),
            ',' => self.emit(Kind::Comma),
            c if begins_duration_keyword(c) => match self.duration_word() {
                Some(kind) => self.emit(kind),
                None => self.unexpected_in_duration(c),
            },
            c if c.is_ascii_digit() || (c == '.' && self.peek_is_digit()) => {
                self.back();
                self.got_duration = true;
                self.state = State::Statements;
                self.number_or_duration()
            }
            c => self.unexpected_in_duration(c),
        }
    }

    fn colon_in_brackets(&mut self) -> Step {
        let complaint = match (self.got_duration, self.got_colon) {
            (false, _) => "unexpected colon before duration in duration expression",
            (true, true) => "unexpected repeated colon in duration expression",
            (true, false) => {
                self.got_colon = true;
                return self.emit(Kind::Colon);
            }
        };
        self.start = self.pos;
        self.error(complaint.to_owned())
    }

    fn unexpected_in_duration(&mut self, c: char) -> Step {
        let found = quoted_char(Some(c));
        self.error(format!("unexpected character in duration expression: {found}"))
    }

    fn duration_word(&mut self) -> Option<Kind> {
        self.skip_while(is_alpha);
        duration_keyword(self.pending().to_ascii_lowercase().as_bytes())
    }

    /// Between braces: no keywords here.
    fn in_braces(&mut self) -> Step {
        let Some(c) = self.advance() else {
            return self.error("unexpected end of input inside braces".to_owned());
        };
        match c {
            '#' => self.comment(),
            c if is_space(c) => self.skip_spaces(),
            c if is_alpha(c) => {
                self.skip_while(is_alphanumeric);
                self.emit(Kind::Identifier)
            }
            ',' => self.emit(Kind::Comma),
            '"' | '\'' => self.quoted_text(c),
            '`' => self.raw_text(),
            '=' if self.accept("~") => self.emit(Kind::EqualRegex),
            '=' => self.emit(Kind::Equal),
            '!' if self.accept("~") => self.emit(Kind::NotRegex),
            '!' if self.accept("=") => self.emit(Kind::NotEqual),
            '!' => {
                let found = quoted_char(self.peek());
                self.error(format!("unexpected character after '!' inside braces: {found}"))
            }
            '{' => self.error("unexpected left brace '{'".to_owned()),
            '}' => {
                self.brace_open = false;
                if self.is_series {
                    self.state = State::Sequence;
                }
                self.emit(Kind::RightBrace)
            }
            c => self.error(format!(
                "unexpected character inside braces: {}",
                quoted_char(Some(c))
            )),
        }
    }

    fn keyword_or_identifier(&mut self) -> Step {
        self.skip_while(|c| is_alphanumeric(c) || c == ':');
        let word = self.pending();
        let kind = match keyword(word) {
            // These became keywords late: a metric of that name stays possible.
            Some(Kind::Fill | Kind::FillLeft | Kind::FillRight) if !self.paren_follows() => Kind::Identifier,
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        };
        self.state = if self.is_series && self.peek() != Some('{') {
            State::Sequence
        } else {
            State::Statements
        };
        self.emit(kind)
    }

    fn paren_follows(&self) -> bool {
        self.input[self.pos..]
            .trim_start_matches(is_space)
            .starts_with('(')
    }

    fn comment(&mut self) -> Step {
        self.skip_while(|c| c != '\n' && c != '\r');
        self.start = self.pos;
        Ok(None)
    }

    fn skip_spaces(&mut self) -> Step {
        self.skip_while(is_space);
        self.start = self.pos;
        Ok(None)
    }

    /// Where an aggregation ends whose closing parenthesis was followed by another one, which had to
    /// be read to know that no `by` comes; `otherwise` if that is not what happened.
    pub(crate) fn previous_right_paren(&self, otherwise: u32) -> u32 {
        let bytes = self.input.as_bytes();
        if otherwise == 0 || self.last_start == 0 || bytes.get(self.last_start) != Some(&b')') {
            return otherwise;
        }
        let before = &bytes[1..self.last_start];
        match before.iter().rposition(|&b| !is_space(char::from(b))) {
            Some(at) if before[at] == b')' => narrow(at + 2),
            _ => otherwise,
        }
    }
}

#[cfg(test)]
mod tests;
