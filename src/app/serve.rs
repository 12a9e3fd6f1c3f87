//! The life of the server: everything built top to bottom, run until told to stop, stopped in reverse.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize};
use std::time::Duration;

use promql::engine::Engine;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};
use tsdb::batch::Appendable;
use tsdb::db::{Db, DbOptions};
use tsdb::query::{Cancel, CancelReason};

use super::late_storage::LateStorage;
use super::plan::{self, Plan};
use super::reload::{Followers, Reloader};
use super::reload_state::ReloadState;
use super::rule_queries::RuleQueries;
use super::storage::{self, Storage};
use super::views::{Alertmanagers, Current, Orders, Status, Stored, Written};
use super::{clock, demo, logging, sink, urls};
use crate::cli::Flags;
use crate::discovery::{self, DiscoveryMetrics};
use crate::notifier::NotifierManager;
use crate::queries::{Queries, QueriesOptions};
use crate::remote::receive::Receiver;
use crate::remote::write::{RemoteWrite, Tracked};
use crate::rules;
use crate::scrape::{ScrapeManager, SystemClock};
use crate::telemetry::{self, Registry};
use crate::web::Web;
use crate::web::views::{Views, WriteReceiver};

/// Threads that evaluate queries.
const QUERY_THREADS: usize = 2;

/// Tasks that run until the server stops.
#[derive(Default)]
struct Tasks(tokio::task::JoinSet<()>);

impl Tasks {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }
}

