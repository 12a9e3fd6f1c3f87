//! The values that templates compute with, and their Go types: types show in errors and in `printf "%T"`.

use std::collections::BTreeMap;
use std::sync::Arc;

use promql::value::{SampleValue, VectorSample};
use tsdb::model::{FloatHistogram, Labels};

use super::time::Time;

/// A value of a template.
#[derive(Clone, Debug)]
pub enum Value {
    /// No value at all: what `nil` gives, and a field of nothing.
    Nil,
    /// `bool`
    Bool(bool),
    /// A whole number of some width.
    Int(IntKind, i64),
    /// `float64`
    Float(f64),
    /// `complex128`: only literals.
    Complex(f64, f64),
    /// `string`
    Text(Arc<str>),
    /// `template.HTML`: what `safeHtml` gives.
    Html(Arc<str>),
    /// `map[string]string`
    Labels(Labels),
    /// `map[string]interface {}`: what `args` gives.
    Map(Arc<BTreeMap<String, Self>>),
    /// `template.queryResult`: what `query` gives.
    Result(Arc<[Arc<Sample>]>),
    /// `*template.sample`; `None` is its nil.
    Sample(Option<Arc<Sample>>),
    /// `time.Time` or a pointer to it.
    Time(Time, Held),
    /// `time.Duration` in nanoseconds, or a pointer to it.
    Duration(i64, Held),
    /// `*histogram.FloatHistogram`
    Histogram(Arc<FloatHistogram>),
    /// What an alert's template sees as `.`.
    Alert(Arc<AlertData>),
    /// A value in a place typed `interface {}`, until a pipeline takes it out.
    Interface(Box<Self>),
}

/// Directly or through a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// `T`
    Plain,
    /// `*T`
    Pointer,
}

/// The integer types that can turn up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntKind {
    /// `int`: literals, `len`.
    Int,
    /// `int32`: a histogram's schema.
    Int32,
    /// `int64`: a time's Unix seconds.
    Int64,
    /// `uint8`: a byte of a string.
    Uint8,
    /// `time.Month`, which prints its name.
    Month,
    /// `time.Weekday`, which prints its name.
    Weekday,
}

/// One sample of a query's answer.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Labels, the name included.
    pub labels: Labels,
    /// Float or histogram.
    pub value: Value,
}

/// What an alert's template sees as `.`.
#[derive(Clone, Debug)]
pub struct AlertData {
    /// Labels of the sample that made the alert.
    pub labels: Labels,
    /// The configuration's external labels.
    pub external_labels: Labels,
    /// The server's address.
    pub external_url: Arc<str>,
    /// Float or histogram.
    pub value: Value,
}

impl Value {
    /// A string.
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// An `int`.
    pub(super) fn int(number: usize) -> Self {
        Self::Int(IntKind::Int, i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The value of a sample.
    pub fn from_sample(value: &SampleValue) -> Self {
        match value {
            SampleValue::Float(v) => Self::Float(*v),
            SampleValue::Histogram(histogram) => Self::Histogram(Arc::new((**histogram).clone())),
        }
    }

    /// A query's answer.
    pub(super) fn from_vector(vector: &[VectorSample]) -> Self {
        let samples = vector.iter().map(|sample| {
            Arc::new(Sample {
                labels: sample.labels.clone(),
                value: Self::from_sample(&sample.value),
            })
        });
        Self::Result(samples.collect())
    }

    /// The value itself where it stands in an `interface {}`.
    pub(super) fn taken_out(self) -> Self {
        match self {
            Self::Interface(inner) => inner.taken_out(),
            other => other,
        }
    }

    /// The value itself where it stands in an `interface {}`, by reference.
    pub(super) fn inner(&self) -> &Self {
        match self {
            Self::Interface(inner) => inner.inner(),
            other => other,
        }
    }

    /// Go's name of the type; `<nil>` for no value.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(kind, _) => kind.name(),
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::Text(_) => "string",
            Self::Html(_) => "template.HTML",
            Self::Labels(_) => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Result(_) => "template.queryResult",
            Self::Sample(_) => "*template.sample",
            Self::Time(_, Held::Plain) => "time.Time",
            Self::Time(_, Held::Pointer) => "*time.Time",
            Self::Duration(_, Held::Plain) => "time.Duration",
            Self::Duration(_, Held::Pointer) => "*time.Duration",
            Self::Histogram(_) => "*histogram.FloatHistogram",
            Self::Alert(_) => {
                "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; \
                 Value interface {} }"
            }
            Self::Interface(_) => "interface {}",
        }
    }

    /// Whether `if` takes it for true: neither zero nor empty nor nil.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil | Self::Sample(None) => false,
            Self::Bool(b) => *b,
            Self::Int(_, n) | Self::Duration(n, Held::Plain) => *n != 0,
            Self::Float(v) => *v != 0.0,
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::Text(text) | Self::Html(text) => !text.is_empty(),
            Self::Labels(labels) => !labels.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Result(samples) => !samples.is_empty(),
            Self::Sample(Some(_))
            | Self::Time(..)
            | Self::Duration(_, Held::Pointer)
            | Self::Histogram(_)
            | Self::Alert(_) => true,
            Self::Interface(inner) => inner.is_true(),
        }
    }
}

impl IntKind {
    fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
        }
    }
}
