//! From a pattern's text to its tree, in Go's dialect of RE2.
//!
//! What Go takes and others do not, or the other way round:
//!
//! | pattern | here |
//! |---|---|
//! | `{{.*}}`, `a{,3}`, `a{` | a brace that is no count stands for itself |
//! | `a**`, `a{2}{3}`, `a{1001}` | refused |
//! | `\Q…\E`, `\101`, `\x{41}`, `\pL`, `\p{^L}` | taken; see [`super::escape`] |
//! | `\d \w \s \b` | ASCII |
//! | `(?imsU-imsU)`, `(?P<n>…)`, `(?<n>…)` | taken; a name may come twice |
//!
//! The parser keeps open parentheses in a list of its own, not on the stack: a pattern of a million
//! of them is an error, not a crash. Start with [`parse`].

use regex_syntax::hir::{ClassUnicode, Look};

use super::error::{Complaint, RegexError};
use super::escape;
use super::ranges::{Ranges, dot, folded};
use super::syntax::{COPIES_MAX, Node, Piece};
use super::unicode::Names;

/// How characters are read from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags {
    /// `i`: letters match in both cases.
    pub(super) fold_case: bool,
    /// `m`: `^` and `$` match at line breaks too.
    multi_line: bool,
    /// `s`: `.` matches a line break too.
    dot_newline: bool,
    /// `U`: repetitions prefer less, and with `?` more.
    swap_greed: bool,
    /// Not set within a pattern: which names `\p{…}` knows.
    pub(super) names: Names,
}

impl Flags {
    /// Those of matchers.
    pub(super) const MATCHER: Self = Self::new(true, Names::Exact);

    /// Those of everything else.
    pub(super) const PLAIN: Self = Self::new(false, Names::Loose);

    const fn new(dot_newline: bool, names: Names) -> Self {
        Self {
            names,
            fold_case: false,
            multi_line: false,
            dot_newline,
            swap_greed: false,
        }
    }
}

/// A pattern understood.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) root: Node,
    /// The name of each capturing group, in order; empty if it has none.
    pub(super) group_names: Vec<Box<str>>,
}

/// Reads a whole pattern.
pub(super) fn parse(pattern: &str, flags: Flags) -> Result<Parsed, RegexError> {
    let mut parser = Parser {
        pattern,
        rest: pattern,
        flags,
        groups: vec![Group::new(flags, None)],
        group_names: Vec::new(),
        ranges: Ranges::default(),
        last_repeat: None,
    };
    while !parser.rest.is_empty() {
        parser.step()?;
    }
    parser.finish()
}

/// Parentheses that are open, or the whole pattern.
#[derive(Debug)]
struct Group {
    flags_before: Flags,
    capture: Option<u32>,
    /// Alternatives that a `|` has ended.
    alternatives: Vec<Piece>,
    /// The parts of the alternative being read.
    current: Vec<Piece>,
}

impl Group {
    fn new(flags_before: Flags, capture: Option<u32>) -> Self {
        Self {
            flags_before,
            capture,
            alternatives: Vec::new(),
            current: Vec::new(),
        }
    }

    /// Appends a part; the two before it can no longer be split by a repetition, so they may join.
    fn push(&mut self, piece: Piece) {
        self.join_literals();
        self.current.push(piece);
    }

    fn join_literals(&mut self) {
        if self.current.len() < 2 {
            return;
        }
        if let (Some(last), Some(before)) = (self.current.pop(), self.current.last_mut())
            && let Err(last) = before.absorb(last)
        {
            self.current.push(last);
        }
    }

    fn end_alternative(&mut self) {
        self.join_literals();
        let parts = std::mem::take(&mut self.current);
        self.alternatives.push(Piece::concat(parts));
    }
}

struct Parser<'p> {
    pattern: &'p str,
    rest: &'p str,
    flags: Flags,
    /// Never empty: the first is the whole pattern.
    groups: Vec<Group>,
    group_names: Vec<Box<str>>,
    ranges: Ranges,
    /// The pattern from the repetition on that stands directly before `rest`.
    last_repeat: Option<&'p str>,
}

