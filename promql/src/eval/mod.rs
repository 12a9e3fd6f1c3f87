//! Evaluation: by series over all steps, not by step over all series.
//!
//! Every node hands its series to a sink, one after the other. What needs no other series (selectors,
//! functions of windows, arithmetic with scalars) passes each on at once; aggregations fold each into its
//! group and forget it. Only what truly needs several at a time (matching, sorting, quantiles) gathers them
//! in a [`Frame`].
//!
//! ```text
//! sum by (job) (rate(x[5m]) * 8)
//!   storage ─columns→ rate ─series→ × 8 ─series→ group accumulators
//! ```
//!
//! Series come in the order of their roster, which is visible in the digits of sums.
//!
//! Start with [`Eval::each`].

mod aggregate;
pub(crate) mod ahead;
mod binary;
pub(crate) mod dict;
pub(crate) mod limits;
pub(crate) mod merge;
pub(crate) mod selector;
pub(crate) mod series;
mod shared;
mod smoothed;
pub(crate) mod trace;
pub(crate) mod window;

use std::sync::Arc;

use tsdb::query::{Cancel, Read};

use crate::annotations::Annotations;
use crate::engine::{QueryError, Workers};
use crate::functions;
use crate::plan::node::{Grid, Node};

use dict::Dict;
use limits::Limits;
use series::{Frame, Scalar, Series, is_absent};
use trace::Tracer;

/// What receives the series of a node.
pub(crate) type Sink<'s, 'r> = &'s mut dyn FnMut(&mut Eval<'r>, Series) -> Result<(), QueryError>;

/// The engine's options that evaluation depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) lookback_ms: i64,
    pub(crate) delayed_name_removal: bool,
    pub(crate) type_and_unit_labels: bool,
    pub(crate) use_start_timestamps: bool,
    /// See [`crate::engine::QueryOptions::uncounted`].
    pub(crate) uncounted: bool,
}

/// Samples looked at, as Prometheus counts them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SampleCount {
    pub(crate) total: u64,
    /// Step by step, if asked for.
    pub(crate) per_step: Option<Vec<u64>>,
}

impl SampleCount {
    #[inline]
    pub(crate) fn add(&mut self, step: usize, samples: u64) {
        self.total += samples;
        if let Some(steps) = &mut self.per_step
            && let Some(at) = steps.get_mut(step)
        {
            *at += samples;
        }
    }

    /// What was counted since it was `before`.
    fn since(&self, before: &Self) -> Self {
        let steps = self.per_step.as_ref().zip(before.per_step.as_ref());
        Self {
            total: self.total - before.total,
            per_step: steps
                .map(|(now, before)| now.iter().zip(before).map(|(now, before)| now - before).collect()),
        }
    }

    /// Counts all that another has counted.
    fn add_all(&mut self, other: &Self) {
        self.total += other.total;
        if let (Some(steps), Some(others)) = (&mut self.per_step, &other.per_step) {
            steps
                .iter_mut()
                .zip(others)
                .for_each(|(step, other)| *step += other);
        }
    }
}

/// A query being evaluated.
pub(crate) struct Eval<'r> {
    pub(crate) read: &'r Arc<Read>,
    pub(crate) cancel: &'r Cancel,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) dict: Dict,
    pub(crate) notes: Annotations,
    pub(crate) samples: SampleCount,
    pub(crate) trace: Option<Tracer>,
    /// Threads that may help.
    pub(crate) workers: Option<Arc<dyn Workers>>,
    /// Columns to be used again.
    pool: Vec<Vec<f64>>,
    /// Parts that the query asks for more than once, by slot.
    shared: Vec<shared::State>,
}

/// How many unused columns are kept.
const POOL_MAX: usize = 64;

/// How many bytes they may take; those are charged to nobody.
const POOL_BYTES_MAX: usize = 1 << 20;

