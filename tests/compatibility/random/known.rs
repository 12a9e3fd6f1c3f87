//! What Prometheus has changed between the peer's 3.5 and the 3.14 that we follow.

use serde_json::Value;

/// Makes equal what says the same in both versions.
///
/// | since | change |
/// |---|---|
/// | 3.7 | selectors of the syntax tree say whether they are `anchored` or `smoothed` |
/// | 3.14 | the syntax tree has durations that are computed, and what fills in for a missing partner |
/// | 3.14 | warnings about buckets leave the metric name out unless names are dropped late |
/// | 3.10 | what is said about buckets whose counts fell tells how many, and where the first was |
/// | 3.12 | a warning says that sorting means nothing in a range query |
/// | 3.6 | tokens without a name are left out of parse errors |
///
/// Which of several groups a matching error names is chance in the peer, where an operand comes out of a map.
pub(super) fn level(_query: &str, ours: &mut Value, theirs: &mut Value) {
    for answer in [&mut *ours, &mut *theirs] {
        strip(answer);
        shorten_matching_error(answer);
        leave_item_numbers_out(answer);
        for list in ["warnings", "infos"] {
            let Some(Value::Array(texts)) = answer.get_mut(list) else {
                continue;
            };
            texts.retain(|text| {
                !text
                    .as_str()
                    .is_some_and(|text| text.contains("sort is ineffective"))
            });
            for text in texts.iter_mut() {
                leave_name_out(text);
                leave_figures_out(text);
            }
            texts.dedup();
            if texts.is_empty() {
                answer.as_object_mut().expect("answers are objects").remove(list);
            }
        }
    }
}

