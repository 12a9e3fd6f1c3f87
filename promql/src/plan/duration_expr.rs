//! Lengths of time that are computed: `[step() * 2]`, `offset (range() / 4)`.

use crate::engine::QueryError;
use crate::parser::Span;
use crate::parser::ast::{Duration, DurationExpr, DurationOp};

/// The seconds that `step()` and `range()` stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) step_s: f64,
    pub(crate) range_s: f64,
}

/// The most seconds that Prometheus' durations of 64-bit nanoseconds can hold.
const SECONDS_MAX: f64 = 9_223_372_036.854_776;

impl Context {
    /// The length in milliseconds; a range or a step must be above zero, an offset need not.
    pub(crate) fn milliseconds(&self, of: &Duration, may_be_negative: bool) -> Result<i64, QueryError> {
        let expr = match of {
            Duration::Literal { ms, .. } => return Ok(*ms),
            Duration::Expression(expr) => expr,
        };
        let seconds = self.seconds(expr)?;
        let refused = if !seconds.is_finite() {
            "duration is NaN or infinite"
        } else if seconds <= 0.0 && !may_be_negative {
            "duration must be greater than 0"
        } else if seconds.abs() > SECONDS_MAX {
            "duration is out of range"
        } else {
            return Ok((seconds * 1000.0) as i64);
        };
        Err(at(span_of(expr), refused))
    }

    fn seconds(&self, expr: &DurationExpr) -> Result<f64, QueryError> {
        Ok(match expr {
            DurationExpr::Number(number) => number.value,
            DurationExpr::Step { .. } => self.step_s,
            DurationExpr::Range { .. } => self.range_s,
            DurationExpr::Unary { negative, of, .. } => {
                let value = self.seconds(of)?;
                if *negative { -value } else { value }
            }
            DurationExpr::Paren { of, .. } => self.seconds(of)?,
            DurationExpr::Binary {
                op,
                left,
                right,
                span,
            } => {
                let (left, right) = (self.seconds(left)?, self.seconds(right)?);
                match op {
                    DurationOp::Add => left + right,
                    DurationOp::Subtract => left - right,
                    DurationOp::Multiply => left * right,
                    DurationOp::Divide if right == 0.0 => return Err(at(*span, "division by zero")),
                    DurationOp::Divide => left / right,
                    DurationOp::Modulo if right == 0.0 => return Err(at(*span, "modulo by zero")),
                    DurationOp::Modulo => left % right,
                    DurationOp::Power => crate::go_math::pow(left, right),
                    DurationOp::MinOf => crate::functions::math::min(left, right),
                    DurationOp::MaxOf => crate::functions::math::max(left, right),
                }
            }
        })
    }
}

fn at(span: Span, what: &str) -> QueryError {
    QueryError::bad_query(format!("{}:{}: {what}", span.start, span.end))
}

fn span_of(expr: &DurationExpr) -> Span {
    match expr {
        DurationExpr::Number(number) => number.span,
        DurationExpr::Step { span }
        | DurationExpr::Range { span }
        | DurationExpr::Unary { span, .. }
        | DurationExpr::Paren { span, .. }
        | DurationExpr::Binary { span, .. } => *span,
    }
}
