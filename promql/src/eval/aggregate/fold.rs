//! `sum avg count min max group stddev stdvar`: a series is folded into its group's columns as it comes.
//!
//! Series are folded in roster order and sums are compensated, so that digits are Prometheus'.

use super::group::{DropName, Grouping};
use super::histograms::HistogramGroup;
use crate::annotations::Level;
use crate::engine::QueryError;
use crate::eval::series::{ABSENT, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::kahan;
use crate::parser::ast::AggregateOp;
use crate::plan::node::{Aggregate, Grid};

/// One group's columns. What they mean depends on the operator; absent is a step not met yet.
struct Accumulator {
    drop_name: DropName,
    /// Sum, extreme, or sum of squared distances.
    value: Vec<f64>,
    /// Compensation of the sum, or the mean.
    second: Vec<f64>,
    /// How many values.
    count: Vec<f64>,
    /// Steps at which a sum overflowed, so that a mean is kept in `value` instead.
    is_mean: Vec<bool>,
    /// Sums of histograms, if there are any.
    histograms: Option<Box<HistogramGroup>>,
}

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    aggregate: &Aggregate,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let (steps, op) = (grid.len(), aggregate.op);
    let mut grouping = Grouping::new(&mut eval.dict, aggregate);
    let mut groups: Vec<Accumulator> = Vec::new();
    let mut held = eval.limits.holding()?;
    eval.each(&aggregate.node, grid, &mut |eval, series| {
        let at = grouping.of(&mut eval.dict, series.set);
        if at == groups.len() {
            let group = Accumulator::new(op, steps);
            held.add(steps, group.held_bytes())?;
            groups.push(group);
        }
        let group = &mut groups[at];
        group.drop_name.take(&series);
        if !series.h.is_empty() {
            let before = group.histogram_steps();
            fold_histograms(eval, aggregate, group, &series)?;
            // A sum is about as large as what it adds up, twice for its compensation.
            let added = group.histogram_steps() - before;
            held.add(0, added * 2 * series.held_bytes() / series.h.len())?;
        }
        group.fold(op, &series.v);
        eval.recycle(series.v);
        Ok(())
    })?;
    for (mut group, &set) in groups.into_iter().zip(&grouping.sets) {
        held.remove(group.held_bytes());
        let drop_name = group.drop_name.get();
        let histograms = group.histograms.take();
        let mut series = Series::floats(set, group.finish(op));
        if let Some(histograms) = histograms {
            series.h = histograms.finish(&mut series.v, aggregate, &mut eval.notes);
        }
        series.drop_name = drop_name;
        if !series.is_empty() {
            sink(eval, series)?;
        }
    }
    Ok(())
}

/// Histograms count and form groups; other operators leave them out and say so.
fn fold_histograms(
    eval: &mut Eval<'_>,
    aggregate: &Aggregate,
    group: &mut Accumulator,
    series: &Series,
) -> Result<(), QueryError> {
    match aggregate.op {
        AggregateOp::Count | AggregateOp::Group => {
            let mut stand_in = vec![ABSENT; series.v.len()];
            for (step, _) in &series.h {
                stand_in[*step as usize] = 1.0;
            }
            group.fold(aggregate.op, &stand_in);
            Ok(())
        }
        AggregateOp::Sum | AggregateOp::Avg => {
            let name = eval.dict.metric_name(series.set);
            let all = group.histograms.get_or_insert_default();
            all.fold(series, aggregate, &group.value, name, &mut eval.notes);
            Ok(())
        }
        op => {
            let text = format!("ignored histogram in {} aggregation", op.as_str());
            eval.notes.add(Level::Info, text, Some(aggregate.node_span));
            Ok(())
        }
    }
}

impl Accumulator {
    fn new(op: AggregateOp, steps: usize) -> Self {
        let has_second = matches!(
            op,
            AggregateOp::Sum | AggregateOp::Avg | AggregateOp::Stddev | AggregateOp::Stdvar
        );
        let has_count = matches!(op, AggregateOp::Avg | AggregateOp::Stddev | AggregateOp::Stdvar);
        Self {
            drop_name: DropName::default(),
            value: vec![ABSENT; steps],
            second: vec![0.0; if has_second { steps } else { 0 }],
            count: vec![0.0; if has_count { steps } else { 0 }],
            is_mean: Vec::new(),
            histograms: None,
        }
    }

