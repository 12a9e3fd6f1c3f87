//! Patterns that need no automaton: sets of texts, and texts with gaps between.
//!
//! ```text
//! foo|ba[rz]        set   foo, bar, baz        looked up
//! foo.*|.*bar.+     globs "foo" gap, gap "bar" gap(1)     compared and searched for
//! foo[0-9]+         neither; every match begins with "foo"
//! ```
//!
//! Only patterns that must match the whole text have a shape. Start with [`Shape::of`].

use std::hash::BuildHasher;

use hashbrown::HashTable;
use memchr::memmem::Finder;
use regex_syntax::hir::{ClassUnicode, Look};

use super::syntax::Node;

/// How a pattern can be matched without its automaton.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// It matches exactly these texts.
    Set(Set),
    /// It matches what one of these matches.
    Globs(Vec<Glob>),
}

/// How many globs are tried one after the other; an automaton is faster at more.
const GLOBS_MAX: usize = 16;

/// What the work of spelling out texts may cost, beyond [`WORK_A_BYTE`] for each of the pattern's.
const WORK_FREE: usize = 16 << 10;

/// See [`WORK_FREE`]. A list of names costs a few units a byte, `[ab]{20}` would cost millions.
const WORK_A_BYTE: usize = 8;

/// What stands between two texts: anything of at least so many characters.
type Gap = usize;

/// A text with gaps, or one of several: each inner list is one way to match.
type Ways = Vec<Vec<Part>>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Gap(Gap),
}

impl Shape {
    /// The shape of a pattern that must match whole texts, if it has one.
    pub(super) fn of(root: &Node, pattern_bytes: usize) -> Option<Self> {
        let mut work = Work(WORK_FREE + WORK_A_BYTE * pattern_bytes);
        let inner = without_anchors(root);
        let ways = work.concat(inner)?;
        let texts: Option<Vec<String>> = ways.iter().map(|way| whole_text(way)).collect();
        if let Some(texts) = texts {
            return Some(Self::Set(Set::new(texts)));
        }
        if ways.len() > GLOBS_MAX {
            return None;
        }
        Some(Self::Globs(ways.into_iter().map(Glob::new).collect()))
    }

    /// Whether the whole of `text` matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Set(set) => set.contains(text),
            Self::Globs(globs) => globs.iter().any(|glob| glob.matches(text)),
        }
    }
}

/// What every matching text begins with; empty if nothing is known.
pub(super) fn prefix(root: &Node) -> String {
    let mut prefix = String::new();
    for node in without_anchors(root) {
        if !lead(node, &mut prefix) {
            break;
        }
    }
    prefix
}

/// Appends what `node` begins with; whether that is all there is to it.
fn lead(node: &Node, into: &mut String) -> bool {
    match node {
        Node::Empty => true,
        Node::Literal(text) => {
            into.push_str(text);
            true
        }
        Node::Capture { sub, .. } => lead(sub, into),
        Node::Concat(subs) => subs.iter().all(|sub| lead(sub, into)),
        Node::Repeat { min, sub, .. } if *min > 0 => {
            lead(sub, into);
            false
        }
        Node::Alternate(subs) => {
            let common = subs.iter().map(|sub| {
                let mut text = String::new();
                lead(sub, &mut text);
                text
            });
            let common = common.reduce(|a, b| {
                let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
                same.map(|(a, _)| a).collect()
            });
            into.push_str(&common.unwrap_or_default());
            false
        }
        Node::Class(_) | Node::Look(_) | Node::Repeat { .. } => false,
    }
}

/// The parts of a tree without `^` and `$` around, which say nothing where the whole text matches.
fn without_anchors(root: &Node) -> &[Node] {
    let mut parts = match root {
        Node::Concat(subs) => subs.as_slice(),
        other => std::slice::from_ref(other),
    };
    while let [Node::Look(Look::Start), rest @ ..] = parts {
        parts = rest;
    }
    while let [rest @ .., Node::Look(Look::End)] = parts {
        parts = rest;
    }
    parts
}

fn whole_text(way: &[Part]) -> Option<String> {
    match way {
        [] => Some(String::new()),
        [Part::Text(text)] => Some(text.clone()),
        _ => None,
    }
}

/// What may still be spent on spelling out texts.
struct Work(usize);

impl Work {
    fn spend(&mut self, units: usize) -> Option<()> {
        self.0 = self.0.checked_sub(units)?;
        Some(())
    }

    fn ways(&mut self, node: &Node) -> Option<Ways> {
        match node {
            Node::Empty => Some(vec![Vec::new()]),
            Node::Literal(text) => {
                self.spend(text.len())?;
                Some(vec![vec![Part::Text(text.clone())]])
            }
            Node::Class(class) => self.letters(class),
            Node::Look(_) => None,
            Node::Repeat {
                min, max: None, sub, ..
            } => {
                let any = matches!(&**sub, Node::Class(class) if is_any(class));
                any.then(|| vec![vec![Part::Gap(*min as usize)]])
            }
            Node::Repeat {
                min: 0,
                max: Some(1),
                sub,
                ..
            } => {
                let mut ways = self.ways(sub)?;
                ways.push(Vec::new());
                Some(ways)
            }
            Node::Repeat { .. } => None,
            Node::Capture { sub, .. } => self.ways(sub),
            Node::Concat(subs) => self.concat(subs),
            Node::Alternate(subs) => {
                let mut ways = Vec::new();
                for sub in subs {
                    ways.extend(self.ways(sub)?);
                }
                Some(ways)
            }
        }
    }

