//! What was wrong with a configuration: all of it, each with its place.

use std::fmt;
use std::path::{Path, PathBuf};

use super::yaml::Mark;
use super::yaml::decode::Mistake;

/// One thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as it was named.
    pub file: PathBuf,
    /// Where in it; `None` if it is the file as a whole.
    pub mark: Option<Mark>,
    /// What is wrong, in Prometheus' words where it has any.
    pub text: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(mark) = self.mark {
            write!(f, "{}:{}:", mark.line, mark.column)?;
        }
        write!(f, " {}", self.text)
    }
}

/// Everything wrong with a configuration, in the order of the files' lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// One error about a file as a whole.
    pub fn of_file(file: &Path, text: impl Into<String>) -> Self {
        Self {
            errors: vec![ConfigError {
                file: file.to_owned(),
                mark: None,
                text: text.into(),
            }],
        }
    }

    /// A file that cannot be read, in Go's words.
    pub fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        Self::of_file(file, open_error(file, error))
    }

    /// `Err` if there are mistakes, sorted by place; of equal ones only the first.
    ///
    /// # Errors
    /// The mistakes.
    pub fn check(file: &Path, mut mistakes: Vec<Mistake>) -> Result<(), Self> {
        // An anchor used twice is decoded twice, its mistakes are one.
        mistakes.sort_by_key(|mistake| mistake.mark);
        let mut errors: Vec<ConfigError> = Vec::with_capacity(mistakes.len());
        for mistake in mistakes {
            let error = ConfigError {
                file: file.to_owned(),
                mark: (mistake.mark != Mark::default()).then_some(mistake.mark),
                text: mistake.text,
            };
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self { errors })
        }
    }

    /// Adds those of another file.
    pub fn extend(&mut self, other: Self) {
        for error in other.errors {
            if !self.errors.contains(&error) {
                self.errors.push(error);
            }
        }
    }

    /// The errors one by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ConfigError> {
        self.errors.iter()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self { errors: vec![error] }
    }
}

impl fmt::Display for ConfigErrors {
    /// One error a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(error, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// An error of opening a file as Go tells it: `open x.yml: no such file or directory`.
pub fn open_error(file: &Path, error: &std::io::Error) -> String {
    let text = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    };
    let verb = if error.kind() == std::io::ErrorKind::IsADirectory {
        "read"
    } else {
        "open"
    };
    format!("{verb} {}: {text}", file.display())
}