impl<'r> Eval<'r> {
    pub(crate) fn new(
        read: &'r Arc<Read>,
        dict: Dict,
        cancel: &'r Cancel,
        settings: Settings,
        limits: Limits,
    ) -> Self {
        Self {
            read,
            cancel,
            settings,
            limits,
            dict,
            notes: Annotations::new(),
            samples: SampleCount::default(),
            trace: None,
            workers: None,
            pool: Vec::new(),
            shared: Vec::new(),
        }
    }

    /// Hands all series of `node` at the steps of `grid` to `sink`. Series without any value are left out.
    pub(crate) fn each(&mut self, node: &Node, grid: Grid, sink: Sink<'_, 'r>) -> Result<(), QueryError> {
        self.cancel.check()?;
        if grid.len() == 0 {
            return Ok(());
        }
        self.limits.check_steps(grid.len())?;
        let _own = match node.makes_column() {
            true => Some(self.limits.charge(grid.len().saturating_mul(size_of::<f64>()))?),
            false => None,
        };
        let Some(trace) = &mut self.trace else {
            return self.each_of(node, grid, sink);
        };
        let consumer = trace.enter(node);
        self.each_of(node, grid, &mut |eval, series| {
            let producer = eval.trace.as_mut().and_then(|trace| {
                trace.note_series(&series);
                trace.switch(consumer)
            });
            sink(eval, series)?;
            if let Some(trace) = &mut eval.trace {
                trace.switch(producer);
            }
            Ok(())
        })?;
        if let Some(trace) = &mut self.trace {
            trace.switch(consumer);
        }
        Ok(())
    }

    fn each_of(&mut self, node: &Node, grid: Grid, sink: Sink<'_, 'r>) -> Result<(), QueryError> {
        match node {
            Node::Vector(selector) => self.each_selected(selector, grid, sink),
            Node::Shared(shared) => self.each_shared(shared, grid, sink),
            Node::Invariant { node, grid: once } => self.each_invariant(node, *once, grid, sink),
            Node::Plus(node) => self.each(node, grid, sink),
            Node::Negate(node) => self.each_negated(node, grid, sink),
            Node::Binary(binary) => self.each_binary(binary, grid, sink),
            Node::Aggregate(aggregate) => self.each_aggregated(aggregate, grid, sink),
            Node::Call(call) => functions::call::each(self, call, grid, sink),
            Node::Info(info) => functions::info::each(self, info, grid, sink),
            Node::Number(value) => {
                let v = vec![*value; grid.len()];
                sink(self, Series::floats(dict::SetId::EMPTY, v))
            }
            Node::Text(_) | Node::Range(_) => Err(QueryError::execution(
                "a string or a range vector cannot be evaluated step by step",
            )),
        }
    }

    /// All series of `node`, held at once.
    pub(crate) fn all(&mut self, node: &Node, grid: Grid) -> Result<Frame, QueryError> {
        let mut frame = Frame {
            series: Vec::new(),
            holding: self.limits.holding()?,
        };
        self.each(node, grid, &mut |_, series| {
            frame.holding.add_series(&series)?;
            frame.series.push(series);
            Ok(())
        })?;
        Ok(frame)
    }

    /// The values of a scalar node.
    pub(crate) fn scalar(&mut self, node: &Node, grid: Grid) -> Result<Scalar, QueryError> {
        self.limits.check_steps(grid.len())?;
        if let Node::Number(value) = node {
            return Ok(Scalar::Const(*value));
        }
        self.cancel.check()?;
        let mut own = self.limits.holding()?;
        if node.makes_column() {
            own.add_column(grid.len(), grid.len())?;
        }
        let consumer = self.trace.as_mut().and_then(|trace| trace.enter(node));
        let value = self.scalar_of(node, grid)?;
        if let Some(trace) = &mut self.trace {
            trace.switch(consumer);
        }
        Ok(value)
    }