    fn letters(&mut self, class: &ClassUnicode) -> Option<Ways> {
        let count = class.iter().map(|range| range.len()).sum();
        self.spend(count)?;
        let letters = class.iter().flat_map(|range| range.start()..=range.end());
        Some(letters.map(|c| vec![Part::Text(c.into())]).collect())
    }

    fn concat(&mut self, nodes: &[Node]) -> Option<Ways> {
        let mut whole: Ways = vec![Vec::new()];
        for node in nodes {
            let next = self.ways(node)?;
            let mut longer = Vec::with_capacity(whole.len().checked_mul(next.len())?.min(1024));
            for before in &whole {
                for after in &next {
                    let mut way = before.clone();
                    self.spend(1 + bytes(before) + bytes(after))?;
                    after.iter().for_each(|part| append(&mut way, part));
                    longer.push(way);
                }
            }
            whole = longer;
        }
        Some(whole)
    }
}

fn bytes(way: &[Part]) -> usize {
    way.iter()
        .map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Gap(_) => 1,
        })
        .sum()
}

/// Appends a part; two texts or two gaps in a row become one.
fn append(way: &mut Vec<Part>, part: &Part) {
    match (way.last_mut(), part) {
        (Some(Part::Text(text)), Part::Text(more)) => text.push_str(more),
        (Some(Part::Gap(gap)), Part::Gap(more)) => *gap = gap.saturating_add(*more),
        (_, part) => way.push(part.clone()),
    }
}

fn is_any(class: &ClassUnicode) -> bool {
    matches!(class.ranges(), [all] if all.start() == '\0' && all.end() == char::MAX)
}

/// Texts, sorted, each once, found by hash.
#[derive(Clone, Debug)]
pub(super) struct Set {
    texts: Vec<String>,
    /// Places in `texts`; empty while comparing with each is faster.
    places: HashTable<u32>,
    state: foldhash::fast::FixedState,
}

/// Up to how many texts are compared one by one.
const COMPARED_MAX: usize = 8;

impl Set {
    fn new(mut texts: Vec<String>) -> Self {
        texts.sort_unstable();
        texts.dedup();
        let mut set = Self {
            texts,
            places: HashTable::new(),
            state: foldhash::fast::FixedState::default(),
        };
        if set.texts.len() > COMPARED_MAX {
            for (place, text) in (0u32..).zip(&set.texts) {
                let rehash = |&place: &u32| set.state.hash_one(&set.texts[place as usize]);
                set.places.insert_unique(set.state.hash_one(text), place, rehash);
            }
        }
        set
    }

    /// All texts, sorted.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    fn contains(&self, text: &str) -> bool {
        if text.is_empty() {
            // Sorted, it would come first.
            return self.texts.first().is_some_and(String::is_empty);
        }
        if self.texts.len() <= COMPARED_MAX {
            return self.texts.iter().any(|t| t == text);
        }
        let same = |&place: &u32| self.texts[place as usize] == text;
        self.places.find(self.state.hash_one(text), same).is_some()
    }
}

/// A text at the beginning, texts in between, a text at the end, gaps between all.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    head: String,
    /// Each after its gap, leftmost first.
    middle: Vec<(Gap, Finder<'static>)>,
    /// What stands at the end, after its gap; without, the head is all.
    tail: Option<(Gap, String)>,
}

impl Glob {
    fn new(way: Vec<Part>) -> Self {
        let mut glob = Self {
            head: String::new(),
            middle: Vec::new(),
            tail: None,
        };
        for part in way {
            match (part, &mut glob.tail) {
                (Part::Text(text), None) => glob.head = text,
                (Part::Text(text), Some((_, tail))) => *tail = text,
                (Part::Gap(gap), tail) => {
                    if let Some((before, text)) = tail.replace((gap, String::new())) {
                        glob.middle.push((before, Finder::new(&text).into_owned()));
                    }
                }
            }
        }
        glob
    }

    fn matches(&self, text: &str) -> bool {
        if !starts_with(text, &self.head) {
            return false;
        }
        let mut rest = &text[self.head.len()..];
        // The leftmost place leaves most to those behind, so no other need be tried.
        for (gap, finder) in &self.middle {
            let after = skip(rest, *gap).and_then(|rest| {
                let at = finder.find(rest.as_bytes())?;
                rest.get(at + finder.needle().len()..)
            });
            match after {
                Some(after) => rest = after,
                None => return false,
            }
        }
        match &self.tail {
            None => rest.is_empty(),
            Some((gap, tail)) => {
                skip(rest, *gap).is_some_and(|rest| tail.is_empty() || rest.ends_with(&**tail))
            }
        }
    }
}

/// `text.starts_with(prefix)`, but quick if the prefix is empty.
///
/// An empty text of Rust's points nowhere. The C library's AVX-512 `memcmp` reads there under an empty
/// mask, which faults inside the processor and costs some 50 ns.
pub(super) fn starts_with(text: &str, prefix: &str) -> bool {
    prefix.is_empty() || text.starts_with(prefix)
}

/// What is left of a text behind so many characters.
fn skip(text: &str, characters: usize) -> Option<&str> {
    match characters {
        0 => Some(text),
        n => {
            let mut chars = text.chars();
            chars.nth(n - 1)?;
            Some(chars.as_str())
        }
    }
}
