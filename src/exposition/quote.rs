//! Bytes in quotes as Go's `%q` prints them, since Prometheus' errors carry them.

use std::fmt::{self, Write};

use tsdb::model::labels::write_quoted;

/// Displays bytes in double quotes; what is not UTF-8 becomes `\xNN`.
pub(crate) struct Quoted<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut piece = String::new();
        for chunk in self.0.utf8_chunks() {
            piece.clear();
            write_quoted(&mut piece, chunk.valid())?;
            f.write_str(&piece[1..piece.len() - 1])?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}
