//! Regular expressions in Go's syntax (RE2), as Prometheus' matchers, relabelling and templates use them.
//!
//! ```text
//! pattern ── parse ──▶ tree ──┬─ shape ────▶ a set of texts or texts with gaps, if that is all it is
//!                             └─ compile ──▶ automaton (regex_automata)
//! ```
//!
//! Errors are Go's, word by word. A hostile pattern is refused before it costs much: see the limits in
//! [`syntax`], [`ranges`] and [`compile`]. Start with [`Regex::anchored`].

mod compile;
mod error;
mod escape;
mod expand;
mod kept;
mod parse;
mod ranges;
mod shape;
mod syntax;
#[cfg(test)]
mod tests;
mod unicode;

use std::convert::Infallible;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use regex_automata::meta;

pub use error::RegexError;
pub use expand::Template;
use kept::{KEPT, Key};
use parse::Flags;
use shape::Shape;

/// A compiled regular expression. Cloning shares it.
#[derive(Clone)]
pub struct Regex {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Regex").field(&self.inner.pattern).finish()
    }
}

#[derive(Debug)]
struct Inner {
    pattern: Box<str>,
    /// The name of each group from the first on; empty if it has none.
    group_names: Vec<Box<str>>,
    /// What every match begins with, where whole texts match.
    prefix: Box<str>,
    matching: Matching,
}

#[derive(Debug)]
enum Matching {
    /// By shape; the automaton is made when someone asks for groups.
    Shape(Shape, syntax::Node, Key, OnceLock<meta::Regex>),
    Automaton(meta::Regex),
}

/// Where a match is and where its groups are, in bytes; group 0 is the whole match.
pub type Groups = Vec<Option<Range<usize>>>;

impl Regex {
    /// Compiles `pattern` to match anywhere in a text, as Go's `regexp.Compile` does.
    ///
    /// # Errors
    /// When the pattern is not in Go's syntax, or too large.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let parsed = parse::parse(pattern, Flags::PLAIN)?;
        let key = Key::new(pattern, Flags::PLAIN, false);
        let automaton = KEPT.automaton(&key, || compile::compile(&parsed.root, false, pattern))?;
        let matching = Matching::Automaton(automaton);
        Ok(Self::from_parts(
            pattern,
            parsed.group_names,
            String::new(),
            matching,
        ))
    }

    /// Compiles `pattern` to match whole texts only, newlines included, as matchers do.
    ///
    /// # Errors
    /// When the pattern is not in Go's syntax, or too large.
    pub fn anchored(pattern: &str) -> Result<Self, RegexError> {
        let parsed = parse::parse(pattern, Flags::MATCHER)?;
        Self::whole_text(pattern, parsed, Key::new(pattern, Flags::MATCHER, true))
    }

    /// Compiles the text `^(?s:pattern)$`, as relabelling and `label_replace` do.
    ///
    /// It differs from [`Regex::anchored`] where the pattern's parentheses do not pair up (errors quote the
    /// whole text, and `a)(b` is taken) and in the names that `\p{…}` knows.
    ///
    /// # Errors
    /// When that text is not in Go's syntax, or too large.
    pub fn wrapped(pattern: &str) -> Result<Self, RegexError> {
        let text = format!("^(?s:{pattern})$");
        let parsed = parse::parse(&text, Flags::PLAIN)?;
        if parsed.root.is_between_anchors() {
            return Self::whole_text(pattern, parsed, Key::new(&text, Flags::PLAIN, true));
        }
        let key = Key::new(&text, Flags::PLAIN, false);
        let automaton = KEPT.automaton(&key, || compile::compile(&parsed.root, false, &text))?;
        let matching = Matching::Automaton(automaton);
        Ok(Self::from_parts(
            pattern,
            parsed.group_names,
            String::new(),
            matching,
        ))
    }

    fn whole_text(pattern: &str, parsed: parse::Parsed, key: Key) -> Result<Self, RegexError> {
        let prefix = shape::prefix(&parsed.root);
        let matching = match Shape::of(&parsed.root, pattern.len()) {
            Some(shape) => Matching::Shape(shape, parsed.root, key, OnceLock::new()),
            None => {
                let make = || compile::compile(&parsed.root, true, key.text());
                Matching::Automaton(KEPT.automaton(&key, make)?)
            }
        };
        Ok(Self::from_parts(pattern, parsed.group_names, prefix, matching))
    }

    fn from_parts(pattern: &str, group_names: Vec<Box<str>>, prefix: String, matching: Matching) -> Self {
        let inner = Inner {
            pattern: pattern.into(),
            group_names,
            prefix: prefix.into(),
            matching,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The pattern as it was written, without anchors.
    pub fn as_str(&self) -> &str {
        &self.inner.pattern
    }

    /// Whether `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.inner.matching {
            Matching::Shape(shape, ..) => shape.matches(text),
            Matching::Automaton(automaton) => {
                shape::starts_with(text, &self.inner.prefix) && automaton.is_match(text)
            }
        }
    }

    /// Where the first match is and where its groups are.
    pub fn captures(&self, text: &str) -> Option<Groups> {
        let automaton = match &self.inner.matching {
            Matching::Shape(shape, ..) if !shape.matches(text) => return None,
            _ if !shape::starts_with(text, &self.inner.prefix) => return None,
            _ => self.automaton(),
        };
        let mut captures = automaton.create_captures();
        automaton.captures(text, &mut captures);
        captures.is_match().then(|| groups(&captures))
    }

    /// All matches that do not overlap, from left to right.
    fn all_captures(&self, text: &str) -> Vec<Groups> {
        let automaton = self.automaton();
        automaton
            .captures_iter(text)
            .map(|captures| groups(&captures))
            .collect()
    }

    fn automaton(&self) -> &meta::Regex {
        match &self.inner.matching {
            Matching::Automaton(automaton) => automaton,
            Matching::Shape(_, root, key, automaton) => automaton.get_or_init(|| {
                let made = KEPT.automaton(key, || Ok::<_, Infallible>(compile::unlimited(root)));
                let Ok(automaton) = made;
                automaton
            }),
        }
    }

    /// The texts that match, sorted, if they are so few that they can be listed.
    pub fn set_matches(&self) -> Option<&[String]> {
        match &self.inner.matching {
            Matching::Shape(Shape::Set(set), ..) => Some(set.texts()),
            Matching::Shape(Shape::Globs(_), ..) | Matching::Automaton(_) => None,
        }
    }

    /// What every matching text begins with, if the whole text must match and something is known.
    pub fn prefix(&self) -> Option<&str> {
        Some(&*self.inner.prefix).filter(|prefix| !prefix.is_empty())
    }
}

fn groups(captures: &regex_automata::util::captures::Captures) -> Groups {
    captures.iter().map(|span| span.map(|s| s.start..s.end)).collect()
}
