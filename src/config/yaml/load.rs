//! From text to tree: the scanner's events, anchors and aliases resolved, bombs refused.
//!
//! Only the first document is read, as in yaml.v2; whether another follows is told.

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use libyaml_safer::{ErrorKind, EventData, Parser, ScalarStyle};

use super::decode::Dialect;
use super::tree::{Mark, Node, Scalar, Value};

/// How deep collections may nest.
const DEPTH_MAX: usize = 1_000;

/// From how many nodes on, aliases included, the share that aliases may have falls (yaml.v2's figures).
const EXPANDED_NODES_LOW: u64 = 400_000;

/// From how many nodes on aliases may make up a tenth at most.
const EXPANDED_NODES_HIGH: u64 = 4_000_000;

/// A text that is no YAML, or YAML that is a bomb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Where, if it is at one place.
    pub mark: Option<Mark>,
    /// What, in go-yaml's words.
    pub text: String,
    /// The line that yaml.v2 tells, which counts from 0 where the scanner is content and the parser is not;
    /// the first line is not told.
    pub line_of_v2: Option<u32>,
    /// The line that yaml.v3 tells: where what is wrong began.
    pub line_of_v3: Option<u32>,
}

impl LoadError {
    fn at(mark: Mark, text: impl Into<String>) -> Self {
        Self {
            mark: Some(mark),
            text: text.into(),
            line_of_v2: None,
            line_of_v3: None,
        }
    }

    /// The error as go-yaml words it: `yaml: line 2: …`.
    pub fn as_go(&self, dialect: Dialect) -> String {
        let line = match dialect {
            Dialect::V2 => self.line_of_v2,
            Dialect::V3 => self.line_of_v3,
        };
        match line {
            Some(line) => format!("yaml: line {line}: {}", self.text),
            None => format!("yaml: {}", self.text),
        }
    }
}

/// What a text holds.
#[derive(Debug)]
pub struct Document {
    /// The first document's value; `None` if there is no document.
    pub root: Option<Rc<Node>>,
    /// Whether something follows it, be it YAML or not.
    pub has_more: bool,
}

/// The first document of `text`.
///
/// # Errors
/// When the text is not YAML, refers to unknown anchors, nests too deep or multiplies itself.
pub fn load(text: &[u8]) -> Result<Document, LoadError> {
    let text = ended_by_line_break(text);
    let mut input = &*text.bytes;
    let mut loader = Loader {
        break_added_at: text.has_added_break.then_some(text.length),
        last_mark: Mark { line: 1, column: 1 },
        is_broken: false,
        parser: Parser::new(),
        anchors: HashMap::new(),
        open: Vec::new(),
        sizes: Sizes::default(),
    };
    loader.parser.set_input_string(&mut input);
    let root = loader.document()?;
    let has_more = root.is_some() && !matches!(loader.next(), Ok((EventData::StreamEnd, _)));
    Ok(Document { root, has_more })
}

/// A text that ends with a line break, as the scanner wants it.
struct Ended<'t> {
    bytes: Cow<'t, [u8]>,
    has_added_break: bool,
    /// Its length as the scanner counts, which leaves a byte order mark out.
    length: u64,
}

impl<'t> Ended<'t> {
    fn new(bytes: Cow<'t, [u8]>, has_added_break: bool) -> Self {
        let mark_length = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
            3
        } else {
            0
        };
        Self {
            length: (bytes.len() - mark_length) as u64,
            bytes,
            has_added_break,
        }
    }
}

/// libyaml-safer 0.3 panics where a block scalar ends with the file instead of with its last line: it gets
/// a line break, which [`block_text`] takes away again.
fn ended_by_line_break(text: &[u8]) -> Ended<'_> {
    let last_line = text
        .rsplit(|b| matches!(b, b'\n' | b'\r'))
        .next()
        .unwrap_or_default();
    if last_line.is_empty() || text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        return Ended::new(Cow::Borrowed(text), false);
    }
    if last_line.iter().all(|b| *b == b' ') {
        // Spaces without a line mean nothing.
        return Ended::new(Cow::Borrowed(&text[..text.len() - last_line.len()]), false);
    }
    let mut bytes = text.to_vec();
    bytes.push(b'\n');
    Ended::new(Cow::Owned(bytes), true)
}

struct Loader<'a> {
    /// Where the text ends, if a line break was added to it.
    break_added_at: Option<u64>,
    /// Where the last event began.
    last_mark: Mark,
    /// Whether the scanner has panicked.
    is_broken: bool,
    parser: Parser<&'a mut &'a [u8]>,
    /// Finished anchors, each with the number of nodes that one alias of it stands for.
    anchors: HashMap<String, (Rc<Node>, u64)>,
    /// Anchors of collections not finished yet.
    open: Vec<String>,
    sizes: Sizes,
}

