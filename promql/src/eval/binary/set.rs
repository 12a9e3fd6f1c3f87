//! `and or unless`: series by whether the other side has a match at the step.

use hashbrown::HashMap;

use super::matching::Signatures;
use crate::engine::QueryError;
use crate::eval::dict::SetId;
use crate::eval::limits::Holding;
use crate::eval::merge::Merger;
use crate::eval::series::{ABSENT, Series};
use crate::eval::{Eval, Sink};
use crate::parser::ast::{BinaryOp, VectorMatching};
use crate::plan::node::{Binary, Grid, Node};

/// For each signature the steps at which any of its series has a value.
type Presence = HashMap<SetId, Vec<bool>, foldhash::fast::RandomState>;

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    binary: &Binary,
    matching: &VectorMatching,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    if binary.op == BinaryOp::And && is_sure_to_be_empty(eval, binary, grid) {
        return Ok(());
    }
    let signatures = Signatures::new(&mut eval.dict, matching);
    let left = eval.all(&binary.left, grid)?;
    let mut held = eval.limits.holding()?;
    if binary.op == BinaryOp::Or {
        let mut present = Presence::default();
        for series in &left.series {
            let signature = signatures.of(&mut eval.dict, series.set);
            note_presence(&mut present, &mut held, signature, series)?;
        }
        let mut merged = Merger::new(eval)?;
        for series in left.series {
            merged.push(series)?;
        }
        drop(left.holding);
        eval.each(&binary.right, grid, &mut |eval, mut series| {
            let signature = signatures.of(&mut eval.dict, series.set);
            if let Some(present) = present.get(&signature) {
                retain(&mut series, |step| !present[step]);
            }
            if !series.is_empty() {
                merged.push(series)?;
            }
            Ok(())
        })?;
        return merged.finish(eval, sink);
    }
    let mut present = Presence::default();
    eval.each(&binary.right, grid, &mut |eval, series| {
        let signature = signatures.of(&mut eval.dict, series.set);
        note_presence(&mut present, &mut held, signature, &series)?;
        eval.recycle(series.v);
        Ok(())
    })?;
    let wanted = binary.op == BinaryOp::And;
    for mut series in left.series {
        let signature = signatures.of(&mut eval.dict, series.set);
        match present.get(&signature) {
            Some(present) => retain(&mut series, |step| present[step] == wanted),
            None if wanted => continue,
            None => {}
        }
        if !series.is_empty() {
            sink(eval, series)?;
        }
    }
    Ok(())
}

/// Whether there is nothing on the right, and nothing to be said of the left but how many samples it has.
fn is_sure_to_be_empty(eval: &Eval<'_>, binary: &Binary, grid: Grid) -> bool {
    let plain = |node: &Node| match node {
        Node::Vector(selector) if selector.extension.is_none() => {
            Some(eval.read.rosters[selector.selection].len())
        }
        _ => None,
    };
    let is_counted = !eval.settings.uncounted || eval.samples.per_step.is_some() || eval.trace.is_some();
    match (plain(&binary.left), plain(&binary.right)) {
        (Some(series), Some(0)) => !is_counted && eval.limits.allows(series.saturating_mul(grid.len())),
        _ => false,
    }
}

fn note_presence(
    present: &mut Presence,
    held: &mut Holding,
    signature: SetId,
    series: &Series,
) -> Result<(), QueryError> {
    if !present.contains_key(&signature) {
        held.add(0, series.v.len())?;
    }
    let steps = present
        .entry(signature)
        .or_insert_with(|| vec![false; series.v.len()]);
    for (step, is_present) in steps.iter_mut().enumerate() {
        *is_present |= series.is_present(step);
    }
    Ok(())
}

fn retain(series: &mut Series, wanted: impl Fn(usize) -> bool) {
    for (step, v) in series.v.iter_mut().enumerate() {
        if !wanted(step) {
            *v = ABSENT;
        }
    }
    series.h.retain(|(step, _)| wanted(*step as usize));
}
