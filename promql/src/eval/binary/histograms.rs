//! Operators on native histograms.
//!
//! | | histogram on the right | float on the right |
//! |---|---|---|
//! | histogram on the left | `+ - == !=` | `* / </ >/` |
//! | float on the left | `*` | (see [`super::arithmetic`]) |
//!
//! Everything else has no answer and is noted.

use std::sync::Arc;

use tsdb::model::{FloatHistogram, ResetHint};

use crate::annotations::Level;
use crate::eval::Eval;
use crate::eval::series::{Scalar, Series, is_absent};
use crate::functions::remarks::Doing;
use crate::histogram::{Keep, trim};
use crate::parser::ast::BinaryOp;
use crate::plan::node::Binary;

/// One side of an operation.
#[derive(Clone, Copy)]
pub(super) enum Operand<'h> {
    Float(f64),
    Histogram(&'h Arc<FloatHistogram>),
}

impl Operand<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A histogram that came out, and whether a comparison holds.
pub(super) struct Computed {
    pub(super) h: Arc<FloatHistogram>,
    pub(super) keep: bool,
    pub(super) note: Option<Note>,
}

/// What is to be said about an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// The operator cannot work on these two.
    Types(&'static str, &'static str),
    /// Exponential and listed buckets.
    Layout,
    /// Contradicting hints about resets.
    Collision(Doing),
    /// Listed bounds that differ.
    Bounds(Doing),
}

impl Note {
    pub(super) fn write(self, eval: &mut Eval<'_>, binary: &Binary) {
        let (op, span) = (binary.op.as_str(), binary.span);
        match self {
            Self::Types(left, right) => {
                let text = format!(
                    "incompatible sample types encountered for binary operator \"{op}\": {left} {op} {right}"
                );
                eval.notes.add(Level::Info, text, Some(span));
            }
            Self::Layout => {
                let text = format!("incompatible bucket layout encountered for binary operator {op}");
                eval.notes.add(Level::Warning, text, Some(span));
            }
            Self::Collision(doing) => eval.notes.add_hints_collided(doing, span),
            Self::Bounds(doing) => eval.notes.add_bounds_differed(doing, span),
        }
    }
}

/// The result of an operation with a histogram on one side at least, or why there is none.
pub(super) fn compute(op: BinaryOp, left: Operand<'_>, right: Operand<'_>) -> Result<Computed, Note> {
    let computed = |h: FloatHistogram| {
        Ok(Computed {
            h: Arc::new(h),
            keep: true,
            note: None,
        })
    };
    match (left, op, right) {
        (Operand::Histogram(h), BinaryOp::Multiply, Operand::Float(by))
        | (Operand::Float(by), BinaryOp::Multiply, Operand::Histogram(h)) => {
            let mut h = FloatHistogram::clone(h);
            h.multiply(by);
            h.compact();
            computed(h)
        }
        (Operand::Histogram(h), BinaryOp::Divide, Operand::Float(by)) => {
            let mut h = FloatHistogram::clone(h);
            h.divide(by);
            h.compact();
            computed(h)
        }
        (Operand::Histogram(h), BinaryOp::TrimUpper | BinaryOp::TrimLower, Operand::Float(at)) => {
            let keep = if op == BinaryOp::TrimUpper {
                Keep::Below
            } else {
                Keep::Above
            };
            let mut h = FloatHistogram::clone(h);
            trim(&mut h, at, keep);
            computed(h)
        }
        (Operand::Histogram(a), BinaryOp::Add | BinaryOp::Subtract, Operand::Histogram(b)) => {
            add(op == BinaryOp::Add, a, b)
        }
        (Operand::Histogram(a), BinaryOp::Equal | BinaryOp::NotEqual, Operand::Histogram(b)) => {
            Ok(Computed {
                h: Arc::clone(a),
                keep: a.is_same(b) == (op == BinaryOp::Equal),
                note: None,
            })
        }
        _ => Err(Note::Types(left.word(), right.word())),
    }
}

fn add(is_sum: bool, a: &FloatHistogram, b: &FloatHistogram) -> Result<Computed, Note> {
    let mut h = a.clone();
    let (met, doing) = if is_sum {
        (h.add(b), Doing::Addition)
    } else {
        (h.subtract(b), Doing::Subtraction)
    };
    let met = met.map_err(|_| Note::Layout)?;
    if met.hints_collided {
        return Err(Note::Collision(doing));
    }
    if !is_sum {
        h.reset_hint = ResetHint::Gauge;
    }
    h.compact();
    Ok(Computed {
        h: Arc::new(h),
        keep: true,
        note: met.bounds_differed.then_some(Note::Bounds(doing)),
    })
}

/// Changes a vector's histograms by a scalar. What cannot be is left out; `last` is told for each step.
pub(super) fn with_scalar(
    op: BinaryOp,
    series: &mut Series,
    scalar: &Scalar,
    swapped: bool,
    last: &mut LastNotes,
) {
    series.h.retain_mut(|(step, h)| {
        let step = *step as usize;
        let float = Operand::Float(scalar.get(step));
        let computed = if swapped {
            compute(op, float, Operand::Histogram(h))
        } else {
            compute(op, Operand::Histogram(h), float)
        };
        match computed {
            Ok(computed) => *h = computed.h,
            Err(note) => {
                last.set(step, note);
                return false;
            }
        }
        true
    });
}

/// The last note of each step: Prometheus keeps no other.
#[derive(Default)]
pub(super) struct LastNotes {
    by_step: Vec<Option<Note>>,
}

impl LastNotes {
    pub(super) fn set(&mut self, step: usize, note: Note) {
        if self.by_step.len() <= step {
            self.by_step.resize(step + 1, None);
        }
        self.by_step[step] = Some(note);
    }

    /// Sets a note for the steps at which there is a float.
    pub(super) fn set_for_floats(&mut self, v: &[f64], note: Note) {
        for (step, _) in v.iter().enumerate().filter(|(_, v)| !is_absent(**v)) {
            self.set(step, note);
        }
    }

    pub(super) fn write(self, eval: &mut Eval<'_>, binary: &Binary) {
        let mut written: Vec<Note> = Vec::new();
        for note in self.by_step.into_iter().flatten() {
            if !written.contains(&note) {
                written.push(note);
                note.write(eval, binary);
            }
        }
    }
}
