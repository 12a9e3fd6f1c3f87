//! Complaints beside an answer: warnings and infos with Prometheus' texts and positions.

use std::collections::BTreeMap;

use crate::parser::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The answer may not be what was meant.
    Warning,
    /// Worth knowing.
    Info,
}

/// The annotations of one query, without repetitions, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    /// Keyed by level and text; the value tells order of appearance and place.
    found: BTreeMap<(Level, String), (usize, Option<Span>)>,
}

impl Annotations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes `text` (without its `PromQL warning: ` prefix) about the expression at `span`.
    pub fn add(&mut self, level: Level, text: impl Into<String>, span: Option<Span>) {
        let order = self.found.len();
        self.found.entry((level, text.into())).or_insert((order, span));
    }

    /// Takes over everything of `other`.
    pub fn merge(&mut self, other: Self) {
        let mut all: Vec<_> = other.found.into_iter().collect();
        all.sort_by_key(|(_, (order, _))| *order);
        for ((level, text), (_, span)) in all {
            self.add(level, text, span);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them with level, text and place, by order of appearance.
    pub fn iter(&self) -> impl Iterator<Item = (Level, &str, Option<Span>)> {
        let mut all: Vec<_> = self.found.iter().collect();
        all.sort_by_key(|(_, (order, _))| *order);
        all.into_iter()
            .map(|((level, text), (_, span))| (*level, text.as_str(), *span))
    }
}
