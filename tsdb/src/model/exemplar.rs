//! Exemplars: single observations attached to a series, with labels of their own (a trace id, say).

use super::Labels;

/// One exemplar of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Labels of the exemplar itself, not of its series.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// When it was observed; `None` if the target gave no time, so that the scrape's counts.
    pub at_ms: Option<i64>,
}
