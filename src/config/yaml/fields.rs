//! The keys of a mapping, and taking scalars out of it: absent or wrong gives the default, null gives
//! Go's zero.

use std::path::PathBuf;

use super::decode::Decoder;
use super::tree::{Mark, Node, Span, Value};
use crate::config::secret::Secret;

/// A mapping whose keys are being asked for.
#[derive(Debug)]
pub struct Fields<'n> {
    /// Where the mapping begins.
    pub mark: Mark,
    /// From where to where it reaches.
    pub span: Span,
    pub(super) type_name: &'static str,
    pub(super) entries: Vec<Entry<'n>>,
}

#[derive(Debug)]
pub(super) struct Entry<'n> {
    pub(super) key: &'n str,
    pub(super) key_mark: Mark,
    pub(super) value: &'n Node,
    pub(super) is_merged: bool,
}

impl<'n> Fields<'n> {
    /// The value of `key`, which is thereby known.
    pub fn take(&mut self, key: &str) -> Option<&'n Node> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at).value)
    }

    /// Where `key` itself stands, or where the mapping begins if it does not. Ask before taking.
    pub fn key_mark_of(&self, key: &str) -> Mark {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map_or(self.mark, |entry| entry.key_mark)
    }

    /// Whether `key` is there with a value other than null and the empty text. Ask before taking.
    pub fn says(&self, key: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.is_some_and(|entry| {
            let is_empty = entry.value.scalar().is_some_and(|scalar| scalar.text.is_empty());
            !is_empty && !entry.value.is_null()
        })
    }

    /// Whether `key` is there with a list that is not empty. Ask before taking.
    pub fn has_items(&self, key: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.is_some_and(|entry| matches!(&entry.value.value, Value::Sequence(items) if !items.is_empty()))
    }

    /// Where the value of `key` begins, or the mapping if there is none. Ask before taking.
    pub fn mark_of(&self, key: &str) -> Mark {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map_or(self.mark, |entry| entry.value.mark)
    }
}

impl Decoder {
    /// A text, empty unless written.
    pub fn text_of(&mut self, fields: &mut Fields<'_>, key: &str) -> String {
        fields
            .take(key)
            .and_then(|node| self.string(node))
            .unwrap_or_default()
    }

    /// A text that is `default` unless written.
    pub fn text_or(&mut self, fields: &mut Fields<'_>, key: &str, default: &str) -> String {
        match fields.take(key) {
            Some(node) => self.string(node).unwrap_or_default(),
            None => default.to_owned(),
        }
    }

    /// A secret, empty unless written.
    pub fn secret_of(&mut self, fields: &mut Fields<'_>, key: &str) -> Secret {
        let node = fields.take(key);
        Secret::new(
            node.and_then(|node| self.string_as(node, "config.plain"))
                .unwrap_or_default(),
        )
    }

    /// A list of secrets.
    pub fn secrets(&mut self, node: &Node) -> Vec<Secret> {
        let texts = self.strings(node, "[]config.Secret").unwrap_or_default();
        texts.into_iter().map(Secret::new).collect()
    }

    /// A path; an empty text is none.
    pub fn path_of(&mut self, fields: &mut Fields<'_>, key: &str) -> Option<PathBuf> {
        let text = self.text_of(fields, key);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    /// A truth value.
    pub fn bool_of(&mut self, fields: &mut Fields<'_>, key: &str, default: bool) -> bool {
        self.maybe_bool_of(fields, key, default).unwrap_or(default)
    }

    /// A truth value that another section decides where it is absent or null.
    pub fn inherited_bool_of(&mut self, fields: &mut Fields<'_>, key: &str) -> Option<bool> {
        let node = fields.take(key)?;
        if node.is_null() { None } else { self.bool(node) }
    }

    /// A truth value that another section decides where it is absent or null; what it turns on is not built.
    pub fn unbuilt_bool_of(&mut self, fields: &mut Fields<'_>, key: &str) -> Option<bool> {
        let mark = fields.mark_of(key);
        let value = self.inherited_bool_of(fields, key);
        if value == Some(true) {
            self.unbuilt(mark, key);
        }
        value
    }

    fn maybe_bool_of(&mut self, fields: &mut Fields<'_>, key: &str, default: bool) -> Option<bool> {
        match fields.take(key) {
            Some(node) => self.bool(node),
            None => Some(default),
        }
    }

    /// A duration in milliseconds.
    pub fn duration_of(&mut self, fields: &mut Fields<'_>, key: &str, default_ms: i64) -> i64 {
        match fields.take(key) {
            Some(node) => self.duration_ms(node).unwrap_or(default_ms),
            None => default_ms,
        }
    }

    /// A number without sign, 0 unless written.
    pub fn uint_of(&mut self, fields: &mut Fields<'_>, key: &str) -> u64 {
        fields
            .take(key)
            .and_then(|node| self.uint(node, "uint"))
            .unwrap_or_default()
    }

    /// A number.
    pub fn int_of(&mut self, fields: &mut Fields<'_>, key: &str, default: i64) -> i64 {
        match fields.take(key) {
            Some(node) => self.int(node, "int").unwrap_or(default),
            None => default,
        }
    }

    /// A size in bytes, 0 unless written; below 0 counts as none.
    pub fn size_of(&mut self, fields: &mut Fields<'_>, key: &str) -> u64 {
        fields
            .take(key)
            .and_then(|node| self.size_bytes(node))
            .map_or(0, |bytes| u64::try_from(bytes).unwrap_or(0))
    }

    /// A float, 0 unless written.
    pub fn float_of(&mut self, fields: &mut Fields<'_>, key: &str) -> f64 {
        fields
            .take(key)
            .and_then(|node| self.float(node))
            .unwrap_or_default()
    }

    /// A list of texts, empty unless written.
    pub fn strings_of(&mut self, fields: &mut Fields<'_>, key: &str) -> Vec<String> {
        fields
            .take(key)
            .and_then(|node| self.strings(node, "[]string"))
            .unwrap_or_default()
    }
}
