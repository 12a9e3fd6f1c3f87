//! Texts inside messages, quoted as Go quotes them.

/// `text` as Go's `%q` writes it.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    // Writing to a String cannot fail.
    let _: std::fmt::Result = tsdb::model::labels::write_quoted(&mut quoted, text);
    quoted
}
