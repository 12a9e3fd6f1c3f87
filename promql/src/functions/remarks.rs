//! What functions have to say about the native histograms of one series: Prometheus' texts.

use crate::annotations::{Annotations, Level, quoted};
use crate::parser::Span;

/// What was being done with two histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Addition,
    Subtraction,
    Aggregation,
}

impl Doing {
    fn as_str(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// Notes about the series of one metric, all with the same place in the query.
pub(crate) struct Remarks<'n> {
    pub(crate) notes: &'n mut Annotations,
    pub(crate) name: &'n str,
    pub(crate) span: Span,
}

impl Remarks<'_> {
    fn of_metric(&mut self, level: Level, text: &str) {
        let text = format!("{text} {}", quoted(self.name));
        self.notes.add(level, text, Some(self.span));
    }

    /// Floats and histograms in one window.
    pub(crate) fn mixed(&mut self) {
        let text = "encountered a mix of histograms and floats for metric name";
        self.of_metric(Level::Warning, text);
    }

    /// Histograms were left out of a window that holds floats too.
    pub(crate) fn histograms_ignored(&mut self) {
        let text = "ignored histograms in a range containing both floats and histograms for metric name";
        self.of_metric(Level::Info, text);
    }

    /// Exponential and listed buckets in one window.
    pub(crate) fn mixed_schemas(&mut self) {
        self.notes.add_mixed_schemas(self.name, self.span);
    }

    /// A gauge where a counter is wanted.
    pub(crate) fn not_counter(&mut self) {
        let text = "this native histogram metric is not a counter:";
        self.of_metric(Level::Warning, text);
    }

    /// A counter where a gauge is wanted.
    pub(crate) fn not_gauge(&mut self) {
        let text = "this native histogram metric is not a gauge:";
        self.of_metric(Level::Warning, text);
    }

    /// A start time before the sample before it.
    pub(crate) fn start_overlap(&mut self) {
        self.notes.add_overlap(self.name, self.span);
    }

    /// Listed bounds differed and were reduced to those in common.
    pub(crate) fn bounds_differed(&mut self, doing: Doing) {
        self.notes.add_bounds_differed(doing, self.span);
    }

    /// One says that there was a reset, another that there was none.
    pub(crate) fn hints_collided(&mut self, doing: Doing) {
        self.notes.add_hints_collided(doing, self.span);
    }
}

impl Annotations {
    /// Exponential and listed buckets meet in metric `name`.
    pub(crate) fn add_mixed_schemas(&mut self, name: &str, span: Span) {
        let text = format!(
            "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
            quoted(name)
        );
        self.add(Level::Warning, text, Some(span));
    }

    /// Listed bounds differed and were reduced to those in common.
    pub(crate) fn add_bounds_differed(&mut self, doing: Doing, span: Span) {
        let text = format!(
            "mismatched custom buckets were reconciled during {}",
            doing.as_str()
        );
        self.add(Level::Info, text, Some(span));
    }

    /// One histogram says that there was a reset, another that there was none.
    pub(crate) fn add_hints_collided(&mut self, doing: Doing, span: Span) {
        let text = format!("conflicting counter resets during histogram {}", doing.as_str());
        self.add(Level::Warning, text, Some(span));
    }
}
