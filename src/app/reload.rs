//! Putting a configuration into effect: read all of it, then exchange it in every component, or in none.

use std::sync::Arc;

use promql::engine::Engine;
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use super::clock;
use super::load::{Loaded, Loader};
use super::reload_state::ReloadState;
use super::views::Current;
use crate::discovery;
use crate::notifier::NotifierManager;
use crate::queries::Queries;
use crate::remote::write::RemoteWrite;
use crate::rules;
use crate::scrape::ScrapeManager;

/// The components that follow a configuration.
#[derive(Debug)]
pub(super) struct Followers {
    pub(super) engine: Arc<Engine>,
    pub(super) queries: Arc<Queries>,
    pub(super) notifier: NotifierManager,
    pub(super) rules: Arc<rules::Manager>,
    pub(super) scrape: Arc<ScrapeManager>,
    pub(super) remote: RemoteWrite,
    pub(super) scrape_discovery: discovery::Manager,
    pub(super) notify_discovery: discovery::Manager,
}

/// Loads and reloads.
#[derive(Debug)]
pub(super) struct Reloader {
    loader: Loader,
    followers: Followers,
    current: Current,
    state: Arc<ReloadState>,
    /// One reload at a time.
    reloading: Mutex<()>,
}

impl Reloader {
    pub(super) fn new(
        loader: Loader,
        followers: Followers,
        current: Current,
        state: Arc<ReloadState>,
    ) -> Self {
        Self {
            loader,
            followers,
            current,
            state,
            reloading: Mutex::new(()),
        }
    }

    /// The components, for the end of the process.
    pub(super) fn followers(&self) -> &Followers {
        &self.followers
    }

    /// Puts a configuration that was just read into effect, at the start.
    ///
    /// # Errors
    /// When a component refuses it.
    pub(super) async fn begin(&self, loaded: Loaded) -> Result<(), String> {
        let _one = self.reloading.lock().await;
        let outcome = self.apply(loaded).await;
        self.state.note(outcome.is_ok(), clock::now_ms());
        outcome
    }

    /// Reads the configuration anew and puts it into effect; when anything is wrong, all stays as it was.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub(super) async fn reload(&self) -> Result<(), String> {
        let _one = self.reloading.lock().await;
        info!(filename = %self.loader.file.display(), "Loading configuration file");
        let loader = self.loader.clone();
        let read = tokio::task::spawn_blocking(move || loader.load()).await;
        let read = read.unwrap_or_else(|_| Err("loading was interrupted".to_owned()));
        let outcome = match read {
            Ok(loaded) => self.apply(loaded).await,
            Err(text) => Err(format!(
                "couldn't load configuration (--config.file={}): {text}",
                crate::config::quote::quoted(&self.loader.file.display().to_string())
            )),
        };
        self.state.note(outcome.is_ok(), clock::now_ms());
        match &outcome {
            Ok(()) => {
                info!(filename = %self.loader.file.display(), "Completed loading of configuration file")
            }
            Err(text) => error!(err = %text, "Error reloading config"),
        }
        outcome
    }

    /// Reloads when the files have changed since the last time.
    pub(super) async fn reload_if_changed(&self) {
        let loader = self.loader.clone();
        let now = tokio::task::spawn_blocking(move || loader.checksum_now())
            .await
            .unwrap_or(None);
        let before = self.current.get().map(|loaded| loaded.checksum);
        if now.is_some() && now != before {
            info!("Configuration file change detected, reloading the configuration.");
            // The outcome is in the log.
            let _logged = self.reload().await;
        }
    }

    async fn apply(&self, loaded: Loaded) -> Result<(), String> {
        for warning in &loaded.config.warnings {
            warn!("{warning}");
        }
        let before = self.current.get();
        if let Err(text) = self.exchange(&loaded).await {
            if let Some(before) = before
                && let Err(error) = self.exchange(&before).await
            {
                error!(%error, "The configuration before could not be restored in full");
            }
            return Err(text);
        }
        self.current.set(Arc::new(loaded));
        Ok(())
    }

    /// Hands a configuration to every component; those that may refuse come first.
    async fn exchange(&self, loaded: &Loaded) -> Result<(), String> {
        let (followers, config) = (&self.followers, &loaded.config);
        let external_labels = &config.global.external_labels;
        let log = config.global.query_log_file.as_deref();
        followers
            .queries
            .log()
            .set(log)
            .map_err(|error| format!("query log: {error}"))?;
        followers.queries.note_log_enabled(log.is_some());
        followers.notifier.apply(&config.alerting, external_labels)?;
        followers
            .scrape
            .apply(&loaded.jobs, external_labels)
            .await
            .map_err(|error| error.to_string())?;
        followers
            .remote
            .apply(&config.remote_write, external_labels)
            .await?;
        followers
            .engine
            .set_no_step_subquery_interval_ms(config.global.evaluation_interval_ms);
        followers.scrape_discovery.apply(&loaded.scrape_discovery());
        followers.notify_discovery.apply(&loaded.notify_discovery());
        let update = rules::Update {
            groups: loaded.groups.clone(),
            external_labels: external_labels.clone(),
            query_offset_ms: config.global.rule_query_offset_ms,
        };
        followers.rules.update(update).await;
        Ok(())
    }
}
