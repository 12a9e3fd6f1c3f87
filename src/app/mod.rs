//! Joining the components: building them in order, reloading, shutting down.
//!
//! ```text
//! flags → configuration (exit 2 if wrong) → components → web answers (not ready)
//!       → storage opens → configuration in effect → scraping, rules → ready
//!       → SIGHUP: reload · SIGTERM, SIGINT, /-/quit: stop in reverse
//! ```
//!
//! This is the only room that knows them all. Start with [`run`].

mod clock;
mod demo;
mod late_storage;
mod load;
pub mod logging;
mod reload;
mod reload_state;
mod sink;
mod storage;
mod urls;
mod views;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize};
use std::time::Duration;

use promql::engine::{Engine, EngineOptions};
use promql::parser::ParserOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};
use tsdb::db::DbOptions;
use tsdb::query::{Budget, Cancel, CancelReason};

use crate::cli::{CliExit, Flags};
use crate::config::OwnConfig;
use crate::discovery::{self, DiscoveryMetrics};
use crate::notifier::{self, NotifierManager};
use crate::queries::{Queries, QueriesOptions};
use crate::rules::{self, EngineEvaluate};
use crate::scrape::{Outside, ScrapeManager, SystemClock};
use crate::telemetry::{self, Registry};
use crate::web::views::Views;
use crate::web::{Web, WebOptions};

use load::{Loaded, Loader};
use reload::{Followers, Reloader};
use reload_state::ReloadState;
use storage::Storage;
use views::{Alertmanagers, Current, Orders, Status};

/// Runs the server until it is told to stop. `args` follow the program's name.
pub fn run(args: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let flags = match crate::cli::parse(args) {
        Ok(flags) => flags,
        Err(exit) => return leave(&exit),
    };
    match Plan::new(flags) {
        Ok(plan) => plan.run(),
        Err(exit) => leave(&exit),
    }
}

fn leave(exit: &CliExit) -> ExitCode {
    print!("{}", exit.stdout);
    eprint!("{}", exit.stderr);
    ExitCode::from(exit.code)
}

fn refuse(code: u8, text: impl std::fmt::Display) -> CliExit {
    CliExit {
        stderr: format!("{text}\n"),
        code,
        ..CliExit::default()
    }
}

/// What is to be run: flags as meant, the configuration read.
struct Plan {
    flags: Flags,
    loader: Loader,
    loaded: Loaded,
    external_url: url::Url,
    route_prefix: String,
    cors_origin: tsdb::model::Regex,
    data_dir: PathBuf,
    is_demo: bool,
    /// Bytes that all queries may hold, rules' too.
    budget: Budget,
    own: OwnConfig,
}

impl Plan {
    fn new(mut flags: Flags) -> Result<Self, CliExit> {
        start_log(&flags)?;
        let is_demo = flags.bool("demo");
        let mut file = PathBuf::from(flags.text("config.file"));
        let mut data_dir = PathBuf::from(flags.text("storage.tsdb.path"));
        if is_demo {
            let dir = demo::dir();
            file = demo::unpack(&dir).map_err(|e| refuse(1, format!("{}: {e}", dir.display())))?;
            if !flags.is_written("storage.tsdb.path") {
                data_dir = dir.join("data");
            }
        }
        let own = read_own_file(&flags)?;
        let listen = flags
            .texts("web.listen-address")
            .first()
            .map_or("", String::as_str)
            .to_owned();
        let external = flags.text("web.external-url").to_owned();
        let external_url = urls::external_url(&external, &listen).map_err(|e| {
            refuse(
                2,
                format!(
                    "parse external URL {}: {e}",
                    crate::config::quote::quoted(&external)
                ),
            )
        })?;
        let route_prefix = urls::route_prefix(flags.text("web.route-prefix"), &external_url);
        let origin = flags.text("web.cors.origin").to_owned();
        let cors_origin = tsdb::model::Regex::anchored(&origin).map_err(|e| {
            refuse(
                2,
                format!(
                    "could not compile CORS regex string {}: {e}",
                    crate::config::quote::quoted(&origin)
                ),
            )
        })?;
        let loader = Loader::new(&flags, file.clone(), parser_options(&flags));
        let loaded = loader.load().map_err(|text| {
            error!(file = %file.display(), err = %text, "Error loading config (--config.file={})", file.display());
            CliExit { code: 2, ..CliExit::default() }
        })?;
        let _shown = flags.put("web.route-prefix", &route_prefix);
        Ok(Self {
            flags,
            loader,
            loaded,
            external_url,
            route_prefix,
            cors_origin,
            data_dir,
            is_demo,
            budget: Budget::new("all queries'", bytes(own.query.bytes_max)),
            own,
        })
    }

