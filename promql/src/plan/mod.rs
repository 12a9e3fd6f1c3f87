//! From the syntax tree to what will be read and computed.
//!
//! Four things are decided here, so that evaluation need not think about them: the steps each part is
//! evaluated at (a subquery has its own, a part that never changes has one), the selections that storage
//! is asked for (equal ones once), which parts are equal and so evaluated once, and every length of time that is computed from `step()` or `range()`.

pub(crate) mod duration_expr;
pub(crate) mod fold;
mod info;
pub(crate) mod node;
mod share;

use tsdb::model::{METRIC_NAME, MatchKind, Matcher};
use tsdb::query::Selection;

use crate::engine::{Period, QueryError};
use crate::functions::Function;
use crate::parser::Span;
use crate::parser::ast::{self, AtTime, BinaryOp, Expr, RangeExtension, TimeShift};
use crate::value::ValueType;

use duration_expr::Context;
use fold::{invariance, is_query_constant};
use node::{Aggregate, Binary, Call, Grid, Node, RangeArg, RangeSource, Selector, Shift, Sides};

/// A query ready to be evaluated.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) root: Node,
    /// Where the root is evaluated.
    pub(crate) grid: Grid,
    /// What to open; selectors name their selection by its index.
    pub(crate) selections: Vec<Selection>,
}

/// What planning depends on besides the query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) lookback_ms: i64,
    pub(crate) subquery_interval_ms: i64,
}

/// Plans `expr` for `period`.
pub(crate) fn plan(expr: &Expr, period: Period, settings: Settings) -> Result<Plan, QueryError> {
    let grid = Grid {
        start_ms: period.start_ms,
        end_ms: period.end_ms,
        step_ms: period.step_ms.max(1),
    };
    let range_ms = period.end_ms.saturating_sub(period.start_ms);
    let mut planner = Planner {
        period,
        settings,
        durations: Context {
            step_s: period.step_ms as f64 / 1000.0,
            range_s: range_ms as f64 / 1000.0,
        },
        selections: Vec::new(),
        selectors: 0,
        around: Around::default(),
        wanders: false,
    };
    let mut root = planner.part(expr, grid)?;
    if planner.selections.len() < planner.selectors {
        share::share(&mut root, grid);
    }
    Ok(Plan {
        root,
        grid,
        selections: planner.selections,
    })
}

struct Planner {
    period: Period,
    settings: Settings,
    durations: Context,
    selections: Vec<Selection>,
    /// How many selectors ask for them.
    selectors: usize,
    around: Around,
    /// Within the parameter of an aggregation, which Prometheus does not prepare: `@ start()` and `@ end()`
    /// mean nothing there, and what `@` fixes is fixed at the first step and wanders with the others.
    wanders: bool,
}

/// What stands around the part that is being planned, as far as the buckets of histograms go.
#[derive(Clone, Copy, Debug, Default)]
struct Around {
    /// A function that asks for count or sum alone.
    statistic: bool,
    /// Something that needs all buckets: quantiles, trimming, and subqueries, which may miss resets.
    whole: bool,
}

impl Around {
    fn within(mut self, function: Function) -> Self {
        match function {
            Function::HistogramCount | Function::HistogramSum | Function::HistogramAvg => {
                self.statistic = true
            }
            Function::HistogramQuantile | Function::HistogramQuantiles | Function::HistogramFraction => {
                self.whole = true;
            }
            _ => {}
        }
        self
    }
}

/// Whether the times of a selector are asked for that `@` fixes.
fn asks_times(function: Function, arg: &Expr) -> bool {
    let is_fixed = |selector: &ast::VectorSelector| matches!(selector.shift.at, Some(AtTime::Fixed { .. }));
    matches!(function, Function::Timestamp | Function::StartTimestamp)
        && matches!(arg, Expr::Vector(selector) if is_fixed(selector))
}

impl Planner {
    /// Plans a part, at one step only if it is the same at all.
    fn part(&mut self, expr: &Expr, grid: Grid) -> Result<Node, QueryError> {
        if !self.wanders && !grid.is_instant() && invariance(expr).worth {
            let once = Grid {
                end_ms: grid.start_ms,
                ..grid
            };
            let node = Box::new(self.node(expr, once)?);
            return Ok(Node::Invariant { node, grid: once });
        }
        self.node(expr, grid)
    }

