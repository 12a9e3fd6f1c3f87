//! The fast half of the parsers: lines as exporters write them, in one pass.
//!
//! Everything here answers "not plain" rather than guess; the careful half then reads the same line again.

use memchr::memchr;
use tsdb::model::MetricKind;

use super::number::leading_number;
use super::parser::Parser;
use super::{Entry, Format};

const METRIC_START: u8 = 1;
const METRIC_REST: u8 = 2;
const LABEL_START: u8 = 4;
const LABEL_REST: u8 = 8;
/// What may end or bend a label value: quote, backslash, newline.
const VALUE_STOP: u8 = 16;

/// What each byte may be part of.
static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let letter = b.is_ascii_alphabetic() || b == b'_';
        if letter {
            table[byte] |= METRIC_START | LABEL_START;
        }
        if letter || b.is_ascii_digit() {
            table[byte] |= METRIC_REST | LABEL_REST;
        }
        if b == b'"' || b == b'\\' || b == b'\n' {
            table[byte] |= VALUE_STOP;
        }
        if b == b':' {
            table[byte] |= METRIC_START | METRIC_REST;
        }
        byte += 1;
    }
    table
}

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}

/// How many bytes of `class` `text` begins with; `None` if nothing follows them.
#[inline]
fn run_length(text: &[u8], class: u8) -> Option<usize> {
    text.iter().position(|&byte| !is(byte, class))
}

impl Parser<'_> {
    /// Reads the next line if it is plain; `None` leaves everything as it was.
    pub(super) fn plain_line(&mut self) -> Option<Entry> {
        self.skip_blank_lines();
        let first = *self.page.get(self.at)?;
        if first == b'#' {
            return self.plain_meta();
        }
        let from = self.at;
        let head = self.plain_series(from)?;
        self.plain_sample(from, head).then_some(Entry::Series)
    }

    /// Name and labels; tells where they end.
    fn plain_series(&mut self, from: usize) -> Option<usize> {
        let page = self.page;
        if !is(*page.get(from)?, METRIC_START) {
            return None;
        }
        let mut at = from + 1 + run_length(&page[from + 1..], METRIC_REST)?;
        self.offsets.clear();
        self.offsets.extend_from_slice(&[from, at]);
        if page[at] != b'{' {
            return Some(at);
        }
        at += 1;
        loop {
            let name = at;
            let first = *page.get(at)?;
            if first == b'}' {
                return Some(at + 1);
            }
            if !is(first, LABEL_START) {
                return None;
            }
            at += 1 + run_length(&page[at + 1..], LABEL_REST)?;
            if page.get(at..at + 2)? != b"=\"" {
                return None;
            }
            let value = at + 2;
            let end = self.plain_value_end(value)?;
            self.offsets.extend_from_slice(&[name, at, value, end]);
            at = end + 1;
            match *page.get(at)? {
                b',' => at += 1,
                b'}' => return Some(at + 1),
                _ => return None,
            }
            if self.format == Format::Text && page.get(at) == Some(&b' ') {
                at += 1;
            }
        }
    }

    /// Where the closing quote of the label value that starts at `from` is.
    #[inline]
    fn plain_value_end(&self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            // Values are short: a loop is over before a vector search has begun.
            at += self.page[at..].iter().position(|&b| is(b, VALUE_STOP))?;
            match self.page[at] {
                b'"' => break,
                // In OpenMetrics an error; in the text format a part of the value.
                b'\n' if self.format == Format::Text => at += 1,
                b'\n' => return None,
                // A newline or NUL after a backslash is the careful half's business.
                _ => match *self.page.get(at + 1)? {
                    b'\n' | 0 => return None,
                    _ => at += 2,
                },
            }
        }
        let sound = self.utf8 || std::str::from_utf8(&self.page[from..at]).is_ok();
        sound.then_some(at)
    }

    /// Value and time of the sample whose series text is `from..head`, up to the end of the line.
    #[inline]
    pub(super) fn plain_sample(&mut self, from: usize, head: usize) -> bool {
        let rest = match self.format {
            Format::Text => self.plain_text_rest(head),
            Format::OpenMetrics => self.plain_openmetrics_rest(head),
        };
        let Some((value, at_ms, end)) = rest else {
            return false;
        };
        self.series = from..head;
        self.value = value;
        self.at_ms = at_ms;
        self.at = end;
        true
    }

    fn plain_text_rest(&self, head: usize) -> Option<(f64, Option<i64>, usize)> {
        let page = self.page;
        let start = skip_blanks(page, head);
        // A name goes on without a blank; after a brace the value may follow at once.
        if start == head && page[head - 1] != b'}' {
            return None;
        }
        let (value, length) = leading_number(&page[start..])?;
        let mut at = skip_blanks(page, start + length);
        let mut at_ms = None;
        if page.get(at).is_some_and(u8::is_ascii_digit) {
            let digits = at;
            let mut time = 0i64;
            while let Some(digit) = page.get(at).filter(|b| b.is_ascii_digit()) {
                time = time.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
                at += 1;
            }
            if digits == start + length {
                return None;
            }
            at_ms = Some(time);
            at = skip_blanks(page, at);
        }
        match page.get(at) {
            None => Some((value, at_ms, at)),
            Some(b'\n') => Some((value, at_ms, at + 1)),
            Some(_) => None,
        }
    }

    fn plain_openmetrics_rest(&self, head: usize) -> Option<(f64, Option<i64>, usize)> {
        let page = self.page;
        if *page.get(head)? != b' ' {
            return None;
        }
        let (value, length) = leading_number(&page[head + 1..])?;
        let at = head + 1 + length;
        // Times (seconds, often fractional) and exemplars are rare: they go the careful way.
        (*page.get(at)? == b'\n').then_some((value, None, at + 1))
    }

    /// `# HELP name text` and `# TYPE name kind`.
    fn plain_meta(&mut self) -> Option<Entry> {
        let page = self.page;
        let from = self.at;
        let entry = match page.get(from..from + 7)? {
            b"# HELP " => Entry::Help,
            b"# TYPE " => Entry::Type,
            _ => return None,
        };
        let name = from + 7;
        if !is(*page.get(name)?, METRIC_START) {
            return None;
        }
        let at = name + run_length(&page[name..], METRIC_REST)?;
        let end = at + memchr(b'\n', &page[at..])?;
        let text = page.get(at + 1..end)?;
        // An empty or blank text and a NUL, also one that begins the next line, are the careful half's business.
        let has_nul = memchr(0, text).is_some() || page.get(end + 1) == Some(&0);
        if page[at] != b' ' || matches!(text.first()?, b' ' | b'\t') || has_nul {
            return None;
        }
        match entry {
            Entry::Type => self.kind = plain_kind(text)?,
            _ if self.utf8 => {}
            _ => std::str::from_utf8(text).ok().map(drop)?,
        }
        self.family = name..at;
        self.text = at + 1..end;
        self.at = end + 1;
        Some(entry)
    }
}

/// The kinds that both formats know by the same word.
fn plain_kind(text: &[u8]) -> Option<MetricKind> {
    Some(match text {
        b"counter" => MetricKind::Counter,
        b"gauge" => MetricKind::Gauge,
        b"histogram" => MetricKind::Histogram,
        b"summary" => MetricKind::Summary,
        _ => return None,
    })
}

#[inline]
fn skip_blanks(page: &[u8], mut at: usize) -> usize {
    while matches!(page.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}