/// How many nodes there are when every alias is written out.
#[derive(Clone, Copy, Default)]
struct Sizes {
    all: u64,
    by_alias: u64,
}

impl Sizes {
    /// yaml.v2 lets small documents be made of aliases almost wholly and large ones hardly.
    fn is_bomb(self) -> bool {
        if self.by_alias <= 100 || self.all <= 1_000 {
            return false;
        }
        let share_max = match self.all {
            0..=EXPANDED_NODES_LOW => 0.99,
            EXPANDED_NODES_HIGH.. => 0.10,
            all => {
                let way =
                    (all - EXPANDED_NODES_LOW) as f64 / (EXPANDED_NODES_HIGH - EXPANDED_NODES_LOW) as f64;
                0.99 - 0.89 * way
            }
        };
        self.by_alias as f64 / self.all as f64 > share_max
    }
}

type Event = (EventData, Mark);

/// A block scalar's text without the line break that was not in the file.
fn block_text(data: EventData) -> EventData {
    match data {
        EventData::Scalar {
            anchor,
            tag,
            mut value,
            plain_implicit,
            quoted_implicit,
            style: style @ (ScalarStyle::Literal | ScalarStyle::Folded),
        } => {
            if value.ends_with('\n') {
                value.pop();
            }
            EventData::Scalar {
                anchor,
                tag,
                value,
                plain_implicit,
                quoted_implicit,
                style,
            }
        }
        other => other,
    }
}

impl Loader<'_> {
    fn next(&mut self) -> Result<Event, LoadError> {
        let event = self.scan()?;
        self.last_mark = event.1;
        Ok(event)
    }

    fn scan(&mut self) -> Result<Event, LoadError> {
        match catch_unwind(AssertUnwindSafe(|| self.parser.parse())).unwrap_or_else(|_| {
            // libyaml-safer 0.3 panics over a few malformed tags (`{!a,`); for us that is a mistake in
            // the file, and the parser is not used again.
            self.is_broken = true;
            Ok(libyaml_safer::Event::stream_end())
        }) {
            _ if self.is_broken => Err(LoadError::at(
                self.last_mark,
                "did not find expected whitespace or line break",
            )),
            Ok(event) if Some(event.end_mark.index) == self.break_added_at => {
                Ok((block_text(event.data), mark(event.start_mark)))
            }
            Ok(event) => Ok((event.data, mark(event.start_mark))),
            Err(error) => Err(scan_error(&error, self.break_added_at)),
        }
    }

    fn document(&mut self) -> Result<Option<Rc<Node>>, LoadError> {
        loop {
            match self.next()? {
                (EventData::StreamStart { .. }, _) => {}
                (
                    EventData::DocumentStart {
                        version_directive, ..
                    },
                    at,
                ) => {
                    if version_directive.is_some_and(|v| (v.major, v.minor) != (1, 1)) {
                        return Err(LoadError::at(at, "found incompatible YAML document"));
                    }
                    let first = self.next()?;
                    let root = self.node(first, 0)?;
                    // The document's end is part of it: what follows the root must be an end.
                    self.next()?;
                    return Ok(Some(root));
                }
                _ => return Ok(None),
            }
        }
    }

    fn node(&mut self, (data, at): Event, depth: usize) -> Result<Rc<Node>, LoadError> {
        if depth > DEPTH_MAX {
            return Err(LoadError::at(at, format!("exceeded max depth of {DEPTH_MAX}")));
        }
        self.sizes.all += 1;
        let size_before = self.sizes.all;
        let (anchor, tag, value) = match data {
            EventData::Alias { anchor } => return self.alias(&anchor, at),
            EventData::Scalar {
                anchor,
                tag,
                value,
                plain_implicit,
                ..
            } => {
                // The lone tag `!` says "not plain" without naming a type.
                let tag = tag.filter(|tag| tag != "!");
                let scalar = Scalar {
                    text: value.into(),
                    is_plain: plain_implicit,
                    source: None,
                };
                (anchor, tag, Value::Scalar(scalar))
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                self.open.extend(anchor.clone());
                let children = self.children(depth)?;
                (anchor, tag, Value::Sequence(children))
            }
            EventData::MappingStart { anchor, tag, .. } => {
                self.open.extend(anchor.clone());
                let mut children = self.children(depth)?.into_iter();
                let mut pairs = Vec::with_capacity(children.len() / 2);
                while let (Some(key), Some(value)) = (children.next(), children.next()) {
                    pairs.push((key, value));
                }
                (anchor, tag, Value::Mapping(pairs))
            }
            _ => {
                return Err(LoadError::at(at, "did not find expected node content"));
            }
        };
        let is_collection = !matches!(value, Value::Scalar(_));
        let node = Rc::new(Node {
            mark: at,
            tag: tag.map(Into::into),
            value,
        });
        if let Some(anchor) = anchor {
            if is_collection {
                self.open.pop();
            }
            let size = self.sizes.all - size_before + 1;
            self.anchors.insert(anchor, (Rc::clone(&node), size));
        }
        Ok(node)
    }

    /// Everything up to the end of the collection just begun.
    fn children(&mut self, depth: usize) -> Result<Vec<Rc<Node>>, LoadError> {
        let mut children = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event.0, EventData::SequenceEnd | EventData::MappingEnd) {
                return Ok(children);
            }
            children.push(self.node(event, depth + 1)?);
        }
    }

    fn alias(&mut self, anchor: &str, at: Mark) -> Result<Rc<Node>, LoadError> {
        let refuse = |text: String| Err(LoadError::at(at, text));
        if self.open.iter().any(|open| open == anchor) {
            return refuse(format!("anchor '{anchor}' value contains itself"));
        }
        let Some((node, size)) = self.anchors.get(anchor) else {
            return refuse(format!("unknown anchor '{anchor}' referenced"));
        };
        self.sizes.all = self.sizes.all.saturating_add(*size);
        self.sizes.by_alias = self.sizes.by_alias.saturating_add(*size);
        if self.sizes.is_bomb() {
            return refuse("document contains excessive aliasing".into());
        }
        Ok(Rc::clone(node))
    }
}

