//! Taking values out of a tree, and every mistake with it.
//!
//! A section is decoded by asking its [`Fields`] for one key after the other; what was never asked for
//! is unknown. Nothing stops at the first mistake: a value that cannot be had is `None`, its mistake is
//! noted, and the caller goes on with a default that nobody will see.
//!
//! ```text
//! let mut fields = decoder.fields(node, "file.plain")?;
//! let files = fields.take("files").and_then(|node| decoder.strings(node, "[]string"));
//! decoder.finish(fields, &[]);                    // field x not found in type file.plain
//! ```

use std::rc::Rc;

use super::fields::{Entry, Fields};
use super::mistake::Mistake;
use super::scalar::{self, Resolved, resolve, short_tag};
use super::tree::{Node, Span, Value};
use crate::config::duration;
use crate::config::proxy::ProxyEnvironment;
use crate::config::quote::quoted;
use crate::config::size;

/// Takes values out of nodes and remembers what was wrong.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What was wrong, in the order it was found.
    pub mistakes: Vec<Mistake>,
    /// Whether keys that nobody knows are passed over.
    pub ignores_unknown_fields: bool,
    /// Which go-yaml's words are used.
    pub dialect: Dialect,
    /// Whether what is valid and not built is passed over: the file is checked, nothing starts with it.
    pub accepts_unbuilt: bool,
    /// What `proxy_from_environment` stands for.
    pub proxies: ProxyEnvironment,
    /// The whole file.
    pub file: Option<Span>,
}

/// The two versions of go-yaml that Prometheus reads its files with: they tell duplicates differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// yaml.v2: configurations and target groups.
    #[default]
    V2,
    /// yaml.v3: rule files.
    V3,
}

impl Decoder {
    /// A decoder that refuses unknown keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `node` cannot be a `wanted` (a Go type's name).
    pub fn mismatch(&mut self, node: &Node, wanted: &str) {
        let text = match &node.value {
            Value::Sequence(_) => format!("cannot unmarshal !!seq into {wanted}"),
            Value::Mapping(_) => format!("cannot unmarshal !!map into {wanted}"),
            Value::Scalar(_) if resolve(node).is_err() => resolve(node).err().unwrap_or_default(),
            Value::Scalar(scalar) => {
                let tag = match &node.tag {
                    Some(tag) => short_tag(tag),
                    None => resolve(node).map_or("!!str", Resolved::tag).to_owned(),
                };
                format!(
                    "cannot unmarshal {tag} `{}` into {wanted}",
                    shortened(scalar.shown())
                )
            }
        };
        self.mistake(node.mark, text);
    }

    /// The keys of a mapping; `None` for null (without a mistake) and for anything else (with one).
    pub fn fields<'n>(&mut self, node: &'n Node, type_name: &'static str) -> Option<Fields<'n>> {
        if node.is_null() {
            return None;
        }
        let Value::Mapping(pairs) = &node.value else {
            self.mismatch(node, type_name);
            return None;
        };
        let mut fields = Fields {
            mark: node.mark,
            span: node.span(),
            type_name,
            entries: Vec::with_capacity(pairs.len()),
        };
        let is_read = self.collect_checked(pairs, &mut fields, &|name| {
            format!("field {name} already set in type {type_name}")
        });
        is_read.then_some(fields)
    }

