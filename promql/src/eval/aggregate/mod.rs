//! Aggregations. Those with one value a group and step fold each series as it comes and forget it; those
//! that choose among series or need all values gather them.

mod choose;
mod count_values;
mod fold;
mod group;
mod histograms;
mod quantile;

use super::{Eval, Sink};
use crate::engine::QueryError;
use crate::parser::ast::AggregateOp;
use crate::plan::node::{Aggregate, Grid};

impl<'r> Eval<'r> {
    pub(super) fn each_aggregated(
        &mut self,
        aggregate: &Aggregate,
        grid: Grid,
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        match aggregate.op {
            AggregateOp::Sum
            | AggregateOp::Avg
            | AggregateOp::Count
            | AggregateOp::Min
            | AggregateOp::Max
            | AggregateOp::Group
            | AggregateOp::Stddev
            | AggregateOp::Stdvar => fold::each(self, aggregate, grid, sink),
            AggregateOp::Quantile => quantile::each(self, aggregate, grid, sink),
            AggregateOp::CountValues => count_values::each(self, aggregate, grid, sink),
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio => {
                choose::each(self, aggregate, grid, sink)
            }
        }
    }
}