/// The life of the server.
pub(super) async fn serve(
    plan: Plan,
    db_options: DbOptions,
    web_runtime: tokio::runtime::Handle,
    remote_runtime: tokio::runtime::Handle,
) -> Result<(), String> {
    let registry = Registry::new();
    telemetry::process::register(&registry);
    let min_block_ms = db_options.min_block_ms;
    let storage = Arc::new(Storage::new(db_options, &registry));
    let engine = plan::engine(&plan);
    let queries = queries(&plan, &engine, &storage, &registry)?;
    let scraped = Arc::new(sink::ScrapedMetadata::default());
    let remote = RemoteWrite::new(
        plan::remote_options(&plan.flags, remote_runtime, Arc::clone(&scraped) as _),
        &registry,
        clock::now_ms,
    );
    let appendable = Arc::new(Tracked::new(storage.late.clone(), remote.clone()));
    let notifier = NotifierManager::new(plan::notifier_options(&plan.flags), &registry);
    let cancel_rules = Cancel::new();
    let rules = Arc::new(rules::Manager::new(rule_options(
        &plan,
        &queries,
        Arc::clone(&appendable) as _,
        &notifier,
        &registry,
        &cancel_rules,
    )));
    let scrape = ScrapeManager::new(Arc::clone(&appendable) as _, &registry, Arc::new(SystemClock))
        .map_err(|error| error.to_string())?;
    scrape.set_outside(plan::outside(&plan));
    let scrape = Arc::new(scrape);
    scraped.set(scrape.targets());
    let discovery_metrics = DiscoveryMetrics::new(&registry);
    let (scrape_discovery, found_targets) =
        discovery::Manager::start(plan::discovery_options("scrape", &plan.flags), &discovery_metrics);
    let (notify_discovery, found_alertmanagers) =
        discovery::Manager::start(plan::discovery_options("notify", &plan.flags), &discovery_metrics);

    let (current, reload_state) = (Current::default(), Arc::new(ReloadState::new(&registry)));
    let followers = Followers {
        storage: Arc::clone(&storage),
        keeps_exemplars: plan.flags.features.has("exemplar-storage"),
        engine,
        queries: Arc::clone(&queries),
        notifier: notifier.clone(),
        rules: Arc::clone(&rules),
        scrape: Arc::clone(&scrape),
        remote: remote.clone(),
        scrape_discovery,
        notify_discovery,
    };
    let reloader = Arc::new(Reloader::new(
        plan.loader.clone(),
        followers,
        current.clone(),
        Arc::clone(&reload_state),
    ));
    let (ready, is_ready) = watch::channel(false);
    let (quit, mut quits) = watch::channel(false);
    let views = Views {
        targets: Arc::new(scrape.targets()),
        rules: Arc::clone(&rules) as _,
        alertmanagers: Arc::new(Alertmanagers(notifier.clone())),
        storage: Arc::new(Stored(storage.late.clone())),
        status: Arc::new(Status {
            late: storage.late.clone(),
            current,
            reload_state,
            flags: plan.flags.all(),
            start_time_ms: clock::now_ms(),
            ready: is_ready,
            progress: Arc::clone(&storage.options().progress),
            storage: Arc::clone(&storage),
        }),
        lifecycle: Arc::new(Orders {
            reloader: Arc::clone(&reloader),
            runtime: tokio::runtime::Handle::current(),
            quit,
        }),
        receiver: receiver(&plan, &appendable, &registry),
    };
    let (options, web_queries, web_registry) =
        (plan::web_options(&plan), Arc::clone(&queries), registry.clone());
    let binding =
        web_runtime.spawn(async move { Web::new(options, views, web_queries, &web_registry).await });
    let web = match binding.await {
        Ok(web) => web.map_err(|error| logging::with_sources(&error))?,
        Err(_) => return Err("binding the web's addresses ended in a panic".to_owned()),
    };
    let (stop_web, mut web_stops) = watch::channel(false);
    let web = web_runtime.spawn(web.serve(async move {
        // An error means that the sender is gone, which also ends the server.
        let _stopped = web_stops.wait_for(|stop| *stop).await;
    }));

    let mut tasks = Tasks::default();
    let began = open_and_begin(&plan, &storage, &reloader, min_block_ms).await;
    if began.is_ok() {
        tasks.spawn(follow_targets(Arc::clone(&scrape), found_targets));
        tasks.spawn(async move { notifier.follow(found_alertmanagers).await });
        rules.start();
        ready.send_replace(true);
        info!("Server is ready to receive web requests.");
        if plan.is_demo {
            eprintln!("{}", demo::GREETING);
        }
        watch_files(&plan.flags, &reloader, &mut tasks);
        wait_for_end(&reloader, &mut quits).await?;
    }

    info!("Stopping ...");
    cancel_rules.cancel(CancelReason::ShuttingDown);
    let followers = reloader.followers();
    followers.queries.close();
    tasks.0.shutdown().await;
    followers.scrape.stop().await;
    followers.rules.stop().await;
    followers.notifier.shutdown().await;
    stop_web.send_replace(true);
    if web.await.is_err() {
        error!("The web server ended in a panic");
    }
    // Nobody stores any more: what is stored is sent.
    followers.remote.shutdown().await;
    let closing = Arc::clone(&storage);
    if tokio::task::spawn_blocking(move || closing.close())
        .await
        .is_err()
    {
        error!("Closing the database ended in a panic");
    }
    began
}

/// Takes remote-write requests, if they are allowed.
fn receiver(
    plan: &Plan,
    storage: &Arc<Tracked<LateStorage<Db>>>,
    registry: &Registry,
) -> Option<Arc<dyn WriteReceiver>> {
    let is_enabled = plan.flags.bool("web.enable-remote-write-receiver");
    is_enabled.then(|| Arc::new(Written(Receiver::new(Arc::clone(storage) as _, registry))) as _)
}

fn rule_options(
    plan: &Plan,
    queries: &Arc<Queries>,
    appendable: Arc<dyn Appendable>,
    notifier: &NotifierManager,
    registry: &Registry,
    cancel: &Cancel,
) -> rules::Options {
    let flags = &plan.flags;
    let evaluate = RuleQueries::new(Arc::clone(queries), cancel.clone());
    let concurrent = flags.features.has("concurrent-rule-eval");
    let limit = usize::try_from(flags.int("rules.max-concurrent-evals")).unwrap_or(0);
    rules::Options {
        evaluate: Arc::new(evaluate),
        appendable,
        sink: Arc::new(sink::NotifierSink(notifier.clone())),
        external_url: Some(urls::text(&plan.external_url)),
        outage_tolerance_ms: flags.duration_ms("rules.alert.for-outage-tolerance"),
        grace_period_ms: flags.duration_ms("rules.alert.for-grace-period"),
        resend_delay_ms: flags.duration_ms("rules.alert.resend-delay"),
        query_offset_ms: Arc::new(AtomicI64::new(0)),
        concurrent_evaluations: concurrent.then(|| Arc::new(AtomicUsize::new(limit))),
        metrics: rules::Metrics::new(registry),
    }
}