impl<'p> Parser<'p> {
    fn step(&mut self) -> Result<(), RegexError> {
        let before = self.rest;
        let mut chars = before.chars();
        let Some(c) = chars.next() else { return Ok(()) };
        let after = chars.as_str();
        let last_repeat = self.last_repeat.take();
        self.rest = after;
        match c {
            '(' if after.starts_with('?') => self.rest = self.special_group(before)?,
            '(' => self.open_capture("")?,
            '|' => self.group().end_alternative(),
            ')' => self.close()?,
            '^' if self.flags.multi_line => self.push(Node::Look(Look::StartLF)),
            '^' => self.push(Node::Look(Look::Start)),
            '$' if self.flags.multi_line => self.push(Node::Look(Look::EndLF)),
            '$' => self.push(Node::Look(Look::End)),
            '.' => {
                let dot = dot(self.flags.dot_newline);
                self.push(Node::Class(dot));
            }
            '[' => {
                let (class, rest) = escape::class(before, self.flags, &mut self.ranges, self.pattern)?;
                self.rest = rest;
                self.push(Node::Class(class));
            }
            '*' => self.repeat(0, None, false, before, last_repeat)?,
            '+' => self.repeat(1, None, false, before, last_repeat)?,
            '?' => self.repeat(0, Some(1), false, before, last_repeat)?,
            '{' => match count(before) {
                Some(count) => self.counted(&count, before, last_repeat)?,
                None => self.literal('{'),
            },
            '\\' => self.escaped(before)?,
            c => self.literal(c),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Parsed, RegexError> {
        let Some(mut whole) = self.groups.pop().filter(|_| self.groups.is_empty()) else {
            return Err(self.error(Complaint::MissingParen, self.pattern));
        };
        whole.end_alternative();
        let root = Piece::alternate(whole.alternatives);
        root.check(self.pattern)?;
        Ok(Parsed {
            root: root.node,
            group_names: self.group_names,
        })
    }

    fn group(&mut self) -> &mut Group {
        let innermost = self.groups.last_mut();
        innermost.expect("the whole pattern's group is closed only at its end")
    }

    fn push(&mut self, node: Node) {
        self.group().push(Piece::leaf(node));
    }

    fn literal(&mut self, c: char) {
        let class = folded(c).filter(|_| self.flags.fold_case);
        self.push(class.map_or_else(|| Node::Literal(c.into()), Node::Class));
    }

    fn error(&self, complaint: Complaint, part: &str) -> RegexError {
        RegexError::new(complaint, part)
    }

    fn open_capture(&mut self, name: &str) -> Result<(), RegexError> {
        self.group_names.push(name.into());
        let Ok(index) = u32::try_from(self.group_names.len()) else {
            return Err(self.error(Complaint::Large, self.pattern));
        };
        self.groups.push(Group::new(self.flags, Some(index)));
        Ok(())
    }

    fn close(&mut self) -> Result<(), RegexError> {
        if self.groups.len() < 2 {
            return Err(self.error(Complaint::UnexpectedParen, self.pattern));
        }
        self.group().end_alternative();
        let Some(group) = self.groups.pop() else {
            unreachable!("there are at least two groups");
        };
        self.flags = group.flags_before;
        let inside = Piece::alternate(group.alternatives);
        let piece = match group.capture {
            Some(index) => Piece::capture(index, inside),
            None => inside,
        };
        piece.check(self.pattern)?;
        self.group().push(piece);
        Ok(())
    }

    /// What begins with `(?`: a named group, a group without capture, or flags alone.
    fn special_group(&mut self, before: &'p str) -> Result<&'p str, RegexError> {
        let named = (before.len() > 4)
            .then(|| before.strip_prefix("(?P<"))
            .flatten()
            .or_else(|| (before.len() > 3).then(|| before.strip_prefix("(?<")).flatten());
        let Some(named) = named else {
            return self.flag_group(before);
        };
        let Some((name, rest)) = named.split_once('>') else {
            return Err(self.error(Complaint::NamedCapture, before));
        };
        let word = |b: u8| b == b'_' || b.is_ascii_alphanumeric();
        if name.is_empty() || !name.bytes().all(word) {
            let capture = &before[..before.len() - rest.len()];
            return Err(self.error(Complaint::NamedCapture, capture));
        }
        self.open_capture(name)?;
        Ok(rest)
    }

    /// `(?flags)` and `(?flags:`; a flag after `-` is unset.
    fn flag_group(&mut self, before: &'p str) -> Result<&'p str, RegexError> {
        let mut flags = self.flags;
        let mut set = true;
        let mut flag_since_minus = false;
        let mut chars = before[2..].chars();
        while let Some(c) = chars.next() {
            match c {
                'i' => flags.fold_case = set,
                'm' => flags.multi_line = set,
                's' => flags.dot_newline = set,
                'U' => flags.swap_greed = set,
                '-' if set => {
                    set = false;
                    flag_since_minus = false;
                    continue;
                }
                ':' | ')' if set || flag_since_minus => {
                    if c == ':' {
                        let group = Group::new(self.flags, None);
                        self.groups.push(group);
                    }
                    self.flags = flags;
                    return Ok(chars.as_str());
                }
                _ => break,
            }
            flag_since_minus = true;
        }
        let read = &before[..before.len() - chars.as_str().len()];
        Err(self.error(Complaint::PerlOp, read))
    }

    fn counted(
        &mut self,
        count: &Count<'p>,
        before: &'p str,
        last_repeat: Option<&'p str>,
    ) -> Result<(), RegexError> {
        self.rest = count.rest;
        let within = |n: u32| u64::from(n) <= COPIES_MAX;
        let max = count.max.unwrap_or(count.min);
        if !within(count.min) || !within(max) || count.min > max {
            let written = &before[..before.len() - count.rest.len()];
            return Err(self.error(Complaint::RepeatSize, written));
        }
        self.repeat(count.min, count.max, true, before, last_repeat)
    }

    /// Repeats the part before; `rest` stands behind the operator, except for a `?` of its own.
    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
        counted: bool,
        before: &'p str,
        last_repeat: Option<&'p str>,
    ) -> Result<(), RegexError> {
        let mut greedy = !self.flags.swap_greed;
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            greedy = !greedy;
        }
        if let Some(last) = last_repeat {
            let both = &last[..last.len() - self.rest.len()];
            return Err(self.error(Complaint::RepeatOp, both));
        }
        let operator = &before[..before.len() - self.rest.len()];
        let Some(sub) = self.group().current.pop() else {
            return Err(self.error(Complaint::MissingRepeatArgument, operator));
        };
        let piece = Piece::repeat(sub, min, max, greedy, counted);
        piece.check(self.pattern)?;
        if counted && (min >= 2 || max.is_some_and(|max| max >= 2)) && piece.copies_too_much() {
            return Err(self.error(Complaint::RepeatSize, operator));
        }
        self.group().current.push(piece);
        self.last_repeat = Some(before);
        Ok(())
    }

    /// What begins with a backslash, outside of a class.
    fn escaped(&mut self, before: &'p str) -> Result<(), RegexError> {
        let look = match before.as_bytes().get(1) {
            Some(b'A') => Some(Look::Start),
            Some(b'z') => Some(Look::End),
            Some(b'b') => Some(Look::WordAscii),
            Some(b'B') => Some(Look::WordAsciiNegate),
            Some(b'Q') => {
                let (quoted, rest) = match before[2..].split_once("\\E") {
                    Some(split) => split,
                    None => (&before[2..], ""),
                };
                self.rest = rest;
                quoted.chars().for_each(|c| self.literal(c));
                return Ok(());
            }
            _ => None,
        };
        if let Some(look) = look {
            self.rest = &before[2..];
            self.push(Node::Look(look));
            return Ok(());
        }
        let escape = escape::group(before, self.flags, &mut self.ranges, self.pattern)?;
        if let Some((class, rest)) = escape {
            self.rest = rest;
            self.push(Node::Class(class));
            return Ok(());
        }
        let (code, rest) = escape::character(before)?;
        self.rest = rest;
        match char::from_u32(code) {
            Some(c) => self.literal(c),
            // Half of a surrogate pair, which no text contains.
            None => self.push(Node::Class(ClassUnicode::empty())),
        }
        Ok(())
    }
}

/// `{min}`, `{min,}` or `{min,max}`.
struct Count<'p> {
    min: u32,
    max: Option<u32>,
    rest: &'p str,
}

/// Reads a count in braces; `None` if the brace stands for itself.
fn count(text: &str) -> Option<Count<'_>> {
    let (min, rest) = number(text.strip_prefix('{')?)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (max, rest) = number(rest)?;
            (Some(max), rest)
        }
    };
    let rest = rest.strip_prefix('}')?;
    Some(Count { min, max, rest })
}

/// Reads a decimal without leading zeros; one too large for anything is the largest there is.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
