//! Binary operators: what may stand between the operator and its right side.
//!
//! ```text
//! a == bool on (job) group_left (instance) fill_left (0) fill_right (1) b
//! ```

use super::expr::signed;
use super::{Kind, Parsed, Parser};
use crate::parser::ast::{Binary, BinaryOp, Cardinality, Expr, VectorMatching};

pub(super) struct Modifiers {
    return_bool: bool,
    matching: VectorMatching,
}

impl Parser<'_> {
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        left: Expr,
        modifiers: Modifiers,
        right: Expr,
    ) -> Parsed<Expr> {
        let span = left.span().to(right.span());
        let Modifiers {
            return_bool,
            matching,
        } = modifiers;
        let is_filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if is_filled && !self.options.binop_fill {
            return self.fail(span, "binop fill modifiers are experimental and not enabled");
        }
        Ok(Expr::Binary(Box::new(Binary {
            op,
            left,
            right,
            matching: Some(matching),
            return_bool,
            span,
        })))
    }

    pub(super) fn binary_modifiers(&mut self) -> Parsed<Modifiers> {
        let return_bool = self.take_if(Kind::Bool)?.is_some();
        let mut matching = VectorMatching {
            cardinality: Cardinality::OneToOne,
            labels: Vec::new(),
            on: false,
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        if matches!(self.peek()?.kind, Kind::On | Kind::Ignoring) {
            matching.on = self.take()?.kind == Kind::On;
            matching.labels = self.label_list()?;
            self.group_modifier(&mut matching)?;
        }
        self.fill_modifiers(&mut matching)?;
        Ok(Modifiers {
            return_bool,
            matching,
        })
    }

    fn group_modifier(&mut self, matching: &mut VectorMatching) -> Parsed<()> {
        matching.cardinality = match self.peek()?.kind {
            Kind::GroupLeft => Cardinality::ManyToOne,
            Kind::GroupRight => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.take()?;
        if self.peek()?.kind == Kind::LeftParen {
            matching.include = self.label_list()?;
        }
        Ok(())
    }

    fn fill_modifiers(&mut self, matching: &mut VectorMatching) -> Parsed<()> {
        match self.peek()?.kind {
            Kind::Fill => {
                let value = self.fill_value()?;
                matching.fill_left = Some(value);
                matching.fill_right = Some(value);
            }
            Kind::FillLeft => {
                matching.fill_left = Some(self.fill_value()?);
                if self.peek()?.kind == Kind::FillRight {
                    matching.fill_right = Some(self.fill_value()?);
                }
            }
            Kind::FillRight => {
                matching.fill_right = Some(self.fill_value()?);
                if self.peek()?.kind == Kind::FillLeft {
                    matching.fill_left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `fill (-1)`: the keyword, and a number in parentheses.
    fn fill_value(&mut self) -> Parsed<f64> {
        self.take()?;
        self.expect(Kind::LeftParen)?;
        let sign = self.peek()?;
        if matches!(sign.kind, Kind::Add | Kind::Subtract) {
            self.take()?;
        }
        if !matches!(self.peek()?.kind, Kind::Number | Kind::Duration) {
            return self.unexpected_here();
        }
        let number = self.number()?;
        self.expect(Kind::RightParen)?;
        Ok(signed(number, sign.kind == Kind::Subtract, sign.span).value)
    }
}
