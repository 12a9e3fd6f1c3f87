//! Recursive descent over the tokens, with operator precedence in [`expr`].
//!
//! Two things are less plain than they look, both because error texts and positions are part of the
//! interface:
//!
//! * Prometheus reads its tokens with one token of lookahead, **only where it needs it**. A complaint
//!   about what was read comes before a complaint about the next word or after it, depending on whether
//!   that word had to be looked at. [`Parser::peek`] is therefore called exactly where a decision needs it.
//! * Ends of some nodes are "the end of the closing word read last" ([`Parser::last_closing`]), which
//!   may be one too far when the lookahead was a closing word itself.
//!
//! The first mistake of syntax ends the reading. Start with [`Parser::expression`].

mod aggregate;
mod call;
mod duration;
mod expr;
mod matching;
mod modifier;
mod selector;

pub(super) use selector::lossy;

use super::ast::{Expr, Span};
use super::error::ParseError;
use super::lexer::Lexer;
use super::position::narrow;
use super::token::{Kind, Token};
use super::{ParserOptions, literal};

/// How deep expressions may be nested. Prometheus has no such limit; everything that walks a tree here
/// does so on the stack, and a thread of the server has two megabytes of it.
pub(crate) const DEPTH_MAX: u32 = 1_000;

/// Up to how many possible levels an expression is read on the stack of the caller.
const LEVELS_ON_ANY_STACK: usize = 64;

/// What [`DEPTH_MAX`] levels need at most: 9 KiB each in an unoptimised build.
const ROOMY_STACK_BYTES: usize = 16 << 20;

/// The mistake that ended the reading; boxed because it is rare and a result is returned everywhere.
pub(crate) type Failure = Box<ParseError>;
pub(crate) type Parsed<T> = Result<T, Failure>;

/// Reads one text.
#[derive(Debug)]
pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    options: ParserOptions,
    /// The lookahead, if it was needed.
    peeked: Option<Token>,
    /// The word read last, lookahead included; complaints without a place of their own point to it.
    last: Token,
    /// Where the closing word or number read last ends, lookahead included.
    last_closing: u32,
    /// How many aggregations are open; an unexpected word inside one says so.
    aggregations: u32,
    /// How many expressions are open.
    depth: u32,
    /// How many levels the expression finished last has.
    height: u32,
}

impl<'a> Parser<'a> {
    /// Reads an expression or a selector.
    pub(crate) fn new(input: &'a str, options: ParserOptions) -> Self {
        Self::over(Lexer::new(input), options)
    }

    /// Reads a series description.
    pub(crate) fn for_series(input: &'a str) -> Self {
        Self::over(Lexer::for_series(input), ParserOptions::all())
    }

    fn over(lexer: Lexer<'a>, options: ParserOptions) -> Self {
        Self {
            lexer,
            options,
            peeked: None,
            last: Token {
                kind: Kind::End,
                span: Span::default(),
            },
            last_closing: 0,
            aggregations: 0,
            depth: 0,
            height: 0,
        }
    }

    /// The whole text as one expression; types are not checked yet.
    pub(crate) fn expression(&mut self) -> Parsed<Expr> {
        // Each level of nesting takes one of these.
        let levels = memchr::memchr3_iter(b'(', b'-', b'+', self.input().as_bytes()).count()
            + memchr::memchr_iter(b'^', self.input().as_bytes()).count();
        if levels <= LEVELS_ON_ANY_STACK {
            return self.whole_expression();
        }
        std::thread::scope(|scope| {
            let roomy = std::thread::Builder::new().stack_size(ROOMY_STACK_BYTES);
            match roomy.spawn_scoped(scope, || self.whole_expression()) {
                Ok(thread) => match thread.join() {
                    Ok(parsed) => parsed,
                    Err(panic) => std::panic::resume_unwind(panic),
                },
                Err(error) => Err(Box::new(ParseError::new(
                    "",
                    Span::default(),
                    format!("no thread for a deeply nested expression: {error}"),
                ))),
            }
        })
    }

    fn whole_expression(&mut self) -> Parsed<Expr> {
        if self.peek()?.kind == Kind::End {
            return self.fail(Span::default(), "no expression found in input");
        }
        let expr = self.expr(0)?;
        self.expect_end()?;
        Ok(expr)
    }

    /// The text being read.
    pub(crate) fn input(&self) -> &'a str {
        self.lexer.input()
    }

    pub(crate) fn expect_end(&mut self) -> Parsed<()> {
        match self.peek()?.kind {
            Kind::End => Ok(()),
            _ => self.unexpected("", ""),
        }
    }

    /// The next token, without taking it.
    pub(crate) fn peek(&mut self) -> Parsed<Token> {
        if let Some(token) = self.peeked {
            return Ok(token);
        }
        let token = match self.lexer.next() {
            Ok(token) => token,
            Err(error) => {
                let span = Span {
                    start: error.start,
                    end: narrow(self.input().len()),
                };
                return self.fail(span, error.text);
            }
        };
        if matches!(
            token.kind,
            Kind::RightBrace | Kind::RightParen | Kind::RightBracket | Kind::Duration | Kind::Number
        ) {
            self.last_closing = token.span.end;
        }
        self.last = token;
        self.peeked = Some(token);
        Ok(token)
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> Parsed<Token> {
        let token = self.peek()?;
        self.peeked = None;
        Ok(token)
    }

    /// Takes the next token if it is of this kind.
    pub(crate) fn take_if(&mut self, kind: Kind) -> Parsed<Option<Token>> {
        let token = self.peek()?;
        if token.kind != kind {
            return Ok(None);
        }
        self.peeked = None;
        Ok(Some(token))
    }

    /// Takes a token of this kind, or complains without saying what was expected.
    fn expect(&mut self, kind: Kind) -> Parsed<Token> {
        match self.take_if(kind)? {
            Some(token) => Ok(token),
            None => self.unexpected_here(),
        }
    }

    /// Complains about the next token where only an enclosing aggregation gives a context.
    fn unexpected_here<T>(&mut self) -> Parsed<T> {
        let context = if self.aggregations > 0 { "aggregation" } else { "" };
        self.unexpected(context, "")
    }

    /// Complains about the token read last.
    pub(crate) fn unexpected<T>(&mut self, context: &str, expected: &str) -> Parsed<T> {
        let found = self.peek()?;
        self.unexpected_token(found, context, expected)
    }

    /// Complains about a token.
    pub(crate) fn unexpected_token<T>(&mut self, found: Token, context: &str, expected: &str) -> Parsed<T> {
        let mut text = format!("unexpected {}", found.describe(self.input()));
        for (word, detail) in [(" in ", context), (", expected ", expected)] {
            if !detail.is_empty() {
                text.push_str(word);
                text.push_str(detail);
            }
        }
        self.fail(found.span, text)
    }

    /// Complains about a stretch of the text.
    pub(crate) fn fail<T>(&self, span: Span, text: impl Into<String>) -> Parsed<T> {
        Err(Box::new(ParseError::new(self.input(), span, text.into())))
    }

    /// Complains about the word read last.
    pub(crate) fn fail_at_last<T>(&self, text: impl Into<String>) -> Parsed<T> {
        self.fail(self.last.span, text)
    }

    /// The bytes that a string token stands for.
    pub(crate) fn unquote(&self, token: Token) -> Parsed<Vec<u8>> {
        let written = token.text(self.input());
        match literal::unquote(written) {
            Some(bytes) => Ok(bytes),
            None => self.fail_at_last(format!(
                "error unquoting string {}: invalid syntax",
                super::token::quoted(written)
            )),
        }
    }
}
