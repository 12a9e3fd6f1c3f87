//! A database on a simulated disk, with what it told its users.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tsdb::batch::{AppendOptions, Appendable, Batch, Verdict};
use tsdb::db::{Db, DbOptions};
use tsdb::fs::Vfs;
use tsdb::fs::simulated::{Dice, SimulatedFs};
use tsdb::model::{Exemplar, Labels, Matcher, Metadata, MetricKind};

use super::samples::{histogram, labels};
use super::steps::{BLOCK_MS, HISTOGRAMS_FROM, SERIES, Step};
use super::told::{After, Told};
use crate::contents::{Value, everything};

const DIR: &str = "/data";

pub(crate) struct World {
    pub(crate) fs: SimulatedFs,
    options: DbOptions,
    db: Option<Db>,
    /// What happened since it was last open.
    since: After,
    told: Told,
    /// The time of the newest sample, a multiple of ten: late ones are at others.
    newest_ms: i64,
    /// How many values were given.
    values: u64,
    snapshots: Vec<(PathBuf, Told)>,
    floods: usize,
    /// How many snapshots were tried.
    copies: usize,
    syncs_failed: usize,
}

impl World {
    pub(crate) fn new(fs: SimulatedFs, options: DbOptions) -> Self {
        Self {
            fs,
            options,
            db: None,
            since: After::Start,
            told: Told::default(),
            newest_ms: 10_000,
            values: 0,
            snapshots: Vec::new(),
            floods: 0,
            copies: 0,
            syncs_failed: 0,
        }
    }

