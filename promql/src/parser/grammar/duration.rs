//! Durations: between brackets, and behind `offset`.
//!
//! Between brackets they are expressions like any other. Behind `offset` a lone literal, `step()`,
//! `range()`, `min_of(…)`, `max_of(…)` or a signed one of those ends the duration, so that
//! `a offset 5m + 1` adds one to `a offset 5m`; only a parenthesis opens an expression there.

use super::expr::signed;
use super::{DEPTH_MAX, Kind, Parsed, Parser, Token};
use crate::parser::ast::{Duration, DurationExpr, DurationOp, Span};
use crate::parser::literal;

/// What to say about a word that is no part of a duration.
#[derive(Clone, Copy)]
struct Place {
    context: &'static str,
    expected: &'static str,
}

const OFFSET: Place = Place {
    context: "offset",
    expected: "number, duration, step(), or range()",
};

const POWER: u8 = 3;

fn operator(kind: Kind) -> Option<(DurationOp, u8)> {
    Some(match kind {
        Kind::Add => (DurationOp::Add, 1),
        Kind::Subtract => (DurationOp::Subtract, 1),
        Kind::Multiply => (DurationOp::Multiply, 2),
        Kind::Divide => (DurationOp::Divide, 2),
        Kind::Modulo => (DurationOp::Modulo, 2),
        Kind::Power => (DurationOp::Power, POWER),
        _ => return None,
    })
}

