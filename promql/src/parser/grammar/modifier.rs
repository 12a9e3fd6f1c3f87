//! What stands behind an operand: `[5m]`, `[1h:1m]`, `offset 5m`, `@ 1609746000`, `anchored`, `smoothed`.

use super::{Kind, Parsed, Parser};
use crate::parser::ast::{
    AtTime, Duration, DurationExpr, Expr, MatrixSelector, RangeExtension, Span, Subquery, TimeShift,
    VectorSelector,
};
use crate::parser::literal;

impl Parser<'_> {
    /// `[range]` or `[range:step]`.
    pub(super) fn brackets(&mut self, of: Expr) -> Parsed<Expr> {
        const NUMBER: &str = "number, duration, step(), or range()";
        let open = self.take()?;
        let range = self.positive_duration("subquery or range selector", NUMBER)?;
        if let Some(close) = self.take_if(Kind::RightBracket)? {
            return self.matrix_selector(of, range, open.span.to(close.span));
        }
        if self.take_if(Kind::Colon)?.is_none() {
            return self.unexpected("subquery or range", "\":\" or \"]\"");
        }
        const CONTEXT: &str = "subquery selector";
        let mut close = self.take_if(Kind::RightBracket)?;
        let mut step = None;
        if close.is_none() {
            let expected = "number, duration, step(), range(), or \"]\"";
            step = Some(self.positive_duration(CONTEXT, expected)?);
            close = self.take_if(Kind::RightBracket)?;
        }
        let Some(close) = close else {
            return self.unexpected(CONTEXT, "\"]\"");
        };
        self.grow()?;
        let span = of.span().to(close.span);
        Ok(Expr::Subquery(Subquery {
            expr: Box::new(of),
            range,
            step,
            shift: TimeShift::default(),
            span,
        }))
    }

    fn matrix_selector(&mut self, of: Expr, range: Duration, brackets: Span) -> Parsed<Expr> {
        let start = of.span().start;
        let Expr::Vector(selector) = of else {
            return self.fail(brackets, "ranges only allowed for vector selectors");
        };
        if selector.shift.offset.is_some() {
            return self.fail(brackets, "no offset modifiers allowed before range");
        }
        if selector.shift.at.is_some() {
            return self.fail(brackets, "no @ modifiers allowed before range");
        }
        Ok(Expr::Matrix(MatrixSelector {
            selector,
            range,
            span: Span {
                start,
                end: self.last_closing,
            },
        }))
    }

    pub(super) fn offset(&mut self, mut of: Expr) -> Parsed<Expr> {
        self.take()?;
        let offset = match self.offset_duration()? {
            DurationExpr::Number(number) => match literal::seconds_to_ns(number.value) {
                0 => None,
                ns => Some(Duration::Literal {
                    ms: ns / 1_000_000,
                    span: number.span,
                }),
            },
            expression => Some(Duration::Expression(Box::new(expression))),
        };
        let span = of.span();
        let Some((shift, end)) = shift_of(&mut of) else {
            return self.fail(
                span,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if shift.offset.is_some() {
            return self.fail(span, "offset may not be set multiple times");
        }
        shift.offset = offset;
        *end = self.last_closing;
        Ok(of)
    }

    pub(super) fn at(&mut self, mut of: Expr) -> Parsed<Expr> {
        self.take()?;
        let span = of.span();
        let at = self.at_time(span)?;
        let Some((shift, end)) = shift_of(&mut of) else {
            return self.fail(
                span,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if shift.at.is_some() {
            return self.fail(span, "@ <timestamp> may not be set multiple times");
        }
        shift.at = Some(at);
        *end = self.last_closing;
        Ok(of)
    }

    fn at_time(&mut self, selector: Span) -> Parsed<AtTime> {
        const CONTEXT: &str = "@";
        const EXPECTED: &str = "timestamp";
        let token = self.peek()?;
        let preset = match token.kind {
            Kind::Start => AtTime::Start,
            Kind::EndWord => AtTime::End,
            Kind::Add | Kind::Subtract => {
                self.take()?;
                let seconds = self.timestamp()?;
                let negative = token.kind == Kind::Subtract;
                return self.fixed_time(if negative { -seconds } else { seconds }, selector);
            }
            _ => {
                let seconds = self.timestamp()?;
                return self.fixed_time(seconds, selector);
            }
        };
        self.take()?;
        for kind in [Kind::LeftParen, Kind::RightParen] {
            if self.take_if(kind)?.is_none() {
                return self.unexpected(CONTEXT, EXPECTED);
            }
        }
        Ok(preset)
    }

    fn timestamp(&mut self) -> Parsed<f64> {
        match self.peek()?.kind {
            Kind::Number | Kind::Duration => Ok(self.number()?.value),
            _ => self.unexpected("@", "timestamp"),
        }
    }

    fn fixed_time(&self, seconds: f64, selector: Span) -> Parsed<AtTime> {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if seconds.is_nan() || seconds >= LIMIT || seconds <= -LIMIT {
            let shown = literal::fixed_point(seconds);
            let text = format!("timestamp out of bounds for @ modifier: {shown}");
            return self.fail(selector, text);
        }
        let ms = (seconds * 1000.0).round();
        // What fits no 64 bits is the smallest number to Go on amd64.
        let at_ms = if ms.abs() < LIMIT { ms as i64 } else { i64::MIN };
        Ok(AtTime::Fixed { at_ms })
    }

    /// `anchored` and `smoothed`.
    pub(super) fn extended(&mut self, mut of: Expr) -> Parsed<Expr> {
        let (word, extension) = match self.take()?.kind {
            Kind::Anchored => ("anchored", RangeExtension::Anchored),
            _ => ("smoothed", RangeExtension::Smoothed),
        };
        let span = of.span();
        if !self.options.extended_range_selectors {
            let text = format!("{word} modifier is experimental and not enabled");
            return self.fail(span, text);
        }
        let selector = match &mut of {
            Expr::Vector(selector) => selector,
            Expr::Matrix(matrix) => &mut matrix.selector,
            Expr::Subquery(_) => {
                return self.fail(span, format!("{word} modifier is not supported for subqueries"));
            }
            _ => return self.fail(span, format!("{word} modifier not implemented")),
        };
        if selector.extension.is_some_and(|other| other != extension) {
            return self.fail(span, "anchored and smoothed modifiers cannot be used together");
        }
        selector.extension = Some(extension);
        Ok(of)
    }
}

/// Where a selector or subquery keeps its `@` and `offset`, and its end.
fn shift_of(of: &mut Expr) -> Option<(&mut TimeShift, &mut u32)> {
    match of {
        Expr::Vector(VectorSelector { shift, span, .. }) | Expr::Subquery(Subquery { shift, span, .. }) => {
            Some((shift, &mut span.end))
        }
        Expr::Matrix(MatrixSelector { selector, span, .. }) => Some((&mut selector.shift, &mut span.end)),
        _ => None,
    }
}
