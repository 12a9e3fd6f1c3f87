//! What differs between expected and firing alerts, as coloured JSON: red is missing, green too much,
//! yellow another value.

use std::collections::BTreeSet;

use tsdb::model::Labels;

use super::alerts::Shown;
use crate::template::quoted;

/// How a stretch of text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Normal,
    Added,
    Removed,
    Changed,
}

impl Tone {
    fn begin(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Added => "\x1b[0;32m",
            Self::Removed => "\x1b[0;31m",
            Self::Changed => "\x1b[0;33m",
        }
    }

    fn end(self) -> &'static str {
        if self == Self::Normal { "" } else { "\x1b[0m" }
    }
}

struct Writer {
    out: String,
    level: usize,
    tone: Tone,
}

/// The difference, on many lines.
pub(super) fn alerts(expected: &[Shown], got: &[Shown]) -> String {
    // An empty side is shown as one empty alert.
    let nothing = [Shown {
        labels: Labels::empty(),
        annotations: Labels::empty(),
    }];
    let expected = if expected.is_empty() { &nothing } else { expected };
    let got = if got.is_empty() { &nothing } else { got };
    let mut writer = Writer {
        out: String::new(),
        level: 0,
        tone: Tone::Normal,
    };
    let count = expected.len().max(got.len());
    writer.open('[');
    for i in 0..count {
        match (expected.get(i), got.get(i)) {
            (Some(expected), Some(got)) => writer.alert_pair(expected, got),
            (Some(alert), None) => writer.alert(alert, Tone::Removed),
            (None, Some(alert)) => writer.alert(alert, Tone::Added),
            (None, None) => {}
        }
        writer.set(Tone::Normal);
        writer.separate(i + 1 < count);
    }
    writer.out.push(']');
    writer.out
}

impl Writer {
    fn set(&mut self, tone: Tone) {
        if self.tone != tone {
            self.out.push_str(self.tone.end());
            self.out.push_str(tone.begin());
            self.tone = tone;
        }
    }

    fn open(&mut self, bracket: char) {
        self.level += 1;
        self.out.push(bracket);
        self.line();
    }

    fn separate(&mut self, has_more: bool) {
        if has_more {
            self.out.push(',');
        } else {
            self.level -= 1;
        }
        self.line();
    }

    /// Begins a line; colours end with each line and begin anew.
    fn line(&mut self) {
        self.out.push_str(self.tone.end());
        self.out.push('\n');
        self.out.push_str(&"    ".repeat(self.level));
        self.out.push_str(self.tone.begin());
    }

    fn key(&mut self, key: &str) {
        self.out.push_str(&quoted(key));
        self.out.push_str(": ");
    }

    fn alert_pair(&mut self, expected: &Shown, got: &Shown) {
        self.set(Tone::Normal);
        self.open('{');
        self.key("Annotations");
        self.label_pair(&expected.annotations, &got.annotations);
        self.set(Tone::Normal);
        self.separate(true);
        self.key("Labels");
        self.label_pair(&expected.labels, &got.labels);
        self.set(Tone::Normal);
        self.separate(false);
        self.out.push('}');
    }

    fn label_pair(&mut self, expected: &Labels, got: &Labels) {
        let names: BTreeSet<&str> = expected.iter().chain(got.iter()).map(|(name, _)| name).collect();
        self.set(Tone::Normal);
        if names.is_empty() {
            return self.out.push_str("{}");
        }
        self.open('{');
        for (i, name) in names.iter().enumerate() {
            let (tone, text) = match (expected.get(name), got.get(name)) {
                (Some(a), Some(b)) if a == b => (Tone::Normal, quoted(a)),
                (Some(a), Some(b)) => (Tone::Changed, format!("{} => {}", quoted(a), quoted(b))),
                (Some(a), None) => (Tone::Removed, quoted(a)),
                (None, b) => (Tone::Added, quoted(b.unwrap_or_default())),
            };
            // Of a changed value the key keeps its colour.
            if tone != Tone::Changed {
                self.set(tone);
            }
            self.key(name);
            self.set(tone);
            self.out.push_str(&text);
            self.set(Tone::Normal);
            self.separate(i + 1 < names.len());
        }
        self.out.push('}');
    }

    /// An alert that only one side has.
    fn alert(&mut self, alert: &Shown, tone: Tone) {
        self.set(tone);
        self.open('{');
        self.key("Annotations");
        self.labels(&alert.annotations);
        self.separate(true);
        self.key("Labels");
        self.labels(&alert.labels);
        self.separate(false);
        self.out.push('}');
    }

    fn labels(&mut self, labels: &Labels) {
        if labels.is_empty() {
            return self.out.push_str("{}");
        }
        self.open('{');
        for (i, (name, value)) in labels.iter().enumerate() {
            self.key(name);
            self.out.push_str(&quoted(value));
            self.separate(i + 1 < labels.len());
        }
        self.out.push('}');
    }
}
