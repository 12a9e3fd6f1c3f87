//! What a query answers.

use tsdb::model::{FloatHistogram, Labels};

/// The answer of a query, before anything is written as JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number at the evaluation time.
    Scalar {
        /// Evaluation time.
        t_ms: i64,
        /// The number.
        v: f64,
    },
    /// A text at the evaluation time.
    String {
        /// Evaluation time.
        t_ms: i64,
        /// The text.
        s: String,
    },
    /// One sample a series, all at one time: the answer of an instant query.
    Vector(Vec<VectorSample>),
    /// Many samples a series: the answer of a range query, or of an instant query for a range selector.
    Matrix(Vec<MatrixSeries>),
}

/// One sample of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// Labels of the series.
    pub labels: Labels,
    /// Evaluation time.
    pub t_ms: i64,
    /// Float or histogram.
    pub value: SampleValue,
}

/// The value of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// An ordinary number.
    Float(f64),
    /// A native histogram.
    Histogram(Box<FloatHistogram>),
}

/// One series of a matrix, its floats and its histograms apart, each ascending by time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatrixSeries {
    /// Labels of the series.
    pub labels: Labels,
    /// Float points.
    pub floats: Vec<(i64, f64)>,
    /// Histogram points.
    pub histograms: Vec<(i64, Box<FloatHistogram>)>,
}

impl VectorSample {
    /// Bytes held, labels included.
    pub fn held_bytes(&self) -> usize {
        let histogram = match &self.value {
            SampleValue::Float(_) => 0,
            SampleValue::Histogram(h) => h.held_bytes(),
        };
        size_of::<Self>() + self.labels.held_bytes() + histogram
    }
}

impl MatrixSeries {
    /// Bytes held, labels included.
    pub fn held_bytes(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|(_, h)| 16 + h.held_bytes()).sum();
        size_of::<Self>() + self.labels.held_bytes() + self.floats.capacity() * 16 + histograms
    }
}

/// The static type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// `scalar`
    Scalar,
    /// `string`
    String,
    /// `vector`: instant vector
    Vector,
    /// `matrix`: range vector
    Matrix,
    /// `none`
    None,
}

impl ValueType {
    /// The short word, as in `resultType` and the AST's JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::None => "none",
        }
    }

    /// The words of error messages.
    pub fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::None => "none",
        }
    }
}
