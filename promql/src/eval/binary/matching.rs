//! Two vectors: which series meet which.
//!
//! A series' signature, the labels that must agree, is computed once. Where every signature has one series
//! on the side that may have one, whole columns meet at once. Otherwise series must be looked at step by
//! step, because two with the same signature are fine as long as they are never there together: that is
//! [`super::general`].

use hashbrown::HashMap;
use tsdb::query::Sym;

use super::{general, of_floats};
use crate::engine::QueryError;
use crate::eval::dict::{Dict, SetId};
use crate::eval::merge::Merger;
use crate::eval::series::{Frame, Series};
use crate::eval::{Eval, Sink};
use crate::parser::ast::{BinaryOp, Cardinality, VectorMatching};
use crate::plan::node::{Binary, Grid};

/// Computes signatures.
#[derive(Debug)]
pub(super) struct Signatures {
    names: Vec<Sym>,
    on: bool,
}

impl Signatures {
    pub(super) fn new(dict: &mut Dict, matching: &VectorMatching) -> Self {
        let mut names = dict.names(&matching.labels);
        if !matching.on {
            names.push(dict.name);
        }
        Self {
            names,
            on: matching.on,
        }
    }

    /// The labels that must agree.
    pub(super) fn of(&self, dict: &mut Dict, set: SetId) -> SetId {
        if self.on {
            dict.keep(set, &self.names)
        } else {
            dict.without(set, &self.names)
        }
    }
}

/// Computes the labels of a result from those of the "many" and the "one" side.
pub(super) struct Results {
    cardinality: Cardinality,
    on: bool,
    labels: Vec<Sym>,
    include: Vec<Sym>,
    drops_name: bool,
    known: HashMap<(SetId, SetId), SetId, foldhash::fast::RandomState>,
}

impl Results {
    fn new(eval: &mut Eval<'_>, binary: &Binary, matching: &VectorMatching) -> Self {
        Self {
            cardinality: matching.cardinality,
            on: matching.on,
            labels: eval.dict.names(&matching.labels),
            include: eval.dict.names(&matching.include),
            drops_name: binary.result_drops_name(eval.settings.delayed_name_removal),
            known: HashMap::default(),
        }
    }

    pub(super) fn labels(&mut self, dict: &mut Dict, many: SetId, one: SetId) -> SetId {
        if self.include.is_empty() {
            return self.without_include(dict, many);
        }
        if let Some(&known) = self.known.get(&(many, one)) {
            return known;
        }
        let mut set = self.without_include(dict, many);
        for &name in &self.include {
            let value = dict.value(one, name);
            set = dict.with(set, name, value);
        }
        self.known.insert((many, one), set);
        set
    }

    fn without_include(&self, dict: &mut Dict, many: SetId) -> SetId {
        let mut set = many;
        if self.drops_name {
            set = dict.drop_metadata(set);
        }
        if self.cardinality == Cardinality::OneToOne {
            set = if self.on {
                dict.keep(set, &self.labels)
            } else {
                dict.without(set, &self.labels)
            };
        }
        set
    }
}

/// Both sides with their signatures; the "many" side first.
pub(super) struct Sides {
    pub(super) many: Vec<Series>,
    pub(super) one: Vec<Series>,
    pub(super) many_signatures: Vec<SetId>,
    pub(super) one_signatures: Vec<SetId>,
    /// The "many" side is written on the right.
    pub(super) swapped: bool,
    /// What stands for a missing series of the "many" side, and of the "one" side.
    pub(super) fill_many: Option<f64>,
    pub(super) fill_one: Option<f64>,
}

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    binary: &Binary,
    matching: &VectorMatching,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let left = eval.all(&binary.left, grid)?;
    let right = eval.all(&binary.right, grid)?;
    let can_fill = matching.fill_left.is_some() || matching.fill_right.is_some();
    if !can_fill && (left.series.is_empty() || right.series.is_empty()) {
        return Ok(());
    }
    let _held = (left.holding, right.holding);
    let swapped = matching.cardinality == Cardinality::OneToMany;
    let (many, one) = if swapped {
        (right.series, left.series)
    } else {
        (left.series, right.series)
    };
    let signatures = Signatures::new(&mut eval.dict, matching);
    let of = |eval: &mut Eval<'_>, side: &[Series]| -> Vec<SetId> {
        side.iter()
            .map(|s| signatures.of(&mut eval.dict, s.set))
            .collect()
    };
    let sides = Sides {
        many_signatures: of(eval, &many),
        one_signatures: of(eval, &one),
        many,
        one,
        swapped,
        // Prometheus fills in the "many" side by `fill_left` also when that side stands on the right.
        fill_many: matching.fill_left,
        fill_one: matching.fill_right,
    };
    let mut results = Results::new(eval, binary, matching);
    let merged = match columns(eval, binary, matching, &sides, &mut results)? {
        Some(merged) => merged,
        None => general::each(eval, binary, matching, &sides, &mut results, grid)?,
    };
    finish(eval, binary, grid, merged, sink)
}

