//! A family of metrics: what a page declares under one name, and the metrics that it has.

/// What a family declares itself to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FamilyKind {
    Counter,
    Gauge,
    Summary,
    Untyped,
    Histogram,
    GaugeHistogram,
}

impl FamilyKind {
    const ALL: [Self; 6] = [
        Self::Counter,
        Self::Gauge,
        Self::Summary,
        Self::Untyped,
        Self::Histogram,
        Self::GaugeHistogram,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gauge_histogram",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        match text.as_str() {
            "gaugehistogram" => Some(Self::GaugeHistogram),
            text => Self::ALL.into_iter().find(|kind| kind.as_str() == text),
        }
    }

    pub(super) fn is_histogram(self) -> bool {
        matches!(self, Self::Histogram | Self::GaugeHistogram)
    }

    /// The label that is no label in a family of this kind.
    pub(super) fn own_label(self) -> Option<&'static str> {
        match self {
            Self::Summary => Some("quantile"),
            Self::Histogram | Self::GaugeHistogram => Some("le"),
            _ => None,
        }
    }
}

/// Metrics of one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) has_help: bool,
    pub(super) kind: Option<FamilyKind>,
    /// Indices into the metrics of the page.
    pub(super) metrics: Vec<usize>,
}

/// A metric: labels without `le` and `quantile`, and how many of those it had.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metric {
    pub(super) labels: Vec<(String, String)>,
    pub(super) buckets: usize,
    pub(super) quantiles: usize,
}
