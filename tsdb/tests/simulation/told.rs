//! What a database has said it stored, and what may therefore be found in it.

use std::collections::{BTreeMap, BTreeSet};

use tsdb::model::Labels;

use crate::contents::{Found, Value};

/// What is known of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It was acknowledged, and what was acknowledged by then synced.
    Synced,
    /// It was acknowledged: only a power cut may take it.
    Told,
    /// It was refused: it is not there, and after the next start it is or not.
    Refused,
    /// It is there or not.
    Doubtful,
    /// It was deleted: only a power cut may bring it back.
    Deleted,
}

/// How hard a database was treated before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It runs.
    Nothing,
    /// It was opened again, after a stop or a kill.
    Start,
    /// Power was cut.
    PowerCut,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    rows: BTreeMap<String, BTreeMap<i64, (Value, Known)>>,
    sync_failed: bool,
    /// What was deleted once: samples that come there later may be seen or not.
    deleted: BTreeMap<String, Vec<(i64, i64)>>,
    /// Text of labels → times of exemplars, with their values' bits, and whether they are certain.
    exemplars: BTreeMap<String, BTreeMap<i64, (u64, bool)>>,
    /// Text of labels → all that was ever said, in its order, when, and whether it is certain.
    metadata: BTreeMap<String, Vec<(String, i64, bool)>>,
}

impl Told {
    /// A sample was sent; `acknowledged` says whether it was taken for certain.
    pub(crate) fn sample(&mut self, labels: &Labels, t_ms: i64, value: Value, acknowledged: bool) {
        let labels = labels.to_string();
        let buried = self.deleted.get(&labels).is_some_and(|intervals| {
            intervals
                .iter()
                .any(|&(from, through)| (from..=through).contains(&t_ms))
        });
        let known = match (acknowledged, buried) {
            (true, false) => Known::Told,
            (true, true) => Known::Doubtful,
            (false, _) => Known::Refused,
        };
        self.rows.entry(labels).or_default().insert(t_ms, (value, known));
    }

    /// A sample that was acknowledged is not certain for all that.
    pub(crate) fn doubt(&mut self, labels: &Labels, t_ms: i64) {
        let rows = self.rows.get_mut(&labels.to_string());
        if let Some((_, known)) = rows.and_then(|rows| rows.get_mut(&t_ms)) {
            *known = Known::Doubtful;
        }
    }

    /// Whether anything was ever sent for this time.
    pub(crate) fn is_taken(&self, labels: &Labels, t_ms: i64) -> bool {
        self.rows
            .get(&labels.to_string())
            .is_some_and(|rows| rows.contains_key(&t_ms))
    }

    /// The time of the newest sample, if that is certain.
    pub(crate) fn newest_certain_ms(&self, labels: &Labels) -> Option<i64> {
        let rows = self.rows.get(&labels.to_string())?;
        let (&t_ms, (_, known)) = rows.last_key_value()?;
        matches!(known, Known::Synced | Known::Told).then_some(t_ms)
    }

    pub(crate) fn exemplar(&mut self, labels: &Labels, t_ms: i64, value: f64, acknowledged: bool) {
        let of = self.exemplars.entry(labels.to_string()).or_default();
        of.insert(t_ms, (value.to_bits(), acknowledged));
    }

    pub(crate) fn said(&mut self, labels: &Labels, t_ms: i64, help: &str, acknowledged: bool) {
        let of = self.metadata.entry(labels.to_string()).or_default();
        of.push((help.to_owned(), t_ms, acknowledged));
    }

    /// All that was acknowledged was synced.
    pub(crate) fn synced(&mut self) {
        for rows in self.rows.values_mut() {
            // What a failed sync left of a deletion is not known either.
            rows.retain(|_, (_, known)| *known != Known::Deleted || self.sync_failed);
            for (_, known) in rows.values_mut().filter(|row| row.1 == Known::Told) {
                *known = Known::Synced;
            }
        }
    }

    /// A sync failed: the system takes for written what is not, whatever later syncs say, and a log with a hole
    /// ends there. Nothing is certain of the next power cut.
    pub(crate) fn sync_failed(&mut self) {
        self.sync_failed = true;
    }

    /// An interval of a series was deleted, or was tried to be.
    pub(crate) fn delete(&mut self, labels: &Labels, from_ms: i64, through_ms: i64, acknowledged: bool) {
        let labels = labels.to_string();
        let intervals = self.deleted.entry(labels.clone()).or_default();
        intervals.push((from_ms, through_ms));
        let Some(rows) = self.rows.get_mut(&labels) else {
            return;
        };
        for (_, (_, known)) in rows.range_mut(from_ms..=through_ms) {
            *known = match acknowledged {
                // Of a sample that may appear only with the next start, a deletion knows nothing.
                true if !matches!(*known, Known::Doubtful | Known::Refused) => Known::Deleted,
                _ => Known::Doubtful,
            };
        }
    }

