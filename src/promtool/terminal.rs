//! Where a command reads and writes. A reader that has gone away is no error: nobody is left to tell.

use std::fmt::{self, Display};
use std::io::{Read, Write};

/// Standard input, output and error.
pub struct Terminal<'a> {
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

impl fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}

impl Terminal<'_> {
    /// Writes a text to standard output.
    pub fn print(&mut self, text: &str) {
        write(self.out, text);
    }

    /// Writes a line to standard output.
    pub fn print_line(&mut self, line: impl Display) {
        write(self.out, &format!("{line}\n"));
    }

    /// Writes a text to standard error.
    pub fn complain(&mut self, text: &str) {
        write(self.err, text);
    }

    /// Writes a line to standard error.
    pub fn complain_line(&mut self, line: impl Display) {
        write(self.err, &format!("{line}\n"));
    }

    /// Reads standard input to its end.
    ///
    /// # Errors
    /// Those of the input.
    pub fn read_input(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.input.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn write(to: &mut dyn Write, text: &str) {
    let written = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    // The exit code says how it went, whoever listens.
    drop(written);
}
