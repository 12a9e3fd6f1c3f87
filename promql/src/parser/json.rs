//! The syntax tree as JSON: the answer of `/api/v1/parse_query`, which the UI draws as a tree.
//!
//! Keys come sorted, `<`, `>` and `&` are escaped, as in all of Prometheus' answers. Numbers are texts,
//! because JSON has no infinities.

use tsdb::model::Matcher;

use super::ast::{
    Aggregate, AtTime, Binary, Call, Duration, DurationExpr, Expr, MatrixSelector, Number, RangeExtension,
    Subquery, TimeShift, VectorMatching, VectorSelector,
};
use crate::format::plain;

/// `expr` as a JSON object.
pub fn json(expr: &Expr) -> String {
    let mut out = String::new();
    write(expr, &mut out);
    out
}

/// An object under construction.
struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    fn key(&mut self, key: &str) -> &mut String {
        if !self.is_empty {
            self.out.push(',');
        }
        self.is_empty = false;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out
    }

    fn text(&mut self, key: &str, value: &str) -> &mut Self {
        write_text(value, self.key(key));
        self
    }

    fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    fn raw(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).push_str(value);
        self
    }

    fn expr(&mut self, key: &str, value: &Expr) -> &mut Self {
        write(value, self.key(key));
        self
    }

    fn close(&mut self) {
        self.out.push('}');
    }
}

fn write(expr: &Expr, out: &mut String) {
    match expr {
        Expr::Number(number) => {
            let mut object = Object::open(out);
            object
                .text("type", "numberLiteral")
                .text("val", &plain(number.value))
                .close();
        }
        Expr::Text(text) => {
            let value = String::from_utf8_lossy(&text.value);
            let mut object = Object::open(out);
            object.text("type", "stringLiteral").text("val", &value).close();
        }
        Expr::Vector(selector) => write_vector(selector, out),
        Expr::Matrix(matrix) => write_matrix(matrix, out),
        Expr::Subquery(subquery) => write_subquery(subquery, out),
        Expr::Unary(unary) => {
            let mut object = Object::open(out);
            object
                .expr("expr", &unary.expr)
                .text("op", if unary.negative { "-" } else { "+" })
                .text("type", "unaryExpr")
                .close();
        }
        Expr::Binary(binary) => write_binary(binary, out),
        Expr::Aggregate(aggregate) => write_aggregate(aggregate, out),
        Expr::Call(call) => write_call(call, out),
        Expr::Paren(paren) => {
            let mut object = Object::open(out);
            object.expr("expr", &paren.expr).text("type", "parenExpr").close();
        }
    }
}

fn write_aggregate(aggregate: &Aggregate, out: &mut String) {
    let mut object = Object::open(out);
    object.expr("expr", &aggregate.expr);
    write_list(&aggregate.grouping, object.key("grouping"));
    object.text("op", aggregate.op.as_str());
    match &aggregate.param {
        Some(param) => object.expr("param", param),
        None => object.raw("param", "null"),
    };
    object
        .text("type", "aggregation")
        .bool("without", aggregate.without)
        .close();
}

fn write_binary(binary: &Binary, out: &mut String) {
    let mut object = Object::open(out);
    object.bool("bool", binary.return_bool).expr("lhs", &binary.left);
    match &binary.matching {
        Some(matching) => write_matching(matching, object.key("matching")),
        None => {
            object.raw("matching", "null");
        }
    }
    object
        .text("op", binary.op.as_str())
        .expr("rhs", &binary.right)
        .text("type", "binaryExpr")
        .close();
}

fn write_matching(matching: &VectorMatching, out: &mut String) {
    let mut object = Object::open(out);
    object.text("card", matching.cardinality.as_str());
    let mut fill = Object::open(object.key("fillValues"));
    for (side, value) in [("lhs", matching.fill_left), ("rhs", matching.fill_right)] {
        match value.filter(|value| value.is_finite()) {
            Some(value) => fill.raw(side, &json_number(value)),
            None => fill.raw(side, "null"),
        };
    }
    fill.close();
    write_list(&matching.include, object.key("include"));
    write_list(&matching.labels, object.key("labels"));
    object.bool("on", matching.on).close();
}

/// A float as Go's JSON writes it: an exponent only for the very small and the very large.
fn json_number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return plain(value);
    }
    let text = format!("{value:e}");
    // Rust leaves the plus out.
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

fn write_call(call: &Call, out: &mut String) {
    let signature = call.function.signature();
    let mut object = Object::open(out);
    let args = object.key("args");
    args.push('[');
    for (i, arg) in call.args.iter().enumerate() {
        args.push_str(if i > 0 { "," } else { "" });
        write(arg, args);
    }
    args.push(']');
    let mut function = Object::open(object.key("func"));
    let types: Vec<_> = signature.args.iter().map(|arg| arg.as_str()).collect();
    write_list(&types, function.key("argTypes"));
    function
        .text("name", signature.name)
        .text("returnType", signature.returns.as_str())
        .raw("variadic", &signature.variadic.to_string())
        .close();
    object.text("type", "call").close();
}

fn write_vector(selector: &VectorSelector, out: &mut String) {
    let mut object = Object::open(out);
    write_selector_head(selector, &mut object);
    write_selector_tail(selector, "vectorSelector", &mut object);
}

