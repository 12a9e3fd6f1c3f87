//! Changes that show in what the parser says and prints.

use promql::functions::Function;
use promql::parser::Expr;
use promql::parser::ast::{Duration, DurationExpr, TimeShift};
use serde_json::Value;

use super::case::{Case, error};

/// Members of the syntax tree that the peer does not have, and what they say where nothing new is written.
pub(super) fn new_members(case: &mut Case<'_>) {
    if case.path.ends_with("parse_query") {
        strip(&mut case.ours, false);
        strip(&mut case.theirs, true);
    }
}

/// Removes what is new; of the peer, which may know it, only what says nothing.
fn strip(value: &mut Value, is_theirs: bool) {
    match value {
        Value::Object(fields) => {
            for (name, empty) in [
                ("anchored", Value::Bool(false)),
                ("smoothed", Value::Bool(false)),
                ("offsetExpr", Value::Null),
                ("rangeExpr", Value::Null),
                ("stepExpr", Value::Null),
                ("fillValues", serde_json::json!({"lhs": null, "rhs": null})),
            ] {
                if fields
                    .get(name)
                    .is_some_and(|found| !is_theirs || *found == empty)
                {
                    fields.remove(name);
                }
            }
            fields.values_mut().for_each(|value| strip(value, is_theirs));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, is_theirs)),
        _ => {}
    }
}

/// `ignoring () group_left (…)` is printed by ours alone.
pub(super) fn empty_ignoring(case: &mut Case<'_>) {
    level_printed(case, without_empty_ignoring);
    // Its labels may need quotes, too: see `quoted_labels`.
    level_printed(case, |text| without_empty_ignoring(&text.replace('"', "")));
}

