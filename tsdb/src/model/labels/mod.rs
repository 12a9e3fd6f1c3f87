//! Label sets: what identifies a series.

mod builder;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use builder::LabelsBuilder;

/// An immutable set of labels, sorted by name, without empty values. Cloning is cheap.
///
/// Names and values lie in one text; the storage engine keeps series as symbols instead and makes these
/// only where a person or another program reads them.
#[derive(Clone, Default)]
pub struct Labels {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    text: Box<str>,
    /// Where each name and each value ends in `text`, alternating.
    ends: Box<[u32]>,
}

impl Labels {
    /// Bytes of its text and what keeps names and values apart.
    pub fn held_bytes(&self) -> usize {
        let inner = self.inner.as_ref();
        inner.map_or(0, |inner| {
            48 + inner.text.len() + inner.ends.len() * size_of::<u32>()
        })
    }

    /// The set without labels.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A set from pairs in any order; empty values are dropped, of equal names the last wins.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut builder = LabelsBuilder::new();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    /// A set from pairs already sorted by name, without duplicates or empty values.
    pub fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::new();
        let mut ends = Vec::new();
        for (name, value) in pairs {
            for part in [name, value] {
                text.push_str(part);
                ends.push(u32::try_from(text.len()).expect("a label set is shorter than 4 GiB"));
            }
        }
        if ends.is_empty() {
            return Self::default();
        }
        Self {
            inner: Some(Arc::new(Inner {
                text: text.into(),
                ends: ends.into(),
            })),
        }
    }

    /// How many labels.
    pub fn len(&self) -> usize {
        self.inner.as_ref().map_or(0, |inner| inner.ends.len() / 2)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }

    /// The value of `name`, if present.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The metric name, empty if there is none.
    pub fn metric_name(&self) -> &str {
        self.get(super::METRIC_NAME).unwrap_or("")
    }

    /// All pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let (text, ends): (&str, &[u32]) = match &self.inner {
            Some(inner) => (&inner.text, &inner.ends),
            None => ("", &[]),
        };
        let mut from = 0;
        ends.chunks_exact(2).map(move |pair| {
            let (middle, end) = (pair[0] as usize, pair[1] as usize);
            let found = (&text[from..middle], &text[middle..end]);
            from = end;
            found
        })
    }

    /// Prometheus' hash of a label set: XXH64 over its names and values, each behind its length.
    ///
    /// Visible outside: slots of rule groups, scrape offsets and `limit_ratio` depend on it. A length below
    /// 255 takes one byte; a longer one takes 255 and three bytes, the lowest first (`labels_stringlabels.go`,
    /// what Prometheus is built with).
    pub fn hash_xxh64(&self) -> u64 {
        let mut bytes = Vec::with_capacity(256);
        for part in self.iter().flat_map(|(name, value)| [name, value]) {
            match u8::try_from(part.len()) {
                Ok(length) if length < 255 => bytes.push(length),
                _ => {
                    let length = (part.len() as u64).to_le_bytes();
                    bytes.push(255);
                    bytes.extend_from_slice(&length[..3]);
                }
            }
            bytes.extend_from_slice(part.as_bytes());
        }
        xxhash_rust::xxh64::xxh64(&bytes, 0)
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        match (&self.inner, &other.inner) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || (a.ends == b.ends && a.text == b.text),
            _ => false,
        }
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(inner) = &self.inner {
            inner.text.hash(state);
            inner.ends.hash(state);
        }
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    /// Prometheus' order: pair by pair, name before value; a prefix comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        let (Some(a), Some(b)) = (&self.inner, &other.inner) else {
            return self.inner.is_some().cmp(&other.inner.is_some());
        };
        let mut from = (0, 0);
        for (&a_end, &b_end) in a.ends.iter().zip(&b.ends) {
            let end = (a_end as usize, b_end as usize);
            let ordered = a.text[from.0..end.0].cmp(&b.text[from.1..end.1]);
            if ordered.is_ne() {
                return ordered;
            }
            from = end;
        }
        a.ends.len().cmp(&b.ends.len())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Labels {
    /// Prometheus' text of a label set: `{__name__="up", job="node"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            if is_legacy_label_name(name) {
                f.write_str(name)?;
            } else {
                write_quoted(f, name)?;
            }
            f.write_str("=")?;
            write_quoted(f, value)?;
        }
        f.write_str("}")
    }
}

/// Whether `name` is `[a-zA-Z_][a-zA-Z0-9_]*`, so that it needs no quotes.
pub fn is_legacy_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether `name` is `[a-zA-Z_:][a-zA-Z0-9_:]*`, so that it needs no quotes as a metric name.
pub fn is_legacy_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b':')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

/// Writes `text` as Go's `strconv.Quote` does.
///
/// # Errors
/// Those of the writer.
pub fn write_quoted(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            '\x07' => f.write_str("\\a")?,
            '\x08' => f.write_str("\\b")?,
            '\x0c' => f.write_str("\\f")?,
            '\x0b' => f.write_str("\\v")?,
            c if (c as u32) < 0x20 || c as u32 == 0x7f => write!(f, "\\x{:02x}", c as u32)?,
            c if is_printable(c) => f.write_char(c)?,
            c if (c as u32) < 0x10000 => write!(f, "\\u{:04x}", c as u32)?,
            c => write!(f, "\\U{:08x}", c as u32)?,
        }
    }
    f.write_char('"')
}

/// Close to Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
fn is_printable(c: char) -> bool {
    // Rust's Debug escapes exactly the code points that are not printable (and grapheme extenders,
    // which Go prints), so only those that it writes as \u{…} are looked at more closely.
    c.is_ascii() || c.escape_debug().len() == 1 || (c.is_alphanumeric() && !c.is_control())
}