    fn run(mut self) -> ExitCode {
        let options = self.db_options();
        self.show_retention(&options);
        let (runtime, web_runtime) = match (runtime("io"), runtime("web")) {
            (Ok(runtime), Ok(web_runtime)) => (runtime, web_runtime),
            (Err(error), _) | (_, Err(error)) => {
                error!(%error, "The runtime cannot be started");
                return ExitCode::FAILURE;
            }
        };
        let outcome = runtime.block_on(serve(self, options, web_runtime.handle().clone()));
        web_runtime.shutdown_timeout(Duration::from_secs(1));
        runtime.shutdown_timeout(Duration::from_secs(1));
        match outcome {
            Ok(()) => {
                info!("See you next time!");
                ExitCode::SUCCESS
            }
            Err(text) => {
                error!(err = %text, "Fatal error");
                ExitCode::FAILURE
            }
        }
    }

    fn db_options(&self) -> DbOptions {
        let flags = &self.flags;
        let retention = &self.loaded.config.storage.tsdb.retention;
        let min_block_ms = flags.duration_ms("storage.tsdb.min-block-duration");
        let max_block_ms = match flags.duration_ms("storage.tsdb.max-block-duration") {
            0 if retention.time_ms > 0 => (retention.time_ms / 10).min(BLOCK_MAX_MS),
            0 => BLOCK_MAX_MS,
            given => given,
        };
        let compression = match (
            flags.bool("storage.tsdb.wal-compression"),
            flags.text("storage.tsdb.wal-compression-type"),
        ) {
            (false, _) => tsdb::wal::Compression::None,
            (true, "zstd") => tsdb::wal::Compression::Zstd,
            (true, _) => tsdb::wal::Compression::Snappy,
        };
        let defaults = DbOptions::default();
        let bytes_or = |name: &str, default: u64| match flags.bytes(name) {
            0 => default,
            bytes => bytes.unsigned_abs(),
        };
        DbOptions {
            min_block_ms,
            max_block_ms: max_block_ms.max(min_block_ms),
            retention_ms: retention.time_ms,
            retention_bytes: retention.size_bytes,
            wal_compression: compression,
            wal_segment_bytes: bytes_or("storage.tsdb.wal-segment-size", defaults.wal_segment_bytes),
            chunk_segment_bytes: bytes_or(
                "storage.tsdb.max-block-chunk-segment-size",
                defaults.chunk_segment_bytes,
            ),
            no_lockfile: flags.bool("storage.tsdb.no-lockfile"),
            ..defaults
        }
    }

    /// What was derived is shown among the flags, as Prometheus does.
    fn show_retention(&mut self, options: &DbOptions) {
        let format = crate::config::duration::format_ms;
        for (name, value) in [
            ("storage.tsdb.retention.time", format(options.retention_ms)),
            ("storage.tsdb.max-block-duration", format(options.max_block_ms)),
        ] {
            let _shown = self.flags.put(name, &value);
        }
    }
}

/// A runtime of one thread: it waits for the network, the work is done elsewhere.
///
/// Scraping has one to itself and the web another, so that a large answer delays no scrape; a second thread
/// in either would only be woken to find that there is nothing to do.
fn runtime(name: &'static str) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
}