    fn scalar_of(&mut self, node: &Node, grid: Grid) -> Result<Scalar, QueryError> {
        match node {
            Node::Number(value) => Ok(Scalar::Const(*value)),
            Node::Negate(node) => Ok(self.scalar(node, grid)?.map(|v| -v)),
            Node::Invariant { node, grid: once } => {
                let before = self.enter();
                let value = self.scalar(node, *once)?.get(0);
                self.leave_invariant(before, grid);
                Ok(Scalar::Const(value))
            }
            Node::Binary(binary) => {
                let left = self.scalar(&binary.left, grid)?;
                let _left = self.limits.hold_scalar(&left)?;
                let right = self.scalar(&binary.right, grid)?;
                Ok(binary::scalars(binary.op, left, right))
            }
            Node::Call(call) => functions::call::scalar(self, call, grid),
            _ => Err(QueryError::execution("expected a scalar")),
        }
    }

    /// The values of `node`, which stands after `earlier` in the query but is needed before it. If it fails,
    /// the error is that of `earlier` where that fails too: the first one counts.
    pub(crate) fn scalar_after(
        &mut self,
        earlier: &Node,
        node: &Node,
        grid: Grid,
    ) -> Result<Scalar, QueryError> {
        let found = self.scalar(node, grid);
        if found.is_err() {
            match earlier {
                Node::Range(range) => drop(self.range_vector(range, grid)?),
                earlier => self.each(earlier, grid, &mut |_, _| Ok(()))?,
            }
        }
        found
    }

    fn each_invariant(
        &mut self,
        node: &Node,
        once: Grid,
        grid: Grid,
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        if node.is_scalar() {
            let before = self.enter();
            let value = self.scalar(node, once)?.get(0);
            self.leave_invariant(before, grid);
            return sink(self, Series::floats(dict::SetId::EMPTY, vec![value; grid.len()]));
        }
        let steps = grid.len();
        let before = self.enter();
        let frame = self.all(node, once)?;
        self.leave_invariant(before, grid);
        for mut series in frame.series {
            let value = series.v[0];
            series.v.resize(steps, value);
            if let Some((_, histogram)) = series.h.first().cloned() {
                series.h = (0..u32::try_from(steps).unwrap_or(u32::MAX))
                    .map(|step| (step, Arc::clone(&histogram)))
                    .collect();
            }
            sink(self, series)?;
        }
        Ok(())
    }

    fn each_negated(&mut self, node: &Node, grid: Grid, sink: Sink<'_, 'r>) -> Result<(), QueryError> {
        if node.is_scalar() {
            let v = self.scalar(node, grid)?.map(|v| -v).into_column(grid.len());
            return sink(self, Series::floats(dict::SetId::EMPTY, v));
        }
        self.each_renamed(node, grid, sink, |_, series| {
            for v in series.v.iter_mut().filter(|v| !is_absent(**v)) {
                *v = -*v;
            }
            for (_, h) in &mut series.h {
                Arc::make_mut(h).multiply(-1.0);
            }
            Ok(true)
        })
    }

    /// Charges for the label sets met by now: to be called while series come.
    pub(crate) fn account(&mut self) -> Result<(), QueryError> {
        Ok(self.dict.account(self.limits.budget())?)
    }

    /// Notes for the trace that samples of a series were read.
    pub(crate) fn note_read(&mut self, samples: usize) {
        if let Some(trace) = &mut self.trace {
            trace.note_read(samples);
        }
    }

    /// Counts samples anew: for parts whose samples count differently in the whole.
    pub(crate) fn enter(&mut self) -> SampleCount {
        std::mem::take(&mut self.samples)
    }

    /// What was evaluated once counts at each step.
    fn leave_invariant(&mut self, before: SampleCount, grid: Grid) {
        let once = std::mem::replace(&mut self.samples, before).total;
        for step in 0..grid.len() {
            self.samples.add(step, once);
        }
    }

    /// A column of `steps` absent values.
    pub(crate) fn column(&mut self, steps: usize) -> Vec<f64> {
        let mut column = self.pool.pop().unwrap_or_default();
        column.clear();
        column.resize(steps, series::ABSENT);
        column
    }

    /// Takes a column back.
    pub(crate) fn recycle(&mut self, column: Vec<f64>) {
        let pooled = (self.pool.len() + 1).saturating_mul(column.capacity() * size_of::<f64>());
        if self.pool.len() < POOL_MAX && pooled <= POOL_BYTES_MAX {
            self.pool.push(column);
        }
    }
}
