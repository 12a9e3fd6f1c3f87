//! Rules of one file that would write the same series: allowed, but worth telling (`promtool`'s lint).

use tsdb::model::{Labels, LabelsBuilder};

use super::RuleGroup;

/// A name and a set of labels that more than one rule has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuplicateRule {
    /// The metric recorded or the alert.
    pub metric: String,
    /// Its labels, the group's included.
    pub labels: Labels,
}

/// Every duplicate once, sorted.
pub fn duplicate_rules(groups: &[RuleGroup]) -> Vec<DuplicateRule> {
    let mut all: Vec<DuplicateRule> = groups
        .iter()
        .flat_map(|group| {
            group.rules.iter().map(|rule| {
                let mut labels = LabelsBuilder::new();
                for (name, value) in group.labels.iter().chain(&rule.labels) {
                    labels.set(name, value);
                }
                DuplicateRule {
                    metric: rule.name().to_owned(),
                    labels: labels.build(),
                }
            })
        })
        .collect();
    all.sort();
    let mut duplicates: Vec<DuplicateRule> = all
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0].clone())
        .collect();
    duplicates.dedup();
    duplicates
}