    /// Does a step, if the process lives. Says what is wrong then.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        if self.fs.is_dead() {
            return Ok(());
        }
        if self.db.is_none() {
            self.open()?;
        }
        let done = self.act(step);
        self.note_failed_syncs();
        done?;
        // What only adds is seen with what comes after it.
        let adds = matches!(
            step,
            Step::Append { .. } | Step::Late { .. } | Step::Flood { .. } | Step::Sync
        );
        match adds || self.fs.is_dead() {
            true => Ok(()),
            false => self.look(After::Nothing),
        }
    }

    fn note_failed_syncs(&mut self) {
        let failed = self.fs.failed();
        let syncs = failed.iter().filter(|call| call.starts_with("sync ")).count();
        if syncs > self.syncs_failed {
            self.told.sync_failed();
            self.syncs_failed = syncs;
        }
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        let Some(db) = &self.db else { return Ok(()) };
        let now_ms = self.newest_ms;
        match step {
            Step::Append {
                ahead_ms,
                series,
                beside,
            } => {
                self.newest_ms += ahead_ms;
                let rows: Vec<_> = series.iter().map(|&s| (s, self.newest_ms)).collect();
                self.append(&rows, *beside);
            }
            Step::Late {
                series,
                behind_ms,
                count,
            } => {
                let from_ms = now_ms - behind_ms;
                let times = (0..*count as i64).map(|i| from_ms + i * 7);
                let odd = times.filter(|&t| t % 10 != 0 && t < now_ms);
                let free = odd.filter(|&t| !self.told.is_taken(&labels(*series), t));
                let rows: Vec<_> = free.map(|t| (*series, t)).collect();
                self.append(&rows, false);
            }
            Step::Again { series } => {
                // Of older ones the head may not know any more, and take another where that is allowed.
                let newest = self.told.newest_certain_ms(&labels(*series));
                if let Some(t_ms) = newest.filter(|&t_ms| t_ms == now_ms) {
                    let mut batch = Batch::at(t_ms);
                    let Ok(id) = db.resolve(&labels(*series), &mut batch) else {
                        return Ok(());
                    };
                    batch.push(id, f64::MAX.to_bits());
                    // Whatever becomes of it, it is not stored: there is one.
                    let _refused = db.append(&mut batch, &AppendOptions::default());
                }
            }
            Step::Flood { count } => self.flood(*count),
            Step::Sync => {
                if db.sync().is_ok() && !self.fs.is_dead() {
                    self.told.synced();
                }
            }
            Step::Maintain => {
                // What fails is tried again the next time.
                let _maintained = db.maintain(now_ms);
                self.expire();
            }
            Step::Delete {
                series,
                behind_ms,
                length_ms,
            } => {
                let (from, through) = (now_ms - behind_ms, now_ms - behind_ms + length_ms);
                let instance = Matcher::equal("instance", &series.to_string());
                let done = db.delete(from, through, &[instance]).is_ok() && !self.fs.is_dead();
                // What comes later is not deleted.
                self.told
                    .delete(&labels(*series), from, through.min(now_ms), done);
            }
            Step::Clean => drop(db.clean_tombstones(now_ms)),
            Step::Snapshot => {
                // Never twice: of one that failed, a power cut may bring back parts.
                self.copies += 1;
                let name = format!("s{}", self.copies);
                if let Ok(dir) = db.snapshot(false, &name, now_ms)
                    && !self.fs.is_dead()
                {
                    self.snapshots.push((dir, self.told.in_copy()));
                    self.look_at_snapshots()?;
                }
            }
            Step::Window { .. } if self.options.retention_bytes > 0 => {}
            Step::Window { ms } => drop(db.set_out_of_order_window_ms(*ms)),
            Step::Restart => {
                if let Some(db) = self.db.take() {
                    let _closed = db.close();
                }
                self.open()?;
            }
            Step::Kill => self.kill(0)?,
            Step::PowerCut { seed } => self.cut_power(*seed)?,
        }
        Ok(())
    }

    /// Kills the process, if need be, and starts another on what it left.
    pub(crate) fn kill(&mut self, seed: u64) -> Result<(), String> {
        self.fs = self.fs.kill(seed);
        self.db = None;
        self.open()
    }

    /// Cuts the power and starts again.
    pub(crate) fn cut_power(&mut self, seed: u64) -> Result<(), String> {
        self.fs = self.fs.cut_power(seed);
        self.db = None;
        self.told.doubt_beside();
        self.since = After::PowerCut;
        self.open()
    }

    fn open(&mut self) -> Result<(), String> {
        if self.fs.is_dead() {
            return Ok(());
        }
        let fs: Arc<dyn Vfs> = Arc::new(self.fs.clone());
        let before = self.fs.failed().len();
        match Db::open(fs, Path::new(DIR), self.options.clone(), self.newest_ms) {
            Ok(db) => self.db = Some(db),
            Err(_) if self.fs.failed().len() > before => return Ok(()),
            Err(error) => return Err(format!("it does not open: {error}, {:?}", error.source())),
        }
        let since = std::mem::replace(&mut self.since, After::Start);
        self.look(since)?;
        self.look_at_snapshots()
    }

    fn append(&mut self, rows: &[(usize, i64)], beside: bool) {
        let Some(db) = &self.db else { return };
        let mut batch = Batch::timed();
        let mut sent = Vec::new();
        for &(series, t_ms) in rows {
            self.values += 1;
            let labels = labels(series);
            let Ok(id) = db.resolve(&labels, &mut batch) else {
                return;
            };
            let value = match series >= HISTOGRAMS_FROM && !self.values.is_multiple_of(9) {
                true => {
                    let histogram = histogram(series, self.values);
                    let value = Value::of_histogram(&histogram);
                    batch.push_histogram_at(id, t_ms, histogram);
                    value
                }
                false => {
                    let bits = (self.values as f64).to_bits();
                    batch.push_at(id, t_ms, bits);
                    Value::Float(bits)
                }
            };
            sent.push((labels, t_ms, value));
        }
        let help = format!("help {}", self.values);
        if beside && let Some(&id) = batch.refs.first() {
            let exemplar = Exemplar {
                labels: Labels::from_pairs([("trace_id", "x")]),
                value: self.values as f64,
                at_ms: Some(rows[0].1),
            };
            batch.exemplars.push((id, exemplar));
            let said = Metadata {
                kind: MetricKind::Counter,
                unit: String::new(),
                help: help.clone(),
            };
            batch.metadata.push((id, said));
        }
        let before = self.fs.failed().len();
        let receipt = db.append(&mut batch, &AppendOptions::default());
        // The dead tell nothing.
        let receipt = receipt.ok().filter(|_| !self.fs.is_dead());
        // The log of what came out of order is written when the batch is stored: a failure comes too late to refuse it.
        let is_stored = self.fs.failed()[before..]
            .iter()
            .any(|call| call.contains("/wbl"));
        for (at, (labels, t_ms, value)) in sent.iter().enumerate() {
            match &receipt {
                Some(_) if batch.verdict[at] == Verdict::Accepted => {
                    self.told.sample(labels, *t_ms, *value, true);
                }
                Some(_) => {}
                None => {
                    self.told.sample(labels, *t_ms, *value, false);
                    if is_stored {
                        self.told.doubt(labels, *t_ms);
                    }
                }
            }
        }
        if beside && let Some((labels, t_ms, _)) = sent.first() {
            let exemplar = self.values as f64;
            self.told.said(labels, *t_ms, &help, receipt.is_some());
            let stored = receipt.is_some_and(|receipt| receipt.exemplars == 1);
            self.told.exemplar(labels, *t_ms, exemplar, stored);
        }
    }

    fn flood(&mut self, count: usize) {
        let Some(db) = &self.db else { return };
        self.newest_ms += 10;
        let mut batch = Batch::at(self.newest_ms);
        let mut sent = Vec::new();
        for i in 0..count {
            let mut dice = Dice::new((self.floods * 100 + i) as u64);
            let text: String = (0..60).map(|_| format!("{:016x}", dice.next())).collect();
            let name = format!("flood{}", self.floods);
            let labels = Labels::from_pairs([("__name__", name.as_str()), ("text", &text)]);
            self.values += 1;
            let Ok(id) = db.resolve(&labels, &mut batch) else {
                return;
            };
            let bits = (self.values as f64).to_bits();
            batch.push(id, bits);
            sent.push((labels, Value::Float(bits)));
        }
        self.floods += 1;
        let taken = db.append(&mut batch, &AppendOptions::default()).is_ok() && !self.fs.is_dead();
        for (labels, value) in sent {
            self.told.sample(&labels, self.newest_ms, value, taken);
        }
    }

    fn expire(&mut self) {
        let by_age = self.options.retention_ms;
        if by_age > 0 {
            self.told.may_expire(self.newest_ms + BLOCK_MS - by_age);
        }
        if self.options.retention_bytes > 0 {
            self.told.may_expire(self.newest_ms - BLOCK_MS / 2);
        }
    }

    /// Compares what is there with what was told.
    fn look(&mut self, after: After) -> Result<(), String> {
        let Some(db) = &self.db else { return Ok(()) };
        let found = everything(db)?;
        self.told.compare(&found, after)?;
        if after != After::Nothing {
            // What was doubtful before the start is so no longer.
            self.told.adopt(&found, after);
        }
        // What begins half a range ago is in the head.
        let from_ms = match self.options.exemplars_max > 1_000 {
            true => self.newest_ms - BLOCK_MS / 2,
            false => i64::MAX,
        };
        let mut exemplars = BTreeSet::new();
        let any = [vec![Matcher::equal("job", "test")]];
        for series in db.exemplars(i64::MIN, i64::MAX, &any) {
            for exemplar in series.exemplars {
                let t_ms = exemplar.at_ms.unwrap_or(0);
                exemplars.insert((series.labels.to_string(), t_ms, exemplar.value.to_bits()));
            }
        }
        self.told.compare_exemplars(&exemplars, from_ms)?;
        for labels in (0..SERIES).map(labels) {
            let said = db.metadata(&labels);
            let help = said.as_ref().map(|said| said.help.as_str());
            self.told
                .compare_metadata(&labels, help, self.newest_ms - BLOCK_MS / 2)?;
        }
        Ok(())
    }

    fn look_at_snapshots(&self) -> Result<(), String> {
        for (dir, told) in self.snapshots.iter().rev().take(2) {
            let fs: Arc<dyn Vfs> = Arc::new(self.fs.clone());
            let before = self.fs.failed().len();
            let copy = match Db::open_read_only(fs, dir, self.newest_ms) {
                Ok(copy) => copy,
                Err(_) if self.fs.failed().len() > before => continue,
                Err(error) => return Err(format!("the snapshot does not open: {error}")),
            };
            let compared = told.compare(&everything(&copy)?, After::Start);
            compared.map_err(|error| format!("in the snapshot {}: {error}", dir.display()))?;
        }
        Ok(())
    }

    /// Nothing unfinished is left.
    pub(crate) fn check_leftovers(&self) -> Result<(), String> {
        for dir in [DIR, "/data/wal"] {
            let names = self.fs.list(Path::new(dir)).unwrap_or_default();
            if let Some(name) = names.iter().find(|name| name.contains("tmp")) {
                return Err(format!("{dir}/{name} was left"));
            }
        }
        Ok(())
    }
}
