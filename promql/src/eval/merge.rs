//! What happens when series become equal because their names are dropped.
//!
//! Series of equal labels become one if they have no step in common, and are an error if they have. To know
//! that, all of them must be seen first, so series that might become equal are gathered; those that cannot
//! (one metric name to begin with) pass straight on.

use hashbrown::HashMap;

use super::dict::SetId;
use super::series::{Frame, Series, is_absent};
use super::{Eval, Sink};
use crate::engine::QueryError;
use crate::parser::ast::AggregateOp;
use crate::plan::node::{Grid, Node, RangeArg, RangeSource};

/// The error of two series with the same labels at the same time.
pub(crate) fn same_labelset() -> QueryError {
    QueryError::execution("vector cannot contain metrics with the same labelset")
}

impl<'r> Eval<'r> {
    /// Hands on the series of `node`, changed by `change`, which drops their names; series for which it
    /// answers `false` or that have no value left are left out.
    pub(crate) fn each_renamed(
        &mut self,
        node: &Node,
        grid: Grid,
        sink: Sink<'_, 'r>,
        mut change: impl FnMut(&mut Eval<'r>, &mut Series) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let delayed = self.settings.delayed_name_removal;
        if delayed || self.differ_without_name(node) {
            return self.each(node, grid, &mut |eval, mut series| {
                if !change(eval, &mut series)? || series.is_empty() {
                    eval.recycle(series.v);
                    return Ok(());
                }
                eval.drop_name(&mut series);
                sink(eval, series)
            });
        }
        let mut merged = Merger::new(self)?;
        self.each(node, grid, &mut |eval, mut series| {
            if change(eval, &mut series)? && !series.is_empty() {
                eval.drop_name(&mut series);
                merged.push(series)?;
            }
            Ok(())
        })?;
        merged.finish(self, sink)
    }

    /// Drops a series' name: at once, or at the end of the query if that is delayed.
    pub(crate) fn drop_name(&mut self, series: &mut Series) {
        series.drop_name = true;
        if !self.settings.delayed_name_removal {
            series.set = self.dict.drop_metadata(series.set);
        }
    }

    /// Whether the series of `node` are sure to differ in other labels than name, type and unit.
    pub(crate) fn differ_without_name(&self, node: &Node) -> bool {
        match node {
            Node::Vector(selector) => selector.has_one_name && !self.dict.has_kinds,
            Node::Shared(shared) => self.differ_without_name(&shared.node),
            Node::Invariant { node, .. } | Node::Plus(node) | Node::Negate(node) => {
                self.differ_without_name(node)
            }
            Node::Range(range) => self.differ_without_name_in_range(range),
            Node::Aggregate(aggregate) => match aggregate.op {
                AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
                    self.differ_without_name(&aggregate.node)
                }
                AggregateOp::CountValues => false,
                _ if aggregate.without => !self.dict.has_kinds,
                _ => !aggregate.grouping.iter().any(|name| name.starts_with("__")),
            },
            Node::Call(call) => match call.args.as_slice() {
                [Node::Range(_)] => self.differ_without_name(&call.args[0]),
                _ => false,
            },
            Node::Number(_) | Node::Text(_) | Node::Binary(_) | Node::Info(_) => false,
        }
    }

    /// As [`Self::differ_without_name`], of a range.
    pub(crate) fn differ_without_name_in_range(&self, range: &RangeArg) -> bool {
        match &range.source {
            RangeSource::Selector(selector) => selector.has_one_name && !self.dict.has_kinds,
            RangeSource::Subquery { node, .. } => self.differ_without_name(node),
        }
    }
}

/// Gathers series, those of equal labels into one.
pub(crate) struct Merger {
    at: HashMap<SetId, usize, foldhash::fast::RandomState>,
    frame: Frame,
}

impl Merger {
    pub(crate) fn new(eval: &Eval<'_>) -> Result<Self, QueryError> {
        Ok(Self {
            at: HashMap::default(),
            frame: Frame {
                series: Vec::new(),
                holding: eval.limits.holding()?,
            },
        })
    }

    /// Takes a series.
    pub(crate) fn push(&mut self, series: Series) -> Result<(), QueryError> {
        let next = self.frame.series.len();
        let at = *self.at.entry(series.set).or_insert(next);
        self.frame.holding.add_series(&series)?;
        if at == next {
            self.frame.series.push(series);
            return Ok(());
        }
        let other = &mut self.frame.series[at];
        for (step, v) in series
            .v
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, v)| !is_absent(*v))
        {
            if other.is_present(step) {
                return Err(same_labelset());
            }
            other.v[step] = v;
        }
        for (step, histogram) in series.h {
            if other.is_present(step as usize) {
                return Err(same_labelset());
            }
            let at = other.h.partition_point(|(s, _)| *s < step);
            other.h.insert(at, (step, histogram));
        }
        Ok(())
    }

    /// Everything gathered, in order of first appearance.
    pub(crate) fn into_frame(self) -> Frame {
        self.frame
    }

    /// Hands everything on.
    pub(crate) fn finish<'r>(self, eval: &mut Eval<'r>, sink: Sink<'_, 'r>) -> Result<(), QueryError> {
        let Frame { series, holding } = self.frame;
        for series in series {
            sink(eval, series)?;
        }
        drop(holding);
        Ok(())
    }
}
