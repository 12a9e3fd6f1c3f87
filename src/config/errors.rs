//! What was wrong with a configuration: all of it, each with its place.

use std::fmt;
use std::path::{Path, PathBuf};

use super::yaml::Mark;
use super::yaml::mistake::Mistake;
use super::yaml::tell;

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

impl ConfigError {
    fn at(file: &Path, mistake: Mistake) -> Self {
        Self {
            file: file.to_owned(),
            mark: (mistake.mark != Mark::default()).then_some(mistake.mark),
            text: mistake.text,
        }
    }
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
    /// What go-yaml tells of them.
    go: String,
    /// Which of them that is.
    told: Vec<usize>,
}

impl ConfigErrors {
    /// One error about a file as a whole.
    pub fn of_file(file: &Path, text: impl Into<String>) -> Self {
        Self::from(ConfigError {
            file: file.to_owned(),
            mark: None,
            text: text.into(),
        })
    }

    /// A text that is no YAML; `go` is what go-yaml says of it.
    pub fn of_scan(file: &Path, mark: Option<Mark>, text: String, go: String) -> Self {
        let file = file.to_owned();
        Self {
            go,
            ..Self::from(ConfigError { file, mark, text })
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
        let end = tell::first_end(&mistakes).map(|end| ConfigError::at(file, end.clone()));
        // An anchor used twice is decoded twice, its mistakes are one.
        mistakes.sort_by_key(|mistake| mistake.mark);
        let mut errors: Vec<ConfigError> = Vec::with_capacity(mistakes.len());
        for mistake in mistakes {
            let error = ConfigError::at(file, mistake);
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        if errors.is_empty() {
            return Ok(());
        }
        let told: Vec<usize> = match end {
            Some(end) => errors
                .iter()
                .position(|error| *error == end)
                .into_iter()
                .collect(),
            None => (0..errors.len())
                .filter(|i| tell::is_shape(&errors[*i].text))
                .collect(),
        };
        let go = match told.as_slice() {
            [one] if !tell::is_shape(&errors[*one].text) => tell::told_alone(&errors[*one].text),
            all => tell::told_together(all.iter().map(|i| {
                let error = &errors[*i];
                (error.mark.map_or(0, |mark| mark.line), error.text.as_str())
            })),
        };
        Err(Self { errors, go, told })
    }

    /// Adds those of another file.
    pub fn extend(&mut self, other: Self) {
        for error in other.errors {
            if !self.errors.contains(&error) {
                self.errors.push(error);
            }
        }
    }

    /// The errors of the first file as go-yaml tells them, without the name of the file: all of shape, or the
    /// first of another kind.
    pub fn as_go(&self) -> &str {
        &self.go
    }

    /// The errors that [`ConfigErrors::as_go`] leaves out.
    pub fn beyond_go(&self) -> impl Iterator<Item = &ConfigError> {
        let all = self.errors.iter().enumerate();
        all.filter(|(i, _)| !self.told.contains(i))
            .map(|(_, error)| error)
    }

    /// The errors one by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ConfigError> {
        self.errors.iter()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self {
            go: tell::told_alone(&error.text),
            errors: vec![error],
            told: vec![0],
        }
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
