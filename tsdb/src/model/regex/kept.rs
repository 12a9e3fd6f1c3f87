//! Automata made lately, for those who write the same pattern again: dashboards ask the same queries all day, and
//! making an automaton takes longer than many a query.
//!
//! What is kept is never searched with: a search grows caches. Each taker has a copy with caches of its own, so
//! what all of them take together is bounded.

use parking_lot::Mutex;
use regex_automata::meta;

use super::parse::Flags;

/// How many are kept; those taken last stay.
const KEPT_MAX: usize = 32;

/// Bytes up to which a pattern's automaton is kept.
const PATTERN_BYTES_MAX: usize = 256;

/// Bytes that an automaton which is kept may take: 2 MiB for all of them.
const AUTOMATON_BYTES_MAX: usize = 64 << 10;

/// Automata, the last taken first.
pub(super) struct Kept(Mutex<Vec<(Key, meta::Regex)>>);

/// Those of the process.
pub(super) static KEPT: Kept = Kept(Mutex::new(Vec::new()));

/// All that an automaton depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    flags: Flags,
    anchored: bool,
    text: Box<str>,
}

impl Key {
    /// The automaton of `text`, parsed with `flags`, between both ends of a text if `anchored`.
    pub(super) fn new(text: &str, flags: Flags, anchored: bool) -> Self {
        Self {
            flags,
            anchored,
            text: text.into(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Kept {
    /// The automaton of `key`, made by `make` if it is not kept.
    pub(super) fn automaton<E>(
        &self,
        key: &Key,
        make: impl FnOnce() -> Result<meta::Regex, E>,
    ) -> Result<meta::Regex, E> {
        if key.text.len() > PATTERN_BYTES_MAX {
            return make();
        }
        if let Some(kept) = self.take(key) {
            return Ok(kept);
        }
        let made = make()?;
        if made.memory_usage() <= AUTOMATON_BYTES_MAX {
            let mut kept = self.0.lock();
            // Another thread may have made it meanwhile.
            kept.retain(|(other, _)| other != key);
            kept.truncate(KEPT_MAX - 1);
            kept.insert(0, (key.clone(), made.clone()));
        }
        Ok(made)
    }

    /// A copy of what is kept.
    fn take(&self, key: &Key) -> Option<meta::Regex> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|(other, _)| other == key)?;
        kept[..=at].rotate_right(1);
        Some(kept[0].1.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn made(pattern: &str) -> Result<meta::Regex, Infallible> {
        Ok(meta::Regex::new(pattern).unwrap())
    }

    fn none() -> Kept {
        Kept(Mutex::default())
    }

    #[test]
    fn a_pattern_is_compiled_once_until_many_others_were() {
        let kept = none();
        let key = |text: &str| Key::new(text, Flags::PLAIN, false);
        let never = || -> Result<meta::Regex, Infallible> { unreachable!("it is kept") };
        for _ in 0..2 {
            let first = kept.automaton(&key("first"), || made("first")).unwrap();
            assert!(first.is_match("first"));
            assert!(kept.automaton(&key("first"), never).unwrap().is_match("first"));
            for other in 0..KEPT_MAX {
                let text = format!("other {other}");
                kept.automaton(&key(&text), || made(&text)).unwrap();
            }
            assert!(kept.take(&key("first")).is_none());
            assert_eq!(kept.0.lock().len(), KEPT_MAX);
        }
    }

    #[test]
    fn the_same_text_in_another_sense_is_another_pattern() {
        let kept = none();
        let of = |flags, anchored| {
            let pattern = if anchored { r"\Asense\z" } else { "sense" };
            let key = Key::new("sense", flags, anchored);
            kept.automaton(&key, || made(pattern)).unwrap()
        };
        for _ in 0..2 {
            assert!(of(Flags::PLAIN, false).is_match("nonsense"));
            assert!(!of(Flags::PLAIN, true).is_match("nonsense"));
            assert!(!of(Flags::MATCHER, true).is_match("nonsense"));
        }
    }

    #[test]
    fn large_automata_are_not_kept() {
        let kept = none();
        let key = Key::new(r"\pL{60}", Flags::PLAIN, false);
        kept.automaton(&key, || made(r"\pL{60}")).unwrap();
        assert!(kept.take(&key).is_none());
    }
}
