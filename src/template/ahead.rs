//! The parser's look-ahead of three tokens, and what it says about a wrong one.
//!
//! A space is a token, so that `$x foo` needs three to tell an argument from a declaration.

use super::error::TemplateError;
use super::parse::{Parsed, Parser};
use super::token::{Kind, Token};

/// What comes after the last token.
pub(super) fn end_of_text() -> Token {
    Token {
        kind: Kind::End,
        pos: 0,
        line: 1,
        text: "EOF".to_owned(),
    }
}

impl Parser<'_> {
    pub(super) fn next(&mut self) -> Token {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.token[0] = self.tokens.next().unwrap_or_else(end_of_text);
        }
        self.token[self.peeked].clone()
    }

    pub(super) fn backup(&mut self) {
        self.peeked += 1;
    }

    pub(super) fn backup2(&mut self, first: Token) {
        self.token[1] = first;
        self.peeked = 2;
    }

    pub(super) fn backup3(&mut self, second: Token, first: Token) {
        self.token[1] = first;
        self.token[2] = second;
        self.peeked = 3;
    }

    pub(super) fn peek(&mut self) -> Token {
        let token = self.next();
        self.backup();
        token
    }

    pub(super) fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    pub(super) fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.backup();
        token
    }

    pub(super) fn error<T>(&self, message: impl std::fmt::Display) -> Parsed<T> {
        let line = self.token[0].line;
        Err(TemplateError::new(format!(
            "template: {}:{line}: {message}",
            self.name
        )))
    }

    pub(super) fn unexpected<T>(&self, token: &Token, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return self.error(format_args!("unexpected {token} in {context}"));
        }
        let (name, line) = (self.name, self.action_line);
        if line == 0 || line == token.line {
            return self.error(token);
        }
        // "unclosed action" already says action.
        let within = if token.text.ends_with(" action") {
            ""
        } else {
            " in action"
        };
        self.error(format_args!("{token}{within} started at {name}:{line}"))
    }

    pub(super) fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_non_space();
        if token.kind == kind {
            Ok(token)
        } else {
            self.unexpected(&token, context)
        }
    }
}