/// What comes out, its series of equal labels one.
pub(super) enum Merged {
    Checked(Merger),
    /// At one instant, where duplicates are for the end of the query to find.
    Unchecked(Frame),
}

impl Merged {
    pub(super) fn new(eval: &Eval<'_>, grid: Grid) -> Result<Self, QueryError> {
        if grid.is_instant() && eval.settings.delayed_name_removal {
            return Ok(Self::Unchecked(Frame {
                series: Vec::new(),
                holding: eval.limits.holding()?,
            }));
        }
        Ok(Self::Checked(Merger::new(eval)?))
    }

    pub(super) fn push(&mut self, series: Series) -> Result<(), QueryError> {
        match self {
            Self::Checked(merger) => merger.push(series),
            Self::Unchecked(frame) => {
                frame.holding.add_series(&series)?;
                frame.series.push(series);
                Ok(())
            }
        }
    }
}

fn finish<'r>(
    eval: &mut Eval<'r>,
    binary: &Binary,
    _grid: Grid,
    merged: Merged,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let frame = match merged {
        Merged::Checked(merger) => merger.into_frame(),
        Merged::Unchecked(frame) => frame,
    };
    let _held = frame.holding;
    for mut series in frame.series {
        series.drop_name = binary.return_bool;
        sink(eval, series)?;
    }
    Ok(())
}

/// Matches whole columns, if every signature allows it.
fn columns(
    eval: &mut Eval<'_>,
    binary: &Binary,
    matching: &VectorMatching,
    sides: &Sides,
    results: &mut Results,
) -> Result<Option<Merged>, QueryError> {
    let has_histograms = |side: &[Series]| side.iter().any(|s| !s.h.is_empty());
    if sides.fill_many.is_some()
        || sides.fill_one.is_some()
        || has_histograms(&sides.many)
        || has_histograms(&sides.one)
        || matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
    {
        return Ok(None);
    }
    let mut one_at: HashMap<SetId, usize, foldhash::fast::RandomState> = HashMap::default();
    for (at, &signature) in sides.one_signatures.iter().enumerate() {
        if one_at.insert(signature, at).is_some() {
            return Ok(None);
        }
    }
    // Two of the "many" side may not come to the same labels, and one-to-one not to the same partner.
    let mut taken = hashbrown::HashSet::<SetId, foldhash::fast::RandomState>::default();
    let mut pairs = Vec::with_capacity(sides.many.len());
    for (at, signature) in sides.many_signatures.iter().enumerate() {
        let Some(&one) = one_at.get(signature) else {
            continue;
        };
        let set = results.labels(&mut eval.dict, sides.many[at].set, sides.one[one].set);
        let key = if matching.cardinality == Cardinality::OneToOne {
            *signature
        } else {
            set
        };
        if !taken.insert(key) {
            return Ok(None);
        }
        pairs.push((at, one, set));
    }
    let mut merged = Merger::new(eval)?;
    for (many, one, set) in pairs {
        eval.cancel.check()?;
        eval.account()?;
        let (many, one) = (&sides.many[many].v, &sides.one[one].v);
        let (left, right) = if sides.swapped { (one, many) } else { (many, one) };
        let mut v = eval.column(left.len());
        meet(binary, left, right, &mut v);
        let series = Series::floats(set, v);
        if series.is_empty() {
            eval.recycle(series.v);
        } else {
            merged.push(series)?;
        }
    }
    Ok(Some(Merged::Checked(merged)))
}

/// Computes a column from two.
fn meet(binary: &Binary, left: &[f64], right: &[f64], out: &mut [f64]) {
    macro_rules! each {
        ($($op:ident)*) => {
            match binary.op {
                $(BinaryOp::$op => {
                    for ((out, &left), &right) in out.iter_mut().zip(left).zip(right) {
                        *out = of_floats(BinaryOp::$op, binary.return_bool, left, right);
                    }
                })*
            }
        };
    }
    each!(Add Subtract Multiply Divide Modulo Power Atan2 Equal NotEqual Greater Less GreaterOrEqual
          LessOrEqual TrimUpper TrimLower And Or Unless);
}
