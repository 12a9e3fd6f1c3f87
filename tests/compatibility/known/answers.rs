//! Changes that show in what queries answer.

use promql::functions::Function;
use promql::parser::Expr;
use promql::parser::ast::{AggregateOp, AtTime};
use serde_json::Value;
use tsdb::model::METRIC_NAME;

use super::case::{Case, error};

const SORTING: [Function; 4] = [
    Function::Sort,
    Function::SortDesc,
    Function::SortByLabel,
    Function::SortByLabelDesc,
];

fn calls(node: &Expr, functions: &[Function]) -> bool {
    matches!(node, Expr::Call(call) if functions.contains(&call.function))
}

/// Ours alone says that sorting means nothing.
pub(super) fn sort_warning(case: &mut Case<'_>) {
    let is_range = case.is_range() || case.has(|node| matches!(node, Expr::Subquery(_)));
    if !is_range || !case.calls(&SORTING) {
        return;
    }
    let [mut ours, theirs] = case.notes("warnings");
    ours.retain(|text| !text.starts_with("PromQL warning: sort is ineffective for range queries"));
    case.set_notes("warnings", [ours, theirs]);
}

/// The text without the metric's name.
fn without_name(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(" for metric name \"")?;
    let (_, after) = rest.split_once('"')?;
    Some(format!("{before}{after}"))
}

/// Theirs names the metric in what is said about buckets.
pub(super) fn bucket_names(case: &mut Case<'_>) {
    let about = [
        "bucket label \"le\"",
        "fixed for monotonicity",
        "mix of classic and native",
    ];
    case.level_notes(|text| match about.iter().any(|part| text.contains(part)) {
        true => without_name(text).into_iter().collect(),
        false => Vec::new(),
    });
}

/// Ours tells how many buckets fell, and where.
pub(super) fn monotonicity(case: &mut Case<'_>) {
    let both = case.notes("infos").map(|texts| {
        let level = |text: String| match text.split_once("#histogram_quantile)") {
            // The place stays, at the end.
            Some((before, after)) if text.contains("fixed for monotonicity") => {
                let place = after.rsplit_once(" (").map_or("", |(_, place)| place);
                format!("{before}#histogram_quantile) ({place}")
            }
            _ => text,
        };
        texts.into_iter().map(level).collect()
    });
    case.set_notes("infos", both);
}

/// The two series are named in another order.
pub(super) fn matching_pair(case: &mut Case<'_>) {
    let parts = |text: &str| -> Option<(String, Vec<String>, String)> {
        let (before, rest) = text.split_once("hand-side of the operation: [")?;
        let (pair, after) = rest.rsplit_once("];many-to-many")?;
        let mut pair: Vec<String> = pair
            .split("}, {")
            .map(|series| series.trim_matches(['{', '}']).to_owned())
            .collect();
        pair.sort();
        Some((before.to_owned(), pair, after.to_owned()))
    };
    if parts(error(&case.ours)).is_some() && parts(error(&case.ours)) == parts(error(&case.theirs)) {
        case.theirs["error"] = case.ours["error"].clone();
    }
}

/// A parameter that is no number, or too large: said before any series is looked at, in other words.
pub(super) fn parameters(case: &mut Case<'_>) {
    let choosing = [
        AggregateOp::Topk,
        AggregateOp::Bottomk,
        AggregateOp::Limitk,
        AggregateOp::LimitRatio,
    ];
    if !case.has(|node| matches!(node, Expr::Aggregate(aggregate) if choosing.contains(&aggregate.op))) {
        return;
    }
    let ours = error(&case.ours);
    let is_about_it = ours == "Parameter value is NaN"
        || ours == "Ratio value is NaN"
        || (ours.starts_with("Scalar value ") && ours.ends_with("flows int64"));
    let theirs = error(&case.theirs);
    // It says so of the first step that has series, or goes on when none has: to what else is wrong, maybe.
    let is_refused = theirs.contains("parse error");
    if is_about_it && !is_refused {
        case.excuse();
    }
}

/// A metric name that a grouping takes over stays with `bool`, which theirs takes away after all.
pub(super) fn included_names(case: &mut Case<'_>) {
    let includes_name = |node: &Expr| match node {
        Expr::Binary(binary) => {
            let matching = binary.matching.as_ref();
            binary.return_bool
                && matching.is_some_and(|matching| matching.include.iter().any(|name| name == METRIC_NAME))
        }
        _ => false,
    };
    if case.has(includes_name) {
        case.excuse();
    }
}

/// A place on an opening parenthesis stands for what begins within.
pub(super) fn places_within(case: &mut Case<'_>) {
    let query = case.query.to_owned();
    case.level_notes(|text| moved_inwards(&query, text));
}

/// The text with its place moved over each parenthesis that opens there, one candidate for each.
fn moved_inwards(query: &str, text: &str) -> Vec<String> {
    let Some((said, place)) = text.rsplit_once(" (") else {
        return Vec::new();
    };
    let mut numbers = place
        .trim_end_matches(')')
        .split(':')
        .map(|number| number.parse::<usize>().ok());
    let (Some(Some(line)), Some(Some(column))) = (numbers.next(), numbers.next()) else {
        return Vec::new();
    };
    let begin: usize = query.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let (mut at, mut found) = (begin + column - 1, Vec::new());
    while let Some(rest) = query.get(at..).filter(|rest| rest.starts_with('(')) {
        let inner = rest[1..].trim_start();
        at += rest.len() - inner.len();
        // A comment may follow.
        while let Some(rest) = query.get(at..).filter(|rest| rest.starts_with('#')) {
            let after = rest.split_once('\n').map_or("", |(_, after)| after).trim_start();
            at += rest.len() - after.len();
        }
        let before = &query[..at.min(query.len())];
        let line = before.matches('\n').count() + 1;
        let column = at - before.rfind('\n').map_or(0, |end| end + 1) + 1;
        found.push(format!("{said} ({line}:{column})"));
    }
    found
}

