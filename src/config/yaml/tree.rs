//! A YAML document as a tree in which every node knows where it stands.

use std::rc::Rc;

/// A position in a file; both counts start at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

impl Mark {
    /// Behind everything.
    pub const LAST: Self = Self {
        line: u32::MAX,
        column: u32::MAX,
    };
}

/// From where to where a section reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: Mark,
    /// Where its last value begins.
    pub end: Mark,
}

impl Span {
    /// Whether `mark` lies in it.
    pub fn holds(self, mark: Mark) -> bool {
        (self.start..=self.end).contains(&mark)
    }
}

/// A value, where it begins and which tag was written before it.
///
/// An alias is its anchor's node itself, so positions inside lead to where the text stands.
#[derive(Debug)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// The tag written (`tag:yaml.org,2002:str`, `!mine`), if any.
    pub tag: Option<Box<str>>,
    /// What it holds.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug)]
pub enum Value {
    /// A word.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Rc<Node>>),
    /// Pairs in the order written; keys may repeat, `<<` is still a key.
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

/// A word.
#[derive(Debug)]
pub struct Scalar {
    /// Its text, quotes and escapes resolved.
    pub text: Box<str>,
    /// Whether it stood without quotes and without a tag, so that its text decides its type.
    pub is_plain: bool,
    /// What the file says in place of `text` where an environment variable was expanded.
    pub source: Option<Box<str>>,
}

impl Scalar {
    /// What may be shown of it: the file's own words.
    pub fn shown(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.text)
    }
}

impl Node {
    /// Its scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// From where to where it reaches.
    pub fn span(&self) -> Span {
        Span {
            start: self.mark,
            end: self.last_mark(),
        }
    }

    fn last_mark(&self) -> Mark {
        let last = match &self.value {
            Value::Scalar(_) => None,
            Value::Sequence(items) => items.last(),
            Value::Mapping(pairs) => pairs.last().map(|(_, value)| value),
        };
        // An alias leads to where its anchor stands.
        last.map_or(self.mark, |last| last.last_mark().max(self.mark))
    }

    /// Whether it stands for "nothing": absent, `~` or `null`, unquoted.
    pub fn is_null(&self) -> bool {
        super::scalar::resolve(self).is_ok_and(|found| found == super::scalar::Resolved::Null)
    }
}