    fn node(&mut self, expr: &Expr, grid: Grid) -> Result<Node, QueryError> {
        Ok(match expr {
            Expr::Number(number) => Node::Number(number.value),
            Expr::Text(text) => Node::Text(text.value.clone()),
            Expr::Paren(paren) => self.node(&paren.expr, grid)?,
            Expr::Unary(unary) => {
                let node = self.node(&unary.expr, grid)?;
                match (unary.negative, node) {
                    (true, Node::Number(value)) => Node::Number(-value),
                    (true, node) => Node::Negate(Box::new(node)),
                    // What asks for a selector's times or labels finds none behind a sign.
                    (false, node @ Node::Vector(_)) => Node::Plus(Box::new(node)),
                    (false, node) => node,
                }
            }
            Expr::Vector(selector) => Node::Vector(self.selector(selector, grid, None)?),
            Expr::Matrix(_) | Expr::Subquery(_) => Node::Range(Box::new(self.range(expr, grid)?)),
            Expr::Binary(binary) => self.binary(binary, grid)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, grid)?,
            Expr::Call(call) => self.call(call, grid)?,
        })
    }

    fn binary(&mut self, binary: &ast::Binary, grid: Grid) -> Result<Node, QueryError> {
        let is_scalar = |expr: &Expr| expr.value_type() == ValueType::Scalar;
        let sides = match (is_scalar(&binary.left), is_scalar(&binary.right)) {
            (true, true) => Sides::Scalars,
            (false, true) => Sides::VectorScalar,
            (true, false) => Sides::ScalarVector,
            (false, false) => match &binary.matching {
                Some(matching) => Sides::Vectors(matching.clone()),
                None => return Err(QueryError::bad_query("binary expression without vector matching")),
            },
        };
        let around = self.around;
        self.around.whole |= matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        let left = self.part(&binary.left, grid)?;
        let right = self.part(&binary.right, grid)?;
        self.around = around;
        Ok(Node::Binary(Box::new(Binary {
            op: binary.op,
            left,
            right,
            sides,
            return_bool: binary.return_bool,
            span: binary.span,
        })))
    }

    fn aggregate(&mut self, aggregate: &ast::Aggregate, grid: Grid) -> Result<Node, QueryError> {
        let inner = aggregate.expr.unwrap_parens();
        let param = match &aggregate.param {
            Some(param) => {
                let wanders = std::mem::replace(&mut self.wanders, true);
                let node = self.part(param.unwrap_parens(), grid)?;
                self.wanders = wanders;
                Some(node)
            }
            None => None,
        };
        Ok(Node::Aggregate(Box::new(Aggregate {
            op: aggregate.op,
            node: self.part(inner, grid)?,
            param_span: aggregate
                .param
                .as_ref()
                .map_or(aggregate.span, |param| param.unwrap_parens().span()),
            param,
            grouping: aggregate.grouping.clone(),
            without: aggregate.without,
            node_span: inner.span(),
            span: aggregate.span,
        })))
    }

    fn call(&mut self, call: &ast::Call, grid: Grid) -> Result<Node, QueryError> {
        if is_query_constant(call.function) {
            return Ok(Node::Number(self.query_constant(call.function)));
        }
        if call.function == Function::Info {
            return self.info(call, grid);
        }
        let around = self.around;
        self.around = around.within(call.function);
        let mut args = Vec::with_capacity(call.args.len());
        let mut arg_spans = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            let arg = arg.unwrap_parens();
            let node = if self.wanders && asks_times(call.function, arg) {
                // What is asked for its own times stands still even there.
                self.wanders = false;
                let node = self.node(arg, grid);
                self.wanders = true;
                node?
            } else {
                self.part(arg, grid)?
            };
            arg_spans.push(match &node {
                Node::Range(range) => range.span,
                _ => arg.span(),
            });
            args.push(node);
        }
        self.around = around;
        Ok(Node::Call(Box::new(Call {
            function: call.function,
            args,
            arg_spans,
            span: call.span,
        })))
    }

    fn query_constant(&self, function: Function) -> f64 {
        match function {
            Function::Start => self.period.start_ms as f64 / 1000.0,
            Function::End => self.period.end_ms as f64 / 1000.0,
            Function::Range => self.durations.range_s,
            _ if self.period.start_ms == self.period.end_ms => 0.0,
            _ => self.durations.step_s,
        }
    }

    fn range(&mut self, expr: &Expr, grid: Grid) -> Result<RangeArg, QueryError> {
        match expr {
            Expr::Matrix(matrix) => {
                let range_ms = self.durations.milliseconds(&matrix.range, false)?;
                let selector = self.selector(&matrix.selector, grid, Some(range_ms))?;
                Ok(RangeArg {
                    shift: selector.shift,
                    source: RangeSource::Selector(selector),
                    range_ms,
                    span: matrix.span,
                })
            }
            Expr::Subquery(subquery) => self.subquery(subquery, grid),
            other => Err(QueryError::bad_query(format!(
                "expected a range vector, found {}",
                other.value_type().documented()
            ))),
        }
    }

    fn subquery(&mut self, subquery: &ast::Subquery, grid: Grid) -> Result<RangeArg, QueryError> {
        let range_ms = self.durations.milliseconds(&subquery.range, false)?;
        let step_ms = match &subquery.step {
            Some(step) => self.durations.milliseconds(step, false)?,
            None => 0,
        };
        let step_ms = match step_ms {
            0 => self.settings.subquery_interval_ms.max(1),
            step_ms => step_ms,
        };
        let shift = self.shift(&subquery.shift)?;
        // The first multiple of the step after the left edge, which is itself left out.
        let left_ms = shift.apply(grid.start_ms).saturating_sub(range_ms);
        let mut start_ms = step_ms * (left_ms / step_ms);
        if start_ms <= left_ms {
            start_ms += step_ms;
        }
        let inner = Grid {
            start_ms,
            end_ms: shift.apply(grid.last_ms()),
            step_ms,
        };
        let around = self.around;
        self.around.whole = true;
        let node = Box::new(self.part(&subquery.expr, inner)?);
        self.around = around;
        Ok(RangeArg {
            source: RangeSource::Subquery { node, grid: inner },
            range_ms,
            shift,
            // Prometheus puts a range without a place in the stead of the subquery.
            span: Span::default(),
        })
    }

    fn shift(&self, shift: &TimeShift) -> Result<Shift, QueryError> {
        let offset_ms = match &shift.offset {
            Some(offset) => self.durations.milliseconds(offset, true)?,
            None => 0,
        };
        let at_ms = shift.at.and_then(|at| match at {
            AtTime::Fixed { at_ms } => Some(at_ms),
            AtTime::Start | AtTime::End if self.wanders => None,
            AtTime::Start => Some(self.period.start_ms),
            AtTime::End => Some(self.period.end_ms),
        });
        Ok(Shift { at_ms, offset_ms })
    }

    /// Plans a selector of instants, or of a range of `range_ms` before each.
    fn selector(
        &mut self,
        selector: &ast::VectorSelector,
        grid: Grid,
        range_ms: Option<i64>,
    ) -> Result<Selector, QueryError> {
        let mut shift = self.shift(&selector.shift)?;
        let mut read_through_ms = None;
        if let (true, None, Some(at_ms)) = (self.wanders, range_ms, shift.at_ms) {
            // It wanders away from what was read for it.
            read_through_ms = Some(shift.apply(at_ms));
            let offset_ms = shift
                .offset_ms
                .saturating_add(grid.start_ms.saturating_sub(at_ms));
            shift = Shift {
                at_ms: None,
                offset_ms,
            };
        }
        let lookback_ms = self.settings.lookback_ms;
        let (mut back_ms, mut ahead_ms) = (range_ms.unwrap_or(lookback_ms), 0);
        match (selector.extension, range_ms) {
            (None, _) | (Some(RangeExtension::Anchored), None) => {}
            (Some(RangeExtension::Anchored), Some(_)) => back_ms += lookback_ms,
            (Some(RangeExtension::Smoothed), range) => {
                back_ms += if range.is_some() { lookback_ms } else { 0 };
                ahead_ms = lookback_ms;
            }
        }
        let from_ms = shift.apply(grid.start_ms).saturating_sub(back_ms) + 1;
        let through_ms = shift.apply(grid.last_ms()).saturating_add(ahead_ms);
        let is_name = |m: &&Matcher| m.name() == METRIC_NAME && m.kind() == MatchKind::Equal;
        Ok(Selector {
            selection: self.select(selector.matchers.clone(), from_ms, through_ms),
            shift,
            read_through_ms,
            extension: selector.extension,
            has_one_name: selector.matchers.iter().find(is_name).is_some(),
            span: selector.span,
            skips_buckets: self.around.statistic && !self.around.whole,
            absent_labels: absent_labels(&selector.matchers),
        })
    }

    /// Asks for a selection; one with the same matchers whose time touches is widened instead.
    fn select(&mut self, matchers: Vec<Matcher>, from_ms: i64, through_ms: i64) -> usize {
        self.selectors += 1;
        let same = self.selections.iter().position(|other| {
            other.matchers == matchers && other.from_ms <= through_ms && from_ms <= other.through_ms
        });
        if let Some(index) = same {
            let other = &mut self.selections[index];
            other.from_ms = other.from_ms.min(from_ms);
            other.through_ms = other.through_ms.max(through_ms);
            return index;
        }
        self.selections
            .push(Selection::new(matchers, from_ms, through_ms.max(from_ms)));
        self.selections.len() - 1
    }
}

