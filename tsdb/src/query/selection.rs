//! What a query asks of storage: one selector, and the times that it can need.

use std::fmt;

use super::Heaviest;
use crate::model::labels::is_legacy_metric_name;
use crate::model::{METRIC_NAME, MatchKind, Matcher};

/// One selector of a query, and the times that it can need.
#[derive(Clone, Debug)]
pub struct Selection {
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// The earliest sample that may be asked for, itself included.
    pub from_ms: i64,
    /// The latest sample that may be asked for, itself included.
    pub through_ms: i64,
    /// Only labels are wanted, as `/api/v1/series` does: cursors will not be used.
    pub labels_only: bool,
    /// Sort the roster by labels. Without it the order is the source's: by ref in the head, by labels in
    /// blocks and wherever several sources are merged. The order shows in the last digits of sums.
    pub sorted: bool,
}

impl Selection {
    /// Samples of the series that match, from `from_ms` through `through_ms`.
    pub fn new(matchers: Vec<Matcher>, from_ms: i64, through_ms: i64) -> Self {
        Self {
            matchers,
            from_ms,
            through_ms,
            labels_only: false,
            sorted: false,
        }
    }
}

impl Selection {
    /// This selector as the one that costs most.
    pub fn as_heaviest(&self, series: usize, read_bytes: u64) -> Heaviest {
        Heaviest {
            selector: self.to_string(),
            series,
            read_bytes,
        }
    }
}

impl fmt::Display for Selection {
    /// As PromQL writes it: `up{job="node"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_name = |m: &Matcher| {
            m.name() == METRIC_NAME && m.kind() == MatchKind::Equal && is_legacy_metric_name(m.value())
        };
        let name = self.matchers.iter().position(is_name);
        if let Some(at) = name {
            f.write_str(self.matchers[at].value())?;
        }
        let rest = (0..self.matchers.len()).filter(|at| Some(*at) != name);
        let mut separator = "{";
        for at in rest {
            write!(f, "{separator}{}", self.matchers[at])?;
            separator = ",";
        }
        match (separator, name) {
            ("{", Some(_)) => Ok(()),
            ("{", None) => f.write_str("{}"),
            _ => f.write_str("}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_shown_as_it_is_written() {
        let job = Matcher::new(MatchKind::Regex, "job", "a|b").expect("a pattern");
        let name = Matcher::equal(METRIC_NAME, "up");
        for (matchers, expected) in [
            (vec![job.clone(), name.clone()], r#"up{job=~"a|b"}"#),
            (vec![name], "up"),
            (vec![job.clone(), job], r#"{job=~"a|b",job=~"a|b"}"#),
            (vec![], "{}"),
        ] {
            assert_eq!(Selection::new(matchers, 0, 1).to_string(), expected);
        }
    }
}
