//! `sum` and `avg` of native histograms: a sum for each step that has any.
//!
//! Floats and histograms at one step have no sum, nor have exponential and listed buckets; both are noted.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsdb::model::FloatHistogram;
use tsdb::model::histogram::HistogramSum;

use crate::annotations::{Annotations, Level};
use crate::eval::series::{ABSENT, HistogramSteps, Series, is_absent};
use crate::functions::histogram_sums::{HistogramMean, Seen};
use crate::functions::remarks::Doing;
use crate::parser::ast::AggregateOp;
use crate::plan::node::Aggregate;

/// The histograms of one group.
#[derive(Default)]
pub(super) struct HistogramGroup {
    steps: BTreeMap<u32, Step>,
}

struct Step {
    total: Total,
    seen: Seen,
    count: f64,
}

enum Total {
    Sum(Box<HistogramSum>),
    Mean(Box<HistogramMean>),
    /// A float came first, so that there is no sum.
    AfterFloat,
    /// Buckets did not go together; whether there was a float before.
    Incompatible {
        had_float: bool,
    },
}

impl HistogramGroup {
    /// At how many steps there are any.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Takes a series' histograms. `floats` are those of the group before it.
    pub(super) fn fold(
        &mut self,
        series: &Series,
        aggregate: &Aggregate,
        floats: &[f64],
        name: &str,
        notes: &mut Annotations,
    ) {
        for (at, h) in &series.h {
            let had_float = !is_absent(floats[*at as usize]);
            match self.steps.get_mut(at) {
                Some(step) => step.add(h, aggregate, had_float, name, notes),
                None => {
                    self.steps.insert(*at, Step::of(h, aggregate.op, had_float));
                }
            }
        }
    }

    /// The sums or means. Steps that have floats too have nothing in the end.
    pub(super) fn finish(
        self,
        floats: &mut [f64],
        aggregate: &Aggregate,
        notes: &mut Annotations,
    ) -> HistogramSteps {
        let mut found = HistogramSteps::new();
        for (at, step) in self.steps {
            let float = std::mem::replace(&mut floats[at as usize], ABSENT);
            let had_float = match step.total {
                Total::Incompatible { had_float } => had_float,
                _ => !is_absent(float),
            };
            if had_float {
                let text = "encountered a mix of histograms and floats for aggregation";
                notes.add(Level::Warning, text, Some(aggregate.node_span));
                continue;
            }
            let mut h = match step.total {
                Total::Sum(sum) => sum.finish(),
                Total::Mean(mean) => mean.finish(step.count),
                Total::AfterFloat | Total::Incompatible { .. } => continue,
            };
            h.compact();
            if step.seen.hints_collided() {
                notes.add_hints_collided(Doing::Aggregation, aggregate.node_span);
            }
            found.push((at, Arc::new(h)));
        }
        found
    }
}

impl Step {
    fn of(first: &FloatHistogram, op: AggregateOp, had_float: bool) -> Self {
        let mut seen = Seen::default();
        let total = if had_float {
            Total::AfterFloat
        } else if op == AggregateOp::Sum {
            Total::Sum(Box::new(HistogramSum::of(first)))
        } else {
            Total::Mean(Box::new(HistogramMean::of(first)))
        };
        seen.take(first.reset_hint);
        Self {
            total,
            seen,
            count: 1.0,
        }
    }

    fn add(
        &mut self,
        h: &FloatHistogram,
        aggregate: &Aggregate,
        had_float: bool,
        name: &str,
        notes: &mut Annotations,
    ) {
        self.count += 1.0;
        let added = match &mut self.total {
            Total::Sum(sum) => sum.add(h).map(|met| met.bounds_differed),
            Total::Mean(mean) => mean.add(h, self.count),
            Total::AfterFloat | Total::Incompatible { .. } => return,
        };
        self.seen.take(h.reset_hint);
        match added {
            Ok(true) => notes.add_bounds_differed(Doing::Aggregation, aggregate.node_span),
            Ok(false) => {}
            Err(_) => {
                notes.add_mixed_schemas(name, aggregate.node_span);
                self.total = Total::Incompatible { had_float };
            }
        }
    }
}
