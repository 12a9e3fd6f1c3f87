//! `promql`: formatting and editing expressions, and running test scripts.

use std::io::Write;

use promql::parser::ast::VectorSelector;
use promql::parser::{Expr, ParserOptions, parse_expr, pretty};
use promql::script::run_file;
use tsdb::model::{MatchKind, Matcher};

use super::command::Invocation;
use super::features::Features;
use super::{FAILED, OK, Terminal};

/// `promql format`
pub(super) fn format(invocation: &Invocation<'_>, features: &Features, terminal: &mut Terminal<'_>) -> u8 {
    print_edited(invocation, &features.parser, &mut |_| Ok(()), terminal)
}

/// `promql label-matchers set`
pub(super) fn set_matcher(
    invocation: &Invocation<'_>,
    features: &Features,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let (name, value) = (invocation.text("name"), invocation.text("value"));
    let kind = match invocation.text("type") {
        "!=" => MatchKind::NotEqual,
        "=~" => MatchKind::Regex,
        "!~" => MatchKind::NotRegex,
        _ => MatchKind::Equal,
    };
    let mut set = |selector: &mut VectorSelector| {
        let matcher = Matcher::new(kind, name, value).map_err(|error| error.to_string())?;
        let mut is_there = false;
        for found in selector.matchers.iter_mut().filter(|found| found.name() == name) {
            *found = matcher.clone();
            is_there = true;
        }
        if !is_there {
            selector.matchers.push(matcher);
        }
        Ok(())
    };
    print_edited(invocation, &features.parser, &mut set, terminal)
}

/// `promql label-matchers delete`
pub(super) fn delete_matcher(
    invocation: &Invocation<'_>,
    features: &Features,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let name = invocation.text("name");
    let mut delete = |selector: &mut VectorSelector| {
        selector.matchers.retain(|matcher| matcher.name() != name);
        Ok(())
    };
    print_edited(invocation, &features.parser, &mut delete, terminal)
}

/// Changes a selector.
type Edit<'a> = &'a mut dyn FnMut(&mut VectorSelector) -> Result<(), String>;

fn print_edited(
    invocation: &Invocation<'_>,
    options: &ParserOptions,
    edit: Edit<'_>,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let edited = parse_expr(invocation.text("query"), options)
        .map_err(|error| error.to_string())
        .and_then(|mut expr| edit_selectors(&mut expr, edit).map(|()| expr));
    match edited {
        Ok(expr) => {
            terminal.print_line(pretty(&expr));
            OK
        }
        Err(error) => {
            terminal.complain_line(error);
            FAILED
        }
    }
}

fn edit_selectors(expr: &mut Expr, edit: Edit<'_>) -> Result<(), String> {
    match expr {
        Expr::Number(_) | Expr::Text(_) => Ok(()),
        Expr::Vector(selector) => edit(selector),
        Expr::Matrix(matrix) => edit(&mut matrix.selector),
        Expr::Subquery(node) => edit_selectors(&mut node.expr, edit),
        Expr::Unary(node) => edit_selectors(&mut node.expr, edit),
        Expr::Paren(node) => edit_selectors(&mut node.expr, edit),
        Expr::Binary(node) => {
            edit_selectors(&mut node.left, edit)?;
            edit_selectors(&mut node.right, edit)
        }
        Expr::Aggregate(node) => {
            edit_selectors(&mut node.expr, edit)?;
            node.param
                .iter_mut()
                .try_for_each(|param| edit_selectors(param, edit))
        }
        Expr::Call(node) => node.args.iter_mut().try_for_each(|arg| edit_selectors(arg, edit)),
    }
}

/// `promql script`: a line for each command that does not hold, and how many did.
pub(super) fn script(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> u8 {
    let (mut passed, mut failed) = (0, 0);
    for file in invocation.texts("script-files") {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                terminal.complain_line(format_args!("{file}: {error}"));
                failed += 1;
                continue;
            }
        };
        let mut out: &mut dyn Write = terminal.out;
        match run_file(&text, file, &mut out) {
            Ok(summary) => {
                passed += summary.passed;
                failed += summary.failed;
            }
            // Nobody reads on.
            Err(_) => return FAILED,
        }
    }
    terminal.print_line(format_args!("{passed} passed, {failed} failed"));
    if failed == 0 { OK } else { FAILED }
}