    /// The pairs of a mapping whose keys are free; duplicates are refused.
    pub fn pairs<'n>(&mut self, node: &'n Node, type_name: &'static str) -> Option<Vec<(&'n str, &'n Node)>> {
        if node.is_null() {
            return Some(Vec::new());
        }
        let Value::Mapping(pairs) = &node.value else {
            self.mismatch(node, type_name);
            return None;
        };
        let mut fields = Fields {
            mark: node.mark,
            span: node.span(),
            type_name,
            entries: Vec::with_capacity(pairs.len()),
        };
        let is_read = self.collect_checked(pairs, &mut fields, &|name| {
            format!("key {name} already set in map", name = quoted(name))
        });
        is_read.then(|| {
            fields
                .entries
                .into_iter()
                .map(|entry| (entry.key, entry.value))
                .collect()
        })
    }

    /// Fills `fields` from `pairs`; whether they are read at all: yaml.v3 leaves a mapping with duplicates.
    fn collect_checked<'n>(
        &mut self,
        pairs: &'n [(Rc<Node>, Rc<Node>)],
        fields: &mut Fields<'n>,
        duplicate: &dyn Fn(&str) -> String,
    ) -> bool {
        let before = self.mistakes.len();
        self.collect(pairs, false, fields, duplicate);
        let mut found = self.mistakes[before..].iter();
        self.dialect == Dialect::V2 || !found.any(|mistake| mistake.text.starts_with("mapping key"))
    }

    /// Fills `fields` from `pairs`, merges included, in the order written: a later merge overrides.
    fn collect<'n>(
        &mut self,
        pairs: &'n [(Rc<Node>, Rc<Node>)],
        is_merged: bool,
        fields: &mut Fields<'n>,
        duplicate: &dyn Fn(&str) -> String,
    ) {
        for (key, value) in pairs {
            if is_merge(key) {
                self.merge(value, fields, duplicate);
                continue;
            }
            let Value::Scalar(scalar) = &key.value else {
                self.mismatch(key, "string");
                continue;
            };
            if let Some(Err(text)) = scalar::binary(key) {
                self.mistake(key.mark, text.replace("value", "name"));
                continue;
            }
            let name: &str = if key.is_null() { "" } else { &scalar.text };
            let entry = Entry {
                key: name,
                key_mark: key.mark,
                value,
                is_merged,
            };
            match fields.entries.iter_mut().find(|entry| entry.key == name) {
                Some(there) if there.is_merged || is_merged => *there = entry,
                Some(first) => {
                    let text = match self.dialect {
                        Dialect::V2 => duplicate(name),
                        Dialect::V3 => {
                            let line = first.key_mark.line;
                            format!(
                                "mapping key {name} already defined at line {line}",
                                name = quoted(name)
                            )
                        }
                    };
                    self.mistake(key.mark, text);
                }
                None => fields.entries.push(entry),
            }
        }
    }

    fn merge<'n>(&mut self, value: &'n Node, fields: &mut Fields<'n>, duplicate: &dyn Fn(&str) -> String) {
        match &value.value {
            Value::Mapping(pairs) => self.collect(pairs, true, fields, duplicate),
            // Of several, the first one wins.
            Value::Sequence(items) if items.iter().all(|i| matches!(i.value, Value::Mapping(_))) => {
                for item in items.iter().rev() {
                    self.merge(item, fields, duplicate);
                }
            }
            _ => self.mistake(
                value.mark,
                "map merge requires map or sequence of maps as the value",
            ),
        }
    }

    /// Notes every key that was not asked for: as not built if it is in `unbuilt`, else as not found.
    pub fn finish(&mut self, fields: Fields<'_>, unbuilt: &[&[&str]]) {
        for entry in fields.entries {
            if unbuilt.iter().any(|keys| keys.contains(&entry.key)) {
                if !says_nothing(entry.value) {
                    self.unbuilt(entry.key_mark, entry.key);
                }
            } else if !self.ignores_unknown_fields {
                self.mistake(
                    entry.key_mark,
                    format!("field {} not found in type {}", entry.key, fields.type_name),
                );
            }
        }
    }

    /// The items of a list; null is the empty list. `type_name` is the list's.
    pub fn items<'n>(&mut self, node: &'n Node, type_name: &str) -> Option<&'n [Rc<Node>]> {
        if node.is_null() {
            return Some(&[]);
        }
        match &node.value {
            Value::Sequence(items) => Some(items),
            _ => {
                self.mismatch(node, type_name);
                None
            }
        }
    }

    /// A text: any scalar's own words; null is empty.
    pub fn string(&mut self, node: &Node) -> Option<String> {
        self.string_as(node, "string")
    }

    /// A text whose Go type has a name of its own.
    pub fn string_as(&mut self, node: &Node, type_name: &str) -> Option<String> {
        if let Some(decoded) = scalar::binary(node) {
            return decoded.map_err(|text| self.mistake(node.mark, text)).ok();
        }
        let resolved = self.resolved(node)?;
        match &node.value {
            Value::Scalar(_) if resolved == Resolved::Null => Some(String::new()),
            Value::Scalar(scalar) => Some(scalar.text.to_string()),
            _ => {
                self.mismatch(node, type_name);
                None
            }
        }
    }

    /// A list of texts.
    pub fn strings(&mut self, node: &Node, type_name: &str) -> Option<Vec<String>> {
        let items = self.items(node, type_name)?;
        Some(items.iter().filter_map(|item| self.string(item)).collect())
    }

    /// A truth value; null is false.
    pub fn bool(&mut self, node: &Node) -> Option<bool> {
        match self.resolved(node)? {
            Resolved::Bool(value) => Some(value),
            Resolved::Null => Some(false),
            _ => {
                self.mismatch(node, "bool");
                None
            }
        }
    }

    /// An integer; floats lose their fraction as in Go; null is 0.
    pub fn int(&mut self, node: &Node, type_name: &str) -> Option<i64> {
        match self.resolved(node)? {
            Resolved::Int(value) => Some(value),
            Resolved::Float(value) if value <= i64::MAX as f64 => Some(value as i64),
            Resolved::Null => Some(0),
            _ => {
                self.mismatch(node, type_name);
                None
            }
        }
    }

    /// An integer without sign; floats lose their fraction as in Go; null is 0.
    pub fn uint(&mut self, node: &Node, type_name: &str) -> Option<u64> {
        match self.resolved(node)? {
            Resolved::Int(value) if value >= 0 => u64::try_from(value).ok(),
            Resolved::Uint(value) => Some(value),
            Resolved::Float(value) if (0.0..=u64::MAX as f64).contains(&value) => Some(value as u64),
            Resolved::Null => Some(0),
            _ => {
                self.mismatch(node, type_name);
                None
            }
        }
    }

    /// A float; null is 0.
    pub fn float(&mut self, node: &Node) -> Option<f64> {
        match self.resolved(node)? {
            Resolved::Int(value) => Some(value as f64),
            Resolved::Uint(value) => Some(value as f64),
            Resolved::Float(value) => Some(value),
            Resolved::Null => Some(0.0),
            _ => {
                self.mismatch(node, "float64");
                None
            }
        }
    }

    /// A duration in milliseconds; null is 0.
    pub fn duration_ms(&mut self, node: &Node) -> Option<i64> {
        if node.is_null() {
            return Some(0);
        }
        let text = self.string(node)?;
        match duration::parse_ms(&text) {
            Ok(duration_ms) => Some(duration_ms),
            Err(error) => {
                self.mistake_in(node, error.to_string());
                None
            }
        }
    }

    /// A size in bytes; null is 0.
    pub fn size_bytes(&mut self, node: &Node) -> Option<i64> {
        if node.is_null() {
            return Some(0);
        }
        let text = self.string_as(node, "units.Base2Bytes")?;
        match size::parse_bytes(&text) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.mistake_in(node, error.to_string());
                None
            }
        }
    }

    fn resolved(&mut self, node: &Node) -> Option<Resolved> {
        match resolve(node) {
            Ok(Resolved::Text) if !matches!(node.value, Value::Scalar(_)) => Some(Resolved::Text),
            Ok(resolved) => Some(resolved),
            Err(text) => {
                self.mistake(node.mark, text);
                None
            }
        }
    }
}

/// Whether a value leaves a setting as it is without being written: null, false, an empty text or list.
fn says_nothing(value: &Node) -> bool {
    match &value.value {
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(_) => false,
        Value::Scalar(scalar) => {
            scalar.text.is_empty() || matches!(resolve(value), Ok(Resolved::Null | Resolved::Bool(false)))
        }
    }
}

fn is_merge(key: &Node) -> bool {
    key.scalar()
        .is_some_and(|scalar| &*scalar.text == "<<" && scalar.is_plain)
}

/// go-yaml shows the first seven bytes of what is longer than ten.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return text.to_owned();
    }
    format!("{}...", String::from_utf8_lossy(&text.as_bytes()[..7]))
}
