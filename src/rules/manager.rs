//! Runs all groups, each in a task of its own, and exchanges them when the configuration changes.
//!
//! ```text
//! update ─► unchanged group: runs on
//!        ─► changed group:   the old one stops, the new one takes over its state
//!        ─► new group:       waits for the start, then for its slot
//!        ─► gone:            stops; two intervals later its series are ended
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::info;
use tsdb::model::Labels;

use super::schedule::Schedule;
use super::spec::External;
use super::{Group, GroupSpec, Options};
use crate::web::views::{RuleGroupView, RulesView};

/// Runs groups. Must live inside a tokio runtime.
#[derive(Debug)]
pub struct Manager {
    options: Options,
    phase: watch::Sender<Phase>,
    /// Held while groups are exchanged or stopped.
    tasks: tokio::sync::Mutex<Tasks>,
    /// What is seen from outside, also during an exchange; by place.
    shown: Mutex<Vec<Arc<Group>>>,
}

/// Where a group stands: file, name.
type Place = (String, String);

#[derive(Debug, Default)]
struct Tasks {
    /// Whether groups were loaded before: later ones have nothing to restore.
    has_loaded: bool,
    running: BTreeMap<Place, Running>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Groups wait: storage may not be ready.
    Waiting,
    Running,
    Stopped,
}

#[derive(Debug)]
struct Running {
    group: Arc<Group>,
    /// Ends the task.
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What a configuration says about rules.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// All groups of all rule files.
    pub groups: Vec<GroupSpec>,
    /// `global.external_labels`, for templates.
    pub external_labels: Labels,
    /// `global.rule_query_offset`
    pub query_offset_ms: i64,
}

impl Manager {
    /// A manager without groups.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            phase: watch::Sender::new(Phase::Waiting),
            tasks: tokio::sync::Mutex::default(),
            shown: Mutex::default(),
        }
    }

    /// Lets groups be evaluated: storage is ready.
    pub fn start(&self) {
        info!("Starting rule manager...");
        self.phase.send_if_modified(|phase| {
            let waits = *phase == Phase::Waiting;
            if waits {
                *phase = Phase::Running;
            }
            waits
        });
    }

    /// Exchanges the groups for those of `update`; unchanged ones run on. Returns when all groups that had to
    /// stop have stopped. After [`Manager::stop`] it does nothing.
    pub async fn update(&self, update: Update) {
        let mut tasks = self.tasks.lock().await;
        if *self.phase.borrow() == Phase::Stopped {
            return;
        }
        self.options
            .query_offset_ms
            .store(update.query_offset_ms, Ordering::Relaxed);
        let restored = std::mem::replace(&mut tasks.has_loaded, true);
        let external = External {
            labels: update.external_labels,
            url: Arc::from(self.options.external_url.as_deref().unwrap_or("")),
        };
        let place = |spec: GroupSpec| ((spec.file.clone(), spec.name.clone()), spec);
        let mut wanted: BTreeMap<Place, GroupSpec> = update.groups.into_iter().map(place).collect();
        let mut stopping = Vec::new();
        let mut after = BTreeMap::new();
        for (place, old) in std::mem::take(&mut tasks.running) {
            let is_same = wanted
                .get(&place)
                .is_some_and(|spec| old.group.spec().is_same(spec));
            if is_same {
                wanted.remove(&place);
                after.insert(place, old);
            } else {
                // All are asked before any is waited for.
                old.ask_to_stop();
                stopping.push((place, old));
            }
        }
        let mut gone = Vec::new();
        for (place, old) in stopping {
            let old = old.stop().await;
            match wanted.remove(&place) {
                Some(spec) => {
                    let group = Group::new(spec, &external, restored, self.options.clone());
                    group.copy_state(&old);
                    after.insert(place, self.run(Arc::new(group), !restored));
                }
                None => gone.push(old),
            }
        }
        for (place, spec) in wanted {
            let group = Group::new(spec, &external, restored, self.options.clone());
            after.insert(place, self.run(Arc::new(group), !restored));
        }
        *self.shown.lock() = after.values().map(|running| Arc::clone(&running.group)).collect();
        tasks.running = after;
        for group in gone {
            self.options.metrics.forget_group(&group.spec().key());
            self.end_later(group);
        }
    }

    /// Stops all groups, waiting for evaluations under way.
    pub async fn stop(&self) {
        let mut tasks = self.tasks.lock().await;
        info!("Stopping rule manager...");
        self.phase.send_replace(Phase::Stopped);
        let running = std::mem::take(&mut tasks.running);
        running.values().for_each(Running::ask_to_stop);
        for running in running.into_values() {
            running.stop().await;
        }
        info!("Rule manager stopped");
    }

    fn run(&self, group: Arc<Group>, restores: bool) -> Running {
        let (stop, stopped) = watch::channel(false);
        let task = Task {
            group: Arc::clone(&group),
            phase: self.phase.subscribe(),
            stopped,
        };
        Running {
            group,
            stop,
            task: tokio::spawn(task.run(restores)),
        }
    }

    /// Ends the series of a group that is gone, late enough for a renamed one to have taken them over.
    fn end_later(&self, group: Arc<Group>) {
        let gone_at_ms = now_ns() / 1_000_000;
        let wait_ms = group.spec().interval_ms.saturating_mul(2);
        let mut phase = self.phase.subscribe();
        tokio::spawn(async move {
            let wait = Duration::from_millis(wait_ms.unsigned_abs());
            tokio::select! {
                () = tokio::time::sleep(wait) => blocking(move || group.end_all_series(gone_at_ms)).await,
                () = reach(&mut phase, Phase::Stopped) => {}
            }
        });
    }
}

