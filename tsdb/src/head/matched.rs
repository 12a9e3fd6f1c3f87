//! Which values of a label a pattern matches: remembered, so that a pattern that is asked again, as dashboards
//! and rules do, looks only at values that are new.
//!
//! Pairs are never renumbered, and those of a name only grow in number: what was found stays true.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::{MatchKind, Matcher};

/// How many patterns are remembered.
const PATTERNS_MAX: usize = 64;

/// Up to how many values are looked at each time: remembering would cost more.
const VALUES_MIN: usize = 256;

/// How many matching values of one pattern are remembered.
const MATCHING_MAX: usize = 1 << 17;

/// What is known of one pattern.
#[derive(Clone)]
struct Known {
    name: Box<str>,
    pattern: Box<str>,
    /// How many of the name's pairs were looked at.
    looked_at: usize,
    /// Those that match, in the order of their making.
    pairs: Arc<Vec<u32>>,
    /// When it was last asked for.
    used: u64,
}

#[derive(Default)]
struct State {
    known: Vec<Known>,
    clock: u64,
}

/// The patterns that were asked for last.
#[derive(Default)]
pub(crate) struct Matched {
    state: Mutex<State>,
}

impl Matched {
    /// Those of `pairs`, which are all of the matcher's label, whose value the matcher's pattern matches
    /// (whether it is `=~` or `!~`). `word` tells the value of a pair.
    pub(crate) fn pairs<'w>(
        &self,
        matcher: &Matcher,
        pairs: &[u32],
        word: impl Fn(u32) -> &'w str,
    ) -> Arc<Vec<u32>> {
        let negated = matcher.kind() == MatchKind::NotRegex;
        let matching = |from: usize| {
            let new = pairs[from..].iter().copied();
            new.filter(|&pair| matcher.matches(word(pair)) != negated)
        };
        if pairs.len() < VALUES_MIN {
            return Arc::new(matching(0).collect());
        }
        let is_it = |known: &Known| *known.name == *matcher.name() && *known.pattern == *matcher.value();
        let known = self.state.lock().known.iter().find(|known| is_it(known)).cloned();
        // Looked for without the lock: the first time it may take long.
        let mut found = known.unwrap_or_else(|| Known {
            name: matcher.name().into(),
            pattern: matcher.value().into(),
            looked_at: 0,
            pairs: Arc::default(),
            used: 0,
        });
        if found.looked_at < pairs.len() {
            let new: Vec<u32> = matching(found.looked_at).collect();
            found.looked_at = pairs.len();
            if !new.is_empty() {
                Arc::make_mut(&mut found.pairs).extend(new);
            }
        }
        let pairs = Arc::clone(&found.pairs);
        let mut state = self.state.lock();
        state.known.retain(|known| !is_it(known));
        if pairs.len() <= MATCHING_MAX {
            if state.known.len() >= PATTERNS_MAX {
                let oldest = (0..state.known.len()).min_by_key(|&at| state.known[at].used);
                oldest.map(|at| state.known.swap_remove(at));
            }
            state.clock += 1;
            found.used = state.clock;
            state.known.push(found);
        }
        pairs
    }

    /// Bytes held.
    pub(crate) fn held_bytes(&self) -> usize {
        let state = self.state.lock();
        let known = state
            .known
            .iter()
            .map(|known| known.name.len() + known.pattern.len() + known.pairs.capacity() * 4);
        known.sum::<usize>() + state.known.capacity() * size_of::<Known>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_looked_at_once() {
        let words: Vec<String> = (0..1000).map(|i| format!("host-{i}")).collect();
        let all: Vec<u32> = (0..1000).collect();
        let matched = Matched::default();
        let looked = std::cell::Cell::new(0);
        let word = |pair: u32| {
            looked.set(looked.get() + 1);
            &*words[pair as usize]
        };
        let matcher = Matcher::new(MatchKind::Regex, "host", ".*-9[0-9]").expect("a pattern");
        let expected: Vec<u32> = (90..100).collect();
        assert_eq!(*matched.pairs(&matcher, &all[..700], word), expected);
        assert_eq!(looked.replace(0), 700);
        assert_eq!(*matched.pairs(&matcher, &all, word), expected);
        assert_eq!(looked.replace(0), 300);
        // What another matcher of the same pattern takes away is the same.
        let others = Matcher::new(MatchKind::NotRegex, "host", ".*-9[0-9]").expect("a pattern");
        assert_eq!(*matched.pairs(&others, &all, word), expected);
        assert_eq!(looked.get(), 0);
    }

    #[test]
    fn only_the_patterns_asked_for_last_are_remembered() {
        let words: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
        let all: Vec<u32> = (0..1000).collect();
        let matched = Matched::default();
        for i in 0..3 * PATTERNS_MAX {
            let matcher = Matcher::new(MatchKind::Regex, "n", &format!(".*{i}")).expect("a pattern");
            matched.pairs(&matcher, &all, |pair| &*words[pair as usize]);
        }
        assert_eq!(matched.state.lock().known.len(), PATTERNS_MAX);
        assert!(matched.held_bytes() > 0);
    }
}
