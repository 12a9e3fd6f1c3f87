//! Texts inside messages, quoted as Go quotes them.

use tsdb::model::labels::write_quoted;

/// `text` as Go's `%q` writes it.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    match write_quoted(&mut quoted, text) {
        Ok(()) => quoted,
        Err(_) => unreachable!("writing to a String cannot fail"),
    }
}
