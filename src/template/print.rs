//! Values as text, the way Go's `fmt.Sprint` shows them.

use tsdb::model::labels::write_quoted;

use super::printf;
use super::value::Value;

/// What an action prints: pointers are followed, and no value at all says so.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "<no value>".to_owned(),
        Value::Sample(Some(_)) => {
            let text = printf::plain(value);
            text.strip_prefix('&').map(str::to_owned).unwrap_or(text)
        }
        other => printf::plain(other),
    }
}

/// `print`: a space between two operands neither of which is a string.
pub(super) fn joined(values: &[Value]) -> String {
    join(values, printf::plain)
}

/// What `html`, `js` and `urlquery` escape: like [`joined`], but pointers are followed.
pub(super) fn joined_shown(values: &[Value]) -> String {
    join(values, shown)
}

fn join(values: &[Value], show: fn(&Value) -> String) -> String {
    let is_text = |value: &Value| matches!(value, Value::Text(_) | Value::Html(_));
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        let value = value.inner();
        if i > 0 && !is_text(value) && !is_text(values[i - 1].inner()) {
            out.push(' ');
        }
        out.push_str(&show(value));
    }
    out
}

/// `println`: spaces between all operands.
pub(super) fn line(values: &[Value]) -> String {
    let texts: Vec<String> = values.iter().map(|value| printf::plain(value.inner())).collect();
    texts.join(" ") + "\n"
}

/// Go's `strconv.Quote`.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let written = write_quoted(&mut out, text);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    out
}

/// In back quotes where the text allows them, else in double ones.
pub(super) fn quoted_raw(text: &str) -> String {
    let fits = |c: char| !matches!(c, '\u{feff}' | '`' | '\u{7f}') && (c == '\t' || c >= ' ');
    if text.chars().all(fits) {
        format!("`{text}`")
    } else {
        quoted(text)
    }
}

/// Whether Go's `strconv.Quote` leaves `c` as it is.
pub(super) fn is_printable(c: char) -> bool {
    quoted(c.encode_utf8(&mut [0; 4])).chars().count() == 3
}
