//! What a target says of its metrics: kind, unit and help a family, shared among targets that say the same.
//!
//! A thousand targets of one program repeat the same texts: each keeps eight bytes a family, the [`Texts`]
//! keep the words once.

use std::collections::HashSet;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tsdb::model::Metadata;

/// What is said of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) said: Metadata,
}

/// All families that any target speaks of. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    inner: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    families: HashSet<Arc<Family>>,
    /// When there are so many, those that nobody holds any more are dropped.
    sweep_at: usize,
}

/// Below this many families a sweep is not worth it.
const SWEEP_MIN: usize = 4096;

impl Texts {
    fn share(&self, family: Family) -> Arc<Family> {
        let mut known = self.inner.lock();
        if let Some(shared) = known.families.get(&family) {
            return Arc::clone(shared);
        }
        if known.families.len() >= known.sweep_at.max(SWEEP_MIN) {
            known.families.retain(|family| Arc::strong_count(family) > 1);
            known.sweep_at = 2 * known.families.len();
        }
        let shared = Arc::new(family);
        known.families.insert(Arc::clone(&shared));
        shared
    }
}

/// What can be said in one line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Saying<'a> {
    Kind(tsdb::model::MetricKind),
    Help(&'a str),
    Unit(&'a str),
}

/// Families of one target as others may read them; `None` is a free place.
pub(super) type SharedFamilies = Arc<Mutex<Vec<Option<Arc<Family>>>>>;

/// How many scrapes a family is remembered after its last line.
const SCRAPES_KEPT: u32 = 10;

/// Families of one target, by the numbers that its cache entries hold.
#[derive(Debug)]
pub(super) struct TargetMetadata {
    texts: Texts,
    families: SharedFamilies,
    /// The scrape at which each was last seen.
    seen: Vec<u32>,
    scrape: u32,
    /// Numbers by name, while a page says something new.
    numbers: HashMap<String, u32>,
    last: Option<u32>,
}

impl TargetMetadata {
    pub(super) fn new(texts: Texts) -> Self {
        Self {
            texts,
            families: SharedFamilies::default(),
            seen: Vec::new(),
            scrape: 0,
            numbers: HashMap::new(),
            last: None,
        }
    }

    /// The view that others read.
    pub(super) fn shared(&self) -> SharedFamilies {
        Arc::clone(&self.families)
    }

    /// A line that was there before is there again.
    #[inline]
    pub(super) fn see(&mut self, number: u32) {
        if let Some(seen) = self.seen.get_mut(number as usize) {
            *seen = self.scrape;
        }
    }

    /// Notes what a line says and tells the family's number.
    pub(super) fn say(&mut self, name: &str, saying: Saying<'_>) -> u32 {
        let number = self.number_of(name);
        self.see(number);
        let mut families = self.families.lock();
        let old = families[number as usize].as_deref();
        let mut said = old.map_or_else(Metadata::default, |family| family.said.clone());
        match saying {
            Saying::Kind(kind) => said.kind = kind,
            Saying::Help(help) => help.clone_into(&mut said.help),
            Saying::Unit(unit) => unit.clone_into(&mut said.unit),
        }
        if old.is_none_or(|family| family.said != said) {
            let name = name.to_owned();
            families[number as usize] = Some(self.texts.share(Family { name, said }));
        }
        number
    }

    fn number_of(&mut self, name: &str) -> u32 {
        let mut families = self.families.lock();
        let called = |family: &Option<Arc<Family>>| family.as_ref().is_some_and(|family| family.name == name);
        // HELP and TYPE of a family follow each other.
        if let Some(last) = self.last.filter(|&last| called(&families[last as usize])) {
            return last;
        }
        if self.numbers.is_empty() {
            let numbered = families.iter().zip(0u32..);
            let named = numbered.filter_map(|(family, number)| Some((family.as_ref()?.name.clone(), number)));
            self.numbers.extend(named);
        }
        let number = self.numbers.get(name).copied().unwrap_or_else(|| {
            let free = families.iter().position(Option::is_none).unwrap_or_else(|| {
                families.push(None);
                self.seen.push(0);
                families.len() - 1
            });
            let number = u32::try_from(free).unwrap_or(u32::MAX);
            // The place is taken at once, so that a second new name does not find it free.
            families[free] = Some(self.texts.share(Family {
                name: name.to_owned(),
                said: Metadata::default(),
            }));
            self.numbers.insert(name.to_owned(), number);
            number
        });
        self.last = Some(number);
        number
    }

    /// Ends a scrape. `flush` forgets families that have been missing for long.
    pub(super) fn finish(&mut self, flush: bool) {
        self.numbers = HashMap::new();
        self.last = None;
        let scrape = self.scrape;
        let gone = |seen: &u32| scrape.wrapping_sub(*seen) > SCRAPES_KEPT;
        if flush && self.seen.iter().any(gone) {
            let mut families = self.families.lock();
            for (family, seen) in families.iter_mut().zip(&self.seen) {
                if gone(seen) {
                    *family = None;
                }
            }
        }
        self.scrape = self.scrape.wrapping_add(1);
    }
}

/// How many families there are, and how many bytes their texts have.
pub(super) fn size(families: &SharedFamilies) -> (usize, usize) {
    let families = families.lock();
    let all = families.iter().flatten();
    all.fold((0, 0), |(count, bytes), family| {
        let said = &family.said;
        let size = said.help.len() + said.unit.len() + said.kind.as_str().len();
        (count + 1, bytes + size)
    })
}

#[cfg(test)]
mod tests {
    use tsdb::model::MetricKind;

    use super::*;

    fn said(metadata: &TargetMetadata) -> Vec<(String, Metadata)> {
        let families = metadata.families.lock();
        families
            .iter()
            .flatten()
            .map(|f| (f.name.clone(), f.said.clone()))
            .collect()
    }

    #[test]
    fn sayings_of_one_family_come_together_in_any_order() {
        let mut metadata = TargetMetadata::new(Texts::default());
        let a = metadata.say("a", Saying::Help("helps"));
        metadata.say("b", Saying::Kind(MetricKind::Gauge));
        assert_eq!(metadata.say("a", Saying::Kind(MetricKind::Counter)), a);
        assert_eq!(metadata.say("a", Saying::Unit("seconds")), a);
        let said = said(&metadata);
        assert_eq!(said[0].1.help, "helps");
        assert_eq!(
            (said[0].1.kind, &*said[0].1.unit),
            (MetricKind::Counter, "seconds")
        );
        assert_eq!(said.len(), 2);
    }

    #[test]
    fn a_family_is_forgotten_after_ten_scrapes_without_it() {
        let mut metadata = TargetMetadata::new(Texts::default());
        metadata.say("a", Saying::Help("helps"));
        for _ in 0..11 {
            metadata.finish(true);
            assert_eq!(said(&metadata).len(), 1);
        }
        metadata.finish(true);
        assert!(said(&metadata).is_empty());
    }

    #[test]
    fn targets_that_say_the_same_share_the_words() {
        let texts = Texts::default();
        let mut both = [TargetMetadata::new(texts.clone()), TargetMetadata::new(texts)];
        for metadata in &mut both {
            metadata.say("a", Saying::Help("helps"));
        }
        let [one, other] = both.map(|metadata| metadata.families.lock()[0].clone().unwrap());
        assert!(Arc::ptr_eq(&one, &other));
    }
}
