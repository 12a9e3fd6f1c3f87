//! Binary operations: scalars, a vector with a scalar, two vectors.

mod arithmetic;
mod general;
mod histograms;
mod matching;
mod set;

use super::dict::SetId;
use super::series::{ABSENT, Scalar, Series, is_absent};
use super::{Eval, Sink};
use crate::engine::QueryError;
use crate::parser::ast::BinaryOp;
use crate::plan::node::{Binary, Grid, Node, Sides};

pub(super) use arithmetic::scalars;
use histograms::{LastNotes, Note};

impl<'r> Eval<'r> {
    pub(super) fn each_binary(
        &mut self,
        binary: &Binary,
        grid: Grid,
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        match &binary.sides {
            Sides::Scalars => {
                let left = self.scalar(&binary.left, grid)?;
                let right = self.scalar(&binary.right, grid)?;
                let v = scalars(binary.op, left, right).into_column(grid.len());
                sink(self, Series::floats(SetId::EMPTY, v))
            }
            Sides::VectorScalar => {
                let scalar = self.scalar_after(&binary.left, &binary.right, grid)?;
                let _held = self.limits.hold_scalar(&scalar)?;
                self.each_with_scalar(binary, &binary.left, &scalar, false, grid, sink)
            }
            Sides::ScalarVector => {
                let scalar = self.scalar(&binary.left, grid)?;
                let _held = self.limits.hold_scalar(&scalar)?;
                self.each_with_scalar(binary, &binary.right, &scalar, true, grid, sink)
            }
            Sides::Vectors(matching) if binary.op.is_set() => set::each(self, binary, matching, grid, sink),
            Sides::Vectors(matching) => matching::each(self, binary, matching, grid, sink),
        }
    }

    /// `vector op scalar`, or `scalar op vector` if `swapped`.
    fn each_with_scalar(
        &mut self,
        binary: &Binary,
        node: &Node,
        scalar: &Scalar,
        swapped: bool,
        grid: Grid,
        sink: Sink<'_, 'r>,
    ) -> Result<(), QueryError> {
        let mut notes = LastNotes::default();
        let mut change = |series: &mut Series| {
            if is_float_mismatch(binary.op) {
                notes.set_for_floats(&series.v, Note::Types("float", "float"));
            }
            if !series.h.is_empty() {
                histograms::with_scalar(binary.op, series, scalar, swapped, &mut notes);
            }
            arithmetic::with_scalar(binary, &mut series.v, scalar, swapped);
        };
        if drops_name(binary) {
            self.each_renamed(node, grid, sink, |_, series| {
                change(series);
                Ok(true)
            })?;
        } else {
            self.each(node, grid, &mut |eval, mut series| {
                change(&mut series);
                if series.is_empty() {
                    eval.recycle(series.v);
                    return Ok(());
                }
                sink(eval, series)
            })?;
        }
        notes.write(self, binary);
        Ok(())
    }
}

/// Whether the result is something else than the operands were, so that their name does not fit it.
fn drops_name(binary: &Binary) -> bool {
    binary.return_bool || changes_meaning(binary.op)
}

/// Whether the operator makes new values rather than choosing among them.
fn changes_meaning(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Multiply
            | BinaryOp::Divide
            | BinaryOp::Modulo
            | BinaryOp::Power
            | BinaryOp::Atan2
    )
}

/// `</` and `>/` work on histograms alone.
fn is_float_mismatch(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}

/// One value of an operation on two floats, [`ABSENT`] where a comparison does not hold or a side is missing.
#[inline(always)]
fn of_floats(op: BinaryOp, return_bool: bool, left: f64, right: f64) -> f64 {
    if is_absent(left) || is_absent(right) {
        return ABSENT;
    }
    let (value, keep) = arithmetic::floats(op, left, right);
    if return_bool {
        return f64::from(u8::from(keep));
    }
    if keep { value } else { ABSENT }
}
