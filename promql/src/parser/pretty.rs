//! Printing over many lines, as Go's `Prettify` does it (`/api/v1/format_query`).
//!
//! What fits into 100 bytes stays on one line; a longer aggregation, call, parenthesis or binary
//! operation is broken and its parts are indented by two spaces more.

use super::ast::{Aggregate, Binary, Call, Expr};

const LINE_BYTES_MAX: usize = 100;

/// `expr` over as many lines as it needs.
pub fn pretty(expr: &Expr) -> String {
    let mut out = String::new();
    write(expr, 0, &mut out);
    out
}

fn write(expr: &Expr, level: usize, out: &mut String) {
    let line = expr.to_string();
    let fits = line.len() <= LINE_BYTES_MAX;
    match expr {
        // Of these alone Prometheus forgets the indentation.
        Expr::Subquery(_) if fits => out.push_str(&line),
        Expr::Subquery(subquery) => {
            write(&subquery.expr, level, out);
            // Writing into a string cannot fail.
            let _written = subquery.write_suffix(out);
        }
        Expr::Unary(unary) => {
            indent(level, out);
            out.push(if unary.negative { '-' } else { '+' });
            let mut inner = String::new();
            write(&unary.expr, level, &mut inner);
            out.push_str(inner.trim());
        }
        Expr::Aggregate(aggregate) if !fits => write_aggregate(aggregate, level, out),
        Expr::Binary(binary) if !fits => write_binary(binary, level, out),
        Expr::Call(call) if !fits => write_call(call, level, out),
        Expr::Paren(paren) if !fits => {
            indent(level, out);
            out.push_str("(\n");
            write(&paren.expr, level + 1, out);
            out.push('\n');
            indent(level, out);
            out.push(')');
        }
        _ => {
            indent(level, out);
            out.push_str(&line);
        }
    }
}

fn write_aggregate(aggregate: &Aggregate, level: usize, out: &mut String) {
    indent(level, out);
    let _written = aggregate.write_head(out);
    out.push_str("(\n");
    if let Some(param) = &aggregate.param {
        write(param, level + 1, out);
        out.push_str(",\n");
    }
    write(&aggregate.expr, level + 1, out);
    out.push('\n');
    indent(level, out);
    out.push(')');
}

fn write_binary(binary: &Binary, level: usize, out: &mut String) {
    write(&binary.left, level + 1, out);
    out.push('\n');
    indent(level, out);
    let _written = binary.write_operator(out);
    out.push('\n');
    write(&binary.right, level + 1, out);
}

fn write_call(call: &Call, level: usize, out: &mut String) {
    indent(level, out);
    out.push_str(call.function.name());
    out.push_str("(\n");
    for (i, arg) in call.args.iter().enumerate() {
        out.push_str(if i > 0 { ",\n" } else { "" });
        write(arg, level + 1, out);
    }
    out.push('\n');
    indent(level, out);
    out.push(')');
}

fn indent(level: usize, out: &mut String) {
    for _ in 0..level {
        out.push_str("  ");
    }
}
