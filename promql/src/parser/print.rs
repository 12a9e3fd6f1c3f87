//! Printing on one line, as Go's `String()` does it: what rules show, what hashes and links are made of.
//!
//! Printing and reading again gives the same tree, but not the same text: matchers are sorted, numbers
//! lose their notation, comments are gone.

use std::fmt::{self, Display, Formatter, Write};

use tsdb::model::{METRIC_NAME, MatchKind};

use super::ast::{
    Aggregate, AtTime, Binary, Call, Cardinality, Duration, DurationExpr, DurationOp, Expr, MatrixSelector,
    Number, RangeExtension, Subquery, TimeShift, VectorMatching, VectorSelector,
};
use super::literal::write_duration;
use super::token::quoted;
use crate::format::{general, plain};

/// A byte string as Go's `strconv.Quote` writes it: bytes that are no UTF-8 as `\xff`.
pub(crate) fn quoted_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let quoted = quoted(chunk.valid());
        out.push_str(&quoted[1..quoted.len() - 1]);
        for byte in chunk.invalid() {
            // Writing into a string cannot fail.
            let _written = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(&quoted_bytes(&text.value)),
            Self::Vector(selector) => selector.fmt(f),
            Self::Matrix(matrix) => matrix.fmt(f),
            Self::Subquery(subquery) => subquery.fmt(f),
            Self::Unary(unary) => {
                f.write_str(if unary.negative { "-" } else { "+" })?;
                unary.expr.fmt(f)
            }
            Self::Binary(binary) => binary.fmt(f),
            Self::Aggregate(aggregate) => aggregate.fmt(f),
            Self::Call(call) => call.fmt(f),
            Self::Paren(paren) => write!(f, "({})", paren.expr),
        }
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.is_duration {
            return f.write_str(&plain(self.value));
        }
        if self.value < 0.0 {
            f.write_str("-")?;
        }
        write_duration(f, (self.value.abs() * 1e9) as u64 / 1_000_000)
    }
}

impl VectorSelector {
    /// The name and the matchers, without what stands behind them.
    pub(crate) fn write_series(&self, f: &mut impl Write) -> fmt::Result {
        f.write_str(&self.name)?;
        let mut matchers: Vec<_> = self
            .matchers
            .iter()
            .filter(|m| {
                let is_name = m.name() == METRIC_NAME && m.kind() == MatchKind::Equal;
                !(is_name && m.value() == self.name && !self.name.is_empty())
            })
            .map(ToString::to_string)
            .collect();
        if matchers.is_empty() {
            return Ok(());
        }
        matchers.sort_unstable();
        write!(f, "{{{}}}", matchers.join(","))
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_series(f)?;
        write_at(f, &self.shift)?;
        write_extension(f, self.extension)?;
        write_offset(f, &self.shift)
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.selector.write_series(f)?;
        write!(f, "[{}]", self.range)?;
        write_extension(f, self.selector.extension)?;
        write_at(f, &self.selector.shift)?;
        write_offset(f, &self.selector.shift)
    }
}

impl Subquery {
    /// `[1h:1m] @ start() offset 5m`
    pub(crate) fn write_suffix(&self, f: &mut impl Write) -> fmt::Result {
        write!(f, "[{}:", self.range)?;
        if let Some(step) = &self.step {
            write!(f, "{step}")?;
        }
        f.write_str("]")?;
        write_at(f, &self.shift)?;
        write_offset(f, &self.shift)
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        self.write_suffix(f)
    }
}

fn write_at(f: &mut impl Write, shift: &TimeShift) -> fmt::Result {
    match shift.at {
        None => Ok(()),
        Some(AtTime::Fixed { at_ms }) => write!(f, " @ {:.3}", at_ms as f64 / 1000.0),
        Some(AtTime::Start) => f.write_str(" @ start()"),
        Some(AtTime::End) => f.write_str(" @ end()"),
    }
}

