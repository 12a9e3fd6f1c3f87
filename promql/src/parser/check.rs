//! Types: what may be an argument of what. All mistakes are collected, in Prometheus' order and words.
//!
//! Vector matching is settled here too: set operators match many to many, and only a binary operation
//! between two vectors keeps its matching.

use super::ast::{
    Aggregate, AggregateOp, Binary, Call, Cardinality, Expr, Span, Subquery, Unary, VectorSelector,
};
use super::error::ParseError;
use super::token::quoted;
use crate::functions::Function;
use crate::value::ValueType;
use tsdb::model::METRIC_NAME;

/// Checks `expr`, which was read from `query`; answers the mistakes.
pub(crate) fn check(query: &str, expr: &mut Expr) -> Vec<ParseError> {
    let mut check = Check {
        query,
        errors: Vec::new(),
    };
    check.expr(expr);
    check.errors
}

struct Check<'a> {
    query: &'a str,
    errors: Vec<ParseError>,
}

impl Check<'_> {
    fn complain(&mut self, span: Span, text: impl Into<String>) {
        self.errors.push(ParseError::new(self.query, span, text.into()));
    }

    fn expr(&mut self, expr: &mut Expr) -> ValueType {
        let found = expr.value_type();
        match expr {
            Expr::Number(_) | Expr::Text(_) => {}
            Expr::Vector(selector) => self.selector(selector, false),
            Expr::Matrix(matrix) => self.selector(&matrix.selector, false),
            Expr::Subquery(subquery) => self.subquery(subquery),
            Expr::Unary(unary) => self.unary(unary),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call(call) => self.call(call),
            Expr::Paren(paren) => {
                self.expr(&mut paren.expr);
            }
        }
        found
    }

    fn expect(&mut self, expr: &mut Expr, wanted: ValueType, context: &str) {
        let found = self.expr(expr);
        if found != wanted {
            let text = format!(
                "expected type {} in {context}, got {}",
                wanted.documented(),
                found.documented()
            );
            self.complain(expr.span(), text);
        }
    }

    fn aggregate(&mut self, aggregate: &mut Aggregate) {
        self.expect(&mut aggregate.expr, ValueType::Vector, "aggregation expression");
        let wanted = match aggregate.op {
            AggregateOp::CountValues => ValueType::String,
            _ => ValueType::Scalar,
        };
        if let Some(param) = &mut aggregate.param {
            self.expect(param, wanted, "aggregation parameter");
        }
    }

    fn unary(&mut self, unary: &mut Unary) {
        let found = self.expr(&mut unary.expr);
        if !is_operand(found) {
            let text = format!(
                "unary expression only allowed on expressions of type scalar or instant vector, got \"{}\"",
                found.documented()
            );
            self.complain(unary.span, text);
        }
    }

    fn subquery(&mut self, subquery: &mut Subquery) {
        let found = self.expr(&mut subquery.expr);
        if found != ValueType::Vector {
            let text = format!(
                "subquery is only allowed on instant vector, got {} instead",
                found.as_str()
            );
            self.complain(subquery.span, text);
        }
    }

    fn selector(&mut self, selector: &VectorSelector, may_match_all: bool) {
        if selector.name.is_empty() {
            if !may_match_all && selector.matchers.iter().all(|m| m.matches_empty()) {
                self.complain(
                    selector.span,
                    "vector selector must contain at least one non-empty matcher",
                );
            }
            return;
        }
        // The last is the name that stands before the braces.
        let inside = selector.matchers.len().saturating_sub(1);
        for matcher in selector.matchers.iter().take(inside) {
            if matcher.name() == METRIC_NAME {
                let text = format!(
                    "metric name must not be set twice: {} or {}",
                    quoted(&selector.name),
                    quoted(matcher.value())
                );
                self.complain(selector.span, text);
            }
        }
    }

    fn call(&mut self, call: &mut Call) {
        let signature = call.function.signature();
        let (name, span) = (signature.name, call.span);
        self.argument_count(call);
        let is_info = call.function == Function::Info;
        if is_info && call.args.len() > 1 {
            self.info_selector(&call.args[1], span);
        }
        for (at, arg) in call.args.iter_mut().enumerate() {
            let wanted = match signature.args.get(at).or(signature.args.last()) {
                Some(wanted) if at < signature.args.len() || signature.variadic != 0 => *wanted,
                // Too many arguments, which was complained about.
                _ => break,
            };
            if let (true, 1, Expr::Vector(selector)) = (is_info, at, &mut *arg)
                && selector.name.is_empty()
            {
                self.selector(selector, true);
                continue;
            }
            self.expect(arg, wanted, &format!("call to function {}", quoted(name)));
        }
    }

    fn argument_count(&mut self, call: &Call) {
        let signature = call.function.signature();
        let (declared, found) = (signature.args.len(), call.args.len());
        let least = declared.saturating_sub(1);
        let most = usize::try_from(signature.variadic).ok().map(|more| least + more);
        let expected = match (signature.variadic, most) {
            (0, _) if found != declared => format!("{declared}"),
            (0, _) => return,
            _ if found < least => format!("at least {least}"),
            (_, Some(most)) if found > most => format!("at most {most}"),
            _ => return,
        };
        let text = format!(
            "expected {expected} argument(s) in call to {}, got {found}",
            quoted(signature.name)
        );
        self.complain(call.span, text);
    }

    /// The second argument of `info` says which labels are wanted, in the form of a selector without name.
    fn info_selector(&mut self, arg: &Expr, call: Span) {
        let found = arg.value_type();
        if found != ValueType::Vector {
            let text = format!(
                "expected type instant vector in call to function \"info\", got {}",
                found.documented()
            );
            self.complain(call, text);
        }
        match arg {
            Expr::Vector(selector) if selector.name.is_empty() => {}
            Expr::Vector(_) => self.complain(
                arg.span(),
                "expected label selectors only, got vector selector instead",
            ),
            _ => self.complain(arg.span(), "expected label selectors only"),
        }
    }

    fn binary(&mut self, binary: &mut Binary) {
        let left = self.expr(&mut binary.left);
        let right = self.expr(&mut binary.right);
        let op = binary.op;
        if binary.return_bool && !op.is_comparison() {
            self.complain(
                self.operator_span(binary),
                "bool modifier can only be used on comparison operators",
            );
        }
        let are_scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        if op.is_comparison() && !binary.return_bool && are_scalars {
            self.complain(
                self.operator_span(binary),
                "comparisons between scalars must use BOOL modifier",
            );
        }
        self.included_labels(binary);
        for (side, found) in [(&binary.left, left), (&binary.right, right)] {
            if !is_operand(found) {
                self.complain(
                    side.span(),
                    "binary expression must contain only scalar and instant vector types",
                );
            }
        }
        if left == ValueType::Vector && right == ValueType::Vector {
            if op.is_set() {
                self.set_matching(binary);
            }
        } else {
            self.no_matching(binary);
        }
        if op.is_set() && (left == ValueType::Scalar || right == ValueType::Scalar) {
            let text = format!(
                "set operator {} not allowed in binary scalar expression",
                quoted(op.as_str())
            );
            self.complain(binary.span, text);
        }
    }

    fn included_labels(&mut self, binary: &Binary) {
        let Some(matching) = binary.matching.as_ref().filter(|matching| matching.on) else {
            return;
        };
        for label in &matching.labels {
            for _ in matching.include.iter().filter(|included| *included == label) {
                let text = format!(
                    "label {} must not occur in ON and GROUP clause at once",
                    quoted(label)
                );
                self.complain(self.operator_span(binary), text);
            }
        }
    }

    fn set_matching(&mut self, binary: &mut Binary) {
        let Some(matching) = &mut binary.matching else {
            return;
        };
        if matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        }
        let is_filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if matching.cardinality != Cardinality::ManyToMany {
            let text = format!("no grouping allowed for {} operation", quoted(binary.op.as_str()));
            self.complain(binary.span, text);
            self.complain(binary.span, "set operations must always be many-to-many");
        }
        if is_filled {
            self.complain(
                binary.span,
                "filling in missing series not allowed for set operators",
            );
        }
    }

    fn no_matching(&mut self, binary: &mut Binary) {
        let Some(matching) = binary.matching.take() else {
            return;
        };
        if !matching.labels.is_empty() {
            self.complain(
                binary.span,
                "vector matching only allowed between instant vectors",
            );
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            self.complain(
                binary.span,
                "filling in missing series only allowed between instant vectors",
            );
        }
    }

    /// The operator and its modifiers.
    fn operator_span(&self, binary: &Binary) -> Span {
        let is_space = |at: u32| {
            matches!(
                self.query.as_bytes().get(at as usize),
                Some(b' ' | b'\t' | b'\n' | b'\r')
            )
        };
        let mut span = Span {
            start: binary.left.span().end,
            end: binary.right.span().start.saturating_sub(1),
        };
        while is_space(span.start) {
            span.start += 1;
        }
        while span.end > span.start && is_space(span.end) {
            span.end -= 1;
        }
        span
    }
}

fn is_operand(found: ValueType) -> bool {
    matches!(found, ValueType::Scalar | ValueType::Vector)
}
