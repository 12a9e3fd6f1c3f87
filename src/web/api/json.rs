//! JSON as Go's encoder writes it, by hand: key order, escapes and number forms are part of the interface.
//!
//! Two kinds of text: [`Json::text`] escapes `<`, `>` and `&` as Go's encoder does by default;
//! [`Json::labels`] does not, as Prometheus' own encoder of labels.

use std::fmt::Write;

use tsdb::model::Labels;

/// A JSON document under construction.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: String,
    /// A value stands before this point in the same object or list.
    follows: bool,
}

impl Json {
    /// An empty document.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The finished text.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// Opens an object or list by its bracket.
    fn open(&mut self, bracket: char) {
        self.separate();
        self.out.push(bracket);
        self.follows = false;
    }

    fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.follows = true;
    }

    fn separate(&mut self) {
        if self.follows {
            self.out.push(',');
        }
        self.follows = true;
    }

    /// An object, its members written by `members`.
    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) -> &mut Self {
        self.open('{');
        members(self);
        self.close('}');
        self
    }

    /// A list, an element for each item.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut element: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.open('[');
        for item in items {
            element(self, item);
        }
        self.close(']');
        self
    }

    /// A member's name; its value follows.
    pub(crate) fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        push_text(&mut self.out, name, true);
        self.out.push(':');
        self.follows = false;
        self
    }

    /// A text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.separate();
        push_text(&mut self.out, text, true);
        self
    }

    /// Already JSON: a number, `true`, `null`, a whole document.
    pub(crate) fn raw(&mut self, json: &str) -> &mut Self {
        self.separate();
        self.out.push_str(json);
        self
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, number: impl Into<i128>) -> &mut Self {
        self.separate();
        push_display(&mut self.out, number.into());
        self
    }

    /// A float as Go's encoder writes it: no exponent between 1e-6 and 1e21.
    pub(crate) fn float(&mut self, number: f64) -> &mut Self {
        self.separate();
        push_json_float(&mut self.out, number);
        self
    }

    /// A label set as an object.
    pub(crate) fn labels(&mut self, labels: &Labels) -> &mut Self {
        self.object(|json| {
            for (name, value) in labels.iter() {
                json.separate();
                push_text(&mut json.out, name, false);
                json.out.push(':');
                push_text(&mut json.out, value, false);
            }
        })
    }

    /// `"name":"text"`
    pub(crate) fn text_member(&mut self, name: &str, text: &str) -> &mut Self {
        self.key(name).text(text)
    }

    /// A time as RFC 3339 in UTC, as Go's `time.Time`; Go's zero time for `None`.
    pub(crate) fn time(&mut self, at_ms: Option<i64>) -> &mut Self {
        self.text(&rfc3339(at_ms))
    }
}

/// A time as RFC 3339 in UTC with as many digits as it needs; Go's zero time for `None`.
pub(crate) fn rfc3339(at_ms: Option<i64>) -> String {
    let zero = || "0001-01-01T00:00:00Z".to_owned();
    let Some(at_ms) = at_ms else { return zero() };
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| zero(), |at| at.to_string())
}

/// Writing to a string cannot fail, which the formatting machinery does not know.
pub(crate) fn push_display(out: &mut String, value: impl std::fmt::Display) {
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

/// Appends a quoted text; `html` escapes what a browser might take for markup.
pub(crate) fn push_text(out: &mut String, text: &str, html: bool) {
    out.push('"');
    let mut clean = 0;
    for (at, c) in text.char_indices() {
        let escaped = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '<' if html => "\\u003c",
            '>' if html => "\\u003e",
            '&' if html => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            c if (c as u32) < 0x20 => "",
            _ => continue,
        };
        out.push_str(&text[clean..at]);
        if escaped.is_empty() {
            push_display(out, format_args!("\\u{:04x}", c as u32));
        } else {
            out.push_str(escaped);
        }
        clean = at + c.len_utf8();
    }
    out.push_str(&text[clean..]);
    out.push('"');
}

/// A time in seconds with three decimals, or none where it is a whole second.
pub(crate) fn push_timestamp(out: &mut String, t_ms: i64) {
    if t_ms < 0 {
        out.push('-');
    }
    let t_ms = t_ms.unsigned_abs();
    promql::format::push_whole(out, t_ms / 1000);
    if !t_ms.is_multiple_of(1000) {
        push_display(out, format_args!(".{:03}", t_ms % 1000));
    }
}

fn push_json_float(out: &mut String, number: f64) {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // Go cleans e-09 to e-9, which is how Rust writes it; a positive exponent carries its sign.
        let text = format!("{number:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                push_display(out, format_args!("{digits}e+{exponent}"));
            }
            Some((digits, exponent)) => {
                let exponent = exponent.trim_start_matches('-');
                push_display(out, format_args!("{digits}e-{exponent:0>2}"));
            }
            None => out.push_str(&text),
        }
    } else {
        push_display(out, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(text: &str, html: bool, expected: &str) {
        let mut out = String::new();
        push_text(&mut out, text, html);
        assert_eq!(out, expected);
    }

    #[test]
    fn markup_is_escaped_in_texts_and_not_in_labels() {
        check_text("up > 0 & <b>", true, r#""up \u003e 0 \u0026 \u003cb\u003e""#);
        check_text("up > 0 & <b>", false, r#""up > 0 & <b>""#);
        check_text("a\"\\\n\u{1}é\u{2028}", false, "\"a\\\"\\\\\\n\\u0001é\\u2028\"");
    }

    #[test]
    fn a_timestamp_has_three_decimals_or_none() {
        for (t_ms, expected) in [(1_500, "1.500"), (2_000, "2"), (-1, "-0.001"), (0, "0")] {
            let mut out = String::new();
            push_timestamp(&mut out, t_ms);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn small_and_large_floats_have_exponents() {
        for (number, expected) in [
            (0.0005, "0.0005"),
            (6.13e-7, "6.13e-07"),
            (1e21, "1e+21"),
            (60.0, "60"),
        ] {
            let mut out = String::new();
            push_json_float(&mut out, number);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn members_and_elements_are_separated() {
        let mut json = Json::new();
        json.object(|json| {
            json.text_member("a", "x").key("b").list([1, 2], |json, n| {
                json.integer(n);
            });
            json.key("c").labels(&Labels::from_pairs([("l", "v")]));
        });
        assert_eq!(json.finish(), r#"{"a":"x","b":[1,2],"c":{"l":"v"}}"#);
    }
}