    /// Retention may have taken what is older.
    pub(crate) fn may_expire(&mut self, before_ms: i64) {
        for rows in self.rows.values_mut() {
            for (_, (_, known)) in rows.range_mut(..before_ms) {
                *known = Known::Doubtful;
            }
        }
    }

    /// What is wrong with what was found; nothing if it can be.
    pub(crate) fn compare(&self, found: &Found, after: After) -> Result<(), String> {
        for (labels, samples) in found {
            for (t_ms, value) in samples {
                let row = self.rows.get(labels).and_then(|rows| rows.get(t_ms));
                match row {
                    None => {
                        return Err(format!(
                            "{labels} at {t_ms}: {value:?} was invented, or came back"
                        ));
                    }
                    Some((told, _)) if told != value => {
                        return Err(format!("{labels} at {t_ms}: {value:?}, told was {told:?}"));
                    }
                    Some((_, Known::Refused)) if after == After::Nothing => {
                        return Err(format!("{labels} at {t_ms}: {value:?} was refused"));
                    }
                    Some((_, Known::Deleted)) if after != After::PowerCut => {
                        return Err(format!("{labels} at {t_ms}: {value:?} was deleted"));
                    }
                    Some(_) => {}
                }
            }
        }
        for (labels, rows) in &self.rows {
            for (t_ms, (value, known)) in rows {
                let certain = match after {
                    After::Nothing | After::Start => matches!(known, Known::Synced | Known::Told),
                    After::PowerCut => *known == Known::Synced && !self.sync_failed,
                };
                if certain && !found.get(labels).is_some_and(|f| f.contains_key(t_ms)) {
                    return Err(format!("{labels} at {t_ms}: {value:?} ({known:?}) is lost"));
                }
            }
        }
        Ok(())
    }

    /// Takes what a start found for what is there.
    pub(crate) fn adopt(&mut self, found: &Found, after: After) {
        if after == After::PowerCut {
            self.sync_failed = false;
        }
        for (labels, rows) in &mut self.rows {
            let found = found.get(labels);
            rows.retain(
                |t_ms, (_, known)| match found.is_some_and(|f| f.contains_key(t_ms)) {
                    true => {
                        if !matches!(*known, Known::Synced | Known::Told) {
                            *known = Known::Told;
                        }
                        true
                    }
                    // A synced deletion is forgotten, and a sample that comes back then counts as invented.
                    false => *known == Known::Deleted,
                },
            );
        }
    }

    /// As [`Self::adopt`], of exemplars and metadata: nothing of before is certain any more.
    pub(crate) fn doubt_beside(&mut self) {
        for exemplars in self.exemplars.values_mut() {
            exemplars.values_mut().for_each(|exemplar| exemplar.1 = false);
        }
        for said in self.metadata.values_mut() {
            said.iter_mut().for_each(|said| said.2 = false);
        }
    }

    /// What is wrong with exemplars that were found: (labels, time, bits of the value). Those from `from_ms`
    /// on have to be there.
    pub(crate) fn compare_exemplars(
        &self,
        found: &BTreeSet<(String, i64, u64)>,
        from_ms: i64,
    ) -> Result<(), String> {
        for (labels, t_ms, bits) in found {
            let told = self.exemplars.get(labels).and_then(|of| of.get(t_ms));
            if told.map(|told| told.0) != Some(*bits) {
                return Err(format!("{labels} at {t_ms}: an exemplar was invented"));
            }
        }
        for (labels, exemplars) in &self.exemplars {
            for (t_ms, (bits, certain)) in exemplars.range(from_ms..) {
                if *certain && !found.contains(&(labels.clone(), *t_ms, *bits)) {
                    return Err(format!("{labels} at {t_ms}: an exemplar is lost"));
                }
            }
        }
        Ok(())
    }

    /// What is wrong with what is said of a series. What was said before `from_ms` may have gone with it.
    pub(crate) fn compare_metadata(
        &self,
        labels: &Labels,
        help: Option<&str>,
        from_ms: i64,
    ) -> Result<(), String> {
        let labels = labels.to_string();
        let said: &[(String, i64, bool)] = self.metadata.get(&labels).map_or(&[], Vec::as_slice);
        // What was last said for certain, or anything after it.
        let from = said.iter().rposition(|said| said.2 && said.1 >= from_ms);
        let fits = match help {
            Some(help) => said[from.unwrap_or(0)..].iter().any(|said| said.0 == help),
            None => from.is_none(),
        };
        match fits {
            true => Ok(()),
            false => Err(format!("{labels}: said is {help:?}, told was {:?}", said.last())),
        }
    }

    /// What a copy made now has to hold, and may.
    pub(crate) fn in_copy(&self) -> Self {
        let mut copy = self.clone();
        copy.synced();
        copy
    }
}
