//! The syntax tree. Each node knows where in the text it stands.

use tsdb::model::Matcher;

use crate::functions::Function;
use crate::value::ValueType;

/// A stretch of the query's text, in bytes: `start .. end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Where it begins.
    pub start: u32,
    /// Where it ends; not part of it.
    pub end: u32,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `1.5`, `5m`
    Number(Number),
    /// `"text"`
    Text(Text),
    /// `name{label="value"}`
    Vector(VectorSelector),
    /// `name[5m]`
    Matrix(MatrixSelector),
    /// `expr[1h:1m]`
    Subquery(Subquery),
    /// `-expr`, `+expr`
    Unary(Unary),
    /// `a + b`
    Binary(Box<Binary>),
    /// `sum by (job) (expr)`
    Aggregate(Box<Aggregate>),
    /// `rate(expr)`
    Call(Call),
    /// `(expr)`
    Paren(Paren),
}

/// A number literal.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Its value; seconds when written as a duration.
    pub value: f64,
    /// Written as a duration (`5m`), so that it is printed as one.
    pub is_duration: bool,
    /// Where.
    pub span: Span,
}

/// A string literal, unquoted.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// Its contents, which need not be UTF-8 (`"\xff"`).
    pub value: Vec<u8>,
    /// Where.
    pub span: Span,
}

/// What `@` fixes the evaluation time to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AtTime {
    /// `@ 1609746000.5`
    Fixed {
        /// The time.
        at_ms: i64,
    },
    /// `@ start()`
    Start,
    /// `@ end()`
    End,
}

/// `@` and `offset` of a selector or subquery, in whichever order they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeShift {
    /// The `@` modifier.
    pub at: Option<AtTime>,
    /// The `offset` modifier; negative looks into the future.
    pub offset: Option<Duration>,
}

/// A length of time in a query: known at once, or an expression over `step()` and `range()`.
#[derive(Clone, Debug, PartialEq)]
pub enum Duration {
    /// Known.
    Literal {
        /// How long; may be negative in an offset.
        ms: i64,
        /// Where.
        span: Span,
    },
    /// To be computed when the query's step and range are known.
    Expression(Box<DurationExpr>),
}

/// An expression over durations (`[5m * 2]`, `offset (step() + 1)`).
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExpr {
    /// A number of seconds or a duration.
    Number(Number),
    /// `step()`
    Step {
        /// Where.
        span: Span,
    },
    /// `range()`
    Range {
        /// Where.
        span: Span,
    },
    /// `-a`, `+a`
    Unary {
        /// Minus rather than plus.
        negative: bool,
        /// Of what.
        of: Box<DurationExpr>,
        /// Where.
        span: Span,
    },
    /// `(a)`
    Paren {
        /// What.
        of: Box<DurationExpr>,
        /// Where.
        span: Span,
    },
    /// `a + b`, `min_of(a, b)`
    Binary {
        /// Which.
        op: DurationOp,
        /// Left.
        left: Box<DurationExpr>,
        /// Right.
        right: Box<DurationExpr>,
        /// Where.
        span: Span,
    },
}

/// Operators over durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum DurationOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    MinOf,
    MaxOf,
}

/// `name{label="value"} @ … offset …`
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSelector {
    /// The metric name if written before the braces, else empty.
    pub name: String,
    /// All matchers in the order written; a name before the braces stands last, as `__name__="name"`.
    pub matchers: Vec<Matcher>,
    /// `@` and `offset`.
    pub shift: TimeShift,
    /// `anchored` or `smoothed`.
    pub extension: Option<RangeExtension>,
    /// Where.
    pub span: Span,
}

/// How a range selector treats its edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RangeExtension {
    /// `anchored`: the last sample before the range stands at its left edge.
    Anchored,
    /// `smoothed`: edges are interpolated.
    Smoothed,
}

/// `selector[5m]`
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSelector {
    /// Of which series.
    pub selector: VectorSelector,
    /// How far back.
    pub range: Duration,
    /// Where, brackets and modifiers included.
    pub span: Span,
}

