//! Texts made safe for HTML, JavaScript and URLs.

use std::fmt::Write;

/// Go's `template.HTMLEscapeString`.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// Go's `template.JSEscapeString`.
pub(super) fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..' ' => push_code(&mut out, c),
            c if !c.is_ascii() && !super::print::is_printable(c) => push_code(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

fn push_code(out: &mut String, c: char) {
    let written = write!(out, "\\u{:04X}", c as u32);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

/// Go's `url.QueryEscape`.
pub(super) fn query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => {
                let written = write!(out, "%{byte:02X}");
                debug_assert!(written.is_ok(), "writing to a string cannot fail");
            }
        }
    }
    out
}

/// A link to the graph of an expression, relative to the server's address.
pub(super) fn graph_link(expression: &str) -> String {
    format!("/graph?g0.expr={}&g0.tab=0", query(expression))
}

/// A link to the table of an expression, relative to the server's address.
pub(crate) fn table_link(expression: &str) -> String {
    format!("/graph?g0.expr={}&g0.tab=1", query(expression))
}
