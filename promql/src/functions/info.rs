//! `info()`: series with labels taken over from info series of the same job and instance.

use hashbrown::{HashMap, HashSet};
use tsdb::query::Sym;

use crate::engine::QueryError;
use crate::eval::dict::{Dict, SetId};
use crate::eval::limits::Holding;
use crate::eval::merge::Merger;
use crate::eval::selector::Take;
use crate::eval::series::{ABSENT, Series, is_absent};
use crate::eval::{Eval, Sink};
use crate::plan::node::{Grid, Info};

/// The labels that an info series and the series it describes share.
const IDENTIFYING_LABELS: [&str; 2] = ["instance", "job"];

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// An info series: where it applies and since when its samples are.
struct InfoSeries {
    set: SetId,
    /// The info metric's name.
    name: Sym,
    /// Its identifying labels.
    identity: SetId,
    /// For each step the time of its sample, in milliseconds.
    at_ms: Vec<f64>,
}

pub(crate) fn each<'r>(
    eval: &mut Eval<'r>,
    info: &Info,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let base = eval.all(&info.base, grid)?;
    let identifying = IDENTIFYING_LABELS.map(|name| eval.dict.words.intern(name));
    let is_info: Vec<bool> = base
        .series
        .iter()
        .map(|s| is_info_series(eval, info, s.set))
        .collect();
    let wanted = wanted_values(eval, &base.series, &is_info, identifying);
    let mut held = eval.limits.holding()?;
    let infos = if wanted.iter().all(HashSet::is_empty) {
        Vec::new()
    } else {
        gather(eval, info, grid, identifying, &wanted, &mut held)?
    };
    let mut by_identity: Map<SetId, Vec<usize>> = Map::default();
    for (at, series) in infos.iter().enumerate() {
        by_identity.entry(series.identity).or_default().push(at);
    }
    check_conflicts(eval, &infos, &by_identity, grid)?;
    let data_names: Vec<Sym> = {
        let names: Vec<String> = info.data_matchers.iter().map(|m| m.name().to_owned()).collect();
        eval.dict.names(&names)
    };
    let may_miss = info.data_matchers.iter().all(|m| m.matches_empty());
    let mut merged = Merger::new(eval)?;
    for (series, is_info) in base.series.into_iter().zip(is_info) {
        if is_info {
            merged.push(series)?;
            continue;
        }
        let identity = eval.dict.keep(series.set, &identifying);
        let near = by_identity.get(&identity).map(Vec::as_slice).unwrap_or_default();
        let enriched = Enriched {
            infos: &infos,
            near,
            data_names: &data_names,
            may_miss,
        };
        enriched.split(eval, series, grid, &mut merged)?;
    }
    merged.finish(eval, sink)
}

/// Whether a base series is itself such an info series, which is passed on as it is.
fn is_info_series(eval: &Eval<'_>, info: &Info, set: SetId) -> bool {
    let name = eval.dict.metric_name(set);
    info.name_matchers.iter().all(|m| m.matches(name))
}

/// The values of the identifying labels that occur in the base.
fn wanted_values(
    eval: &Eval<'_>,
    base: &[Series],
    is_info: &[bool],
    identifying: [Sym; 2],
) -> [HashSet<Sym>; 2] {
    let mut found = [HashSet::new(), HashSet::new()];
    for (series, _) in base.iter().zip(is_info).filter(|(_, is_info)| !**is_info) {
        for (label, values) in identifying.iter().zip(&mut found) {
            let value = eval.dict.value(series.set, *label);
            if value != Sym::EMPTY {
                values.insert(value);
            }
        }
    }
    found
}

fn gather(
    eval: &mut Eval<'_>,
    info: &Info,
    grid: Grid,
    identifying: [Sym; 2],
    wanted: &[HashSet<Sym>; 2],
    held: &mut Holding,
) -> Result<Vec<InfoSeries>, QueryError> {
    let mut found = Vec::new();
    let applies = |dict: &Dict, set: SetId| {
        identifying
            .iter()
            .zip(wanted)
            .all(|(label, wanted)| wanted.is_empty() || wanted.contains(&dict.value(set, *label)))
    };
    eval.each_wanted(
        &info.selector,
        Some(&applies),
        (grid, Take::TimeMs),
        &mut |eval, series| {
            if !series.h.is_empty() {
                let labels = eval.dict.labels(series.set);
                return Err(QueryError::execution(format!(
                    "this should be an info metric, with float samples: {labels}"
                )));
            }
            held.add(0, series.held_bytes())?;
            found.push(InfoSeries {
                set: series.set,
                name: eval.dict.value(series.set, eval.dict.name),
                identity: eval.dict.keep(series.set, &identifying),
                at_ms: series.v,
            });
            Ok(())
        },
    )?;
    Ok(found)
}