fn mark(at: libyaml_safer::Mark) -> Mark {
    let count = |n: u64| u32::try_from(n.saturating_add(1)).unwrap_or(u32::MAX);
    Mark {
        line: count(at.line),
        column: count(at.column),
    }
}

fn scan_error(error: &libyaml_safer::Error, break_added_at: Option<u64>) -> LoadError {
    let (problem, context) = (error.problem_mark(), error.context_mark());
    let is_scanner = error.kind() == ErrorKind::Scanner;
    // The line after a line break of ours is no line of the text, but the parser counts it in Go too.
    let is_beyond =
        |at: &libyaml_safer::Mark| is_scanner && break_added_at.is_some_and(|end| at.index >= end);
    let line_of = |at: Option<libyaml_safer::Mark>| {
        let line = at.map_or(0, |at| at.line - u64::from(is_beyond(&at)));
        u32::try_from(line).unwrap_or(u32::MAX)
    };
    let from_one = |line: u32| line.saturating_add(u32::from(is_scanner));
    let (line_of_v2, line_of_v3) = match (line_of(problem), line_of(context)) {
        (0, 0) => (0, 0),
        (0, context) => (context, from_one(context)),
        (problem, 0) => (from_one(problem), from_one(problem)),
        (problem, context) => (from_one(problem), from_one(context)),
    };
    LoadError {
        mark: problem.or(context).map(mark),
        text: match error.kind() {
            ErrorKind::Io => "control characters are not allowed".into(),
            _ => error.problem().to_owned(),
        },
        line_of_v2: (line_of_v2 != 0).then_some(line_of_v2),
        line_of_v3: (line_of_v3 != 0).then_some(line_of_v3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(text: &str, expected: &str) {
        let root = load(text.as_bytes()).unwrap().root.unwrap();
        assert_eq!(&*root.scalar().unwrap().text, expected, "{text:?}");
    }

    #[test]
    fn a_block_that_ends_with_the_file_has_no_last_line_break() {
        check_text("|\n a", "a");
        check_text("|\n a\n", "a\n");
        check_text("\u{feff}|\n a", "a");
        check_text("|-\n a", "a");
        check_text("|+\n a\n\n", "a\n\n");
        check_text(">\n a\n b", "a b");
        check_text("|\n a\n ", "a\n");
        check_text("a", "a");
    }

    #[test]
    fn what_the_scanner_panics_over_is_a_mistake_in_the_file() {
        for text in ["{!a, b}", "[\n!!int, x]", "\"\\", "'", "!<%"] {
            assert!(load(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn positions_count_from_one_and_columns_in_characters() {
        let root = load("é: é\nb: [x,\n  y]".as_bytes()).unwrap().root.unwrap();
        let Value::Mapping(pairs) = &root.value else {
            panic!("a mapping")
        };
        assert_eq!(pairs[0].1.mark, Mark { line: 1, column: 4 });
        let Value::Sequence(items) = &pairs[1].1.value else {
            panic!("a list")
        };
        assert_eq!(items[1].mark, Mark { line: 3, column: 3 });
    }
}
