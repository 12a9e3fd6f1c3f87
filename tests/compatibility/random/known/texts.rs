//! Changes that show in what the parser says and prints.

use promql::functions::Function;
use promql::parser::Expr;
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

/// `ignoring ()` before `group_left` is printed by ours alone.
pub(super) fn empty_ignoring(case: &mut Case<'_>) {
    if !case.path.ends_with("format_query") {
        return;
    }
    let (Some(ours), Some(theirs)) = (case.ours["data"].as_str(), case.theirs["data"].as_str()) else {
        return;
    };
    let level = |text: &str| text.replace("ignoring () group_", "group_");
    if level(ours) == level(theirs) {
        case.theirs["data"] = case.ours["data"].clone();
    }
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
    let is_about_it = case.is_text() && (ours.contains("aggregat") || ours.contains("ON and GROUP"));
    if is_about_it && without_place(&ours) == without_place(&theirs) {
        case.theirs["error"] = ours.into();
    }
}

/// Theirs has `<Item 57…> "@"` where ours has `"@"`.
pub(super) fn at_sign(case: &mut Case<'_>) {
    let theirs = error(&case.theirs).to_owned();
    if let Some((before, rest)) = theirs.split_once("\"<Item ")
        && let Some((_, after)) = rest.split_once(">\" ")
        && format!("{before}{after}") == error(&case.ours)
    {
        case.theirs["error"] = case.ours["error"].clone();
    }
}

pub(super) fn durations(case: &mut Case<'_>) {
    let theirs = error(&case.theirs).to_owned();
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
}

/// Words that the peer takes for names of functions it does not know, or of metrics.
pub(super) fn new_words(case: &mut Case<'_>) {
    let unknown = ["start", "end", "step", "range", "min_of", "max_of"];
    let theirs = error(&case.theirs);
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
