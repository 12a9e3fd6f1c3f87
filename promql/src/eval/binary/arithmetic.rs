//! The operators themselves.

use super::{changes_meaning, is_float_mismatch};
use crate::eval::series::{ABSENT, Scalar, is_absent};
use crate::go_math;
use crate::parser::ast::BinaryOp;
use crate::plan::node::Binary;

/// The value of an operation on two floats, and whether a comparison holds.
#[inline(always)]
pub(super) fn floats(op: BinaryOp, left: f64, right: f64) -> (f64, bool) {
    match op {
        BinaryOp::Add => (left + right, true),
        BinaryOp::Subtract => (left - right, true),
        BinaryOp::Multiply => (left * right, true),
        BinaryOp::Divide => (left / right, true),
        BinaryOp::Modulo => (left % right, true),
        BinaryOp::Power => (go_math::pow(left, right), true),
        BinaryOp::Atan2 => (go_math::atan2(left, right), true),
        BinaryOp::Equal => (left, left == right),
        BinaryOp::NotEqual => (left, left != right),
        BinaryOp::Greater => (left, left > right),
        BinaryOp::Less => (left, left < right),
        BinaryOp::GreaterOrEqual => (left, left >= right),
        BinaryOp::LessOrEqual => (left, left <= right),
        BinaryOp::TrimUpper | BinaryOp::TrimLower | BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => {
            (left, false)
        }
    }
}

/// `scalar op scalar`; comparisons answer 0 or 1.
pub(crate) fn scalars(op: BinaryOp, left: Scalar, right: Scalar) -> Scalar {
    let of = |left, right| {
        let (value, holds) = floats(op, left, right);
        if op.is_comparison() {
            f64::from(u8::from(holds))
        } else {
            value
        }
    };
    match (left, right) {
        (Scalar::Const(left), Scalar::Const(right)) => Scalar::Const(of(left, right)),
        (Scalar::Steps(left), right) => {
            let steps = left.into_iter().enumerate();
            Scalar::Steps(steps.map(|(step, left)| of(left, right.get(step))).collect())
        }
        (left, Scalar::Steps(right)) => {
            let steps = right.into_iter().enumerate();
            Scalar::Steps(steps.map(|(step, right)| of(left.get(step), right)).collect())
        }
    }
}

/// Changes a vector's column by a scalar.
pub(super) fn with_scalar(binary: &Binary, v: &mut [f64], scalar: &Scalar, swapped: bool) {
    let modes = (binary.return_bool, binary.op.is_comparison());
    // One loop an operator, so that the compiler can make each a fast one.
    macro_rules! each {
        ($($op:ident)*) => {
            match binary.op {
                $(BinaryOp::$op => with_scalar_of(modes, v, scalar, swapped,
                    |left, right| floats(BinaryOp::$op, left, right)),)*
            }
        };
    }
    each!(Add Subtract Multiply Divide Modulo Power Atan2 Equal NotEqual Greater Less GreaterOrEqual
          LessOrEqual TrimUpper TrimLower And Or Unless);
    if is_float_mismatch(binary.op) {
        v.fill(ABSENT);
    }
}

#[inline(always)]
fn with_scalar_of(
    (return_bool, is_comparison): (bool, bool),
    v: &mut [f64],
    scalar: &Scalar,
    swapped: bool,
    of: impl Fn(f64, f64) -> (f64, bool),
) {
    let apply = |v: &mut f64, scalar: f64| {
        if is_absent(*v) {
            return;
        }
        let (value, keep) = if swapped { of(scalar, *v) } else { of(*v, scalar) };
        *v = match (return_bool, keep) {
            (true, keep) => f64::from(u8::from(keep)),
            (false, false) => ABSENT,
            // A comparison keeps the vector's value, on whichever side it stands.
            (false, true) if is_comparison => *v,
            (false, true) => value,
        };
    };
    match scalar {
        Scalar::Const(scalar) => v.iter_mut().for_each(|v| apply(v, *scalar)),
        Scalar::Steps(scalars) => v.iter_mut().zip(scalars).for_each(|(v, s)| apply(v, *s)),
    }
}

impl Binary {
    /// Whether the name of the operands is dropped from the result labels of a match.
    pub(super) fn result_drops_name(&self, delayed: bool) -> bool {
        (self.return_bool && !delayed) || changes_meaning(self.op)
    }
}
