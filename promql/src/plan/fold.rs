//! Which parts of a query are the same at every step, so that they are evaluated once.

use crate::functions::Function;
use crate::parser::ast::Expr;

/// What is known about an expression.
#[derive(Clone, Copy)]
pub(crate) struct Invariance {
    /// The same at every step.
    pub(crate) holds: bool,
    /// Worth evaluating at one step only: a literal or a range selector is not.
    pub(crate) worth: bool,
}

const NO: Invariance = Invariance {
    holds: false,
    worth: false,
};

/// Whether `expr` is the same at every step.
pub(crate) fn invariance(expr: &Expr) -> Invariance {
    match expr {
        Expr::Number(_) | Expr::Text(_) => Invariance {
            holds: true,
            worth: false,
        },
        Expr::Vector(selector) => both(selector.shift.at.is_some()),
        Expr::Matrix(matrix) => Invariance {
            holds: matrix.selector.shift.at.is_some(),
            worth: false,
        },
        Expr::Subquery(subquery) => Invariance {
            holds: subquery.shift.at.is_some(),
            worth: false,
        },
        Expr::Unary(unary) => invariance(&unary.expr),
        Expr::Paren(paren) => invariance(&paren.expr),
        Expr::Aggregate(aggregate) => invariance(&aggregate.expr),
        Expr::Binary(binary) => both(invariance(&binary.left).holds && invariance(&binary.right).holds),
        Expr::Call(call) => {
            if is_query_constant(call.function) {
                return Invariance {
                    holds: true,
                    worth: false,
                };
            }
            let args_hold = call.args.iter().all(|arg| invariance(arg).holds);
            if !args_hold {
                return NO;
            }
            let plain_selectors = || {
                call.args
                    .iter()
                    .all(|arg| matches!(arg.unwrap_parens(), Expr::Vector(_)))
            };
            // timestamp(metric @ 1) is the same at every step, timestamp(abs(metric @ 1)) is not.
            both(
                !uses_evaluation_time(call.function)
                    || (call.function == Function::Timestamp && plain_selectors()),
            )
        }
    }
}

fn both(holds: bool) -> Invariance {
    Invariance { holds, worth: holds }
}

/// `start()`, `end()`, `range()`, `step()`: numbers once the query's period is known.
pub(crate) fn is_query_constant(function: Function) -> bool {
    matches!(
        function,
        Function::Start | Function::End | Function::Range | Function::Step
    )
}

/// Functions whose answer depends on the evaluation time even if their arguments do not.
///
/// Test scripts leave these out when they repeat a query at other times.
pub(crate) fn uses_evaluation_time(function: Function) -> bool {
    matches!(
        function,
        Function::DaysInMonth
            | Function::DayOfMonth
            | Function::DayOfWeek
            | Function::DayOfYear
            | Function::Hour
            | Function::Minute
            | Function::Month
            | Function::Year
            | Function::PredictLinear
            | Function::Time
            | Function::Timestamp
    ) || is_query_constant(function)
}
