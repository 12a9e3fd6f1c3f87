//! Matchers → the set of series that satisfy all of them.
//!
//! A matcher that an absent label cannot satisfy says which values are wanted: their series are
//! intersected. One that an absent label satisfies says which values are not: their series are taken away.
//! Only label values are looked at, each once, never series one by one.

use super::algebra::{intersect, union, without};
use super::shape::{Shape, shape};
use crate::model::{MatchKind, Matcher};

/// What [`matching`] needs to know of an index.
pub trait LabelIndex {
    /// Why it could not be read.
    type Error;

    /// Appends all series, ascending.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn all(&self, into: &mut Vec<u32>) -> Result<(), Self::Error>;

    /// Appends the series whose label `name` has `value`, ascending.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn with_value(&self, name: &str, value: &str, into: &mut Vec<u32>) -> Result<(), Self::Error>;

    /// How many series have `value` for the label `name`, to take the shortest list first; an estimate will do.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn count_with_value(&self, _name: &str, _value: &str) -> Result<usize, Self::Error> {
        Ok(usize::MAX)
    }

    /// Keeps of `found` the series whose label `name` has `value`.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn narrow(&self, name: &str, value: &str, found: &mut Vec<u32>) -> Result<(), Self::Error> {
        let mut list = Vec::new();
        self.with_value(name, value, &mut list)?;
        intersect(found, &list);
        Ok(())
    }

    /// Asks `wanted` about each value of the label `name` and appends the series of those it takes, list by
    /// list. Values before `from` may be passed over; if values come in order, [`Wanted::End`] ends the walk.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn with_values(
        &self,
        name: &str,
        from: &str,
        wanted: &mut dyn FnMut(&str) -> Wanted,
        into: &mut Vec<u32>,
    ) -> Result<(), Self::Error>;
}

/// What is to become of a value's series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// They belong to the set.
    Take,
    /// They do not.
    Leave,
    /// They do not, and neither do those of any later value.
    End,
}

impl From<bool> for Wanted {
    fn from(take: bool) -> Self {
        if take { Self::Take } else { Self::Leave }
    }
}

/// All series that satisfy all matchers, ascending.
///
/// # Errors
/// When the index cannot be read.
pub fn matching<I: LabelIndex>(index: &I, matchers: &[Matcher]) -> Result<Vec<u32>, I::Error> {
    let mut steps = Vec::with_capacity(matchers.len());
    for matcher in matchers {
        steps.push(Step::new(index, matcher)?);
    }
    steps.sort_by_key(|step| (step.takes_away, step.cost));

    let mut found: Option<Vec<u32>> = None;
    let mut list = Vec::new();
    for step in &steps {
        if step.takes_away && matches!(step.values, Values::None) {
            continue;
        }
        if let (Some(found), Some(value), false) = (&mut found, step.single(), step.takes_away) {
            index.narrow(step.matcher.name(), value, found)?;
            if found.is_empty() {
                return Ok(Vec::new());
            }
            continue;
        }
        list.clear();
        step.append(index, &mut list)?;
        match (&mut found, step.takes_away) {
            (Some(found), false) => intersect(found, &list),
            (Some(found), true) => without(found, &list),
            (none, false) => *none = Some(std::mem::take(&mut list)),
            (none, true) => {
                let mut all = Vec::new();
                index.all(&mut all)?;
                without(&mut all, &list);
                *none = Some(all);
            }
        }
        if found.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
    }
    match found {
        Some(found) => Ok(found),
        None => {
            let mut all = Vec::new();
            index.all(&mut all)?;
            Ok(all)
        }
    }
}

/// One matcher, as values whose series are to be kept or taken away.
struct Step<'a> {
    matcher: &'a Matcher,
    takes_away: bool,
    values: Values,
    cost: Cost,
}

/// Cheap steps come first: the set is then small, or empty, before the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    /// One list, of this length.
    One(usize),
    Several(usize),
    Range,
    AllValues,
}

enum Values {
    None,
    These(Vec<String>),
    /// Those with this prefix that the matcher confirms.
    Prefixed(String),
    Every,
    /// Those that the matcher confirms (or, when it takes away, does not).
    Judged,
}

impl<'a> Step<'a> {
    fn new<I: LabelIndex>(index: &I, matcher: &'a Matcher) -> Result<Self, I::Error> {
        let takes_away = matcher.matches_empty();
        let value = || Values::These(vec![matcher.value().to_owned()]);
        let values = match (matcher.kind(), takes_away) {
            (MatchKind::Equal, false) | (MatchKind::NotEqual, true) => value(),
            // `=""` takes away all that have the label, `!=""` wants them.
            (MatchKind::Equal, true) | (MatchKind::NotEqual, false) => Values::Every,
            (MatchKind::Regex, false) | (MatchKind::NotRegex, true) => match shape(matcher.value()) {
                Shape::Literals(texts) => Values::These(texts),
                Shape::Prefix(text) => Values::Prefixed(text),
                Shape::Something => Values::Every,
                Shape::Anything | Shape::Other => Values::Judged,
            },
            (MatchKind::Regex, true) | (MatchKind::NotRegex, false) => match shape(matcher.value()) {
                Shape::Anything => Values::None,
                _ => Values::Judged,
            },
        };
        let cost = match &values {
            Values::None => Cost::One(0),
            Values::These(values) => match values.as_slice() {
                [value] => Cost::One(index.count_with_value(matcher.name(), value)?),
                several => Cost::Several(several.len()),
            },
            Values::Prefixed(_) => Cost::Range,
            Values::Every | Values::Judged => Cost::AllValues,
        };
        Ok(Self {
            matcher,
            takes_away,
            values,
            cost,
        })
    }