    /// At how many steps there are sums of histograms.
    fn histogram_steps(&self) -> usize {
        self.histograms.as_ref().map_or(0, |histograms| histograms.len())
    }

    fn held_bytes(&self) -> usize {
        (self.value.capacity() + self.second.capacity() + self.count.capacity()) * 8
    }

    /// Folds a column in.
    fn fold(&mut self, op: AggregateOp, v: &[f64]) {
        let present = v.iter().copied().enumerate().filter(|(_, v)| !is_absent(*v));
        match op {
            AggregateOp::Sum => self.fold_sum(v),
            AggregateOp::Avg => present.for_each(|(step, v)| self.fold_avg(step, v)),
            AggregateOp::Count => {
                for (step, _) in present {
                    let count = &mut self.value[step];
                    *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
                }
            }
            AggregateOp::Group => present.for_each(|(step, _)| self.value[step] = 1.0),
            AggregateOp::Min => {
                for (value, &v) in self.value.iter_mut().zip(v) {
                    if !is_absent(v) && (*value > v || value.is_nan()) {
                        *value = v;
                    }
                }
            }
            AggregateOp::Max => {
                for (value, &v) in self.value.iter_mut().zip(v) {
                    if !is_absent(v) && (*value < v || value.is_nan()) {
                        *value = v;
                    }
                }
            }
            _ => present.for_each(|(step, v)| self.fold_variance(step, v)),
        }
    }

    fn fold_sum(&mut self, v: &[f64]) {
        for ((sum, c), &v) in self.value.iter_mut().zip(&mut self.second).zip(v) {
            if is_absent(v) {
                continue;
            }
            if is_absent(*sum) {
                *sum = v;
            } else {
                (*sum, *c) = kahan::add(v, *sum, *c);
            }
        }
    }

    fn fold_avg(&mut self, step: usize, v: f64) {
        let (value, c, count) = (
            &mut self.value[step],
            &mut self.second[step],
            &mut self.count[step],
        );
        *count += 1.0;
        if *count == 1.0 {
            *value = v;
            return;
        }
        if !self.is_mean.get(step).copied().unwrap_or(false) {
            let (sum, new_c) = kahan::add(v, *value, *c);
            if !sum.is_infinite() {
                (*value, *c) = (sum, new_c);
                return;
            }
            // The sum would overflow: from here on the mean is kept.
            let steps = self.value.len();
            self.is_mean.resize(steps, false);
            self.is_mean[step] = true;
            self.value[step] /= self.count[step] - 1.0;
            self.second[step] /= self.count[step] - 1.0;
        }
        let (value, c, count) = (&mut self.value[step], &mut self.second[step], self.count[step]);
        let q = (count - 1.0) / count;
        (*value, *c) = kahan::add(v / count, q * *value, q * *c);
    }

    fn fold_variance(&mut self, step: usize, v: f64) {
        let (value, mean, count) = (
            &mut self.value[step],
            &mut self.second[step],
            &mut self.count[step],
        );
        *count += 1.0;
        if *count == 1.0 {
            *mean = v;
            *value = if v.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = v - *mean;
        *mean += delta / *count;
        *value += delta * (v - *mean);
    }

    /// The group's values.
    fn finish(self, op: AggregateOp) -> Vec<f64> {
        let mut value = self.value;
        let present = value.iter_mut().enumerate().filter(|(_, v)| !is_absent(**v));
        match op {
            AggregateOp::Sum => present.for_each(|(step, v)| *v += self.second[step]),
            AggregateOp::Avg => {
                for (step, v) in present {
                    let (c, count) = (self.second[step], self.count[step]);
                    *v = if self.is_mean.get(step).copied().unwrap_or(false) {
                        *v + c
                    } else {
                        *v / count + c / count
                    };
                }
            }
            AggregateOp::Stdvar => present.for_each(|(step, v)| *v /= self.count[step]),
            AggregateOp::Stddev => present.for_each(|(step, v)| *v = (*v / self.count[step]).sqrt()),
            _ => {}
        }
        value
    }
}
