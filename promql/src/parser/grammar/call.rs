//! Function calls and lists of arguments.

use super::{Kind, Parsed, Parser, Token};
use crate::functions::Function;
use crate::parser::ast::{Call, Expr, Span};
use crate::parser::token::quoted;

impl Parser<'_> {
    /// A call; its name is taken, the parenthesis is next.
    pub(super) fn call(&mut self, name: Token) -> Parsed<Expr> {
        let args = self.arguments()?;
        let called = name.text(self.input());
        let Some(function) = Function::from_name(called) else {
            let text = format!("unknown function with name {}", quoted(called));
            return self.fail(name.span, text);
        };
        if function.signature().is_experimental && !self.options.experimental_functions {
            let text = format!("function {} is not enabled", quoted(called));
            return self.fail(name.span, text);
        }
        Ok(Expr::Call(Call {
            function,
            args,
            span: Span {
                start: name.span.start,
                end: self.last_closing,
            },
        }))
    }

    /// `(a, b)`, which may be empty.
    pub(super) fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect(Kind::LeftParen)?;
        let mut args = Vec::new();
        let mut height = 0;
        if self.take_if(Kind::RightParen)?.is_none() {
            loop {
                args.push(self.expr(0)?);
                height = height.max(self.height);
                let Some(comma) = self.take_if(Kind::Comma)? else {
                    self.expect(Kind::RightParen)?;
                    break;
                };
                if !self.peek()?.kind.begins_expression() {
                    return self.fail(comma.span, "trailing commas not allowed in function call args");
                }
            }
        }
        self.height = height;
        self.grow()?;
        Ok(args)
    }
}