/// Threads that evaluate queries.
const QUERY_THREADS: usize = 2;

/// The longest block that merging makes, unless told otherwise: 31 days.
const BLOCK_MAX_MS: i64 = 31 * 24 * 3_600_000;

fn start_log(flags: &Flags) -> Result<(), CliExit> {
    let level = logging::parse_level(&flags.text("log.level").to_lowercase()).map_err(|e| refuse(2, e))?;
    let format = flags
        .text("log.format")
        .to_lowercase()
        .parse()
        .map_err(|e: String| refuse(2, e))?;
    logging::start(level, format).map_err(|e| refuse(1, e))?;
    for warning in &flags.warnings {
        warn!("{warning}");
    }
    Ok(())
}

/// `--deucalion.config.file`: settings that Prometheus does not have.
fn read_own_file(flags: &Flags) -> Result<OwnConfig, CliExit> {
    match flags.text("deucalion.config.file") {
        "" => Ok(OwnConfig::default()),
        file => OwnConfig::load(Path::new(file)).map_err(|error| refuse(2, error)),
    }
}

/// A limit, if there is one.
fn bytes(limit: Option<u64>) -> usize {
    limit
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(usize::MAX)
}

fn parser_options(flags: &Flags) -> ParserOptions {
    let features = &flags.features;
    ParserOptions {
        experimental_functions: features.has("promql-experimental-functions"),
        extended_range_selectors: features.has("promql-extended-range-selectors"),
        binop_fill: features.has("promql-binop-fill-modifiers"),
        ..ParserOptions::default()
    }
}

fn engine(plan: &Plan) -> Arc<Engine> {
    let flags = &plan.flags;
    Arc::new(Engine::new(EngineOptions {
        lookback_ms: flags.duration_ms("query.lookback-delta"),
        max_samples: usize::try_from(flags.int("query.max-samples")).unwrap_or(0),
        no_step_subquery_interval_ms: plan.loaded.config.global.evaluation_interval_ms,
        parser: parser_options(flags),
        delayed_name_removal: flags.features.has("promql-delayed-name-removal"),
        ..EngineOptions::default()
    }))
}

fn web_options(plan: &Plan) -> WebOptions {
    let flags = &plan.flags;
    let milliseconds = |name: &str| Duration::from_millis(flags.duration_ms(name).unsigned_abs());
    let web_file = flags.text("web.config.file");
    WebOptions {
        listen_addresses: flags.texts("web.listen-address").to_vec(),
        web_config_file: (!web_file.is_empty()).then(|| PathBuf::from(web_file)),
        read_timeout: milliseconds("web.read-timeout"),
        max_connections: usize::try_from(flags.int("web.max-connections")).unwrap_or(1),
        route_prefix: plan.route_prefix.clone(),
        enable_lifecycle: flags.bool("web.enable-lifecycle"),
        cors_origin: plan.cors_origin.clone(),
    }
}

