//! `check config`: configuration files and what they refer to.
//!
//! ```text
//! file ─ Config::load ─► rule files, credentials, certificates, target files, static targets ─► lints ─► check_rules
//! ```

use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use super::check_rules::{Checking, RuleLints, Verdict};
use super::command::Invocation;
use super::config_text::{check_exists, further};
use super::features::Features;
use super::{Terminal, expand_env};
use crate::config::quote::quoted;
use crate::config::{
    Config, ConfigErrors, DiscoveryConfigs, LoadOptions, ScrapeConfig, StaticGroup, TlsConfig, duration,
    path, sd_file,
};
use crate::discovery::TargetGroup;
use crate::{notifier, scrape};

/// What is checked besides the files themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ConfigLints {
    rules: RuleLints,
    /// From which scrape interval on samples go stale between scrapes; 0 for none.
    lookback_ms: i64,
}

/// Why a file is refused: in Prometheus' words, and what it does not say.
struct Refusal {
    text: String,
    more: Vec<String>,
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self {
            text,
            more: Vec::new(),
        }
    }
}

/// What a valid configuration refers to.
#[derive(Debug, Default)]
struct Found {
    rule_files: Vec<PathBuf>,
    jobs: Vec<Arc<ScrapeConfig>>,
}

pub(super) fn run(invocation: &Invocation<'_>, features: &Features, terminal: &mut Terminal<'_>) -> u8 {
    let lookback_ms = invocation.duration_ns("query.lookback-delta") / 1_000_000;
    let rules = RuleLints {
        is_fatal: invocation.bool("lint-fatal"),
        ignores_unknown_fields: invocation.bool("ignore-unknown-fields"),
        ..RuleLints::default()
    };
    let lints = ConfigLints::parse(invocation.text("lint"), rules, lookback_ms, terminal);
    let is_syntax_only = invocation.bool("syntax-only");
    let environment = |name: &str| std::env::var(name).ok();
    let mut options = LoadOptions::default().with_environment(expand_env(invocation), &environment);
    options.reading.accepts_unbuilt = is_syntax_only;
    options.is_agent = invocation.bool("agent");
    let checking = Checking {
        lints: lints.rules,
        features,
        reading: options.reading,
    };
    let mut verdict = Verdict::default();
    for file in invocation.texts("config-files") {
        let found = check_file(file, is_syntax_only, &options, terminal);
        let found = tell(file, found, &mut verdict, terminal);
        terminal.print_line("");
        if !is_syntax_only {
            verdict.has_failed |= lints.complains_of(&found.jobs, terminal);
            checking.files(&found.rule_files, &mut verdict, terminal);
        }
    }
    verdict.code(lints.rules.is_fatal)
}

impl ConfigLints {
    fn parse(list: &str, mut rules: RuleLints, lookback_ms: i64, terminal: &mut Terminal<'_>) -> Self {
        let mut lints = Self::default();
        let mut for_rules: Vec<&str> = Vec::new();
        let mut is_none = false;
        for name in list.split(',') {
            match name {
                "all" => {
                    lints.lookback_ms = lookback_ms;
                    for_rules.push(name);
                }
                "too-long-scrape-interval" => lints.lookback_ms = lookback_ms,
                "none" => is_none = true,
                other => for_rules.push(other),
            }
        }
        if is_none {
            lints.lookback_ms = 0;
            for_rules.clear();
        }
        rules.parse(&for_rules.join(","), terminal);
        Self { rules, ..lints }
    }

    /// Whether a job is scraped too rarely; tells the first.
    fn complains_of(&self, jobs: &[Arc<ScrapeConfig>], terminal: &mut Terminal<'_>) -> bool {
        let is_too_long =
            |job: &&Arc<ScrapeConfig>| self.lookback_ms > 0 && job.scrape_interval_ms >= self.lookback_ms;
        let Some(job) = jobs.iter().find(is_too_long) else {
            return false;
        };
        let interval = duration::format_ms(job.scrape_interval_ms);
        terminal.complain_line(format_args!(
            "  FAILED: too long scrape interval found, data point will be marked as stale - job: {}, interval: {interval}",
            job.job_name
        ));
        true
    }
}

fn tell(
    file: &str,
    found: Result<Found, Refusal>,
    verdict: &mut Verdict,
    terminal: &mut Terminal<'_>,
) -> Found {
    match found {
        Ok(found) => {
            if !found.rule_files.is_empty() {
                let count = found.rule_files.len();
                terminal.print_line(format_args!("  SUCCESS: {count} rule files found"));
            }
            terminal.print_line(format_args!(
                " SUCCESS: {file} is valid prometheus config file syntax"
            ));
            found
        }
        Err(refusal) => {
            (verdict.has_failed, verdict.has_errors) = (true, true);
            terminal.complain_line(format_args!("  FAILED: {}", refusal.text));
            for line in refusal.more {
                terminal.complain_line(line);
            }
            Found::default()
        }
    }
}