fn write_offset(f: &mut impl Write, shift: &TimeShift) -> fmt::Result {
    match &shift.offset {
        None => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
    }
}

fn write_extension(f: &mut impl Write, extension: Option<RangeExtension>) -> fmt::Result {
    f.write_str(match extension {
        None => "",
        Some(RangeExtension::Anchored) => " anchored",
        Some(RangeExtension::Smoothed) => " smoothed",
    })
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal { ms, .. } => {
                if *ms < 0 {
                    f.write_str("-")?;
                }
                write_duration(f, ms.unsigned_abs())
            }
            Self::Expression(expression) => expression.fmt(f),
        }
    }
}

impl DurationOp {
    /// The operator or function as PromQL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
            Self::MinOf => "min_of",
            Self::MaxOf => "max_of",
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Step { .. } => f.write_str("step()"),
            Self::Range { .. } => f.write_str("range()"),
            Self::Unary {
                negative: true, of, ..
            } => write!(f, "-{of}"),
            // A plus says nothing.
            Self::Unary { of, .. } => of.fmt(f),
            Self::Paren { of, .. } => write!(f, "({of})"),
            Self::Binary {
                op: op @ (DurationOp::MinOf | DurationOp::MaxOf),
                left,
                right,
                ..
            } => write!(f, "{}({left}, {right})", op.as_str()),
            Self::Binary { op, left, right, .. } => write!(f, "{left} {} {right}", op.as_str()),
        }
    }
}

impl Call {
    fn write_args(&self, f: &mut impl Write) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            write!(f, "{arg}")?;
        }
        Ok(())
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.name())?;
        f.write_str("(")?;
        self.write_args(f)?;
        f.write_str(")")
    }
}

impl Aggregate {
    /// The operator and its clause: `sum by (job) `.
    pub(crate) fn write_head(&self, f: &mut impl Write) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        if self.without || !self.grouping.is_empty() {
            f.write_str(if self.without { " without (" } else { " by (" })?;
            write_labels(f, &self.grouping)?;
            f.write_str(") ")?;
        }
        Ok(())
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_head(f)?;
        match &self.param {
            Some(param) => write!(f, "({param}, {})", self.expr),
            None => write!(f, "({})", self.expr),
        }
    }
}

fn write_labels(f: &mut impl Write, labels: &[String]) -> fmt::Result {
    for (i, label) in labels.iter().enumerate() {
        f.write_str(if i > 0 { ", " } else { "" })?;
        if tsdb::model::labels::is_legacy_label_name(label) {
            f.write_str(label)?;
        } else {
            f.write_str(&quoted(label))?;
        }
    }
    Ok(())
}

impl Binary {
    /// The operator and its modifiers: `== bool on (job)`.
    pub(crate) fn write_operator(&self, f: &mut impl Write) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        f.write_str(if self.return_bool { " bool" } else { "" })?;
        match &self.matching {
            Some(matching) => matching.write(f),
            None => Ok(()),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.left)?;
        self.write_operator(f)?;
        write!(f, " {}", self.right)
    }
}

impl VectorMatching {
    fn write(&self, f: &mut impl Write) -> fmt::Result {
        let group = match self.cardinality {
            Cardinality::ManyToOne => Some(" group_left ("),
            Cardinality::OneToMany => Some(" group_right ("),
            _ => None,
        };
        if !self.labels.is_empty() || self.on || group.is_some() {
            f.write_str(if self.on { " on (" } else { " ignoring (" })?;
            write_labels(f, &self.labels)?;
            f.write_str(")")?;
        }
        if let Some(group) = group {
            f.write_str(group)?;
            write_labels(f, &self.include)?;
            f.write_str(")")?;
        }
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left == right => write!(f, " fill ({})", general(left)),
            (left, right) => {
                for (word, value) in [(" fill_left", left), (" fill_right", right)] {
                    if let Some(value) = value {
                        write!(f, "{word} ({})", general(value))?;
                    }
                }
                Ok(())
            }
        }
    }
}
