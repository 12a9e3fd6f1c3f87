//! Which rules of a group may be evaluated side by side.
//!
//! A rule depends on an earlier one whose metric it may select; an alert is selected through `ALERTS` and
//! `ALERTS_FOR_STATE`. First come all rules that depend on none, together; then, one after the other,
//! those that depend on some and that some depend on; at last, together, those that none depends on.
//! A selector without a metric name could select anything: then the order of the file is kept.

use promql::parser::Expr;
use tsdb::model::{METRIC_NAME, Matcher};

use super::rule::Rule;
use super::{ALERT_NAME, ALERTS, ALERTS_FOR_STATE};

/// Batches of rules by index, to be evaluated one batch after the other; `None` where the order of the file
/// must be kept.
pub(super) fn batches(rules: &[Rule]) -> Option<Vec<Vec<usize>>> {
    let mut needs = vec![false; rules.len()];
    let mut is_needed = vec![false; rules.len()];
    for (i, rule) in rules.iter().enumerate() {
        for selector in selectors(rule.expr()) {
            let name = selector.iter().find(|matcher| matcher.name() == METRIC_NAME)?;
            for (earlier, other) in rules[..i].iter().enumerate() {
                if selects(selector, name, other) {
                    needs[i] = true;
                    is_needed[earlier] = true;
                }
            }
        }
    }
    let indexes =
        |wanted: &dyn Fn(usize) -> bool| (0..rules.len()).filter(|&i| wanted(i)).collect::<Vec<_>>();
    let mut batches = vec![indexes(&|i| !needs[i])];
    batches.extend(
        indexes(&|i| needs[i] && is_needed[i])
            .into_iter()
            .map(|i| vec![i]),
    );
    batches.push(indexes(&|i| needs[i] && !is_needed[i]));
    batches.retain(|batch| !batch.is_empty());
    Some(batches)
}

fn selectors(expr: &Expr) -> Vec<&[Matcher]> {
    expr.selectors()
}

/// Whether the selector may select what `rule` writes.
fn selects(selector: &[Matcher], name: &Matcher, rule: &Rule) -> bool {
    if name.matches(rule.name()) {
        return true;
    }
    let selects_alerts = name.matches(ALERTS) || name.matches(ALERTS_FOR_STATE);
    let alert_name = selector.iter().find(|matcher| matcher.name() == ALERT_NAME);
    selects_alerts
        && rule.as_alerting().is_some()
        && alert_name.is_none_or(|matcher| matcher.matches(rule.name()))
}
