//! The planned query: every length of time known, every selector numbered, every part with the steps it is
//! evaluated at.

use crate::functions::Function;
use crate::parser::Span;
use crate::parser::ast::{AggregateOp, BinaryOp, RangeExtension, VectorMatching};

/// The points in time that something is evaluated at: `start`, `start + step`, … through `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) step_ms: i64,
}

impl Grid {
    /// How many points.
    pub(crate) fn len(&self) -> usize {
        if self.end_ms < self.start_ms {
            return 0;
        }
        usize::try_from((self.end_ms - self.start_ms) / self.step_ms).unwrap_or(usize::MAX - 1) + 1
    }

    /// Point number `step`.
    #[inline]
    pub(crate) fn at_ms(&self, step: usize) -> i64 {
        self.start_ms + step as i64 * self.step_ms
    }

    /// The last point at or before `end`.
    pub(crate) fn last_ms(&self) -> i64 {
        self.at_ms(self.len().saturating_sub(1))
    }

    /// Whether this is a question about one instant, so that order is kept and equal label sets are an error.
    pub(crate) fn is_instant(&self) -> bool {
        self.start_ms == self.end_ms
    }
}

/// `@` and `offset`, resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) at_ms: Option<i64>,
    pub(crate) offset_ms: i64,
}

impl Shift {
    /// The time that is looked at when evaluating at `ts_ms`.
    #[inline]
    pub(crate) fn apply(&self, ts_ms: i64) -> i64 {
        self.at_ms.unwrap_or(ts_ms).saturating_sub(self.offset_ms)
    }
}

/// An instant vector selector.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    /// Index of its selection, and so of its roster.
    pub(crate) selection: usize,
    pub(crate) shift: Shift,
    /// Only what lies at or before this time is read, although it is looked at later.
    pub(crate) read_through_ms: Option<i64>,
    pub(crate) extension: Option<RangeExtension>,
    /// Its matchers fix one metric name, so that series differ in other labels.
    pub(crate) has_one_name: bool,
    /// Where annotations about it point.
    pub(crate) span: Span,
    /// Of histograms only count and sum are looked at.
    pub(crate) skips_buckets: bool,
    /// Labels fixed by `=` matchers: what `absent` answers with.
    pub(crate) absent_labels: Vec<(String, String)>,
}

/// What a function over a range takes.
#[derive(Clone, Debug)]
pub(crate) struct RangeArg {
    pub(crate) source: RangeSource,
    pub(crate) range_ms: i64,
    pub(crate) shift: Shift,
    /// Where annotations about it point.
    pub(crate) span: Span,
}

/// Where a range's samples come from.
#[derive(Clone, Debug)]
pub(crate) enum RangeSource {
    /// Storage.
    Selector(Selector),
    /// An expression evaluated at steps of its own.
    Subquery { node: Box<Node>, grid: Grid },
}

impl RangeArg {
    /// `anchored` or `smoothed`.
    pub(crate) fn extension(&self) -> Option<RangeExtension> {
        match &self.source {
            RangeSource::Selector(selector) => selector.extension,
            RangeSource::Subquery { .. } => None,
        }
    }
}

/// A binary operation.
#[derive(Clone, Debug)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) left: Node,
    pub(crate) right: Node,
    pub(crate) sides: Sides,
    pub(crate) return_bool: bool,
    pub(crate) span: Span,
}

/// What meets in a binary operation.
#[derive(Clone, Debug)]
pub(crate) enum Sides {
    Scalars,
    VectorScalar,
    ScalarVector,
    Vectors(VectorMatching),
}

/// An aggregation.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) node: Node,
    pub(crate) param: Option<Node>,
    pub(crate) param_span: Span,
    pub(crate) grouping: Vec<String>,
    pub(crate) without: bool,
    /// Where the aggregated expression stands.
    pub(crate) node_span: Span,
    pub(crate) span: Span,
}

/// A function call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) args: Vec<Node>,
    /// Where the arguments stand.
    pub(crate) arg_spans: Vec<Span>,
    pub(crate) span: Span,
}

/// A part of the planned query.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Number(f64),
    /// Not necessarily UTF-8.
    Text(Vec<u8>),
    /// The same at every step, so that it is evaluated at one.
    Invariant {
        node: Box<Node>,
        grid: Grid,
    },
    Vector(Selector),
    /// Equal to others of the query: whichever comes first is evaluated.
    Shared(Box<Shared>),
    Range(Box<RangeArg>),
    /// A selector behind a plus, which changes nothing of it.
    Plus(Box<Node>),
    Negate(Box<Node>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Call(Box<Call>),
    /// `info()`: base, and the selections and matchers of the info series.
    Info(Box<Info>),
}

/// A part that stands in the query more than once.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) node: Node,
    /// Which of the parts that do.
    pub(crate) slot: usize,
    /// How often it does.
    pub(crate) uses: usize,
}

/// A call of `info()`.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub(crate) base: Node,
    pub(crate) selector: Selector,
    /// What the metric name of an info series must satisfy.
    pub(crate) name_matchers: Vec<tsdb::model::Matcher>,
    /// Conditions on the labels to be taken over, without those on the name.
    pub(crate) data_matchers: Vec<tsdb::model::Matcher>,
}

impl Node {
    /// Whether it makes a column of values itself, rather than passing on those of its operands or what
    /// storage gives.
    pub(crate) fn makes_column(&self) -> bool {
        match self {
            Self::Number(_) | Self::Invariant { .. } => true,
            Self::Shared(shared) => shared.node.makes_column(),
            Self::Binary(binary) => matches!(binary.sides, Sides::Scalars),
            Self::Call(call) => {
                let is_range = |arg: &Self| matches!(arg, Self::Range(_));
                call.function.signature().returns == crate::value::ValueType::Scalar
                    || matches!(call.function, Function::Absent | Function::Vector)
                    || call.args.iter().any(is_range)
            }
            _ => false,
        }
    }

    /// Whether it is a scalar.
    pub(crate) fn is_scalar(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Invariant { node, .. } => node.is_scalar(),
            Self::Negate(node) => node.is_scalar(),
            Self::Binary(binary) => matches!(binary.sides, Sides::Scalars),
            Self::Call(call) => call.function.signature().returns == crate::value::ValueType::Scalar,
            _ => false,
        }
    }
}
