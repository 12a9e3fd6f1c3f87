//! Noticing that the configuration has changed: a fingerprint of the file and of all files that it names
//! under `rule_files` and `scrape_config_files`. Target, certificate and password files are watched by
//! those who use them.

use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};

use super::document::Reading;
use super::expand::expand_tree;
use super::path;
use super::yaml::{self, Decoder};

/// A number that changes when a file is changed, added or removed.
///
/// A file that is not (or not yet) valid has a fingerprint too: it is the reload that complains.
///
/// # Errors
/// When the main file, or a file that it names, cannot be read.
pub fn fingerprint(file: &Path, reading: Reading<'_>) -> io::Result<u64> {
    let bytes = std::fs::read(file)?;
    let mut hash = xxhash_rust::xxh64::Xxh64::new(0);
    let mut add = |file: &Path, bytes: &[u8]| {
        hash.write(file.as_os_str().as_encoded_bytes());
        hash.write(&[0]);
        hash.write(&(bytes.len() as u64).to_le_bytes());
        hash.write(bytes);
    };
    add(file, &bytes);
    for pattern in patterns(&bytes, &path::directory_of(file), reading) {
        // A malformed pattern names no file.
        for named in path::matching(&pattern).unwrap_or_default() {
            add(&named, &std::fs::read(&named)?);
        }
    }
    Ok(hash.finish())
}

fn patterns(bytes: &[u8], directory: &Path, reading: Reading<'_>) -> Vec<PathBuf> {
    let Some(root) = yaml::load(bytes).ok().and_then(|document| document.root) else {
        return Vec::new();
    };
    let mut decoder = Decoder::new();
    let root = expand_tree(
        root,
        reading.expand_env,
        reading.environment,
        &mut decoder.mistakes,
    );
    let Some(mut fields) = decoder.fields(&root, "config.plain") else {
        return Vec::new();
    };
    let mut patterns = decoder.strings_of(&mut fields, "rule_files");
    patterns.extend(decoder.strings_of(&mut fields, "scrape_config_files"));
    patterns
        .iter()
        .map(|pattern| path::beside(directory, Path::new(pattern)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_changes_with_every_file_that_the_configuration_names() {
        let directory = tempfile::tempdir().unwrap();
        let (main, rule) = (directory.path().join("main.yml"), directory.path().join("r1.yml"));
        std::fs::write(&main, "rule_files: [r*.yml]\n").unwrap();
        let fingerprint = |file: &Path| fingerprint(file, Reading::STRICT);
        let mut seen = vec![fingerprint(&main).unwrap()];
        for text in ["groups: []", "groups: [{name: a}]"] {
            std::fs::write(&rule, text).unwrap();
            seen.push(fingerprint(&main).unwrap());
        }
        assert_eq!(seen[2], fingerprint(&main).unwrap());
        std::fs::write(&main, "rule_files: [r*.yml]\n# changed\n").unwrap();
        seen.push(fingerprint(&main).unwrap());
        let before = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), before);
        assert!(fingerprint(Path::new("nope.yml")).is_err());
    }
}
