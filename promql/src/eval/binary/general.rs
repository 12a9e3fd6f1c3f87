//! Matching step by step, where signatures repeat, sides are filled in or histograms are met.
//!
//! What is refused here is refused for the first step at which it occurs, as Prometheus would.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use tsdb::model::FloatHistogram;

use super::arithmetic;
use super::histograms::{Note, Operand, compute};
use super::matching::{Merged, Results, Sides};
use crate::engine::QueryError;
use crate::eval::Eval;
use crate::eval::dict::{Dict, SetId};
use crate::eval::limits::Holding;
use crate::eval::series::{ABSENT, Series};
use crate::parser::ast::{Cardinality, VectorMatching};
use crate::plan::node::{Binary, Grid};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The state of the matching at one step.
struct Step {
    /// Which series of the "one" side is there, by signature.
    one: Map<SetId, usize>,
    /// Signatures that have found a partner; for one-to-one.
    matched: HashSet<SetId>,
    /// Result labels given out, by signature; for many-to-one.
    given: HashSet<(SetId, SetId)>,
    given_any: HashSet<SetId>,
}

/// The results so far: a series for each set of labels that came out.
struct Output {
    at: Map<SetId, usize>,
    series: Vec<Series>,
    /// The last step at which a series got a value, to find those that get two.
    last: Vec<usize>,
    extra: Vec<Series>,
    held: Holding,
}

pub(super) fn each(
    eval: &mut Eval<'_>,
    binary: &Binary,
    matching: &VectorMatching,
    sides: &Sides,
    results: &mut Results,
    grid: Grid,
) -> Result<Merged, QueryError> {
    let mut state = Step {
        one: Map::default(),
        matched: HashSet::default(),
        given: HashSet::default(),
        given_any: HashSet::default(),
    };
    let mut output = Output {
        at: Map::default(),
        series: Vec::new(),
        last: Vec::new(),
        extra: Vec::new(),
        held: eval.limits.holding()?,
    };
    for step in 0..grid.len() {
        eval.cancel.check()?;
        state.clear();
        let is_any_many = sides.many.iter().any(|s| s.is_present(step));
        let is_any_one = sides.one.iter().any(|s| s.is_present(step));
        let can_fill = sides.fill_many.is_some() || sides.fill_one.is_some();
        let can_meet = if can_fill {
            is_any_many || is_any_one
        } else {
            is_any_many && is_any_one
        };
        if !can_meet {
            continue;
        }
        find_ones(eval, matching, sides, &mut state, step)?;
        let mut matcher = Matcher {
            binary,
            matching,
            sides,
            results,
            output: &mut output,
            grid,
            step,
            last_note: None,
        };
        matcher.each_many(eval, &mut state)?;
        matcher.each_unmatched(eval, &mut state)?;
        if let Some(note) = matcher.last_note {
            note.write(eval, binary);
        }
    }
    let mut merged = Merged::new(eval, grid)?;
    for series in output.series.into_iter().chain(output.extra) {
        if !series.is_empty() {
            merged.push(series)?;
        }
    }
    Ok(merged)
}

impl Step {
    fn clear(&mut self) {
        self.one.clear();
        self.matched.clear();
        self.given.clear();
        self.given_any.clear();
    }
}

/// Finds the series of the "one" side; two of one signature are one too many.
fn find_ones(
    eval: &mut Eval<'_>,
    matching: &VectorMatching,
    sides: &Sides,
    state: &mut Step,
    step: usize,
) -> Result<(), QueryError> {
    for (at, series) in sides.one.iter().enumerate().filter(|(_, s)| s.is_present(step)) {
        let Some(other) = state.one.insert(sides.one_signatures[at], at) else {
            continue;
        };
        let dict = &mut eval.dict;
        let group = match_labels(dict, matching, series.set);
        let mut both = [series.set, sides.one[other].set].map(|set| dict.labels(set).to_string());
        both.sort();
        let side = if sides.swapped { "left" } else { "right" };
        return Err(QueryError::execution(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: \
             [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            dict.labels(group),
            both[0],
            both[1],
        )));
    }
    Ok(())
}

/// The labels that were matched on, as they are shown and as a filled-in series has them.
fn match_labels(dict: &mut Dict, matching: &VectorMatching, set: SetId) -> SetId {
    let names = dict.names(&matching.labels);
    if matching.on {
        dict.keep(set, &names)
    } else {
        let name = dict.name;
        dict.filter(set, |n| n != name && !names.contains(&n))
    }
}

struct Matcher<'m> {
    binary: &'m Binary,
    matching: &'m VectorMatching,
    sides: &'m Sides,
    results: &'m mut Results,
    output: &'m mut Output,
    grid: Grid,
    step: usize,
    /// Prometheus keeps but the last of a step.
    last_note: Option<Note>,
}

/// One side of a meeting: a series at the step, or what fills in for one.
#[derive(Clone, Copy)]
enum Party<'m> {
    Series(&'m Series),
    Fill(SetId, f64),
}