/// The labels that `absent` gives its answer: those that exactly one `=` matcher fixes.
///
/// Prometheus' storage puts matchers that only take series away after the others, in the query itself, so
/// that is the order in which they count here.
fn absent_labels(matchers: &[Matcher]) -> Vec<(String, String)> {
    let takes_away = |matcher: &&Matcher| {
        let must_be_set = matchers
            .iter()
            .any(|other| other.name() == matcher.name() && !other.matches_empty());
        let is_negative = matches!(matcher.kind(), MatchKind::NotEqual | MatchKind::NotRegex);
        !must_be_set || (is_negative && matcher.matches_empty())
    };
    let (last, first): (Vec<&Matcher>, Vec<&Matcher>) = matchers.iter().partition(takes_away);
    let in_order = first.into_iter().chain(last);
    let mut fixed: Vec<(String, Option<String>)> = Vec::new();
    for matcher in in_order.filter(|m| m.name() != METRIC_NAME) {
        let seen = fixed.iter_mut().find(|(name, _)| name == matcher.name());
        match (seen, matcher.kind()) {
            (None, MatchKind::Equal) => {
                fixed.push((matcher.name().to_owned(), Some(matcher.value().to_owned())));
            }
            (Some((_, value)), _) => *value = None,
            (None, _) => {}
        }
    }
    fixed
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect()
}
