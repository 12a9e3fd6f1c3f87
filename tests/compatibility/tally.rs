//! Asking both servers the same, and what was found.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::{difference, sort_result, sort_texts};
use super::known::{self, Case};
use crate::support::http::Answer;
use crate::support::number_from_env;
use crate::support::server::Server;

/// How many differences are shown, unless `RANDOM_SHOWN` says otherwise.
const SHOWN_MAX: u64 = 25;

/// How often the peer is asked whether it says the same again, before what differs counts.
const AGAIN_MAX: usize = 12;

/// Ours and theirs.
pub(super) struct Pair {
    pub(super) ours: Server,
    pub(super) theirs: Server,
    /// The peer's version: major, minor.
    pub(super) version: (u32, u32),
}

impl Pair {
    #[track_caller]
    pub(super) fn new(ours: Server, theirs: Server) -> Self {
        let built = theirs.get("/api/v1/status/buildinfo", &[]).json();
        let version = built["data"]["version"].as_str().unwrap_or_default().to_owned();
        let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        Self {
            ours,
            theirs,
            version,
        }
    }
}

/// The series of an answer as they are spelled.
fn spelled(answer: &Answer) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        data: Data<'a>,
    }
    #[derive(serde::Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        result: &'a serde_json::value::RawValue,
    }
    let body: Body<'_> = serde_json::from_str(&answer.body).ok()?;
    Some(body.data.result.get().to_owned())
}

/// An answer without times and sizes of the machine's own. Warnings and infos are a set in Prometheus.
pub(super) fn essence(answer: &Answer) -> Value {
    let mut body = answer.json();
    sort_texts(body.get_mut("warnings"));
    sort_texts(body.get_mut("infos"));
    body["status_code"] = answer.status.into();
    // Of the statistics only how many samples were looked at is the same in every run.
    if let Some(stats) = body["data"].get_mut("stats") {
        let samples = stats["samples"].take();
        *stats = Value::Null;
        for name in ["totalQueryableSamples", "totalQueryableSamplesPerStep"] {
            stats[name] = samples[name].clone();
        }
    }
    body
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Tally {
    asked: usize,
    answered: usize,
    identical: usize,
    /// How often each change was needed to explain an answer.
    explained: BTreeMap<u32, usize>,
    /// Equal but for the order, or the choice among equals, that the peer itself draws anew each time.
    chance: usize,
    /// Equal but for the last digits.
    close: usize,
    differences: Vec<String>,
}

impl Tally {
    #[track_caller]
    pub(super) fn ask(&mut self, servers: &Pair, path: &str, query: &str, params: &[(&str, &str)]) {
        let mut all = vec![("query", query)];
        all.extend_from_slice(params);
        let (ours, theirs) = (servers.ours.get(path, &all), servers.theirs.get(path, &all));
        self.asked += 1;
        self.answered += usize::from(theirs.status == 200);
        let mut case = Case {
            servers,
            path,
            query,
            params,
            ours: essence(&ours),
            theirs: essence(&theirs),
        };
        let is_same = |theirs: &Answer| case.ours == essence(theirs) && spelled(&ours) == spelled(theirs);
        if is_same(&theirs) {
            self.identical += usize::from(theirs.status == 200);
            return;
        }
        let others: Vec<Answer> = (0..AGAIN_MAX).map(|_| servers.theirs.get(path, &all)).collect();
        if others.iter().any(is_same) {
            self.identical += usize::from(theirs.status == 200);
            return;
        }
        if case.ours == case.theirs {
            // Numbers may be equal and written otherwise, labels in another order.
            case.ours["spelled"] = spelled(&ours).into();
            case.theirs["spelled"] = spelled(&theirs).into();
        }
        if others.iter().any(|other| essence(other) != case.theirs) {
            // It draws the order.
            sort_result(&mut case.ours["data"]);
            sort_result(&mut case.theirs["data"]);
            // It draws which of several groups it names, too.
            let names_group = |answer: &Value| {
                let text = answer["error"].as_str().unwrap_or_default();
                text.starts_with("found duplicate series for the match group")
            };
            if case.ours == case.theirs || (names_group(&case.ours) && names_group(&case.theirs)) {
                self.chance += 1;
                return;
            }
        }
        let needed = known::level(&mut case);
        let Some(difference) = difference(&case.ours, &case.theirs, "") else {
            match case.ours == case.theirs {
                true => needed
                    .into_iter()
                    .for_each(|pull| *self.explained.entry(pull).or_default() += 1),
                false => {
                    eprintln!("last digits: {path} {params:?} {query}");
                    self.close += 1;
                }
            }
            return;
        };
        let errors = [&case.ours, &case.theirs].map(|answer| answer["error"].to_string());
        let shown = format!(
            "{path} {params:?} {query}\n    {difference}\n    errors: {}",
            errors.join(", ")
        );
        if (self.differences.len() as u64) < number_from_env("RANDOM_SHOWN", SHOWN_MAX) {
            eprintln!("{shown}");
        }
        self.differences.push(shown);
    }

    #[track_caller]
    pub(super) fn check(&self) {
        let Self {
            asked,
            answered,
            identical,
            explained,
            chance,
            close,
            differences,
        } = self;
        eprintln!(
            "{asked} asked, {answered} answered, {identical} of these to the last byte, {chance} but for what the peer \
             draws, {close} but for the last digits, {} different",
            differences.len()
        );
        for (pull, times) in explained {
            eprintln!("{times:>6} as later versions answer, {}", known::what(*pull));
        }
        assert!(
            differences.is_empty(),
            "{} of {asked} differ, as shown above",
            differences.len()
        );
        assert!(
            close * 100 <= *answered,
            "{close} of {answered} answers have other last digits"
        );
    }
}
