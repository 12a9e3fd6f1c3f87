//! Aggregations and lists of labels.

use super::{Kind, Parsed, Parser, Token};
use crate::parser::ast::{Aggregate, AggregateOp, Expr, Span};

/// `by (…)` or `without (…)`.
struct Grouping {
    labels: Vec<String>,
    without: bool,
}

impl Parser<'_> {
    /// An aggregation; its operator is taken.
    pub(super) fn aggregation(&mut self, name: Token, op: AggregateOp) -> Parsed<Expr> {
        self.aggregations += 1;
        let before = self.grouping()?;
        let args = self.arguments()?;
        // Only a clause before the arguments saves looking at the word behind them.
        let (grouping, overread) = match before {
            Some(grouping) => (grouping, false),
            None => match self.grouping()? {
                Some(grouping) => (grouping, false),
                None => (
                    Grouping {
                        labels: Vec::new(),
                        without: false,
                    },
                    true,
                ),
            },
        };
        self.aggregations -= 1;
        let end = if overread {
            self.lexer.previous_right_paren(self.last_closing)
        } else {
            self.last_closing
        };
        let span = Span {
            start: name.span.start,
            end,
        };
        let (param, expr) = self.aggregation_arguments(op, args, span)?;
        Ok(Expr::Aggregate(Box::new(Aggregate {
            op,
            expr,
            param,
            grouping: grouping.labels,
            without: grouping.without,
            span,
        })))
    }

    fn aggregation_arguments(
        &self,
        op: AggregateOp,
        args: Vec<Expr>,
        span: Span,
    ) -> Parsed<(Option<Expr>, Expr)> {
        if args.is_empty() {
            return self.fail(span, "no arguments for aggregate expression provided");
        }
        if op.is_experimental() && !self.options.experimental_functions {
            let text = format!(
                "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                op.as_str()
            );
            return self.fail(span, text);
        }
        let (expected, found) = (1 + usize::from(op.has_param()), args.len());
        let mut args = args.into_iter();
        match (op.has_param(), args.next(), args.next(), args.next()) {
            (false, Some(expr), None, _) => Ok((None, expr)),
            (true, Some(param), Some(expr), None) => Ok((Some(param), expr)),
            _ => {
                let text = format!(
                    "wrong number of arguments for aggregate expression provided, expected {expected}, got {found}"
                );
                self.fail(span, text)
            }
        }
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = match self.peek()?.kind {
            Kind::By => false,
            Kind::Without => true,
            _ => return Ok(None),
        };
        self.take()?;
        let labels = self.label_list()?;
        Ok(Some(Grouping { labels, without }))
    }

    /// `(a, b)`, which may be empty and may end in a comma.
    pub(super) fn label_list(&mut self) -> Parsed<Vec<String>> {
        const CONTEXT: &str = "grouping opts";
        if self.take_if(Kind::LeftParen)?.is_none() {
            return self.unexpected(CONTEXT, "\"(\"");
        }
        let mut labels = Vec::new();
        loop {
            if self.take_if(Kind::RightParen)?.is_some() {
                return Ok(labels);
            }
            labels.push(self.grouping_label()?);
            if self.take_if(Kind::Comma)?.is_none() && self.peek()?.kind != Kind::RightParen {
                return self.unexpected(CONTEXT, "\",\" or \")\"");
            }
        }
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        let token = self.peek()?;
        let label = match token.kind {
            Kind::Text => {
                self.take()?;
                String::from_utf8(self.unquote(token)?)
            }
            kind if kind.is_label_name() => {
                self.take()?;
                Ok(token.text(self.input()).to_owned())
            }
            _ => return self.unexpected("grouping opts", "label"),
        };
        match label {
            Ok(label) if !label.is_empty() => Ok(label),
            Ok(_) => self.fail(token.span, "invalid label name for grouping: \"\""),
            Err(error) => {
                let text = format!(
                    "invalid label name for grouping: {}",
                    crate::parser::print::quoted_bytes(error.as_bytes())
                );
                self.fail(token.span, text)
            }
        }
    }
}
