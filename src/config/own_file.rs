//! `--deucalion.config.file`: settings that Prometheus does not have, away from its files.
//!
//! ```yaml
//! query:
//!   bytes_max: 2GB             # of all queries together
//!   bytes_max_per_query: 512MB # of one query; the query fails, the server does not
//! storage:
//!   long_chunks: true              # false: blocks keep Prometheus' chunks of 120 samples
//!   retention_size_is_bound: false # true: the size of retention bounds all of the directory at any moment
//!   retention:                     # the first that a series satisfies decides, the rest is kept as told by the flags
//!   - {match: '{__name__=~".+:5m"}', time: 60d}
//!   - {match: '{__name__=~".+:1h"}', time: 1y}
//! ```
//!
//! Everything in it is optional and off by default; an unknown key is a mistake.

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
    /// Most bytes of all queries together.
    #[serde(deserialize_with = "bytes")]
    pub bytes_max: Option<u64>,
    /// Most bytes of one query.
    #[serde(deserialize_with = "bytes")]
    pub bytes_max_per_query: Option<u64>,
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let bytes = size::parse_bytes(&text).map_err(serde::de::Error::custom)?;
    u64::try_from(bytes)
        .map(Some)
        .map_err(|_| serde::de::Error::custom("a size cannot be below 0"))
}

impl OwnConfig {
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
    fn sizes_are_those_of_prometheus() {
        let config = OwnConfig::parse("query: {bytes_max: 2GB}", Path::new("d.yml")).unwrap();
        assert_eq!(config.query.bytes_max, Some(2 << 30));
        assert_eq!(config.query.bytes_max_per_query, None);
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
                "d.yml:2:3: query: unknown field `foo`, expected `bytes_max` or `bytes_max_per_query`",
            ),
            (
                "query:\n  bytes_max: 5\n",
                "d.yml:2:3: query: units: unknown unit  in 5",
            ),
        ] {
            let errors = OwnConfig::parse(text, Path::new("d.yml")).unwrap_err();
            assert_eq!(errors.to_string(), expected);
        }
    }
}
