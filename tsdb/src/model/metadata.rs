//! What a metric is, as its target describes it: kind, unit, help text.

/// The kinds of metric that an exposition can declare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Nothing declared; `unknown` in Prometheus' answers, `untyped` in the text format.
    #[default]
    Unknown,
    /// Only goes up, or restarts at zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets of a distribution, counting up.
    Histogram,
    /// Buckets of a distribution that go up and down.
    GaugeHistogram,
    /// Quantiles computed by the target.
    Summary,
    /// Constant 1 with labels that describe.
    Info,
    /// One series a state, 1 for those that hold.
    StateSet,
}

impl MetricKind {
    /// Prometheus' word for the kind, as in `/api/v1/metadata`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

/// What a target says of one metric name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Counter, gauge, …
    pub kind: MetricKind,
    /// The base unit, empty if undeclared.
    pub unit: String,
    /// Free text, unescaped.
    pub help: String,
}