impl RulesView for Manager {
    fn groups(&self) -> Vec<RuleGroupView> {
        let shown = self.shown.lock().clone();
        shown.iter().map(|group| group.view()).collect()
    }
}

impl Running {
    fn ask_to_stop(&self) {
        self.group.stop();
        self.stop.send_replace(true);
    }

    /// Stops the task and waits for it.
    async fn stop(self) -> Arc<Group> {
        self.ask_to_stop();
        if let Err(error) = self.task.await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        self.group
    }
}

/// The life of a group.
struct Task {
    group: Arc<Group>,
    phase: watch::Receiver<Phase>,
    stopped: watch::Receiver<bool>,
}

impl Task {
    async fn run(mut self, restores: bool) {
        let mut phase = self.phase.clone();
        tokio::select! {
            () = reach(&mut phase, Phase::Running) => {}
            () = reach(&mut self.stopped, true) => return,
        }
        let spec = self.group.spec();
        let schedule = Schedule::new(&spec.file, &spec.name, spec.interval_ms);
        let mut slot_ns = schedule.next(schedule.slot_before(now_ns()));
        let mut evaluations = 0u64;
        loop {
            if !self.sleep_until(slot_ns).await {
                return;
            }
            self.iterate(slot_ns).await;
            evaluations += 1;
            if restores && evaluations == 2 {
                let group = Arc::clone(&self.group);
                blocking(move || group.restore(now_ns() / 1_000_000)).await;
            }
            if !self.sleep_until(schedule.next(slot_ns)).await {
                return;
            }
            let (next_ns, missed) = schedule.after(slot_ns, now_ns());
            if missed > 0 {
                self.group.metrics().iterations_missed.add(missed as f64);
                self.group.metrics().iterations.add(missed as f64);
            }
            slot_ns = next_ns;
        }
    }

    /// Whether the time came; false if the group was stopped.
    async fn sleep_until(&mut self, at_ns: i64) -> bool {
        let wait = Duration::from_nanos((at_ns - now_ns()).max(0).unsigned_abs());
        tokio::select! {
            biased;
            () = reach(&mut self.stopped, true) => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    async fn iterate(&self, slot_ns: i64) {
        let group = Arc::clone(&self.group);
        blocking(move || group.iterate(slot_ns.div_euclid(1_000_000), now_ns() / 1_000_000)).await;
    }
}

/// Waits until `value` is told; if it never can be any more, for ever.
async fn reach<T: PartialEq + Send + Sync>(told: &mut watch::Receiver<T>, value: T) {
    let is_gone = told.wait_for(|told| *told == value).await.is_err();
    if is_gone {
        std::future::pending::<()>().await;
    }
}

/// Runs what computes and waits for disks away from the network's threads.
async fn blocking(job: impl FnOnce() + Send + 'static) {
    if let Err(error) = tokio::task::spawn_blocking(job).await
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

fn now_ns() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}
