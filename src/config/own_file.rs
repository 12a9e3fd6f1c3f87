//! `--deucalion.config.file`: settings that Prometheus does not have, away from its files.
//!
//! ```yaml
//! query:
//!   max_bytes: 512MB     # of one query; the query fails, the server does not
//!   max_total_bytes: 2GB # of all queries together
//! storage:
//!   long_chunks: true              # false: blocks keep Prometheus' chunks of 120 samples
//!   retention_size_is_bound: false # true: the size of retention bounds all of the directory at any moment
//!   retention:                     # the first that a series satisfies decides, the rest is kept as told by the flags
//!   - {match: '{__name__=~".+:5m"}', time: 60d}
//!   - {match: '{__name__=~".+:1h"}', time: 1y}
//!   reserve_bytes: 64MB             # kept in the data directory for maintenance of a full disk
//!   series_free_bytes_min: 128MB    # with less free on the disk no series are made
//!   samples_free_bytes_min: 64MB    # with less no samples are taken
//! ```
//!
//! A key that a flag says, too, is that flag: `query.max_bytes` is `--query.max-bytes`.
//! Everything in it is optional; limits are off by default, room on the disk is kept by default. An unknown key is a mistake.

mod storage;

use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

pub use storage::OwnStorage;

use super::errors::{ConfigError, ConfigErrors};
use super::size;
use super::yaml::Mark;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnConfig {
    /// Limits of queries.
    pub query: QueryLimits,
    /// How blocks are written and what is kept.
    #[serde(deserialize_with = "read_elsewhere")]
    pub storage: OwnStorage,
}

/// Passes over a section whose values need their places.
fn read_elsewhere<'de, D: Deserializer<'de>, T: Default>(deserializer: D) -> Result<T, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| T::default())
}

/// What queries may hold in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryLimits {
    /// Most bytes of one query.
    #[serde(deserialize_with = "size_text")]
    pub max_bytes: Option<String>,
    /// Most bytes of all queries together.
    #[serde(deserialize_with = "size_text")]
    pub max_total_bytes: Option<String>,
}

/// A size as it is written, checked.
fn size_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    if let Some(text) = &text {
        size::parse_bytes(text).map_err(serde::de::Error::custom)?;
    }
    Ok(text)
}

impl OwnConfig {
    /// What the file says that flags can say, too: key, flag, text.
    pub fn flags(&self) -> Vec<(&'static str, &'static str, String)> {
        let query = &self.query;
        [
            ("query.max_bytes", "query.max-bytes", &query.max_bytes),
            (
                "query.max_total_bytes",
                "query.max-total-bytes",
                &query.max_total_bytes,
            ),
        ]
        .into_iter()
        .filter_map(|(key, flag, text)| Some((key, flag, text.clone()?)))
        .collect()
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// What is wrong: the first thing of `query`, everything of `storage`.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigErrors::unreadable(file, &error))?;
        Self::parse(&text, file)
    }

    /// Reads and checks the text of a file called `file`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigErrors> {
        // serde_yaml takes an empty document for null, and null for no struct.
        let config: Result<Option<Self>, _> =
            serde_yaml::from_str(text).map_err(|error| ConfigErrors::from(told(&error, file)));
        let storage = OwnStorage::parse(text, file);
        match (config, storage) {
            (Ok(config), Ok(storage)) => Ok(Self {
                storage,
                ..config.unwrap_or_default()
            }),
            (Err(mut errors), Err(others)) => {
                errors.extend(others);
                Err(errors)
            }
            (Err(errors), Ok(_)) | (Ok(_), Err(errors)) => Err(errors),
        }
    }
}

fn told(error: &serde_yaml::Error, file: &Path) -> ConfigError {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    ConfigError {
        file: file.to_owned(),
        mark: error.location().map(|at| Mark {
            line: count(at.line()),
            column: count(at.column()),
        }),
        text: match error.to_string().rsplit_once(" at line ") {
            Some((text, _)) => text.to_owned(),
            None => error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_queries_are_flags() {
        let config = OwnConfig::parse("query: {max_total_bytes: 2GB}", Path::new("d.yml")).unwrap();
        let flags = [("query.max_total_bytes", "query.max-total-bytes", "2GB".to_owned())];
        assert_eq!(config.flags(), flags);
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(OwnConfig::parse("", Path::new("d.yml")), Ok(OwnConfig::default()));
    }

    #[test]
    fn unknown_keys_and_bad_sizes_are_refused_with_their_place() {
        for (text, expected) in [
            (
                "query:\n  foo: 1\n",
                "d.yml:2:3: query: unknown field `foo`, expected `max_bytes` or `max_total_bytes`",
            ),
            (
                "query:\n  max_bytes: 5\n",
                "d.yml:2:3: query: units: unknown unit  in 5",
            ),
        ] {
            let errors = OwnConfig::parse(text, Path::new("d.yml")).unwrap_err();
            assert_eq!(errors.to_string(), expected);
        }
    }
}
