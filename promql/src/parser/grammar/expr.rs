//! Expressions: operands, the modifiers behind them, and the operators between them.
//!
//! | binds | operators |
//! |---:|---|
//! | 6 | `^`, from the right |
//! | 5 | `* / % atan2`; unary `+ -` binds as these do |
//! | 4 | `+ -` |
//! | 3 | `== != < <= > >= </ >/` |
//! | 2 | `and unless` |
//! | 1 | `or` |
//!
//! `[…]`, `@`, `offset`, `anchored` and `smoothed` bind stronger than all of them.

use super::{DEPTH_MAX, Kind, Parsed, Parser, Token};
use crate::parser::ast::{BinaryOp, Expr, Number, Paren, Span, Text, Unary};
use crate::parser::literal;

const POWER: u8 = 6;
const MULTIPLY: u8 = 5;

/// The operator that a token is, and how strongly it binds.
fn binary_operator(kind: Kind) -> Option<(BinaryOp, u8)> {
    Some(match kind {
        Kind::Power => (BinaryOp::Power, POWER),
        Kind::Multiply => (BinaryOp::Multiply, MULTIPLY),
        Kind::Divide => (BinaryOp::Divide, MULTIPLY),
        Kind::Modulo => (BinaryOp::Modulo, MULTIPLY),
        Kind::Atan2 => (BinaryOp::Atan2, MULTIPLY),
        Kind::Add => (BinaryOp::Add, 4),
        Kind::Subtract => (BinaryOp::Subtract, 4),
        Kind::EqualEqual => (BinaryOp::Equal, 3),
        Kind::NotEqual => (BinaryOp::NotEqual, 3),
        Kind::Less => (BinaryOp::Less, 3),
        Kind::LessOrEqual => (BinaryOp::LessOrEqual, 3),
        Kind::Greater => (BinaryOp::Greater, 3),
        Kind::GreaterOrEqual => (BinaryOp::GreaterOrEqual, 3),
        Kind::TrimUpper => (BinaryOp::TrimUpper, 3),
        Kind::TrimLower => (BinaryOp::TrimLower, 3),
        Kind::And => (BinaryOp::And, 2),
        Kind::Unless => (BinaryOp::Unless, 2),
        Kind::Or => (BinaryOp::Or, 1),
        _ => return None,
    })
}

impl Parser<'_> {
    /// An expression of operators that bind at least as strongly as `binding`.
    pub(super) fn expr(&mut self, binding: u8) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.too_deep();
        }
        let mut left = self.operand()?;
        let mut height = self.height;
        while let Some((op, strength)) = binary_operator(self.peek()?.kind) {
            if strength < binding {
                break;
            }
            self.take()?;
            let modifiers = self.binary_modifiers()?;
            // From the right: the operator itself may follow again on its right side.
            let right = self.expr(if strength == POWER { strength } else { strength + 1 })?;
            self.height = self.height.max(height);
            self.grow()?;
            height = self.height;
            left = self.binary(op, left, modifiers, right)?;
        }
        self.height = height;
        self.depth -= 1;
        Ok(left)
    }

    /// The expression finished last has got a level more.
    pub(super) fn grow(&mut self) -> Parsed<()> {
        self.height += 1;
        if self.height > DEPTH_MAX {
            return self.too_deep();
        }
        Ok(())
    }

    pub(super) fn too_deep<T>(&mut self) -> Parsed<T> {
        self.fail_at_last(format!(
            "expression is nested too deeply, more than {DEPTH_MAX} levels"
        ))
    }

    /// One operand with the modifiers behind it.
    fn operand(&mut self) -> Parsed<Expr> {
        let token = self.peek()?;
        if matches!(token.kind, Kind::Add | Kind::Subtract) {
            return self.unary();
        }
        let mut operand = self.primary(token)?;
        loop {
            operand = match self.peek()?.kind {
                Kind::LeftBracket => self.brackets(operand)?,
                Kind::Offset => self.offset(operand)?,
                Kind::At => self.at(operand)?,
                Kind::Anchored | Kind::Smoothed => self.extended(operand)?,
                _ => return Ok(operand),
            };
        }
    }

    fn primary(&mut self, token: Token) -> Parsed<Expr> {
        self.height = 1;
        match token.kind {
            Kind::Number | Kind::Duration => Ok(Expr::Number(self.number()?)),
            Kind::Text => {
                self.take()?;
                let value = self.unquote(token)?;
                Ok(Expr::Text(Text {
                    value,
                    span: token.span,
                }))
            }
            Kind::LeftParen => self.paren(),
            Kind::LeftBrace => self.selector(None),
            Kind::MetricIdentifier => {
                self.take()?;
                self.selector(Some(token))
            }
            kind if kind.is_metric_name() => self.named(token),
            _ => self.unexpected_here(),
        }
    }

    /// A word: an aggregation, a call or a metric, as what follows it tells.
    fn named(&mut self, name: Token) -> Parsed<Expr> {
        self.take()?;
        let is_function = matches!(
            name.kind,
            Kind::Identifier
                | Kind::Start
                | Kind::EndWord
                | Kind::Step
                | Kind::Range
                | Kind::MaxOf
                | Kind::MinOf
        );
        if let Kind::Aggregator(op) = name.kind
            && matches!(self.peek()?.kind, Kind::LeftParen | Kind::By | Kind::Without)
        {
            return self.aggregation(name, op);
        }
        if is_function && self.peek()?.kind == Kind::LeftParen {
            return self.call(name);
        }
        self.selector(Some(name))
    }

    fn paren(&mut self) -> Parsed<Expr> {
        let open = self.take()?;
        let expr = self.expr(0)?;
        let close = self.expect(Kind::RightParen)?;
        self.grow()?;
        Ok(Expr::Paren(Paren {
            expr: Box::new(expr),
            span: open.span.to(close.span),
        }))
    }

    /// A sign and what it is put before; a number takes it in.
    fn unary(&mut self) -> Parsed<Expr> {
        let sign = self.take()?;
        let negative = sign.kind == Kind::Subtract;
        // As strong as `*`, so that only `^` is stronger.
        let inner = self.expr(POWER)?;
        let span = sign.span.to(inner.span());
        if let Expr::Number(number) = inner {
            return Ok(Expr::Number(signed(number, negative, span)));
        }
        self.grow()?;
        Ok(Expr::Unary(Unary {
            negative,
            expr: Box::new(inner),
            span,
        }))
    }

    /// A number or a duration literal.
    pub(crate) fn number(&mut self) -> Parsed<Number> {
        let token = self.take()?;
        let text = token.text(self.input());
        let is_duration = token.kind == Kind::Duration;
        let value = if is_duration {
            literal::duration_ns(text).map(literal::ns_to_seconds)
        } else {
            literal::number(text)
        };
        match value {
            Ok(value) => Ok(Number {
                value,
                is_duration,
                span: token.span,
            }),
            Err(text) => self.fail(token.span, text),
        }
    }
}

/// A number with a sign before it.
pub(super) fn signed(number: Number, negative: bool, span: Span) -> Number {
    Number {
        value: if negative { -number.value } else { number.value },
        span,
        ..number
    }
}
