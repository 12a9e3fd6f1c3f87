//! The parser of a page: entry after entry, nothing copied.
//!
//! ```text
//! next() ── plain line ──→ `plain`      one pass over the bytes, most lines
//!        └─ anything else → `text` / `openmetrics`   token by token, exact to the byte, exact errors
//! ```
//!
//! A reader that knows the page from before can skip the reading of a series' text: it compares the bytes at
//! [`Parser::rest`] with what it remembers and calls [`Parser::accept_series`].

use std::borrow::Cow;
use std::ops::Range;

use tsdb::model::{Exemplar, Labels, METRIC_NAME, MetricKind};

use super::error::ParseError;
use super::number::format_openmetrics;
use super::token::State;
use super::{Entry, Format};
use crate::template::parse_go_float;

/// A label as it was read, empty values kept; borrowed from the page unless it held escapes.
pub type RawLabel<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A page being read, and the entry read last.
#[derive(Debug)]
pub struct Parser<'a> {
    pub(super) page: &'a [u8],
    pub(super) format: Format,
    /// The whole page is valid UTF-8, so that no part of it needs a look.
    pub(super) utf8: bool,
    pub(super) at: usize,
    /// Where the careful lexer stopped: in OpenMetrics not always at the start of a line.
    pub(super) state: State,
    /// The series text of the last sample: name and braces.
    pub(super) series: Range<usize>,
    /// Start and end of the metric name, then of each label's name and value; empty after a shortcut.
    pub(super) offsets: Vec<usize>,
    /// Metric name of the last `#` line.
    pub(super) family: Range<usize>,
    /// Text of the last `#` line.
    pub(super) text: Range<usize>,
    pub(super) kind: MetricKind,
    pub(super) value: f64,
    pub(super) at_ms: Option<i64>,
    pub(super) exemplar: Option<ExemplarSpan>,
    pub(super) exemplar_offsets: Vec<usize>,
}

/// An exemplar behind a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExemplarSpan {
    pub(super) value: f64,
    pub(super) at_ms: Option<i64>,
}

impl<'a> Parser<'a> {
    /// Begins to read `page`.
    pub fn new(page: &'a [u8], format: Format) -> Self {
        Self {
            page,
            format,
            utf8: std::str::from_utf8(page).is_ok(),
            at: 0,
            state: State::Init,
            series: 0..0,
            offsets: Vec::with_capacity(64),
            family: 0..0,
            text: 0..0,
            kind: MetricKind::Unknown,
            value: 0.0,
            at_ms: None,
            exemplar: None,
            exemplar_offsets: Vec::new(),
        }
    }