/// `expr[1h:1m]`
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is evaluated at each step.
    pub expr: Box<Expr>,
    /// How far back.
    pub range: Duration,
    /// How often; the global evaluation interval if left out.
    pub step: Option<Duration>,
    /// `@` and `offset`.
    pub shift: TimeShift,
    /// Where.
    pub span: Span,
}

/// `-expr`, `+expr`
#[derive(Clone, Debug, PartialEq)]
pub struct Unary {
    /// Minus rather than plus.
    pub negative: bool,
    /// Of what.
    pub expr: Box<Expr>,
    /// Where.
    pub span: Span,
}

/// `(expr)`
#[derive(Clone, Debug, PartialEq)]
pub struct Paren {
    /// What.
    pub expr: Box<Expr>,
    /// Where.
    pub span: Span,
}

/// `function(args)`
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which function.
    pub function: Function,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// Where.
    pub span: Span,
}

/// `op by (labels) (param, expr)`
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Which aggregation.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: Expr,
    /// `topk(PARAM, …)`
    pub param: Option<Expr>,
    /// Labels of the `by` or `without` clause, as written.
    pub grouping: Vec<String>,
    /// `without` rather than `by`.
    pub without: bool,
    /// Where.
    pub span: Span,
}

/// Aggregation operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    /// The operator as PromQL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// Whether it takes a parameter before the expression.
    pub fn has_param(self) -> bool {
        matches!(
            self,
            Self::Topk | Self::Bottomk | Self::CountValues | Self::Quantile | Self::Limitk | Self::LimitRatio
        )
    }

    /// Whether it needs `promql-experimental-functions`.
    pub fn is_experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }
}

/// `left op right`
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// Which operator.
    pub op: BinaryOp,
    /// Left.
    pub left: Expr,
    /// Right.
    pub right: Expr,
    /// How vectors are matched; `None` unless both sides are vectors.
    pub matching: Option<VectorMatching>,
    /// A comparison that answers 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// Where.
    pub span: Span,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    TrimUpper,
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// The operator as PromQL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// `== != > < >= <=`
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Greater
                | Self::Less
                | Self::GreaterOrEqual
                | Self::LessOrEqual
        )
    }

    /// `and or unless`
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How many series of each side may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// One with one.
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`: many on the right.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

impl Cardinality {
    /// The words of the AST's JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        }
    }
}

/// `on (…) group_left (…) fill (…)`
#[derive(Clone, Debug, PartialEq)]
pub struct VectorMatching {
    /// How many may meet.
    pub cardinality: Cardinality,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// `on` rather than `ignoring`.
    pub on: bool,
    /// The labels of `group_left` or `group_right`.
    pub include: Vec<String>,
    /// What stands for a missing left side (`fill`, `fill_left`).
    pub fill_left: Option<f64>,
    /// What stands for a missing right side (`fill`, `fill_right`).
    pub fill_right: Option<f64>,
}

impl Expr {
    /// Where in the text it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Number(n) => n.span,
            Self::Text(n) => n.span,
            Self::Vector(n) => n.span,
            Self::Matrix(n) => n.span,
            Self::Subquery(n) => n.span,
            Self::Unary(n) => n.span,
            Self::Binary(n) => n.span,
            Self::Aggregate(n) => n.span,
            Self::Call(n) => n.span,
            Self::Paren(n) => n.span,
        }
    }

    /// Its static type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::Text(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Unary(n) => n.expr.value_type(),
            Self::Paren(n) => n.expr.value_type(),
            Self::Call(n) => n.function.signature().returns,
            Self::Binary(n) => match (n.left.value_type(), n.right.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
        }
    }

    /// The expression inside all parentheses.
    pub fn unwrap_parens(&self) -> &Self {
        match self {
            Self::Paren(paren) => paren.expr.unwrap_parens(),
            other => other,
        }
    }
}
