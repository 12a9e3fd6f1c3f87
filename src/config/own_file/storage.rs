//! `storage` of the file: how blocks are written, and what is kept for how long.

use std::path::Path;

use promql::parser::parse_selector;
use tsdb::compact::tiers::Tier;

use crate::config::errors::ConfigErrors;
use crate::config::quote::quoted;
use crate::config::size;
use crate::config::yaml::{self, Decoder, Node};

/// What the file says of storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnStorage {
    /// Whether blocks get long chunks in as few bits as possible, or Prometheus' chunks of 120 samples.
    pub long_chunks: bool,
    /// Whether the size of retention bounds everything in the data directory at any moment.
    pub retention_size_is_bound: bool,
    /// How large the file is that maintenance falls back on when the disk is full; 0 for none.
    pub reserve_bytes: Option<u64>,
    /// With fewer bytes free on the disk no series are made; 0 for any number.
    pub series_free_bytes_min: Option<u64>,
    /// With fewer bytes free no samples are taken; 0 for any number.
    pub samples_free_bytes_min: Option<u64>,
    /// Series that are kept for a time of their own; the first that a series satisfies decides.
    pub retention: Vec<Tier>,
}

impl Default for OwnStorage {
    fn default() -> Self {
        Self {
            long_chunks: true,
            retention_size_is_bound: false,
            reserve_bytes: None,
            series_free_bytes_min: None,
            samples_free_bytes_min: None,
            retention: Vec::new(),
        }
    }
}

impl OwnStorage {
    /// Reads the section out of the file's text.
    ///
    /// # Errors
    /// Everything that is wrong with it. A text that is no YAML is not told here.
    pub(super) fn parse(text: &str, file: &Path) -> Result<Self, ConfigErrors> {
        let mut storage = Self::default();
        let Ok(document) = yaml::load(text.as_bytes()) else {
            return Ok(storage);
        };
        let mut decoder = Decoder::new();
        // What else is in the file is read elsewhere.
        decoder.ignores_unknown_fields = true;
        let fields = document
            .root
            .as_deref()
            .and_then(|root| decoder.fields(root, "file"));
        let section = fields.and_then(|mut fields| fields.take("storage"));
        decoder.ignores_unknown_fields = false;
        if let Some(node) = section {
            storage.decode(node, &mut decoder);
        }
        ConfigErrors::check(file, decoder.mistakes)?;
        Ok(storage)
    }

    fn decode(&mut self, node: &Node, decoder: &mut Decoder) {
        let Some(mut fields) = decoder.fields(node, "storage") else {
            return;
        };
        self.long_chunks = decoder.bool_of(&mut fields, "long_chunks", self.long_chunks);
        let key = "retention_size_is_bound";
        self.retention_size_is_bound = decoder.bool_of(&mut fields, key, self.retention_size_is_bound);
        for (key, bytes) in [
            ("reserve_bytes", &mut self.reserve_bytes),
            ("series_free_bytes_min", &mut self.series_free_bytes_min),
            ("samples_free_bytes_min", &mut self.samples_free_bytes_min),
        ] {
            *bytes = fields.take(key).and_then(|node| size(node, decoder));
        }
        if let Some(node) = fields.take("retention") {
            let items = decoder.items(node, "list of {match, time}").unwrap_or_default();
            self.retention = items.iter().filter_map(|item| tier(item, decoder)).collect();
        }
        decoder.finish(fields, &[]);
    }
}

fn size(node: &Node, decoder: &mut Decoder) -> Option<u64> {
    let text = decoder.string(node)?;
    match size::parse_bytes(&text) {
        Ok(bytes) => match u64::try_from(bytes) {
            Ok(bytes) => Some(bytes),
            Err(_) => {
                decoder.mistake(node.mark, "a size cannot be below 0");
                None
            }
        },
        Err(error) => {
            decoder.mistake(node.mark, error.to_string());
            None
        }
    }
}

fn tier(node: &Node, decoder: &mut Decoder) -> Option<Tier> {
    let Some(mut fields) = decoder.fields(node, "storage.retention") else {
        if node.is_null() {
            decoder.mistake(node.mark, "'match' and 'time' are missing");
        }
        return None;
    };
    let selector = fields.take("match");
    let time = fields.take("time");
    for (key, value) in [("match", selector), ("time", time)] {
        if value.is_none() {
            decoder.mistake(node.mark, format!("'{key}' is missing"));
        }
    }
    let matchers = selector.and_then(|node| {
        let text = decoder.string(node)?;
        match parse_selector(&text) {
            Ok(matchers) => Some(matchers),
            Err(error) => {
                let text = quoted(&text);
                decoder.mistake(node.mark, format!("{text} is no selector: {error}"));
                None
            }
        }
    });
    let age_ms = time.and_then(|node| {
        let age_ms = decoder.duration_ms(node)?;
        if age_ms == 0 {
            decoder.mistake(node.mark, "'time' must be longer than 0");
        }
        Some(age_ms)
    });
    decoder.finish(fields, &[]);
    Some(Tier {
        matchers: matchers?,
        age_ms: age_ms?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::OwnConfig;
    use super::*;

    const FILE: &str = "d.yml";

    fn parse(text: &str) -> Result<OwnStorage, String> {
        OwnConfig::parse(text, Path::new(FILE))
            .map(|config| config.storage)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn tiers_are_read_in_their_order() {
        let text = "storage:\n  retention:\n  - {match: '{__name__=~\".+:5m\"}', time: 60d}\n  - match: up{job=\"a\"}\n    time: 1y\n";
        let storage = parse(text).unwrap();
        let days: Vec<i64> = storage
            .retention
            .iter()
            .map(|tier| tier.age_ms / 86_400_000)
            .collect();
        assert_eq!(days, [60, 365]);
        let shown: Vec<String> = storage.retention[1]
            .matchers
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown.len(), 2);
        assert!(storage.long_chunks);
    }

    #[test]
    fn switches_are_switches() {
        let storage = parse("storage: {long_chunks: false, retention_size_is_bound: true}").unwrap();
        assert!(!storage.long_chunks && storage.retention_size_is_bound);
        assert_eq!(parse("query: {}"), Ok(OwnStorage::default()));
    }

    #[test]
    fn room_on_the_disk_is_told_as_sizes() {
        let storage = parse("storage: {reserve_bytes: 0B, samples_free_bytes_min: 8MB}").unwrap();
        assert_eq!(
            (storage.reserve_bytes, storage.samples_free_bytes_min),
            (Some(0), Some(8 << 20))
        );
        assert_eq!(storage.series_free_bytes_min, None);
        let told = parse("storage: {reserve_bytes: much}").unwrap_err();
        assert!(told.starts_with("d.yml:1:26: "), "{told}");
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let text = "storage:
  long_chunks: perhaps
  foo: 1
  retention:
  - match: '{a='
    time: 5
  - time: 0s
  - match: up
  - match: up
    time: 1d
    keep: all
";
        let told = parse(text).unwrap_err();
        let places: Vec<&str> = told.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(
            places,
            [
                "d.yml:2:16",
                "d.yml:3:3",
                "d.yml:5:12",
                "d.yml:6:11",
                "d.yml:7:5",
                "d.yml:7:11",
                "d.yml:8:5",
                "d.yml:11:5"
            ],
            "{told}"
        );
        assert!(told.contains("d.yml:8:5: 'time' is missing"), "{told}");
    }

    #[test]
    fn mistakes_of_other_sections_are_told_too() {
        let told = parse("query: {foo: 1}\nstorage: {foo: 1}\n").unwrap_err();
        assert_eq!(told.lines().count(), 2, "{told}");
    }
}