/// Fractions of buckets whose first one is cut.
pub(super) fn fractions(case: &mut Case<'_>) {
    if case.part_differs(|node| calls(node, &[Function::HistogramFraction])) {
        case.excuse();
    }
}

/// Ours finds one partner too many where theirs compared first.
pub(super) fn filtered_partners(case: &mut Case<'_>) {
    let filters = |node: &Expr| matches!(node, Expr::Binary(binary) if binary.op.is_comparison() && !binary.return_bool && binary.matching.is_some());
    let ours = error(&case.ours);
    if error(&case.theirs).is_empty() && ours.starts_with("multiple matches for labels") && case.has(filters)
    {
        case.excuse();
    }
}

/// Theirs finds series twice that ours joins.
pub(super) fn merged_series(case: &mut Case<'_>) {
    let loses = |node: &Expr| {
        matches!(node, Expr::Unary(_)) || calls(node, &[Function::LabelReplace, Function::LabelJoin])
    };
    let twice = "vector cannot contain metrics with the same labelset";
    if error(&case.theirs).ends_with(twice) && (case.has(loses) || late_removal()) {
        case.excuse();
    }
}

/// Whether names are dropped late in this run.
fn late_removal() -> bool {
    std::env::var("RANDOM_FEATURES").is_ok_and(|features| features.contains("delayed-name-removal"))
}

pub(super) fn info(case: &mut Case<'_>) {
    if case.part_differs(|node| calls(node, &[Function::Info])) {
        case.excuse();
    }
}

pub(super) fn mad(case: &mut Case<'_>) {
    if case.part_differs(|node| calls(node, &[Function::MadOverTime])) {
        case.excuse();
    }
}

pub(super) fn late_names(case: &mut Case<'_>) {
    let last_of_subquery = |node: &Expr| {
        calls(node, &[Function::LastOverTime])
            && matches!(node, Expr::Call(call) if call.args.iter().any(|arg| matches!(arg, Expr::Subquery(_))))
    };
    if late_removal() && case.part_differs(last_of_subquery) {
        case.excuse();
    }
}

/// How many samples a range with `@` holds at the later steps.
pub(super) fn counted_samples(case: &mut Case<'_>) {
    let is_fixed = |at: &Option<AtTime>| at.is_some();
    let fixed = |node: &Expr| match node {
        Expr::Matrix(matrix) => is_fixed(&matrix.selector.shift.at),
        Expr::Subquery(subquery) => is_fixed(&subquery.shift.at),
        _ => false,
    };
    if case.is_range() && case.has(fixed) {
        level_stats(case);
    }
}

/// What is asked of histograms without their buckets: which are read shows in how many samples they count as, and
/// in which of them are equal.
pub(super) fn statistics(case: &mut Case<'_>) {
    let asks = |node: &Expr| {
        calls(
            node,
            &[
                Function::HistogramCount,
                Function::HistogramSum,
                Function::HistogramAvg,
                Function::HistogramStddev,
                Function::HistogramStdvar,
            ],
        )
    };
    if case.has(asks) {
        level_stats(case);
    }
    if case.part_differs(|node| asks(node) && compares(node)) {
        case.excuse();
    }
}

/// How many samples were looked at is not compared.
fn level_stats(case: &mut Case<'_>) {
    if case.ours["data"].get("stats").is_some() && case.theirs["data"].get("stats").is_some() {
        case.theirs["data"]["stats"] = case.ours["data"]["stats"].clone();
    }
}

/// Whether something below is compared.
fn compares(node: &Expr) -> bool {
    let mut found = false;
    node.walk(&mut |node| found |= matches!(node, Expr::Binary(binary) if binary.op.is_comparison()));
    found
}

/// Whether an answer holds native histograms.
fn holds_histograms(answer: &Value) -> bool {
    let series = answer["data"]["result"].as_array().into_iter().flatten();
    series
        .into_iter()
        .any(|series| !series["histogram"].is_null() || !series["histograms"].is_null())
}

/// What is computed of native histograms: nothing is excused where no part of the query holds any.
pub(super) fn histograms(case: &mut Case<'_>) {
    let computes = |node: &Expr| {
        !matches!(
            node,
            Expr::Vector(_) | Expr::Matrix(_) | Expr::Number(_) | Expr::Text(_) | Expr::Paren(_)
        )
    };
    let parts = case.parts(computes);
    let is_changed =
        |[ours, theirs]: &[Value; 2]| ours != theirs && (holds_histograms(ours) || holds_histograms(theirs));
    if parts.iter().any(is_changed) {
        case.excuse();
        return;
    }
    // Only ours tells of resets that contradict, and of bounds that were reconciled.
    let [mut warnings, theirs] = case.notes("warnings");
    warnings.retain(|text| theirs.contains(text) || !text.contains("conflicting counter resets"));
    case.set_notes("warnings", [warnings, theirs]);
    let [mut infos, theirs] = case.notes("infos");
    infos.retain(|text| theirs.contains(text) || !text.contains("mismatched custom buckets were reconciled"));
    case.set_notes("infos", [infos, theirs]);
}