fn check_file(
    file: &str,
    is_syntax_only: bool,
    options: &LoadOptions<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Found, Refusal> {
    terminal.print_line(format_args!("Checking {file}"));
    let path = Path::new(file);
    let mut config = load(path, is_syntax_only, options).map_err(|errors| refusal(path, &errors))?;
    for warning in &config.warnings {
        terminal.complain_line(format_args!("  WARNING: {warning}"));
    }
    let mut found = Found::default();
    if !is_syntax_only {
        found.rule_files = rule_files(&config)?;
        config.import(options).map_err(|errors| refusal(path, &errors))?;
    }
    found.jobs = config.jobs().map(Arc::clone).collect();
    for job in &found.jobs {
        check_job(job, is_syntax_only, terminal)?;
    }
    for section in &config.alerting.alertmanagers {
        let check = |group: &TargetGroup| notifier::check_group(group, section);
        check_targets(
            &section.discovery,
            "in alertmanager config",
            is_syntax_only,
            &check,
            terminal,
        )?;
    }
    Ok(found)
}

fn load(path: &Path, is_syntax_only: bool, options: &LoadOptions<'_>) -> Result<Config, ConfigErrors> {
    if !is_syntax_only {
        return Config::load_alone(path, options);
    }
    let bytes = std::fs::read(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
    Config::parse(&String::from_utf8_lossy(&bytes), path, options)
}

fn refusal(path: &Path, errors: &ConfigErrors) -> Refusal {
    let told = errors.as_go();
    let at = errors.iter().next();
    let is_elsewhere = at.is_some_and(|error| error.file != path);
    let text = match at {
        Some(error) if is_elsewhere => {
            let file = absolute(&error.file).unwrap_or_else(|_| error.file.clone());
            let file = quoted(&file.to_string_lossy());
            format!("error loading scrape configs: {file}: {told}")
        }
        // The file itself cannot be read, or is no file for an agent.
        Some(error) if error.mark.is_none() && !told.starts_with("yaml: ") => told.to_owned(),
        _ => format!("parsing YAML file {}: {told}", path.display()),
    };
    Refusal {
        text,
        more: further(errors),
    }
}

fn rule_files(config: &Config) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for pattern in &config.rule_files {
        let matching = path::matching(pattern)?;
        let shown = pattern.to_string_lossy();
        if !shown.contains('*') {
            let first = matching
                .first()
                .ok_or_else(|| format!("{} does not point to an existing file", quoted(&shown)))?;
            check_exists(Some(first)).map_err(|error| {
                format!(
                    "error checking rule file {}: {error}",
                    quoted(&first.to_string_lossy())
                )
            })?;
        }
        files.extend(matching);
    }
    Ok(files)
}

fn check_job(job: &ScrapeConfig, is_syntax_only: bool, terminal: &mut Terminal<'_>) -> Result<(), String> {
    if !is_syntax_only && let Some(authorization) = &job.http_client.authorization {
        let file = authorization.credentials_file.as_deref();
        check_exists(file).map_err(|error| {
            let file = quoted(&path::text(authorization.credentials_file.as_ref()));
            format!("error checking authorization credentials or bearer token file {file}: {error}")
        })?;
    }
    check_tls(&job.http_client.tls_config, is_syntax_only)?;
    let check = |group: &TargetGroup| scrape::check_group(group, job);
    let place = format!("in scrape job {}", quoted(&job.job_name));
    check_targets(&job.discovery, &place, is_syntax_only, &check, terminal)
}

fn check_tls(tls: &TlsConfig, is_syntax_only: bool) -> Result<(), String> {
    let files = [
        ("cert", &tls.cert_file, "key", &tls.key_file),
        ("key", &tls.key_file, "cert", &tls.cert_file),
    ];
    for (name, file, other_name, other) in files {
        if file.is_some() && other.is_none() {
            let file = quoted(&path::text(file.as_ref()));
            return Err(format!(
                "client {name} file {file} specified without client {other_name} file"
            ));
        }
    }
    if is_syntax_only {
        return Ok(());
    }
    for (name, file, _, _) in files {
        check_exists(file.as_deref()).map_err(|error| {
            let file = quoted(&path::text(file.as_ref()));
            format!("error checking client {name} file {file}: {error}")
        })?;
    }
    Ok(())
}

/// Checks the targets that are written down, in files or right there.
fn check_targets(
    discovery: &DiscoveryConfigs,
    place: &str,
    is_syntax_only: bool,
    check: &dyn Fn(&TargetGroup) -> Result<(), String>,
    terminal: &mut Terminal<'_>,
) -> Result<(), String> {
    let patterns = discovery.target_files();
    for pattern in patterns.filter(|_| !is_syntax_only) {
        let files = path::matching(pattern)?;
        let shown = quoted(&pattern.to_string_lossy());
        if files.is_empty() {
            terminal.print_line(format_args!(
                "  WARNING: file {shown} for file_sd {place} does not exist"
            ));
        }
        for file in files {
            let groups = sd_file::read_groups(&file)
                .map_err(|errors| format!("checking SD file {shown}: {}", errors.as_go()))?;
            // Prometheus gives groups of files no name here.
            check_groups(&groups, &|_| String::new(), check)?;
        }
    }
    check_groups(&discovery.static_configs, &|i| i.to_string(), check)
}

fn check_groups(
    groups: &[StaticGroup],
    source: &dyn Fn(usize) -> String,
    check: &dyn Fn(&TargetGroup) -> Result<(), String>,
) -> Result<(), String> {
    for (i, group) in groups.iter().enumerate() {
        check(&TargetGroup::from_written(group, source(i)))?;
    }
    Ok(())
}