fn without_empty_ignoring(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("ignoring () group_") {
        out.push_str(before);
        let (_, labels) = after.split_once('(').unwrap_or_default();
        rest = labels.split_once(')').map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// Where theirs fell over.
pub(super) fn unexpected(case: &mut Case<'_>) {
    if error(&case.theirs).ends_with(": unexpected error") && error(&case.ours).contains("parse error: ") {
        case.excuse();
    }
}

/// The text of an error without its place.
fn without_place(text: &str) -> &str {
    text.split_once(": parse error: ").map_or(text, |(_, said)| said)
}

/// The same is said of another place.
pub(super) fn aggregation_places(case: &mut Case<'_>) {
    let (ours, theirs) = (error(&case.ours).to_owned(), error(&case.theirs).to_owned());
    let is_about_it = ours.contains("aggregat") || ours.contains("ON and GROUP");
    if is_about_it && without_place(&ours) == without_place(&theirs) {
        case.theirs["error"] = ours.into();
    }
}

/// Theirs has `"<Item 57…>" <op:@>` where ours has `<op:@>`.
pub(super) fn at_sign(case: &mut Case<'_>) {
    let theirs = error(&case.theirs).to_owned();
    if let Some((before, rest)) = theirs.split_once("\"<Item ")
        && let Some((_, after)) = rest.split_once(">\" ")
        && after.starts_with("<op:@>")
    {
        case.theirs["error"] = format!("{before}{after}").into();
    }
}

pub(super) fn durations(case: &mut Case<'_>) {
    let theirs = error(&case.theirs).to_owned();
    if theirs.is_empty() {
        return;
    }
    for (old, new) in [
        (
            "in offset, expected number or duration",
            "in offset, expected number, duration, step(), or range()",
        ),
        (
            "in subquery selector, expected number or duration or \"]\"",
            "in subquery selector, expected number, duration, step(), range(), or \"]\"",
        ),
        (
            "in subquery selector, expected number or duration",
            "in subquery or range selector, expected number, duration, step(), or range()",
        ),
    ] {
        if theirs.replace(old, new) == error(&case.ours) {
            case.theirs["error"] = case.ours["error"].clone();
        }
    }
    // Whatever stands between brackets is a colon to it, and it stumbles over what follows.
    let ours = error(&case.ours);
    let is_no_colon =
        ours.contains("parse error: unexpected character: ") && ours.ends_with(", expected ':'");
    // What types meet it sees only when it has read all.
    let is_about_types = theirs.contains("must contain only");
    if is_no_colon && (is_about_types || place(ours) <= place(&theirs)) {
        case.theirs["error"] = case.ours["error"].clone();
    }
}

/// Line and column of a parse error.
fn place(text: &str) -> Option<(usize, usize)> {
    let (before, _) = text.split_once(": parse error: ")?;
    let mut numbers = before.rsplit([' ', ':']).map(|number| number.parse().ok());
    let (column, line) = (numbers.next()??, numbers.next()??);
    Some((line, column))
}

/// Durations in parentheses, which it takes for those without, and without the sign before them.
pub(super) fn parentheses(case: &mut Case<'_>) {
    let is_wrapped = |range: &Duration| match range {
        Duration::Expression(expression) => holds_parentheses(expression),
        Duration::Literal { .. } => false,
    };
    let shifted = |shift: &TimeShift| shift.offset.as_ref().is_some_and(is_wrapped);
    let has_some = case.has(|node| match node {
        Expr::Vector(selector) => shifted(&selector.shift),
        Expr::Matrix(matrix) => is_wrapped(&matrix.range) || shifted(&matrix.selector.shift),
        Expr::Subquery(subquery) => {
            is_wrapped(&subquery.range)
                || subquery.step.as_ref().is_some_and(is_wrapped)
                || shifted(&subquery.shift)
        }
        _ => false,
    });
    // Or it ends the duration elsewhere, and then finds it too long.
    let is_too_long = error(&case.theirs).ends_with("parse error: duration out of range");
    if has_some && (case.is_text() || is_too_long) {
        case.excuse();
    }
}

fn holds_parentheses(expression: &DurationExpr) -> bool {
    match expression {
        DurationExpr::Paren { .. } => true,
        DurationExpr::Unary { of, .. } => holds_parentheses(of),
        DurationExpr::Binary { left, right, .. } => holds_parentheses(left) || holds_parentheses(right),
        DurationExpr::Number(_) | DurationExpr::Step { .. } | DurationExpr::Range { .. } => false,
    }
}

/// Labels that need quotes are printed without them by theirs.
pub(super) fn quoted_labels(case: &mut Case<'_>) {
    level_printed(case, |text| text.replace('"', ""));
}

/// Modifiers before the range, which theirs takes as if they stood after it.
pub(super) fn before_range(case: &mut Case<'_>) {
    let ours = error(&case.ours);
    let is_refused = ours.contains("modifiers allowed before range") || ours.contains("before range");
    if is_refused && error(&case.theirs).is_empty() {
        case.excuse();
    }
}

/// What grouping a word that is none was expected to begin is not said any more.
pub(super) fn grouping_context(case: &mut Case<'_>) {
    let theirs = error(&case.theirs).replace(" in grouping opts, expected \"(\"", "");
    if !theirs.is_empty() && theirs == error(&case.ours) {
        case.theirs["error"] = theirs.into();
    }
}

/// Makes printed queries equal that are so once leveled, wherever their lines are broken.
fn level_printed(case: &mut Case<'_>, leveled: impl Fn(&str) -> String) {
    if !case.path.ends_with("format_query") {
        return;
    }
    let bare = |text: &str| leveled(&text.split_whitespace().collect::<Vec<_>>().join(" ")).replace(' ', "");
    let (Some(ours), Some(theirs)) = (case.ours["data"].as_str(), case.theirs["data"].as_str()) else {
        return;
    };
    if bare(ours) == bare(theirs) {
        case.theirs["data"] = case.ours["data"].clone();
    }
}

/// Words that the peer takes for names of functions it does not know, or of metrics.
pub(super) fn new_words(case: &mut Case<'_>) {
    let unknown = ["start", "end", "step", "range", "min_of", "max_of"];
    let theirs = error(&case.theirs);
    // As no function they are already out of place, what follows is not yet.
    let is_called = unknown
        .iter()
        .any(|name| case.query.contains(&format!("{name}(")));
    if is_called && !theirs.is_empty() && without_place(theirs) == without_place(error(&case.ours)) {
        case.theirs["error"] = case.ours["error"].clone();
        return;
    }
    // Or it stumbles over the parenthesis after the word.
    let is_stumbling = unknown.iter().any(|name| {
        let called = format!("{name}(");
        case.query.match_indices(&called).any(|(at, _)| {
            let before = &case.query[..at + name.len()];
            let line = before.matches('\n').count() + 1;
            let column = at + name.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
            theirs.contains(&format!(" {line}:{column}: parse error: unexpected \"(\""))
        })
    });
    if is_stumbling {
        case.excuse();
        return;
    }
    let is_unknown = unknown
        .iter()
        .any(|name| theirs.contains(&format!("unknown function with name \"{name}\"")));
    let functions = [
        Function::Start,
        Function::End,
        Function::Step,
        Function::Range,
        Function::MinOf,
        Function::MaxOf,
    ];
    if is_unknown || case.calls(&functions) {
        case.excuse();
    }
}

/// `</` and `>/` are an operator followed by an operator to the peer.
pub(super) fn trimming(case: &mut Case<'_>) {
    let trims =
        |node: &Expr| matches!(node, Expr::Binary(binary) if matches!(binary.op.as_str(), "</" | ">/"));
    let theirs = error(&case.theirs);
    if (case.query.contains("</") || case.query.contains(">/"))
        && (theirs.contains("unexpected <op:/>") || case.has(trims))
    {
        case.excuse();
    }
}
