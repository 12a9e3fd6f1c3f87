//! The series of a log by their numbers, each with the labels that it is sent under.

use hashbrown::HashMap;
use tsdb::model::{Labels, LabelsBuilder};

use super::encode::{self, EncodedLabels};
use crate::config::RelabelConfig;
use crate::relabel::relabel;

/// What is known of the series with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is sent under these labels.
    Sent(EncodedLabels),
    /// Relabelling dropped it.
    Dropped,
    /// Nothing: its record was not read, or is gone.
    Unknown,
}

#[derive(Debug)]
struct Entry {
    /// `None` if it was dropped.
    labels: Option<EncodedLabels>,
    /// The newest segment that its record stands in.
    segment: u32,
}

/// All series of a log, as one destination sees them.
#[derive(Debug)]
pub(super) struct SeriesTable {
    external_labels: Labels,
    rules: Vec<RelabelConfig>,
    entries: HashMap<u64, Entry>,
}

impl SeriesTable {
    pub(super) fn new(external_labels: Labels, rules: Vec<RelabelConfig>) -> Self {
        Self {
            external_labels,
            rules,
            entries: HashMap::new(),
        }
    }

    /// Notes a series whose record stands in `segment`.
    pub(super) fn store(&mut self, id: u64, labels: &[(&str, &str)], segment: u32) {
        let mut builder = LabelsBuilder::new();
        for (name, value) in labels {
            builder.set(name, value);
        }
        for (name, value) in self.external_labels.iter() {
            if builder.get(name).is_none() {
                builder.set(name, value);
            }
        }
        let keeps = relabel(&self.rules, &mut builder);
        let labels = keeps.then(|| encode::labels(builder.iter()));
        self.entries.insert(id, Entry { labels, segment });
    }

    pub(super) fn get(&self, id: u64) -> Known {
        match self.entries.get(&id) {
            Some(Entry {
                labels: Some(labels), ..
            }) => Known::Sent(EncodedLabels::clone(labels)),
            Some(_) => Known::Dropped,
            None => Known::Unknown,
        }
    }

    /// Forgets the series whose records stand before `segment`, except those of `kept`, which a checkpoint
    /// that stands for the segments up to `segment` still has.
    pub(super) fn forget_before(&mut self, segment: u32, kept: &[u64]) {
        for id in kept {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.segment = entry.segment.max(segment);
            }
        }
        self.entries.retain(|_, entry| entry.segment >= segment);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, LoadOptions};

    fn table(rules: &str) -> SeriesTable {
        let text = format!("remote_write: [{{url: http://a, write_relabel_configs: [{rules}]}}]");
        let config = Config::parse(&text, Path::new("x.yml"), &LoadOptions::default()).unwrap();
        let external = Labels::from_pairs([("job", "outer"), ("dc", "eu")]);
        SeriesTable::new(external, config.remote_write[0].write_relabel_configs.clone())
    }

    fn sent(labels: &[(&str, &str)]) -> Known {
        Known::Sent(encode::labels(labels.iter().copied()))
    }

    #[test]
    fn external_labels_are_added_where_there_is_none_and_then_rules_run() {
        let mut table = table("{source_labels: [dc], target_label: at}");
        table.store(1, &[("__name__", "up"), ("job", "inner")], 0);
        let expected = [("__name__", "up"), ("at", "eu"), ("dc", "eu"), ("job", "inner")];
        assert_eq!(table.get(1), sent(&expected));
    }

    #[test]
    fn a_series_that_rules_drop_is_told_from_one_that_nobody_knows() {
        let mut table = table("{source_labels: [__name__], regex: up, action: drop}");
        table.store(1, &[("__name__", "up")], 0);
        assert_eq!(table.get(1), Known::Dropped);
        assert_eq!(table.get(2), Known::Unknown);
    }

    #[test]
    fn series_go_with_their_segments_unless_the_checkpoint_has_them() {
        let mut table = table("");
        for (id, segment) in [(1, 3), (2, 3), (3, 5)] {
            table.store(id, &[("a", "b")], segment);
        }
        table.forget_before(4, &[2, 9]);
        let is_known = [1, 2, 3].map(|id| table.get(id) != Known::Unknown);
        assert_eq!(is_known, [false, true, true]);
        table.forget_before(5, &[]);
        assert_eq!(table.get(2), Known::Unknown);
    }
}