fn write_matrix(matrix: &MatrixSelector, out: &mut String) {
    let selector = &matrix.selector;
    let mut object = Object::open(out);
    write_selector_head(selector, &mut object);
    write_duration(Some(&matrix.range), "range", "rangeExpr", &mut object);
    write_selector_tail(selector, "matrixSelector", &mut object);
}

fn write_subquery(subquery: &Subquery, out: &mut String) {
    let mut object = Object::open(out);
    object.expr("expr", &subquery.expr);
    write_duration(
        subquery.shift.offset.as_ref(),
        "offset",
        "offsetExpr",
        &mut object,
    );
    write_duration(Some(&subquery.range), "range", "rangeExpr", &mut object);
    write_start_or_end(&subquery.shift, &mut object);
    write_duration(subquery.step.as_ref(), "step", "stepExpr", &mut object);
    write_timestamp(&subquery.shift, &mut object);
    object.text("type", "subquery").close();
}

fn write_selector_head(selector: &VectorSelector, object: &mut Object<'_>) {
    object.bool("anchored", selector.extension == Some(RangeExtension::Anchored));
    write_matchers(&selector.matchers, object.key("matchers"));
    object.text("name", &selector.name);
    write_duration(selector.shift.offset.as_ref(), "offset", "offsetExpr", object);
}

fn write_selector_tail(selector: &VectorSelector, kind: &str, object: &mut Object<'_>) {
    let is_smoothed = selector.extension == Some(RangeExtension::Smoothed);
    object.bool("smoothed", is_smoothed);
    write_start_or_end(&selector.shift, object);
    write_timestamp(&selector.shift, object);
    object.text("type", kind).close();
}

fn write_start_or_end(shift: &TimeShift, object: &mut Object<'_>) {
    match shift.at {
        Some(AtTime::Start) => object.text("startOrEnd", "start"),
        Some(AtTime::End) => object.text("startOrEnd", "end"),
        _ => object.raw("startOrEnd", "null"),
    };
}

fn write_timestamp(shift: &TimeShift, object: &mut Object<'_>) {
    match shift.at {
        Some(AtTime::Fixed { at_ms }) => object.raw("timestamp", &at_ms.to_string()),
        _ => object.raw("timestamp", "null"),
    };
}

/// A duration under two keys: its milliseconds, or the expression to compute them.
fn write_duration(duration: Option<&Duration>, key: &str, expr_key: &str, object: &mut Object<'_>) {
    let (ms, expression) = match duration {
        None => (0, None),
        Some(Duration::Literal { ms, .. }) => (*ms, None),
        Some(Duration::Expression(expression)) => (0, Some(expression)),
    };
    object.raw(key, &ms.to_string());
    match expression {
        Some(expression) => write_duration_expr(expression, object.key(expr_key)),
        None => {
            object.raw(expr_key, "null");
        }
    }
}

fn write_duration_expr(expr: &DurationExpr, out: &mut String) {
    // Prometheus has no node for a parenthesis: it is a mark on what is inside, and a number, which
    // cannot bear a mark, gets a plus sign that can.
    let (expr, wrapped) = match expr {
        DurationExpr::Paren { of, .. } => (&**of, true),
        other => (other, false),
    };
    let none: Option<&DurationExpr> = None;
    let (op, left, right) = match expr {
        DurationExpr::Number(number) if wrapped => return write_signed(number, out),
        DurationExpr::Number(number) => return write_duration_number(number, out),
        DurationExpr::Step { .. } => ("step", none, none),
        DurationExpr::Range { .. } => ("range", none, none),
        DurationExpr::Unary { negative, of, .. } => (if *negative { "-" } else { "+" }, none, Some(&**of)),
        DurationExpr::Paren { of, .. } => return write_duration_expr(of, out),
        DurationExpr::Binary { op, left, right, .. } => (op.as_str(), Some(&**left), Some(&**right)),
    };
    let mut object = Object::open(out);
    for (i, (key, side)) in [("lhs", left), ("rhs", right)].into_iter().enumerate() {
        if i == 1 {
            object.text("op", op);
        }
        match side {
            Some(side) => write_duration_expr(side, object.key(key)),
            None => {
                object.raw(key, "null");
            }
        }
    }
    object
        .text("type", "durationExpr")
        .bool("wrapped", wrapped)
        .close();
}

fn write_signed(number: &Number, out: &mut String) {
    let mut object = Object::open(out);
    object.raw("lhs", "null").text("op", "+");
    write_duration_number(number, object.key("rhs"));
    object.text("type", "durationExpr").bool("wrapped", true).close();
}

fn write_duration_number(number: &Number, out: &mut String) {
    let mut object = Object::open(out);
    object
        .bool("duration", number.is_duration)
        .text("type", "numberLiteral")
        .text("val", &plain(number.value))
        .close();
}

fn write_matchers(matchers: &[Matcher], out: &mut String) {
    out.push('[');
    for (i, matcher) in matchers.iter().enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        let mut object = Object::open(out);
        object
            .text("name", matcher.name())
            .text("type", matcher.kind().as_str())
            .text("value", matcher.value())
            .close();
    }
    out.push(']');
}

fn write_list<T: AsRef<str>>(items: &[T], out: &mut String) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        write_text(item.as_ref(), out);
    }
    out.push(']');
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}' | char::REPLACEMENT_CHARACTER => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