impl Party<'_> {
    fn set(&self) -> SetId {
        match self {
            Self::Series(series) => series.set,
            Self::Fill(set, _) => *set,
        }
    }

    /// Its value at the step.
    fn operand(&self, step: usize) -> Operand<'_> {
        match self {
            Self::Series(series) => match series.histogram(step) {
                Some(h) => Operand::Histogram(h),
                None => Operand::Float(series.v[step]),
            },
            Self::Fill(_, v) => Operand::Float(*v),
        }
    }
}

impl Matcher<'_> {
    /// Each series of the "many" side meets its partner.
    fn each_many(&mut self, eval: &mut Eval<'_>, state: &mut Step) -> Result<(), QueryError> {
        for (at, series) in self.sides.many.iter().enumerate() {
            if !series.is_present(self.step) {
                continue;
            }
            let signature = self.sides.many_signatures[at];
            let one = match (state.one.get(&signature), self.sides.fill_one) {
                (Some(&one), _) => Party::Series(&self.sides.one[one]),
                (None, Some(fill)) => {
                    Party::Fill(match_labels(&mut eval.dict, self.matching, series.set), fill)
                }
                (None, None) => continue,
            };
            self.meet(eval, state, Party::Series(series), one, signature)?;
        }
        Ok(())
    }

    /// Series of the "one" side that met nobody meet what fills in.
    fn each_unmatched(&mut self, eval: &mut Eval<'_>, state: &mut Step) -> Result<(), QueryError> {
        let Some(fill) = self.sides.fill_many else {
            return Ok(());
        };
        for (at, series) in self.sides.one.iter().enumerate() {
            let signature = self.sides.one_signatures[at];
            let is_matched = state.matched.contains(&signature) || state.given_any.contains(&signature);
            if !series.is_present(self.step) || is_matched {
                continue;
            }
            let set = match_labels(&mut eval.dict, self.matching, series.set);
            self.meet(
                eval,
                state,
                Party::Fill(set, fill),
                Party::Series(series),
                signature,
            )?;
        }
        Ok(())
    }

    fn meet(
        &mut self,
        eval: &mut Eval<'_>,
        state: &mut Step,
        many: Party<'_>,
        one: Party<'_>,
        signature: SetId,
    ) -> Result<(), QueryError> {
        let (left, right) = if self.sides.swapped {
            (one, many)
        } else {
            (many, one)
        };
        let Some((value, keep)) = self.value(left.operand(self.step), right.operand(self.step)) else {
            return Ok(());
        };
        let set = self.results.labels(&mut eval.dict, many.set(), one.set());
        if self.matching.cardinality == Cardinality::OneToOne {
            if !state.matched.insert(signature) {
                return Err(QueryError::execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
        } else {
            state.given_any.insert(signature);
            if !state.given.insert((signature, set)) {
                return Err(QueryError::execution(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                ));
            }
        }
        if keep || self.binary.return_bool {
            self.output.put(set, self.step, value, self.grid.len())?;
        }
        Ok(())
    }

    /// What two values make, and whether a comparison holds; nothing, and a note, where there is no answer.
    fn value(&mut self, left: Operand<'_>, right: Operand<'_>) -> Option<(Value, bool)> {
        let as_bool = |keep| Value::Float(f64::from(u8::from(keep)));
        let (value, keep) = match (left, right) {
            (Operand::Float(_), Operand::Float(_)) if super::is_float_mismatch(self.binary.op) => {
                self.last_note = Some(Note::Types("float", "float"));
                return None;
            }
            (Operand::Float(a), Operand::Float(b)) => {
                let (value, keep) = arithmetic::floats(self.binary.op, a, b);
                (Value::Float(value), keep)
            }
            _ => match compute(self.binary.op, left, right) {
                Ok(computed) => {
                    self.last_note = computed.note.or(self.last_note);
                    (Value::Histogram(computed.h), computed.keep)
                }
                Err(note) => {
                    self.last_note = Some(note);
                    return None;
                }
            },
        };
        if self.binary.return_bool {
            return Some((as_bool(keep), keep));
        }
        Some((value, keep))
    }
}

/// What came out of a meeting.
enum Value {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

impl Output {
    fn put(&mut self, set: SetId, step: usize, value: Value, steps: usize) -> Result<(), QueryError> {
        self.held.add(1, value.held_bytes())?;
        let next = self.series.len();
        let at = *self.at.entry(set).or_insert(next);
        if at == next {
            self.held.add_column(steps, 0)?;
            self.series.push(Series::floats(set, vec![ABSENT; steps]));
            self.last.push(usize::MAX);
        }
        if self.last[at] == step {
            // Told apart when the results are merged.
            self.held.add_column(steps, 0)?;
            let mut twice = Series::floats(set, vec![ABSENT; steps]);
            value.write(&mut twice, step);
            self.extra.push(twice);
            return Ok(());
        }
        self.last[at] = step;
        value.write(&mut self.series[at], step);
        Ok(())
    }
}

impl Value {
    /// Bytes besides those of the column that it goes into.
    fn held_bytes(&self) -> usize {
        match self {
            Self::Float(_) => 0,
            Self::Histogram(h) => 16 + h.held_bytes(),
        }
    }

    fn write(self, series: &mut Series, step: usize) {
        match self {
            Self::Float(v) => series.v[step] = v,
            Self::Histogram(h) => series.h.push((u32::try_from(step).unwrap_or(u32::MAX), h)),
        }
    }
}
