//! From text to tree: the scanner's events, anchors and aliases resolved, bombs refused.
//!
//! Only the first document is read, as in yaml.v2; whether another follows is told.

use std::collections::HashMap;
use std::rc::Rc;

use libyaml_safer::{ErrorKind, EventData, Parser};

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
    let mut input = text;
    let mut loader = Loader {
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

struct Loader<'a> {
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

impl Loader<'_> {
    fn next(&mut self) -> Result<Event, LoadError> {
        match self.parser.parse() {
            Ok(event) => Ok((event.data, mark(event.start_mark))),
            Err(error) => Err(scan_error(&error)),
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
                        return Err(LoadError {
                            mark: Some(at),
                            text: "found incompatible YAML document".into(),
                        });
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
            return Err(LoadError {
                mark: Some(at),
                text: format!("exceeded max depth of {DEPTH_MAX}"),
            });
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
                return Err(LoadError {
                    mark: Some(at),
                    text: "did not find expected node content".into(),
                });
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
        let refuse = |text: String| Err(LoadError { mark: Some(at), text });
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

fn scan_error(error: &libyaml_safer::Error) -> LoadError {
    let at = match error.kind() {
        ErrorKind::Scanner | ErrorKind::Parser | ErrorKind::Composer => {
            error.problem_mark().or_else(|| error.context_mark()).map(mark)
        }
        _ => None,
    };
    LoadError {
        mark: at,
        text: match error.kind() {
            ErrorKind::Io => "control characters are not allowed".into(),
            _ => error.problem().to_owned(),
        },
    }
}