    /// The value, if one list is all there is to it.
    fn single(&self) -> Option<&str> {
        match &self.values {
            Values::These(values) => match values.as_slice() {
                [value] => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    fn append<I: LabelIndex>(&self, index: &I, list: &mut Vec<u32>) -> Result<(), I::Error> {
        let name = self.matcher.name();
        match &self.values {
            Values::None => return Ok(()),
            Values::These(values) => {
                for value in values {
                    index.with_value(name, value, list)?;
                }
                if values.len() == 1 {
                    return Ok(());
                }
            }
            Values::Prefixed(prefix) => {
                let mut wanted = |value: &str| {
                    if value.starts_with(&**prefix) {
                        Wanted::from(self.matcher.matches(value) != self.takes_away)
                    } else if *value > **prefix {
                        Wanted::End
                    } else {
                        Wanted::Leave
                    }
                };
                index.with_values(name, prefix, &mut wanted, list)?;
            }
            Values::Every => index.with_values(name, "", &mut |_| Wanted::Take, list)?,
            Values::Judged => {
                let mut wanted = |value: &str| Wanted::from(self.matcher.matches(value) != self.takes_away);
                index.with_values(name, "", &mut wanted, list)?;
            }
        }
        union(list);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::*;

    /// Series known by position, as (name, value) lists.
    struct Toy(Vec<Vec<(&'static str, &'static str)>>);

    impl Toy {
        fn values(&self, name: &str) -> BTreeMap<&str, Vec<u32>> {
            let mut found: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for (series, labels) in (0..).zip(&self.0) {
                for (_, value) in labels.iter().filter(|(n, _)| *n == name) {
                    found.entry(value).or_default().push(series);
                }
            }
            found
        }
    }

    impl LabelIndex for Toy {
        type Error = Infallible;

        fn all(&self, into: &mut Vec<u32>) -> Result<(), Infallible> {
            into.extend((0..).take(self.0.len()));
            Ok(())
        }

        fn with_value(&self, name: &str, value: &str, into: &mut Vec<u32>) -> Result<(), Infallible> {
            into.extend(self.values(name).get(value).into_iter().flatten());
            Ok(())
        }

        fn with_values(
            &self,
            name: &str,
            from: &str,
            wanted: &mut dyn FnMut(&str) -> Wanted,
            into: &mut Vec<u32>,
        ) -> Result<(), Infallible> {
            for (value, series) in self.values(name).range(from..) {
                match wanted(value) {
                    Wanted::Take => into.extend(series),
                    Wanted::Leave => {}
                    Wanted::End => break,
                }
            }
            Ok(())
        }
    }

    fn toy() -> Toy {
        Toy(vec![
            vec![("n", "1")],
            vec![("n", "1"), ("i", "a")],
            vec![("n", "1"), ("i", "b")],
            vec![("n", "2")],
            vec![("n", "2.5")],
            vec![("n", "prod-1"), ("i", "b")],
            vec![("n", "prox")],
        ])
    }

    #[track_caller]
    fn check(matchers: &[(MatchKind, &str, &str)]) {
        let matchers: Vec<Matcher> = matchers
            .iter()
            .map(|&(kind, name, value)| Matcher::new(kind, name, value).unwrap())
            .collect();
        let toy = toy();
        let satisfied = |labels: &Vec<(&str, &str)>| {
            matchers.iter().all(|m| {
                let value = labels.iter().find(|(name, _)| *name == m.name());
                m.matches(value.map_or("", |(_, value)| value))
            })
        };
        let expected: Vec<u32> = (0..)
            .zip(&toy.0)
            .filter(|(_, l)| satisfied(l))
            .map(|(i, _)| i)
            .collect();
        let Ok(found) = matching(&toy, &matchers);
        assert_eq!(found, expected, "{matchers:?}");
    }

    #[test]
    fn every_pair_of_matchers_finds_what_looking_at_each_series_finds() {
        use MatchKind::{Equal, NotEqual, NotRegex, Regex};
        let values = [
            "", "1", "2", "a", "nope", "1|2", "1|", ".*", ".+", "1.*", "2.*", "prod-.*", "pro.+", "^1$",
            "(1|2)", "[12]", "a?", "2\\.5", "|", "a|b",
        ];
        let mut all = Vec::new();
        for kind in [Equal, NotEqual, Regex, NotRegex] {
            for name in ["n", "i", "missing"] {
                all.extend(values.map(|value| (kind, name, value)));
            }
        }
        check(&[]);
        for (at, &first) in all.iter().enumerate() {
            check(&[first]);
            for &second in &all[at..] {
                check(&[first, second]);
            }
        }
    }
}
