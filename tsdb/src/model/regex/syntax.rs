//! The syntax tree of a pattern, and the limits on what a pattern may ask for.
//!
//! ```text
//! (a|b){2}c   Concat ─┬─ Repeat 2..=2 ── Capture 1 ── Alternate ─┬─ Literal "a"
//!                     └─ Literal "c"                             └─ Literal "b"
//! ```
//!
//! The tree is never deeper than [`HEIGHT_MAX`], so that walking it by recursion is safe.

use regex_syntax::hir::{ClassUnicode, Look};

use super::error::{Complaint, RegexError};

/// How deep a tree may be: Go's `maxHeight`.
const HEIGHT_MAX: u32 = 1000;

/// How many instructions Go's compiled form may have: `maxSize`, 128 MiB of 40 bytes each.
const SIZE_MAX: u64 = (128 << 20) / 40;

/// How often nested counted repetitions may copy what they repeat: Go's `maxRepeat`.
pub(super) const COPIES_MAX: u64 = 1000;

/// A part of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Matches the empty text.
    Empty,
    /// Matches this text, letter by letter.
    Literal(String),
    /// Matches one character of a set, or nothing if the set is empty.
    Class(ClassUnicode),
    /// Matches a place between characters.
    Look(Look),
    /// Matches its part so many times.
    Repeat {
        min: u32,
        max: Option<u32>,
        greedy: bool,
        sub: Box<Node>,
    },
    /// Matches its part and remembers where.
    Capture { index: u32, sub: Box<Node> },
    /// Matches its parts one after the other.
    Concat(Vec<Node>),
    /// Matches one of its parts, the first that fits.
    Alternate(Vec<Node>),
}

impl Node {
    /// Whether it is something between `^` and `$`, so that only whole texts match.
    pub(super) fn is_between_anchors(&self) -> bool {
        matches!(self, Self::Concat(subs)
            if matches!(subs[..], [Self::Look(Look::Start), .., Self::Look(Look::End)]))
    }
}

/// A part under construction with what the limits need to know of it.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) node: Node,
    height: u32,
    /// Go's estimate of its instructions.
    size: u64,
    /// The largest product of nested repetition counts in it.
    copies: u64,
}

impl Piece {
    /// A part without parts of its own.
    pub(super) fn leaf(node: Node) -> Self {
        Self {
            node,
            height: 1,
            size: 1,
            copies: 1,
        }
    }

    /// `sub` in capturing parentheses.
    pub(super) fn capture(index: u32, sub: Self) -> Self {
        Self {
            height: sub.height + 1,
            size: sub.size.saturating_add(2),
            copies: sub.copies,
            node: Node::Capture {
                index,
                sub: Box::new(sub.node),
            },
        }
    }

    /// `sub` repeated. Only those in braces (`counted`) multiply copies.
    pub(super) fn repeat(sub: Self, min: u32, max: Option<u32>, greedy: bool, counted: bool) -> Self {
        let (low, high) = (u64::from(min), u64::from(max.unwrap_or(min)));
        let size = match (min, max) {
            (0, Some(1)) if !counted => sub.size.saturating_add(1),
            (0, None) => sub.size.saturating_add(2),
            (_, None) => low.saturating_mul(sub.size).saturating_add(1),
            (_, Some(_)) => high.saturating_mul(sub.size).saturating_add(high - low),
        };
        let copies = match max {
            Some(0) => 1,
            _ if counted => sub.copies.saturating_mul(high.max(1)),
            _ => sub.copies,
        };
        Self {
            height: sub.height + 1,
            size: size.max(1),
            copies,
            node: Node::Repeat {
                min,
                max,
                greedy,
                sub: Box::new(sub.node),
            },
        }
    }

    /// `parts` one after the other.
    pub(super) fn concat(parts: Vec<Self>) -> Self {
        Self::join(parts, Node::Empty, Node::Concat, |node| match node {
            Node::Concat(subs) => Ok(subs),
            other => Err(other),
        })
    }

    /// One of `parts`.
    pub(super) fn alternate(parts: Vec<Self>) -> Self {
        let bars = parts.len().saturating_sub(1) as u64;
        let mut joined = Self::join(parts, Node::Empty, Node::Alternate, |node| match node {
            Node::Alternate(subs) => Ok(subs),
            other => Err(other),
        });
        joined.size = joined.size.saturating_add(bars);
        joined
    }

    /// Joins parts under one node; a part of the same kind is dissolved in it, as Go does.
    fn join(
        mut parts: Vec<Self>,
        none: Node,
        many: fn(Vec<Node>) -> Node,
        dissolve: fn(Node) -> Result<Vec<Node>, Node>,
    ) -> Self {
        if parts.len() <= 1 {
            return parts.pop().unwrap_or_else(|| Self::leaf(none));
        }
        let mut joined = Self::leaf(Node::Empty);
        let mut subs = Vec::with_capacity(parts.len());
        joined.size = 0;
        for part in parts {
            joined.size = joined.size.saturating_add(part.size);
            joined.copies = joined.copies.max(part.copies);
            match dissolve(part.node) {
                Ok(inner) => {
                    joined.height = joined.height.max(part.height);
                    subs.extend(inner);
                }
                Err(node) => {
                    joined.height = joined.height.max(part.height + 1);
                    subs.push(node);
                }
            }
        }
        joined.node = many(subs);
        joined
    }

    /// Appends a literal to this literal; `Err` gives `next` back when one of the two is none.
    pub(super) fn absorb(&mut self, next: Self) -> Result<(), Self> {
        match (&mut self.node, next) {
            (
                Node::Literal(text),
                Self {
                    node: Node::Literal(more),
                    size,
                    ..
                },
            ) => {
                text.push_str(&more);
                self.size = self.size.saturating_add(size);
                Ok(())
            }
            (_, next) => Err(next),
        }
    }

    /// Whether repetitions in it multiply to more than Go allows.
    pub(super) fn copies_too_much(&self) -> bool {
        self.copies > COPIES_MAX
    }

    /// Refuses what is too deep or too large, as Go does.
    pub(super) fn check(&self, pattern: &str) -> Result<(), RegexError> {
        if self.size > SIZE_MAX {
            return Err(RegexError::new(Complaint::Large, pattern));
        }
        if self.height > HEIGHT_MAX {
            return Err(RegexError::new(Complaint::NestingDepth, pattern));
        }
        Ok(())
    }
}