fn rule_options(
    plan: &Plan,
    engine: &Arc<Engine>,
    storage: &Storage,
    notifier: &NotifierManager,
    registry: &Registry,
    cancel: &Cancel,
) -> rules::Options {
    let flags = &plan.flags;
    let evaluate = EngineEvaluate::new(
        Arc::clone(engine),
        Arc::new(storage.late.clone()),
        plan.budget
            .child("rule's", bytes(plan.own.query.bytes_max_per_query)),
        cancel.clone(),
    );
    let concurrent = flags.features.has("concurrent-rule-eval");
    let limit = usize::try_from(flags.int("rules.max-concurrent-evals")).unwrap_or(0);
    rules::Options {
        evaluate: Arc::new(evaluate),
        appendable: Arc::new(storage.late.clone()),
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

/// Tasks that run until the server stops.
#[derive(Default)]
struct Tasks(tokio::task::JoinSet<()>);

impl Tasks {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }
}

/// The life of the server.
async fn serve(plan: Plan, db_options: DbOptions, web_runtime: tokio::runtime::Handle) -> Result<(), String> {
    let registry = Registry::new();
    telemetry::process::register(&registry);
    let min_block_ms = db_options.min_block_ms;
    let storage = Arc::new(Storage::new(db_options, &registry));
    let engine = engine(&plan);
    let queries = queries(&plan, &engine, &storage, &registry)?;
    let notifier = NotifierManager::new(notifier_options(&plan.flags), &registry);
    let cancel_rules = Cancel::new();
    let rules = Arc::new(rules::Manager::new(rule_options(
        &plan,
        &engine,
        &storage,
        &notifier,
        &registry,
        &cancel_rules,
    )));
    let scrape = ScrapeManager::new(Arc::new(storage.late.clone()), &registry, Arc::new(SystemClock))
        .map_err(|error| error.to_string())?;
    scrape.set_outside(outside(&plan));
    let scrape = Arc::new(scrape);
    let discovery_metrics = DiscoveryMetrics::new(&registry);
    let (scrape_discovery, found_targets) =
        discovery::Manager::start(discovery_options("scrape", &plan.flags), &discovery_metrics);
    let (notify_discovery, found_alertmanagers) =
        discovery::Manager::start(discovery_options("notify", &plan.flags), &discovery_metrics);

    let (current, reload_state) = (Current::default(), Arc::new(ReloadState::new(&registry)));
    let followers = Followers {
        engine,
        queries: Arc::clone(&queries),
        notifier: notifier.clone(),
        rules: Arc::clone(&rules),
        scrape: Arc::clone(&scrape),
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
    };
    let (options, web_queries, web_registry) = (web_options(&plan), Arc::clone(&queries), registry.clone());
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
    tasks.0.shutdown().await;
    let followers = reloader.followers();
    followers.scrape.stop().await;
    followers.rules.stop().await;
    followers.notifier.shutdown().await;
    stop_web.send_replace(true);
    if web.await.is_err() {
        error!("The web server ended in a panic");
    }
    let closing = Arc::clone(&storage);
    if tokio::task::spawn_blocking(move || closing.close())
        .await
        .is_err()
    {
        error!("Closing the database ended in a panic");
    }
    began
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
        budget: plan.budget.clone(),
        budget_bytes_per_query: bytes(plan.own.query.bytes_max_per_query),
    };
    let queries = Queries::new(
        Arc::clone(engine),
        Arc::new(storage.late.clone()),
        options,
        registry,
    );
    queries.map(Arc::new).map_err(|error| error.to_string())
}

fn notifier_options(flags: &Flags) -> notifier::Options {
    let size = |name: &str| usize::try_from(flags.int(name)).unwrap_or(0);
    notifier::Options {
        queue_capacity: size("alertmanager.notification-queue-capacity"),
        batch_size: size("alertmanager.notification-batch-size"),
        drain_on_shutdown: flags.bool("alertmanager.drain-notification-queue-on-shutdown"),
    }
}

fn discovery_options(name: &'static str, flags: &Flags) -> discovery::Options {
    let mut options = discovery::Options::new(name);
    options.hold_back_max = Duration::from_millis(
        flags
            .duration_ms("scrape.discovery-reload-interval")
            .unsigned_abs(),
    );
    options
}

fn outside(plan: &Plan) -> Outside {
    let url = &plan.external_url;
    let host = url.host_str().unwrap_or("").to_owned();
    Outside {
        listen_address: plan
            .flags
            .texts("web.listen-address")
            .first()
            .cloned()
            .unwrap_or_default(),
        scheme: url.scheme().to_owned(),
        host: url
            .port()
            .map_or_else(|| host.clone(), |port| format!("{host}:{port}")),
    }
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
    let opened = tokio::task::spawn_blocking(move || opening.open(&dir, every).map(|_| ())).await;
    opened
        .unwrap_or_else(|_| Err("opening ended in a panic".to_owned()))
        .map_err(|e| format!("opening storage failed: {e}"))?;
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