/// Two info series of one name and identity are fine if one is newer, at every step.
fn check_conflicts(
    eval: &Eval<'_>,
    infos: &[InfoSeries],
    by_identity: &Map<SetId, Vec<usize>>,
    grid: Grid,
) -> Result<(), QueryError> {
    for step in 0..grid.len() {
        for near in by_identity.values().filter(|near| near.len() > 1) {
            let mut newest: Vec<&InfoSeries> = Vec::new();
            for &at in near {
                let series = &infos[at];
                if is_absent(series.at_ms[step]) {
                    continue;
                }
                let Some(slot) = newest.iter_mut().find(|other| other.name == series.name) else {
                    newest.push(series);
                    continue;
                };
                if slot.at_ms[step] == series.at_ms[step] {
                    return Err(QueryError::execution(format!(
                        "found duplicate series for info metric: existing {} @ {}, new {} @ {}",
                        eval.dict.labels(slot.set),
                        slot.at_ms[step],
                        eval.dict.labels(series.set),
                        series.at_ms[step],
                    )));
                }
                if slot.at_ms[step] < series.at_ms[step] {
                    *slot = series;
                }
            }
        }
    }
    Ok(())
}

/// What a base series may take over.
struct Enriched<'i> {
    infos: &'i [InfoSeries],
    /// Info series of the same identity.
    near: &'i [usize],
    /// The labels to be taken over; all if there are none.
    data_names: &'i [Sym],
    /// A series that no info series describes is kept.
    may_miss: bool,
}

impl Enriched<'_> {
    /// Cuts a base series where the info series that applies changes.
    fn split(
        &self,
        eval: &mut Eval<'_>,
        series: Series,
        grid: Grid,
        merged: &mut Merger,
    ) -> Result<(), QueryError> {
        let mut parts: Map<Vec<usize>, Series> = Map::default();
        let mut order: Vec<Vec<usize>> = Vec::new();
        for step in 0..grid.len() {
            if !series.is_present(step) {
                continue;
            }
            let applying = self.at(step);
            if applying.is_empty() && !self.may_miss {
                continue;
            }
            let part = match parts.get_mut(&applying) {
                Some(part) => part,
                None => {
                    let set = self.labels(eval, series.set, &applying)?;
                    order.push(applying.clone());
                    let mut part = Series::floats(set, vec![ABSENT; grid.len()]);
                    part.drop_name = series.drop_name;
                    parts.entry(applying).or_insert(part)
                }
            };
            part.v[step] = series.v[step];
            if let Some(h) = series.histogram(step) {
                part.h
                    .push((u32::try_from(step).unwrap_or(u32::MAX), std::sync::Arc::clone(h)));
            }
        }
        for key in order {
            if let Some(part) = parts.remove(&key) {
                merged.push(part)?;
            }
        }
        Ok(())
    }

    /// The info series that apply at a step: the newest of each name.
    fn at(&self, step: usize) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for &at in self.near {
            let series = &self.infos[at];
            if is_absent(series.at_ms[step]) {
                continue;
            }
            match found
                .iter_mut()
                .find(|other| self.infos[**other].name == series.name)
            {
                Some(other) if self.infos[*other].at_ms[step] < series.at_ms[step] => *other = at,
                Some(_) => {}
                None => found.push(at),
            }
        }
        found
    }

    /// The labels of a base series with those of the info series that it has not itself.
    fn labels(&self, eval: &mut Eval<'_>, base: SetId, applying: &[usize]) -> Result<SetId, QueryError> {
        let mut taken: Map<Sym, Sym> = Map::default();
        let mut set = base;
        for &at in applying {
            for (name, value) in eval.dict.pairs(self.infos[at].set).to_vec() {
                if name == eval.dict.name || (!self.data_names.is_empty() && !self.data_names.contains(&name))
                {
                    continue;
                }
                if taken.get(&name).is_some_and(|other| *other != value) {
                    let name = eval.dict.words.text(name);
                    return Err(QueryError::execution(format!("conflicting label: {name}")));
                }
                if eval.dict.value(base, name) == Sym::EMPTY {
                    taken.insert(name, value);
                    set = eval.dict.with(set, name, value);
                }
            }
        }
        Ok(set)
    }
}
