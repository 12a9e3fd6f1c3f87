//! What holds for any text, and for good files that were damaged.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{checking, checks, files, options};
use crate::config::yaml::write::OutMap;
use crate::config::{Config, ExpandEnv, OwnConfig, RuleFile, WebConfig, sd_file, yaml};

/// Words of configurations, and what is written between them.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "global",
        "scrape_configs",
        "job_name",
        "scrape_interval",
        "relabel_configs",
        "regex",
        "a",
        "1m",
        "5",
        "true",
        "~",
        "",
        "*a",
        "&a",
        "<<",
        "[",
        "]",
        "{",
        "}",
        "!!int",
        "!!binary",
        "\"",
        "'",
        "|",
        ">",
        "%",
        "#",
        "é",
        "\u{feff}",
        "rule_files",
        "static_configs",
        "targets",
        "storage",
        "tsdb",
        "external_labels",
        "$X",
        "%{",
    ])
}

/// Lines that are nearly a configuration.
fn line() -> impl Strategy<Value = String> {
    (
        0_usize..6,
        prop::collection::vec(word(), 0..5),
        prop::sample::select(vec![": ", " ", "- ", ", ", ""]),
    )
        .prop_map(|(indent, words, glue)| " ".repeat(indent) + &words.join(glue))
}

/// Damages one line of a file: what it holds, how deep it stands, whether it is there.
fn mangle(lines: &mut Vec<String>, at: prop::sample::Index, how: usize, word: &str) {
    if lines.is_empty() {
        return;
    }
    let at = at.index(lines.len());
    let line = lines[at].clone();
    match how {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, line),
        2 => lines[at] = format!("  {line}"),
        3 => {
            lines[at] = line
                .split_once(':')
                .map_or(line.clone(), |(key, _)| format!("{key}: {word}"))
        }
        _ => {
            let middle = (0..=line.len() / 2).rev().find(|i| line.is_char_boundary(*i));
            lines[at].insert_str(middle.unwrap_or(0), word);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_configuration_panic(lines in prop::collection::vec(line(), 0..12), rule in 0_usize..3) {
        let text = lines.join("\n");
        let rule = ExpandEnv::ALL[rule].1;
        if let Ok(config) = Config::parse(&text, Path::new("t.yml"), &options(rule)) {
            prop_assert!(config.to_yaml().is_ok());
        }
        // Whatever they say, they say it without a panic.
        drop(RuleFile::parse(text.as_bytes(), Path::new("t.yml"), &checks()));
        drop(WebConfig::parse(text.as_bytes(), Path::new("t.yml")));
        drop(OwnConfig::parse(&text, Path::new("t.yml")));
        drop(sd_file::parse_yaml(text.as_bytes(), Path::new("t.yml")));
    }

    #[test]
    fn no_bytes_make_the_scanner_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        drop(yaml::load(&bytes));
        drop(sd_file::parse_json(&bytes));
    }

    #[test]
    fn what_is_written_is_read_back(texts in prop::collection::vec("\\PC{0,30}", 1..6)) {
        let mut map = OutMap::new();
        for (i, text) in texts.iter().enumerate() {
            map.put(&format!("k{i}"), text.as_str());
        }
        let written = yaml::write::write(&map.into()).unwrap();
        let document = yaml::load(written.as_bytes()).unwrap();
        let root = document.root.unwrap();
        let mut decoder = yaml::Decoder::new();
        let pairs = decoder.pairs(&root, "map").unwrap();
        for ((_, node), text) in pairs.iter().zip(&texts) {
            prop_assert_eq!(decoder.string(node).unwrap(), text.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_mangled_configuration_makes_a_panic(
        file in prop::sample::select([files("testdata/config/good"), files("testdata/config/bad")].concat()),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..5, word()), 1..6),
    ) {
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (at, how, word) in cuts {
            mangle(&mut lines, at, how, word);
        }
        let text = lines.join("\n");
        for options in [checking(), options(ExpandEnv::Dollar)] {
            match Config::parse(&text, Path::new("t.yml"), &options) {
                Ok(config) => prop_assert!(config.to_yaml().is_ok()),
                Err(errors) => prop_assert!(!errors.as_go().is_empty() && errors.iter().len() > 0),
            }
        }
    }
}