impl Parser<'_> {
    /// A duration between brackets; a literal must be more than nothing.
    pub(super) fn positive_duration(
        &mut self,
        context: &'static str,
        expected: &'static str,
    ) -> Parsed<Duration> {
        let expression = self.duration_expr(0, Place { context, expected })?;
        let DurationExpr::Number(number) = expression else {
            return Ok(Duration::Expression(Box::new(expression)));
        };
        if number.value <= 0.0 {
            return self.fail(number.span, "duration must be greater than 0");
        }
        Ok(Duration::Literal {
            ms: literal::seconds_to_ns(number.value) / 1_000_000,
            span: number.span,
        })
    }

    /// What follows `offset`.
    pub(super) fn offset_duration(&mut self) -> Parsed<DurationExpr> {
        let first = self.peek()?;
        if !matches!(first.kind, Kind::Add | Kind::Subtract) {
            let operand = self.duration_operand(OFFSET)?;
            return match first.kind {
                Kind::LeftParen => self.duration_operators(operand, 0, OFFSET),
                _ => Ok(operand),
            };
        }
        self.take()?;
        if matches!(self.peek()?.kind, Kind::Add | Kind::Subtract) {
            let operand = self.duration_expr(POWER, OFFSET)?;
            let operand = self.with_sign(first, operand)?;
            return self.duration_operators(operand, 0, OFFSET);
        }
        if matches!(self.peek()?.kind, Kind::Number | Kind::Duration) {
            let number = self.number()?;
            return self.with_sign(first, DurationExpr::Number(number));
        }
        let operand = self.duration_operand(OFFSET)?;
        Ok(match operand {
            // Here alone a plus is kept; it shows in the tree's JSON.
            DurationExpr::Step { .. } | DurationExpr::Range { .. } | DurationExpr::Binary { .. } => {
                DurationExpr::Unary {
                    negative: first.kind == Kind::Subtract,
                    span: first.span.to(operand.span()),
                    of: Box::new(operand),
                }
            }
            operand => self.with_sign(first, operand)?,
        })
    }

    fn duration_expr(&mut self, binding: u8, place: Place) -> Parsed<DurationExpr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.too_deep();
        }
        let sign = self.peek()?;
        let operand = if matches!(sign.kind, Kind::Add | Kind::Subtract) {
            self.take()?;
            let operand = self.duration_expr(POWER, place)?;
            self.with_sign(sign, operand)?
        } else {
            self.duration_operand(place)?
        };
        let expr = self.duration_operators(operand, binding, place)?;
        self.depth -= 1;
        Ok(expr)
    }

    fn duration_operators(
        &mut self,
        mut left: DurationExpr,
        binding: u8,
        place: Place,
    ) -> Parsed<DurationExpr> {
        let mut chain = 0;
        loop {
            let token = self.peek()?;
            let Some((op, strength)) = operator(token.kind).filter(|(_, s)| *s >= binding) else {
                return Ok(left);
            };
            chain += 1;
            if self.depth + chain > DEPTH_MAX {
                return self.too_deep();
            }
            self.take()?;
            let right = self.duration_expr(if strength == POWER { POWER } else { strength + 1 }, place)?;
            self.needs_duration_expressions(left.span())?;
            if matches!(&right, DurationExpr::Number(number) if number.value == 0.0) {
                match op {
                    DurationOp::Divide => return self.fail(token.span, "division by zero"),
                    DurationOp::Modulo => return self.fail(token.span, "modulo by zero"),
                    _ => {}
                }
            }
            let span = left.span().to(right.span());
            left = DurationExpr::Binary {
                op,
                left: Box::new(left),
                right: Box::new(right),
                span,
            };
        }
    }

    /// A literal, a call or a parenthesis.
    fn duration_operand(&mut self, place: Place) -> Parsed<DurationExpr> {
        let token = self.peek()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                let number = self.number()?;
                if literal::is_duration_out_of_range(number.value) {
                    return self.fail(number.span, "duration out of range");
                }
                Ok(DurationExpr::Number(number))
            }
            Kind::Step | Kind::Range => self.duration_call(token, place),
            Kind::MaxOf => self.extreme(DurationOp::MaxOf, place),
            Kind::MinOf => self.extreme(DurationOp::MinOf, place),
            Kind::LeftParen => {
                self.take()?;
                let of = self.duration_expr(0, place)?;
                let close = self.expect_in(Kind::RightParen, place)?;
                self.needs_duration_expressions(of.span())?;
                Ok(match of {
                    DurationExpr::Paren { .. } => of,
                    of => DurationExpr::Paren {
                        of: Box::new(of),
                        span: token.span.to(close.span),
                    },
                })
            }
            _ => self.unexpected(place.context, place.expected),
        }
    }

    /// `step()` or `range()`.
    fn duration_call(&mut self, name: Token, place: Place) -> Parsed<DurationExpr> {
        self.take()?;
        self.expect_in(Kind::LeftParen, place)?;
        let close = self.expect_in(Kind::RightParen, place)?;
        let span = name.span.to(close.span);
        self.needs_duration_expressions(span)?;
        Ok(match name.kind {
            Kind::Step => DurationExpr::Step { span },
            _ => DurationExpr::Range { span },
        })
    }

    /// `max_of(a, b)` or `min_of(a, b)`.
    fn extreme(&mut self, op: DurationOp, place: Place) -> Parsed<DurationExpr> {
        let name = self.take()?;
        self.expect_in(Kind::LeftParen, place)?;
        let left = Box::new(self.duration_expr(0, place)?);
        self.expect_in(Kind::Comma, place)?;
        let right = Box::new(self.duration_expr(0, place)?);
        let close = self.expect_in(Kind::RightParen, place)?;
        self.needs_duration_expressions(left.span().to(right.span()))?;
        Ok(DurationExpr::Binary {
            op,
            left,
            right,
            span: name.span.to(close.span),
        })
    }

    fn expect_in(&mut self, kind: Kind, place: Place) -> Parsed<Token> {
        match self.take_if(kind)? {
            Some(token) => Ok(token),
            None => self.unexpected(place.context, place.expected),
        }
    }

    /// A sign before a duration: a number takes it in, a plus before anything else is nothing.
    fn with_sign(&self, sign: Token, of: DurationExpr) -> Parsed<DurationExpr> {
        let negative = sign.kind == Kind::Subtract;
        let span = sign.span.to(of.span());
        match of {
            DurationExpr::Number(number) => {
                let number = signed(number, negative, span);
                if literal::is_duration_out_of_range(number.value) {
                    return self.fail(sign.span, "duration out of range");
                }
                Ok(DurationExpr::Number(number))
            }
            of if negative => Ok(DurationExpr::Unary {
                negative,
                of: Box::new(of),
                span,
            }),
            of => Ok(of),
        }
    }

    fn needs_duration_expressions(&self, span: Span) -> Parsed<()> {
        if self.options.duration_expressions {
            return Ok(());
        }
        self.fail(span, "experimental duration expression is not enabled")
    }
}

impl DurationExpr {
    /// Where in the text it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Number(number) => number.span,
            Self::Step { span }
            | Self::Range { span }
            | Self::Unary { span, .. }
            | Self::Paren { span, .. }
            | Self::Binary { span, .. } => *span,
        }
    }
}
