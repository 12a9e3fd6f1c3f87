//! What Prometheus has changed since the peer's version about computing with native histograms.

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
