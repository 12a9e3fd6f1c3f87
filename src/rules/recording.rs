//! Recording rules: a query's samples under a new name.

use std::collections::HashSet;

use promql::value::VectorSample;
use tsdb::model::{Labels, LabelsBuilder, METRIC_NAME};

use super::evaluate::{EvaluateError, RuleKind};
use super::rule::{Common, Occasion};
use super::spec::RuleSpec;

/// A recording rule.
#[derive(Debug)]
pub struct RecordingRule {
    pub(super) common: Common,
}

impl RecordingRule {
    pub(super) fn new(spec: RuleSpec) -> Self {
        Self {
            common: Common::new(spec),
        }
    }

    pub(super) fn evaluate(&self, occasion: &Occasion<'_>) -> Result<Vec<VectorSample>, EvaluateError> {
        let mut samples = self.common.query(occasion, RuleKind::Recording)?;
        for sample in &mut samples {
            sample.labels = self.recorded(&sample.labels);
        }
        let mut seen = HashSet::with_capacity(samples.len());
        if !samples.iter().all(|sample| seen.insert(&sample.labels)) {
            return Err(EvaluateError::new(
                "vector contains metrics with the same labelset after applying rule labels",
            ));
        }
        let (limit, series) = (occasion.limit, samples.len() as u64);
        if limit > 0 && series > limit {
            return Err(EvaluateError::new(format!(
                "exceeded limit of {limit} with {series} series"
            )));
        }
        Ok(samples)
    }

    /// The labels of a sample as it is stored.
    fn recorded(&self, labels: &Labels) -> Labels {
        let mut builder = LabelsBuilder::from_labels(labels);
        builder.set(METRIC_NAME, &self.common.name);
        for (name, value) in self.common.labels.iter() {
            builder.set(name, value);
        }
        builder.build()
    }
}
