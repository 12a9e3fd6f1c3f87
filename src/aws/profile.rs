//! The shared files: profiles in `~/.aws/credentials` and `~/.aws/config`, or where variables say.
//!
//! ```text
//! [profile staging]          ; in the config file; in the credentials file it is [staging]
//! region = eu-west-2         # what the credentials file says of a profile goes before this
//! s3 =
//!   max_queue = 10           ; lines that are indented belong to the one above and matter to nobody here
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Environment;

/// What a profile says; names are in small letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Profile(BTreeMap<String, String>);

impl Profile {
    /// A setting, empty unless there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether any of these settings is there.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !self.text(name).is_empty())
    }
}

/// The profiles of both files.
#[derive(Debug)]
pub(super) struct Profiles {
    profiles: BTreeMap<String, Profile>,
    credentials_file: PathBuf,
    config_file: PathBuf,
    /// What kept a file that is there from being read.
    unreadable: Vec<String>,
}

impl Profiles {
    /// Reads both files; one that is not there has no profiles.
    pub(super) fn read(environment: &Environment) -> Self {
        let mut read = Self {
            profiles: BTreeMap::new(),
            credentials_file: environment.shared_file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config_file: environment.shared_file("AWS_CONFIG_FILE", "config"),
            unreadable: Vec::new(),
        };
        let config = read.text(&read.config_file.clone());
        let credentials = read.text(&read.credentials_file.clone());
        let sections = sections(&config);
        // What is spelled `[profile default]` goes before `[default]`.
        let (default, others): (Vec<_>, Vec<_>) =
            sections.into_iter().partition(|(name, _)| name == "default");
        let named = others.into_iter().filter_map(|(name, section)| {
            let name = name.strip_prefix("profile")?;
            Some((name.strip_prefix([' ', '\t'])?.trim().to_owned(), section))
        });
        read.add(default.into_iter());
        read.add(named);
        read.add(self::sections(&credentials).into_iter());
        read
    }

    fn add(&mut self, sections: impl Iterator<Item = (String, Profile)>) {
        for (name, section) in sections {
            self.profiles.entry(name).or_default().0.extend(section.0);
        }
    }

    fn text(&mut self, path: &Path) -> String {
        match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    self.unreadable.push(format!("{}: {error}", path.display()));
                }
                String::new()
            }
        }
    }

    /// A profile by its name.
    pub(super) fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// `there is no profile "x" in ~/.aws/credentials or ~/.aws/config`
    pub(super) fn missing(&self, name: &str) -> String {
        let (credentials, config) = (self.credentials_file.display(), self.config_file.display());
        let mut text = format!("there is no profile {name:?} in {credentials} or {config}");
        for unreadable in &self.unreadable {
            text = format!("{text} (cannot read {unreadable})");
        }
        text
    }
}

/// The sections of a file, in their order.
fn sections(text: &str) -> Vec<(String, Profile)> {
    let mut all: Vec<(String, Profile)> = Vec::new();
    for line in text.lines() {
        let is_indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or("");
            all.push((name.trim().to_owned(), Profile::default()));
        } else if let Some((name, value)) = line.split_once('=')
            && let Some((_, section)) = all.last_mut()
            && !is_indented
        {
            let name = name.trim().to_ascii_lowercase();
            section.0.insert(name, without_comment(value).trim().to_owned());
        }
    }
    all
}

/// A value up to a comment, which has a space before it.
fn without_comment(value: &str) -> &str {
    let starts = [" #", " ;", "\t#", "\t;"]
        .iter()
        .filter_map(|start| value.find(start));
    starts.min().map_or(value, |at| &value[..at])
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn profiles(credentials: &str, config: &str) -> Profiles {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        let variables = [
            ("AWS_SHARED_CREDENTIALS_FILE", file("credentials", credentials)),
            ("AWS_CONFIG_FILE", file("config", config)),
        ];
        Profiles::read(&Environment::new(variables, || Timestamp::UNIX_EPOCH))
    }

    #[track_caller]
    fn check(profiles: &Profiles, profile: &str, name: &str, expected: &str) {
        assert_eq!(profiles.get(profile).unwrap().text(name), expected);
    }

    #[test]
    fn what_the_credentials_file_says_goes_before_the_config_file() {
        let profiles = profiles(
            "[a]\naws_access_key_id = from-credentials\n",
            "[profile a]\naws_access_key_id=from-config\nRegion = eu-west-2 ; here\n[b]\nregion = no\n",
        );
        check(&profiles, "a", "aws_access_key_id", "from-credentials");
        check(&profiles, "a", "region", "eu-west-2");
        assert_eq!(profiles.get("b"), None, "the config file says [profile b]");
    }

    #[test]
    fn the_default_profile_may_be_spelled_like_the_others() {
        let profiles = profiles(
            "",
            "[profile default]\nregion = two\n[default]\nregion = one\noutput = x\n",
        );
        check(&profiles, "default", "region", "two");
        check(&profiles, "default", "output", "x");
    }

    #[test]
    fn comments_and_indented_lines_say_nothing_and_keys_may_hold_anything() {
        let profiles = profiles(
            "# x\n[default]\naws_secret_access_key = a/b+c=#;d\n\ns3 =\n  region = nested\n;region = z\nnonsense\n",
            "",
        );
        check(&profiles, "default", "aws_secret_access_key", "a/b+c=#;d");
        check(&profiles, "default", "region", "");
    }

    #[test]
    fn a_missing_profile_is_told_with_the_files_that_were_read() {
        let environment = Environment::new(
            [
                ("HOME", "/nowhere/at/all".to_owned()),
                ("AWS_CONFIG_FILE", env!("CARGO_MANIFEST_DIR").to_owned()),
            ],
            || Timestamp::UNIX_EPOCH,
        );
        let text = Profiles::read(&environment).missing("x");
        let place = env!("CARGO_MANIFEST_DIR");
        let start = format!(
            "there is no profile \"x\" in /nowhere/at/all/.aws/credentials or {place} (cannot read {place}: "
        );
        assert!(text.starts_with(&start), "{text}");
    }
}