    /// The next entry; `None` at the proper end of the page.
    ///
    /// # Errors
    /// When the page breaks the format, with Prometheus' text. Nothing may be read after that.
    #[expect(
        clippy::should_implement_trait,
        reason = "an entry is read through the parser, not owned"
    )]
    pub fn next(&mut self) -> Result<Option<Entry>, ParseError> {
        self.exemplar = None;
        if self.state == State::Init
            && let Some(entry) = self.plain_line()
        {
            return Ok(Some(entry));
        }
        match self.format {
            Format::Text => self.careful_text(),
            Format::OpenMetrics => self.careful_openmetrics(),
        }
    }

    /// What has not been read yet, if that begins with a line; else nothing.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        match self.state {
            State::Init => &self.page[self.at..],
            _ => &[],
        }
    }

    /// Where in the page [`Parser::rest`] begins.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes from `position` up to where the parser is now.
    pub fn since(&self, position: usize) -> &'a [u8] {
        &self.page[position..self.at]
    }

    /// Passes over empty lines, where the format allows them.
    #[inline]
    pub fn skip_blank_lines(&mut self) {
        while self.format == Format::Text && self.page.get(self.at) == Some(&b'\n') {
            self.at += 1;
        }
    }

    /// Reads the sample whose series text is known to be the next `length` bytes.
    ///
    /// `false`, with nothing read, if what follows is not plain: then [`Parser::next`] has to.
    #[inline]
    pub fn accept_series(&mut self, length: usize) -> bool {
        let from = self.at;
        if !self.plain_sample(from, from + length) {
            return false;
        }
        self.offsets.clear();
        self.exemplar = None;
        true
    }

    /// Passes over a `#` line of `length` bytes that was read before and declared `kind`, if it is a `TYPE`.
    #[inline]
    pub fn accept_meta(&mut self, length: usize, kind: Option<MetricKind>) {
        self.at += length;
        if let Some(kind) = kind {
            self.kind = kind;
        }
    }

    /// The series text of the last sample, as it stands in the page.
    #[inline]
    pub fn series(&self) -> &'a [u8] {
        &self.page[self.series.clone()]
    }

    /// The last sample's value. NaN is always the one that Prometheus stores.
    #[inline]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The last sample's own time, if it has one.
    #[inline]
    pub fn at_ms(&self) -> Option<i64> {
        self.at_ms
    }

    /// The kind that the last `TYPE` line declared.
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// The metric name of the last `#` line, without quotes.
    pub fn family(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(&self.page[self.family.clone()])
    }

    /// The text of the last `HELP` line, unescaped.
    pub fn help(&self) -> Cow<'a, str> {
        // OpenMetrics escapes quotes in help texts, the text format does not.
        unescape(&self.page[self.text.clone()], self.format == Format::OpenMetrics)
    }

    /// The text of the last `UNIT` line.
    pub fn unit(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(&self.page[self.text.clone()])
    }

    /// The last sample's labels, metric name first, in the page's order; bounds and quantiles normalised.
    ///
    /// # Errors
    /// When a name is not UTF-8.
    pub fn labels(&mut self, into: &mut Vec<RawLabel<'a>>) -> Result<(), ParseError> {
        into.clear();
        if self.offsets.is_empty() {
            self.find_offsets()?;
        }
        let page = self.page;
        let part = |bounds: &[usize]| unescape(&page[bounds[0]..bounds[1]], true);
        into.push((Cow::Borrowed(METRIC_NAME), part(&self.offsets[..2])));
        for label in self.offsets[2..].chunks_exact(4) {
            let name = part(&label[..2]);
            let value = normalized(self.kind, &name, part(&label[2..]));
            into.push((name, value));
        }
        if self.utf8 || std::str::from_utf8(self.series()).is_ok() {
            return Ok(());
        }
        let labels = Labels::from_pairs(into.iter().map(|(n, v)| (&**n, &**v)));
        Err(ParseError::new(format!(
            "invalid metric name or label names: {labels}"
        )))
    }

    /// The exemplar behind the last sample.
    pub fn exemplar(&self) -> Option<Exemplar> {
        let span = self.exemplar?;
        // Exemplars' labels are taken as they stand, escapes and all, as Prometheus takes them.
        let part = |bounds: &[usize]| String::from_utf8_lossy(&self.page[bounds[0]..bounds[1]]);
        let pairs: Vec<RawLabel<'_>> = self
            .exemplar_offsets
            .chunks_exact(4)
            .map(|label| (part(&label[..2]), part(&label[2..])))
            .collect();
        Some(Exemplar {
            labels: Labels::from_pairs(pairs.iter().map(|(n, v)| (&**n, &**v))),
            value: span.value,
            at_ms: span.at_ms,
        })
    }

    /// Reads the last sample's series text again, for its parts.
    fn find_offsets(&mut self) -> Result<(), ParseError> {
        let mut again = Self::new(self.page, self.format);
        again.at = self.series.start;
        again.utf8 = self.utf8;
        again.next()?;
        self.offsets = again.offsets;
        Ok(())
    }
}

fn normalized<'a>(kind: MetricKind, name: &str, value: Cow<'a, str>) -> Cow<'a, str> {
    let is_number = matches!(
        (kind, name),
        (MetricKind::Summary, "quantile") | (MetricKind::Histogram, "le")
    );
    if !is_number {
        return value;
    }
    // Other than a sample's value, a bound may be anything that Go takes for a float.
    match parse_go_float(&value) {
        Ok(number) => {
            let text = format_openmetrics(number);
            if text == *value { value } else { Cow::Owned(text) }
        }
        Err(_) => value,
    }
}

/// Resolves `\\`, `\n` and, where asked, `\"`; every other backslash stays.
pub(super) fn unescape(bytes: &[u8], quotes: bool) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains('\\') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(found) = rest.find('\\') {
        out.push_str(&rest[..found]);
        let (plain, length) = match rest.as_bytes().get(found + 1) {
            Some(b'\\') => ('\\', 2),
            Some(b'n') => ('\n', 2),
            Some(b'"') if quotes => ('"', 2),
            _ => ('\\', 1),
        };
        out.push(plain);
        rest = &rest[found + length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}
