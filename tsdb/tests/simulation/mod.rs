//! A database on a disk that dies, fails and fills up at every call, against a model of what it told its users.
//!
//! ```text
//! seed ─▶ options, history ─▶ World: database │ what it told ── compared after every step
//!            at call k: killed │ power cut │ an error │ a full disk ── opened, compared, lived on with
//! ```
//!
//! * A kill loses nothing that was acknowledged; a power cut loses at most what came since the last sync.
//! * Nothing is invented, nothing counts twice, what is deleted stays deleted, and it always opens.
//!
//! The tests take every so many calls of a few seeds. `SIMULATION_S=3600` goes on with fresh seeds for so many
//! seconds and takes every call; `SIMULATION_SEED=n` takes every call of one seed, `SIMULATION_EVERY=m` every m-th.
//! What fails says its seed and call.
//! Ids of blocks are drawn anew by each run, so that a call's number may move by a few.

mod samples;
mod steps;
mod told;
mod world;

use std::time::{Duration, Instant};

use tsdb::fs::SimulatedFs;
use tsdb::fs::simulated::{Calls, Dice, Fault};

use self::steps::{Step, history, options};
use self::world::World;

/// What happens to a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// Nothing.
    None,
    /// At this call the process is killed.
    Kill(usize),
    /// At this call the power is cut.
    PowerCut(usize),
    /// This call fails.
    Fails(Calls, usize, Fault),
    /// The disk is full from this call on for some.
    IsFull(usize),
}

/// How long a history is.
const STEPS: usize = 60;

/// How long a database is lived on with after a blow.
const STEPS_AFTER: usize = 14;

struct Story {
    seed: u64,
    options: tsdb::db::DbOptions,
    history: Vec<Step>,
    after: Vec<Step>,
}

impl Story {
    fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        Self {
            seed,
            options: options(&mut dice),
            history: history(&mut dice, STEPS),
            after: history(&mut dice, STEPS_AFTER),
        }
    }

    /// Tells the story with a blow in it; returns how many calls it made before the end.
    fn tell(&self, blow: Blow) -> Result<(usize, usize), String> {
        let fs = SimulatedFs::new(self.seed);
        match blow {
            Blow::None => {}
            Blow::Kill(at) | Blow::PowerCut(at) => fs.plan(Calls::Changes, at..at + 1, Fault::Kill),
            Blow::Fails(calls, at, fault) => fs.plan(calls, at..at + 1, fault),
            Blow::IsFull(at) => fs.plan(Calls::Changes, at..at + 25, Fault::Full),
        }
        let mut world = World::new(fs, self.options.clone());
        for (at, step) in self.history.iter().enumerate() {
            let done = world.step(step);
            done.map_err(|error| self.explain(&error, blow, &world, at))?;
        }
        let counts = (world.fs.count(Calls::Changes), world.fs.count(Calls::Looks));
        let opened = match blow {
            Blow::PowerCut(at) => world.cut_power(self.seed ^ at as u64),
            _ => world.kill(self.seed),
        };
        opened.map_err(|error| self.explain(&error, blow, &world, STEPS))?;
        for (at, step) in self.after.iter().enumerate() {
            let done = world.step(step);
            done.map_err(|error| self.explain(&error, blow, &world, STEPS + 1 + at))?;
        }
        let done = world.step(&Step::Restart).and_then(|()| world.check_leftovers());
        done.map_err(|error| self.explain(&error, blow, &world, STEPS + STEPS_AFTER + 1))?;
        Ok(counts)
    }

    /// What went wrong, where, and how to see it again.
    fn explain(&self, error: &str, blow: Blow, world: &World, at: usize) -> String {
        let steps = self
            .history
            .iter()
            .map(Some)
            .chain([None])
            .chain(self.after.iter().map(Some));
        let told: Vec<String> = (0..)
            .zip(steps)
            .take(at + 1)
            .map(|(at, step)| format!("{at} {step:?}"))
            .collect();
        format!(
            "{error}\nSIMULATION_SEED={}, {blow:?}, failed: {:?}, at step {at} of\n{}\n{:?}",
            self.seed,
            world.fs.failed(),
            told.join("\n"),
            self.options
        )
    }

    /// Tells the story with a blow at every so many calls.
    fn tell_all(&self, every: usize, goes_on: &dyn Fn() -> bool) -> Result<usize, String> {
        let (changes, looks) = self.tell(Blow::None)?;
        let mut told = 1;
        let mut dice = Dice::new(self.seed);
        let mut at = dice.below(every);
        while at < changes.max(looks) && goes_on() {
            let mut blows = vec![Blow::Fails(Calls::Looks, at, Fault::Broken)];
            if at < changes {
                blows.extend([
                    Blow::Kill(at),
                    Blow::PowerCut(at),
                    Blow::Fails(Calls::Changes, at, Fault::Broken),
                    Blow::IsFull(at),
                ]);
            }
            for blow in blows {
                self.tell(blow)?;
                told += 1;
            }
            at += 1 + dice.below(2 * every - 1);
        }
        Ok(told)
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_that_was_acknowledged_is_lost_to_a_kill_a_power_cut_or_a_failing_disk() {
    if let Some(seed) = variable("SIMULATION_SEED") {
        let every = variable("SIMULATION_EVERY").map_or(1, |every| every as usize);
        let told = Story::of(seed).tell_all(every, &|| true);
        println!("{} stories", told.unwrap_or_else(|error| panic!("{error}")));
        return;
    }
    let Some(seconds) = variable("SIMULATION_S") else {
        for seed in 0..3 {
            let told = Story::of(seed).tell_all(80, &|| true);
            told.unwrap_or_else(|error| panic!("{error}"));
        }
        return;
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut fresh = Dice::new(std::process::id().into());
    let (mut seeds, mut stories) = (0, 0);
    while Instant::now() < until {
        let told = Story::of(fresh.next()).tell_all(1, &|| Instant::now() < until);
        stories += told.unwrap_or_else(|error| panic!("{error}"));
        seeds += 1;
    }
    println!("{stories} stories of {seeds} seeds");
}
