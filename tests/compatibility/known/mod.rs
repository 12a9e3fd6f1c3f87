//! What Prometheus has changed between the peer's version and the one that we follow, one row a change.
//!
//! A row applies to peers before its version. It makes equal only what the change is about, and only where the query
//! has what was changed; all else of the two answers is compared as it is. Where a change decides about whole answers
//! (`info`, say), the changed expression itself is asked of both servers first: when they agree about it, nothing is
//! excused. The numbers are those of Prometheus' pull requests.
//!
//! What queries answer is levelled in [`answers`], what parsers say in [`texts`].

mod answers;
mod case;
mod texts;

use promql::functions::Function;

pub(super) use case::Case;

/// The version after the newest: what was merged since, up to the commit whose scripts we pass.
const NEXT: (u32, u32) = (3, 15);

/// One change.
struct Change {
    /// The first version with it.
    since: (u32, u32),
    /// The pull request of Prometheus.
    pull: u32,
    /// In a sentence.
    what: &'static str,
    /// Makes equal what it is about.
    level: fn(&mut Case<'_>),
}

static CHANGES: [Change; 28] = [
    Change {
        since: (3, 12),
        pull: 18_498,
        what: "a warning says that sorting means nothing in a range query, nor in a subquery",
        level: answers::sort_warning,
    },
    Change {
        since: (3, 7),
        pull: 16_794,
        what: "warnings about buckets leave the metric name out unless names are dropped late",
        level: answers::bucket_names,
    },
    Change {
        since: (3, 10),
        pull: 15_578,
        what: "what is said about buckets whose counts fell tells how many, and where the first was",
        level: answers::monotonicity,
    },
    Change {
        since: NEXT,
        pull: 18_810,
        what: "the two series of a matching error stand in the order of their texts",
        level: answers::matching_pair,
    },
    Change {
        since: (3, 6),
        pull: 16_725,
        what: "`topk` and the like look at their parameter before they look at series, in other words",
        level: answers::parameters,
    },
    Change {
        since: (3, 7),
        pull: 16_896,
        what: "parentheses are taken away before anything is computed, so places are those of what stands within",
        level: answers::places_within,
    },
    Change {
        since: (3, 8),
        pull: 17_424,
        what: "`histogram_fraction` knows fractions whose lower bound lies in the first bucket",
        level: answers::fractions,
    },
    Change {
        since: (3, 9),
        pull: 17_668,
        what: "two partners are one too many also where a comparison does not hold",
        level: answers::filtered_partners,
    },
    Change {
        since: (3, 11),
        pull: 17_159,
        what: "`bool` takes the metric name away before a grouping brings another",
        level: answers::included_names,
    },
    Change {
        since: (3, 9),
        pull: 17_708,
        what: "series that a lost name makes equal are one where their times differ (and 17703, 17678)",
        level: answers::merged_series,
    },
    Change {
        since: NEXT,
        pull: 19_413,
        what: "`info` passes on series without identifying labels, chooses among info series, honours `@` \
               (17135, 17199, 17817, 17898, 17932, 19266)",
        level: answers::info,
    },
    Change {
        since: (3, 14),
        pull: 19_040,
        what: "`mad_over_time` of values of which one is no number is none",
        level: answers::mad,
    },
    Change {
        since: (3, 12),
        pull: 18_409,
        what: "with delayed name removal, a name that a subquery dropped stays dropped under `last_over_time`",
        level: answers::late_names,
    },
    Change {
        since: (3, 13),
        pull: 18_081,
        what: "samples of a range with `@` are counted at every step",
        level: answers::counted_samples,
    },
    Change {
        since: (3, 7),
        pull: 17_127,
        what: "`histogram_count` and its like do without buckets wherever nothing else needs them, and only there \
               (and 17141)",
        level: answers::statistics,
    },
    Change {
        since: NEXT,
        pull: 17_278,
        what: "native histograms: listed bounds are reconciled, sums are compensated (15687), resets that contradict \
               are told (17051, 17094), counters begin no earlier than at zero",
        level: answers::histograms,
    },
    Change {
        since: (3, 12),
        pull: 18_624,
        what: "the syntax tree tells of `anchored` and `smoothed` (16457), of computed durations, of `fill` (17644)",
        level: texts::new_members,
    },
    Change {
        since: (3, 9),
        pull: 17_643,
        what: "`ignoring ()` is printed if it groups",
        level: texts::empty_ignoring,
    },
    Change {
        since: NEXT,
        pull: 17_379,
        what: "no mistake in a query is an \"unexpected error\" (and 18768)",
        level: texts::unexpected,
    },
    Change {
        since: (3, 7),
        pull: 16_996,
        what: "an aggregation ends at its own parenthesis, an operator begins after the whole left operand (and 17031)",
        level: texts::aggregation_places,
    },
    Change {
        since: (3, 8),
        pull: 17_380,
        what: "`@` has a name in errors",
        level: texts::at_sign,
    },
    Change {
        since: (3, 10),
        pull: 17_644,
        what: "errors do not say that a grouping was expected where `fill` may follow",
        level: texts::grouping_context,
    },
    Change {
        since: (3, 9),
        pull: 17_687,
        what: "labels that need quotes are printed with them in `on` and `ignoring`",
        level: texts::quoted_labels,
    },
    Change {
        since: NEXT,
        pull: 19_403,
        what: "durations in parentheses keep them, and their sign (and 18768)",
        level: texts::parentheses,
    },
    Change {
        since: NEXT,
        pull: 19_406,
        what: "`offset`, `@ start()` and `@ end()` may not stand before a range",
        level: texts::before_range,
    },
    Change {
        since: (3, 12),
        pull: 17_877,
        what: "durations may be `step()` and `range()` (16777, 17670), and errors about durations say so",
        level: texts::durations,
    },
    Change {
        since: (3, 13),
        pull: 18_687,
        what: "`start`, `end`, `step`, `range`, `min_of`, `max_of` are functions and words of the language",
        level: texts::new_words,
    },
    Change {
        since: (3, 11),
        pull: 17_904,
        what: "`</` and `>/` are operators",
        level: texts::trimming,
    },
];

/// Functions that are newer than 3.5, with the version that brought them.
const FUNCTIONS: [(Function, (u32, u32)); 10] = [
    (Function::FirstOverTime, (3, 7)),
    (Function::TsOfFirstOverTime, (3, 7)),
    (Function::HistogramQuantiles, (3, 11)),
    (Function::Start, (3, 12)),
    (Function::End, (3, 12)),
    (Function::Range, (3, 12)),
    (Function::Step, (3, 12)),
    (Function::MinOf, (3, 13)),
    (Function::MaxOf, (3, 13)),
    (Function::StartTimestamp, (3, 14)),
];

/// Whether a peer of this version has the function.
pub(super) fn has_function(version: (u32, u32), function: Function) -> bool {
    FUNCTIONS
        .iter()
        .all(|(new, since)| *new != function || *since <= version)
}

/// Makes equal what changed after the peer's version; says which changes were needed.
pub(super) fn level(case: &mut Case<'_>) -> Vec<u32> {
    let mut needed = Vec::new();
    for change in &CHANGES {
        if case.ours == case.theirs {
            break;
        }
        if case.servers.version < change.since {
            let before = (case.ours.clone(), case.theirs.clone());
            (change.level)(case);
            if before != (case.ours.clone(), case.theirs.clone()) {
                needed.push(change.pull);
            }
        }
    }
    needed
}

/// What a change is, by its number.
pub(super) fn what(pull: u32) -> String {
    let change = CHANGES.iter().find(|change| change.pull == pull);
    change.map_or_else(String::new, |change| {
        let (major, minor) = change.since;
        let since = if change.since == NEXT {
            "later than 3.14".to_owned()
        } else {
            format!("{major}.{minor}")
        };
        format!("#{pull} ({since}): {}", change.what)
    })
}
