//! Complaints beside an answer: warnings and infos with Prometheus' texts and positions.

use std::collections::BTreeMap;

use crate::format::{Layout, general, push_float};
use crate::parser::Span;
use crate::quantile::Forced;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The answer may not be what was meant.
    Warning,
    /// Worth knowing.
    Info,
}

/// The annotations of one query, without repetitions, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    /// Keyed by level and text.
    found: BTreeMap<(Level, String), Found>,
    said: u64,
}

/// What is known of an annotation besides its text.
#[derive(Clone, Debug)]
struct Found {
    order: usize,
    span: Option<Span>,
    detail: Detail,
}

/// What is summed up when an annotation repeats, and shown beside its text.
#[derive(Clone, Debug)]
enum Detail {
    None,
    /// Buckets of a classic histogram had to be raised.
    Monotonicity {
        min_ms: i64,
        max_ms: i64,
        forced: Forced,
        samples: u64,
    },
    /// So many times.
    Occurrences(u64),
}

impl Annotations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes `text` (without its `PromQL warning: ` prefix) about the expression at `span`.
    ///
    /// Of equal texts one is kept, with the place of the last.
    pub fn add(&mut self, level: Level, text: impl Into<String>, span: Option<Span>) {
        self.insert(level, text.into(), span, Detail::None);
    }

    /// Notes that a histogram's counts had to be raised; `metric` is ` for metric name "…"` or empty.
    pub(crate) fn add_monotonicity(&mut self, metric: &str, span: Span, at_ms: i64, forced: Forced) {
        const TEXT: &str = "input to histogram_quantile needed to be fixed for monotonicity \
             (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
        let detail = Detail::Monotonicity {
            min_ms: at_ms,
            max_ms: at_ms,
            forced,
            samples: 1,
        };
        self.insert(Level::Info, format!("{TEXT}{metric}"), Some(span), detail);
    }

    /// Notes that a sample's start time contradicts the sample before it.
    pub(crate) fn add_overlap(&mut self, name: &str, span: Span) {
        let text = format!(
            "sample has start time that overlaps with previous sample timestamp for metric {}",
            quoted(name)
        );
        self.insert(Level::Warning, text, Some(span), Detail::Occurrences(1));
    }

    /// How often something was noted, repetitions included.
    pub(crate) fn said(&self) -> u64 {
        self.said
    }

    fn insert(&mut self, level: Level, text: String, span: Option<Span>, detail: Detail) {
        self.said += 1;
        let order = self.found.len();
        let Some(known) = self.found.get_mut(&(level, text.clone())) else {
            self.found.insert((level, text), Found { order, span, detail });
            return;
        };
        match (&mut known.detail, detail) {
            (Detail::Monotonicity { .. }, detail) => known.detail.widen(detail),
            (Detail::Occurrences(known), Detail::Occurrences(more)) => *known += more,
            _ => known.span = span,
        }
    }

    /// Takes over everything of `other`.
    pub fn merge(&mut self, other: Self) {
        let mut all: Vec<_> = other.found.into_iter().collect();
        all.sort_by_key(|(_, found)| found.order);
        for ((level, text), found) in all {
            self.insert(level, text, found.span, found.detail);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them with level, text and place, by order of appearance.
    pub fn iter(&self) -> impl Iterator<Item = (Level, &str, Option<Span>)> {
        self.in_order()
            .into_iter()
            .map(|((level, text), found)| (*level, text.as_str(), found.span))
    }

    /// Warnings and infos as the API shows them: `PromQL info: … (1:6)`. At most `max` of each, 0 for all;
    /// a last line then tells how many were left out.
    pub fn to_strings(&self, query: &str, max: usize) -> (Vec<String>, Vec<String>) {
        let (mut warnings, mut infos) = (Vec::new(), Vec::new());
        for ((level, text), found) in self.in_order() {
            let (word, into) = match level {
                Level::Warning => ("warning", &mut warnings),
                Level::Info => ("info", &mut infos),
            };
            let mut line = format!("PromQL {word}: {text}");
            found.detail.write(&mut line);
            if let Some(span) = found.span {
                line.push_str(&format!(" ({})", span.place(query)));
            }
            into.push(line);
        }
        for (word, of) in [("warning", &mut warnings), ("info", &mut infos)] {
            if max > 0 && of.len() > max {
                let omitted = of.len() - max;
                of.truncate(max);
                of.push(format!("{omitted} more {word} annotations omitted"));
            }
        }
        (warnings, infos)
    }

    fn in_order(&self) -> Vec<(&(Level, String), &Found)> {
        let mut all: Vec<_> = self.found.iter().collect();
        all.sort_by_key(|(_, found)| found.order);
        all
    }
}

impl Detail {
    /// Sums up two annotations about raised buckets.
    fn widen(&mut self, other: Self) {
        let (
            Self::Monotonicity {
                min_ms,
                max_ms,
                forced,
                samples,
            },
            Self::Monotonicity {
                min_ms: other_min_ms,
                max_ms: other_max_ms,
                forced: other,
                samples: more,
            },
        ) = (self, other)
        else {
            return;
        };
        *min_ms = (*min_ms).min(other_min_ms);
        *max_ms = (*max_ms).max(other_max_ms);
        *samples += more;
        forced.min_bucket = forced.min_bucket.min(other.min_bucket);
        forced.max_bucket = forced.max_bucket.max(other.max_bucket);
        forced.max_diff = forced.max_diff.max(other.max_diff);
    }

    fn write(&self, line: &mut String) {
        match self {
            Self::None | Self::Occurrences(..=1) => {}
            Self::Occurrences(count) => line.push_str(&format!(" ({count} occurrences)")),
            Self::Monotonicity {
                min_ms,
                max_ms,
                forced,
                samples,
            } => line.push_str(&format!(
                ", from buckets {} to {}, with a max diff of {}, over {samples} samples from {} to {}",
                general(forced.min_bucket),
                general(forced.max_bucket),
                significant_digits(forced.max_diff, 2),
                crate::functions::rfc3339(*min_ms),
                crate::functions::rfc3339(*max_ms),
            )),
        }
    }
}

/// `%.2g` and the like.
fn significant_digits(v: f64, digits: usize) -> String {
    let mut out = String::new();
    push_float(&mut out, v, Layout::General, Some(digits));
    out
}

/// A text in quotes, as annotations and errors show label values.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    // Writing to a String cannot fail.
    let _written = tsdb::model::labels::write_quoted(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u32) -> Option<Span> {
        Some(Span { start, end: start })
    }

    #[test]
    fn equal_texts_are_one_annotation_at_the_place_of_the_last() {
        let mut notes = Annotations::new();
        notes.add(Level::Info, "odd", span(0));
        notes.add(Level::Info, "odd", span(4));
        let (warnings, infos) = notes.to_strings("a + b", 0);
        assert_eq!(
            (warnings.len(), infos),
            (0, vec!["PromQL info: odd (1:5)".to_owned()])
        );
    }

    #[test]
    fn raised_buckets_are_summed_up() {
        let mut notes = Annotations::new();
        for (at_ms, bucket) in [(60_000, 0.5), (0, 0.25)] {
            let forced = Forced {
                min_bucket: bucket,
                max_bucket: bucket,
                max_diff: 0.125,
            };
            notes.add_monotonicity("", Span::default(), at_ms, forced);
        }
        let (_, infos) = notes.to_strings("x", 0);
        assert!(infos[0].ends_with(
            "from buckets 0.25 to 0.5, with a max diff of 0.12, over 2 samples \
             from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:1)"
        ));
    }

    #[test]
    fn what_is_beyond_the_limit_is_counted() {
        let mut notes = Annotations::new();
        for i in 0..3 {
            notes.add(Level::Warning, format!("{i}"), None);
        }
        let (warnings, _) = notes.to_strings("x", 1);
        assert_eq!(
            warnings,
            ["PromQL warning: 0", "2 more warning annotations omitted"]
        );
    }
}