/// Removes fields of the syntax tree that the peer does not know.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in [
                "anchored",
                "smoothed",
                "offsetExpr",
                "rangeExpr",
                "stepExpr",
                "fillValues",
            ] {
                fields.remove(name);
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn shorten_matching_error(answer: &mut Value) {
    let text = answer["error"].as_str().unwrap_or_default();
    let side = ["left", "right"]
        .into_iter()
        .find(|side| text.contains(&format!("on the {side} hand-side of the operation: [")));
    if let Some(side) = side.filter(|_| text.contains("found duplicate series for the match group ")) {
        answer["error"] = format!("found duplicate series on the {side} hand-side").into();
    }
}

fn leave_item_numbers_out(answer: &mut Value) {
    let Some(text) = answer["error"].as_str() else {
        return;
    };
    if let Some((before, rest)) = text.split_once("\"<Item ")
        && let Some((_, after)) = rest.split_once(">\" ")
    {
        answer["error"] = format!("{before}{after}").into();
    }
}

fn leave_name_out(text: &mut Value) {
    let Some(old) = text.as_str() else {
        return;
    };
    if !old.contains("bucket label \"le\"") && !old.contains("fixed for monotonicity") {
        return;
    }
    let Some((before, rest)) = old.split_once(" for metric name \"") else {
        return;
    };
    let Some((_, after)) = rest.split_once('"') else {
        return;
    };
    *text = format!("{before}{after}").into();
}

/// What is said about buckets whose counts fell, without how many there were, and where.
fn leave_figures_out(text: &mut Value) {
    let old = text.as_str().unwrap_or_default();
    if let Some((said, _)) = old.split_once("#histogram_quantile)") {
        *text = said.into();
    }
}

/// Whether a whole answer may differ.
///
/// | since | change |
/// |---|---|
/// | 3.6 | `topk` and the like look at their parameter before they look at series, and have a text of its own for no number |
/// | 3.14 | no mistake in a query is an "unexpected error" |
/// | 3.6 | an operator's place begins after the whole left operand |
/// | 3.6 | `ignoring ()` is printed if it groups |
/// | 3.8 | two partners are one too many also where a comparison does not hold |
/// | 3.14 | `mad_over_time` of values of which one is no number is none |
/// | 3.10 | with delayed name removal, a name that a subquery dropped stays dropped under `last_over_time` |
/// | 3.10 | `info` passes on series without identifying labels, and chooses among info series otherwise |
/// | 3.14 | durations are expressions: what may stand between brackets and after `offset`, and how that is said |
/// | 3.14 | `start()`, `end()`, `step()` and `range()` are functions |
pub(super) fn explains(query: &str, ours: &Value, theirs: &Value) -> bool {
    let is_printed =
        query.starts_with("/api/v1/format_query") && query.replace(' ', "").contains("ignoring()");
    if is_printed && ours["status"] == "success" && theirs["status"] == "success" {
        return true;
    }
    let text = |answer: &Value| answer["error"].as_str().unwrap_or_default().to_owned();
    let (ours, theirs) = (text(ours), text(theirs));
    if theirs.ends_with(": unexpected error") {
        return true;
    }
    let is_about_parameter = |text: &str| text.ends_with("value is NaN") || text.ends_with("flows int64");
    if is_about_parameter(&ours) {
        return true;
    }
    if ours.ends_with("must not occur in ON and GROUP clause at once") {
        return theirs.ends_with("must not occur in ON and GROUP clause at once");
    }
    if ours.starts_with("multiple matches for labels") && theirs.is_empty() {
        return true;
    }
    let is_new = ["start", "end", "step", "range"]
        .iter()
        .any(|name| theirs.contains(&format!("unknown function with name \"{name}\"")));
    let about_durations = ["duration", "colon", "expected ':'", "range selector", "subquery"]
        .iter()
        .any(|word| ours.contains(word) || theirs.contains(word));
    // Of equal values those are chosen that come first, and in a range query they come out of a map.
    let is_chance = query.starts_with("/api/v1/query_range")
        && ["topk", "bottomk", "limitk"].iter().any(|op| query.contains(op));
    is_new
        || about_durations
        || is_chance
        || query.contains("info(")
        || query.contains("mad_over_time")
        || query.contains("last_over_time((")
}

/// An answer about native histograms without what a later version says otherwise.
///
/// | since | change |
/// |---|---|
/// | 3.8 | a histogram multiplied with, or divided by, less than zero is a gauge |
/// | 3.8 | in subqueries nothing is known about resets |
pub(super) fn level_histogram(expression: &str, answer: &str) -> String {
    let mut answer = answer.to_owned();
    if expression.contains('-') || expression.contains(":1m]") {
        for hint in ["gauge", "not_reset", "reset"] {
            for text in [
                format!(" counter_reset_hint:{hint}"),
                format!("counter_reset_hint:{hint}"),
            ] {
                answer = answer.replace(&text, "");
            }
        }
    }
    answer
}

/// Whether an answer about native histograms may differ as a whole.
///
/// | since | change |
/// |---|---|
/// | 3.7 | what is summed over time is the samples of the window (the peer may take one twice) |
/// | 3.7 | means are taken of the sum, not step by step, which shows where zero buckets are brought together |
pub(super) fn explains_histogram(expression: &str, theirs: &str) -> bool {
    let sums = expression.contains("sum_over_time") || expression.contains("avg_over_time");
    let is_derived = expression.contains("histogram_") || expression.contains("count_values");
    // Listed bounds divided by zero have a zero bucket that is no number, which the peer fails to print.
    let has_no_text = expression.contains("count_values") && expression.contains("/ 0");
    // Quantiles of counts below zero mean nothing, and the peer finds other ones.
    let is_below_zero = ["-(", "-1 *", "* -1", "/ -1"]
        .iter()
        .any(|text| expression.contains(text));
    let is_meaningless = expression.contains("histogram_quantile") && is_below_zero;
    // Of histograms whose buckets it has not read the peer finds equal ones to differ.
    let is_half_read = expression.contains("histogram_") && expression.contains("= on");
    has_no_text
        || is_meaningless
        || is_half_read
        || expression.contains("avg")
        || (sums && (is_derived || !adds_up(theirs)))
}

/// Whether the buckets of each histogram that is shown make up its count.
fn adds_up(answer: &str) -> bool {
    let numbers = |text: &str| -> f64 {
        let each = text.split(' ').filter_map(|number| number.parse::<f64>().ok());
        each.sum()
    };
    answer.split("{{").skip(1).all(|histogram| {
        let field = |name: &str, end: char| -> f64 {
            let rest = histogram.split(&format!(" {name}")).nth(1);
            let rest = rest.or_else(|| histogram.strip_prefix(name));
            rest.and_then(|rest| rest.split(end).next()).map_or(0.0, numbers)
        };
        let parts = field("z_bucket:", ' ') + field("buckets:[", ']') + field("n_buckets:[", ']');
        let count = field("count:", ' ');
        (parts - count).abs() <= 1e-6 * count.abs()
    })
}
