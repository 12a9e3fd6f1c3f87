//! What `promtool check config` looks at beyond the file itself: whether the files that it names are there
//! and hold what they should.

use std::path::{Path, PathBuf};

use super::discovery::{DiscoveryConfigs, StaticGroup};
use super::errors::{ConfigErrors, open_error};
use super::http_client::HttpClientConfig;
use super::load::LoadOptions;
use super::quote::quoted;
use super::{Config, path, sd_file};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// The configuration, if it is one.
    pub config: Option<Config>,
    /// The rule files that it names and that exist.
    pub rule_files: Vec<PathBuf>,
    /// What makes it unusable, one a line of output.
    pub mistakes: Vec<String>,
    /// What is only worth a look.
    pub warnings: Vec<String>,
}

/// Checks a configuration and, unless `is_syntax_only`, the files that it names.
pub fn check(file: &Path, options: &LoadOptions<'_>, is_syntax_only: bool) -> Findings {
    let mut findings = Findings::default();
    let config = match load(file, options, is_syntax_only) {
        Ok(config) => config,
        Err(errors) => {
            findings.mistakes = errors.iter().map(ToString::to_string).collect();
            return findings;
        }
    };
    if !is_syntax_only {
        findings.find_rule_files(&config);
    }
    for job in config.jobs() {
        if !is_syntax_only {
            findings.check_client(&job.http_client);
        }
        let forbids_urls = job.relabel_configs.is_empty();
        let place = format!("in scrape job {}", quoted(&job.job_name));
        findings.check_discovery(&job.discovery, forbids_urls, &place, is_syntax_only);
    }
    for alertmanager in &config.alerting.alertmanagers {
        let forbids_urls = alertmanager.relabel_configs.is_empty();
        findings.check_discovery(
            &alertmanager.discovery,
            forbids_urls,
            "in alertmanager config",
            is_syntax_only,
        );
    }
    findings.config = Some(config);
    findings
}

fn load(file: &Path, options: &LoadOptions<'_>, is_syntax_only: bool) -> Result<Config, ConfigErrors> {
    if !is_syntax_only {
        return Config::load(file, options);
    }
    let text = std::fs::read_to_string(file).map_err(|error| ConfigErrors::unreadable(file, &error))?;
    Config::parse(&text, file, options)
}

impl Findings {
    fn find_rule_files(&mut self, config: &Config) {
        for pattern in &config.rule_files {
            let shown = quoted(&pattern.to_string_lossy());
            match path::matching(pattern) {
                Err(text) => self.mistakes.push(format!("{shown}: {text}")),
                Ok(files) if files.is_empty() && !pattern.to_string_lossy().contains('*') => {
                    self.mistakes
                        .push(format!("{shown} does not point to an existing file"));
                }
                Ok(files) => self.rule_files.extend(files),
            }
        }
    }

    fn check_client(&mut self, client: &HttpClientConfig) {
        let credentials = client
            .authorization
            .as_ref()
            .and_then(|auth| auth.credentials_file.as_ref());
        for (what, file) in [
            ("authorization credentials or bearer token file", credentials),
            ("client cert file", client.tls_config.cert_file.as_ref()),
            ("client key file", client.tls_config.key_file.as_ref()),
        ] {
            if let Some(file) = file
                && let Err(error) = std::fs::metadata(file)
            {
                let text = open_error(file, &error).replacen("open ", "stat ", 1);
                let shown = quoted(&file.to_string_lossy());
                self.mistakes
                    .push(format!("error checking {what} {shown}: {text}"));
            }
        }
    }

    fn check_discovery(
        &mut self,
        discovery: &DiscoveryConfigs,
        forbids_urls: bool,
        place: &str,
        is_syntax_only: bool,
    ) {
        if is_syntax_only {
            return;
        }
        for pattern in discovery.target_files() {
            let shown = quoted(&pattern.to_string_lossy());
            let files = match path::matching(pattern) {
                Ok(files) => files,
                Err(text) => {
                    self.mistakes.push(format!("{shown}: {text}"));
                    continue;
                }
            };
            if files.is_empty() {
                self.warnings
                    .push(format!("file {shown} for file_sd {place} does not exist"));
            }
            for file in files {
                match sd_file::read_groups(&file) {
                    Err(errors) => self.mistakes.push(format!("checking SD file {shown}: {errors}")),
                    Ok(groups) if forbids_urls => self.check_addresses(&groups),
                    Ok(_) => {}
                }
            }
        }
    }

    fn check_addresses(&mut self, groups: &[StaticGroup]) {
        for target in groups.iter().flat_map(|group| &group.targets) {
            if target.contains('/') {
                self.mistakes
                    .push(format!("{} is not a valid hostname", quoted(target)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_named_must_be_there_but_target_files_may_come_later() {
        let directory = tempfile::tempdir().unwrap();
        let main = directory.path().join("main.yml");
        std::fs::write(
            directory.path().join("t.json"),
            r#"[{"targets": ["http://a/b"]}]"#,
        )
        .unwrap();
        std::fs::write(
            &main,
            "rule_files: [none.yml, none*.yml]\nscrape_configs:\n- job_name: a\n  tls_config: {cert_file: c, key_file: main.yml}\n\
             \x20 file_sd_configs: [{files: [t.json, later.json]}]\n",
        )
        .unwrap();
        let findings = check(&main, &LoadOptions::default(), false);
        let found = findings
            .mistakes
            .join("\n")
            .replace(&*directory.path().to_string_lossy(), "D");
        assert_eq!(
            found,
            "\"D/none.yml\" does not point to an existing file\n\
             error checking client cert file \"D/c\": stat D/c: no such file or directory\n\
             \"http://a/b\" is not a valid hostname"
        );
        assert_eq!(findings.warnings.len(), 1);
        assert!(check(&main, &LoadOptions::default(), true).mistakes.is_empty());
    }
}