fn queries(
    plan: &Plan,
    engine: &Arc<Engine>,
    storage: &Storage,
    registry: &Registry,
) -> Result<Arc<Queries>, String> {
    let options = QueriesOptions {
        timeout: Duration::from_millis(plan.flags.duration_ms("query.timeout").unsigned_abs()),
        max_concurrency: usize::try_from(plan.flags.int("query.max-concurrency")).unwrap_or(1),
        threads: QUERY_THREADS,
        shares: plan.shares(),
    };
    let queries = Queries::new(
        Arc::clone(engine),
        Arc::new(storage.late.clone()),
        options,
        registry,
    );
    queries.map(Arc::new).map_err(|error| error.to_string())
}

/// Opens storage, then puts the configuration into effect.
async fn open_and_begin(
    plan: &Plan,
    storage: &Arc<Storage>,
    reloader: &Arc<Reloader>,
    min_block_ms: i64,
) -> Result<(), String> {
    let every = storage::maintain_every(
        plan.flags.duration_ms("storage.tsdb.block-reload-interval"),
        min_block_ms,
    );
    let (opening, dir) = (Arc::clone(storage), plan.data_dir.clone());
    let opened = tokio::task::spawn_blocking(move || opening.open(&dir, every)).await;
    let db = opened
        .unwrap_or_else(|_| Err("opening ended in a panic".to_owned()))
        .map_err(|e| format!("opening storage failed: {e}"))?;
    let followers = reloader.followers();
    followers.queries.keep_active_file(&plan.data_dir);
    followers.remote.open(db);
    reloader.begin(plan.loaded.clone()).await
}

async fn follow_targets(scrape: Arc<ScrapeManager>, mut found: watch::Receiver<Arc<discovery::Discovered>>) {
    loop {
        let latest = Arc::clone(&found.borrow_and_update());
        let groups = latest.iter().map(|(job, groups)| {
            (
                job.clone(),
                groups
                    .iter()
                    .map(|group| group.as_ref().clone())
                    .collect::<Vec<_>>(),
            )
        });
        scrape.set_target_groups(groups.collect::<Vec<_>>()).await;
        if found.changed().await.is_err() {
            return;
        }
    }
}

/// `--config.auto-reload`, or its name as a feature.
fn watch_files(flags: &Flags, reloader: &Arc<Reloader>, tasks: &mut Tasks) {
    if !flags.bool("config.auto-reload") && !flags.features.has("auto-reload-config") {
        return;
    }
    let every = Duration::from_millis(
        flags
            .duration_ms("config.auto-reload-interval")
            .unsigned_abs()
            .max(1000),
    );
    let reloader = Arc::clone(reloader);
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            reloader.reload_if_changed().await;
        }
    });
}

/// Reloads on SIGHUP until something ends the server.
async fn wait_for_end(reloader: &Reloader, quits: &mut watch::Receiver<bool>) -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
    let mut hangups = listen(SignalKind::hangup())?;
    let mut terminations = listen(SignalKind::terminate())?;
    let mut interrupts = listen(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = hangups.recv() => {
                // The outcome is in the log and the metrics.
                let _logged = reloader.reload().await;
            }
            _ = terminations.recv() => {
                warn!(signal = "terminated", "Received an OS signal, exiting gracefully...");
                return Ok(());
            }
            _ = interrupts.recv() => {
                warn!(signal = "interrupt", "Received an OS signal, exiting gracefully...");
                return Ok(());
            }
            _ = quits.wait_for(|quit| *quit) => {
                warn!("Received termination request via web service, exiting gracefully...");
                return Ok(());
            }
        }
    }
}
