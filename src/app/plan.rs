//! What is to be run: the command line as meant, the configuration read, and what each component is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use promql::engine::{Engine, EngineOptions};
use promql::parser::ParserOptions;
use tracing::{error, warn};
use tsdb::db::{DbOptions, RoomOptions};

use super::load::{Loaded, Loader};
use super::{demo, logging, memory, urls};
use crate::cli::{CliExit, Flags};
use crate::config::OwnConfig;
use crate::config::own_file::OwnStorage;
use crate::discovery;
use crate::notifier;
use crate::queries::Shares;
use crate::remote;
use crate::scrape::Outside;
use crate::web::WebOptions;

fn refuse(code: u8, text: impl std::fmt::Display) -> CliExit {
    CliExit {
        stderr: format!("{text}\n"),
        code,
        ..CliExit::default()
    }
}

/// What is to be run: flags as meant, the configuration read.
pub(super) struct Plan {
    pub(super) flags: Flags,
    pub(super) loader: Loader,
    pub(super) loaded: Loaded,
    pub(super) external_url: url::Url,
    pub(super) route_prefix: String,
    pub(super) cors_origin: tsdb::model::Regex,
    pub(super) data_dir: PathBuf,
    pub(super) is_demo: bool,
    pub(super) own: OwnConfig,
}

impl Plan {
    pub(super) fn new(mut flags: Flags) -> Result<Self, CliExit> {
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
        let own = read_own_file(&mut flags)?;
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
            own,
        })
    }

    /// What queries may hold, rules' too.
    pub(super) fn shares(&self) -> Shares {
        let limit = |name: &str| {
            usize::try_from(self.flags.bytes(name))
                .ok()
                .filter(|&bytes| bytes > 0)
        };
        let per_query = limit("query.max-bytes").unwrap_or(usize::MAX);
        match limit("query.max-total-bytes") {
            Some(total) => Shares::new(per_query, total, "--query.max-total-bytes"),
            None => Shares::new(
                per_query,
                memory::limit_bytes().map_or(usize::MAX, |bytes| bytes / 4 * 3),
                "three quarters of this machine's memory (--query.max-total-bytes is not set)",
            ),
        }
    }

    pub(super) fn db_options(&self) -> DbOptions {
        let flags = &self.flags;
        let config = &self.loaded.config.storage.tsdb.retention;
        let retention = super::storage::retention(&self.data_dir, config);
        let min_block_ms = flags.duration_ms("storage.tsdb.min-block-duration");
        let max_block_ms = match flags.duration_ms("storage.tsdb.max-block-duration") {
            0 if retention.age_ms > 0 => (retention.age_ms / 10).min(BLOCK_MAX_MS),
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
            retention_ms: retention.age_ms,
            retention_bytes: retention.bytes,
            wal_compression: compression,
            wal_segment_bytes: bytes_or("storage.tsdb.wal-segment-size", defaults.wal_segment_bytes),
            chunk_segment_bytes: bytes_or(
                "storage.tsdb.max-block-chunk-segment-size",
                defaults.chunk_segment_bytes,
            ),
            no_lockfile: flags.bool("storage.tsdb.no-lockfile"),
            room: room_options(&self.own.storage, &self.data_dir),
            checkpoint_samples_max: flags.int("deucalion.head-checkpoint-samples").unsigned_abs(),
            open_threads: std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().min(OPEN_THREADS_MAX)),
            series_max: u64::try_from(flags.int("storage.tsdb.max-series")).unwrap_or(0),
            long_chunks: self.own.storage.long_chunks,
            retention_is_bound: self.own.storage.retention_size_is_bound,
            tiers: self.own.storage.retention.clone(),
            out_of_order_window_ms: self.loaded.config.storage.tsdb.out_of_order_time_window_ms,
            exemplars_max: super::storage::exemplars_max(
                self.flags.features.has("exemplar-storage"),
                &self.loaded.config.storage,
            ),
            ..defaults
        }
    }

    /// What was derived is shown among the flags, as Prometheus does.
    pub(super) fn show_retention(&mut self, options: &DbOptions) {
        let format = crate::config::duration::format_ms;
        for (name, value) in [
            ("storage.tsdb.retention.time", format(options.retention_ms)),
            ("storage.tsdb.max-block-duration", format(options.max_block_ms)),
        ] {
            let _shown = self.flags.put(name, &value);
        }
    }
}

/// Of a disk of 6.4 GB and more these bytes are kept in reserve, and as many are left free by samples: some minutes'
/// worth of a log, or a two-hour block of a hundred thousand series. Of a smaller one it is a hundredth.
const ROOM_BYTES: u64 = 64 << 20;

/// How much of the disk is left alone. Series stop twice as early as samples.
fn room_options(own: &OwnStorage, dir: &Path) -> RoomOptions {
    let part = ROOM_BYTES.min(super::storage::share_bytes(dir, 1.0));
    RoomOptions {
        reserve_bytes: own.reserve_bytes.unwrap_or(part),
        series_free_bytes_min: own.series_free_bytes_min.unwrap_or(2 * part),
        samples_free_bytes_min: own.samples_free_bytes_min.unwrap_or(part),
    }
}

/// Storage is opened on so many threads at most: it has four parts, and something to read them.
const OPEN_THREADS_MAX: usize = 5;

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

/// `--deucalion.config.file`: settings that Prometheus does not have. They count as if their flags had been
/// written; what both say must be the same.
fn read_own_file(flags: &mut Flags) -> Result<OwnConfig, CliExit> {
    let file = flags.text("deucalion.config.file").to_owned();
    if file.is_empty() {
        return Ok(OwnConfig::default());
    }
    let own = OwnConfig::load(Path::new(&file)).map_err(|error| refuse(2, error))?;
    for (key, flag, text) in own.flags() {
        let written = flags.is_written(flag).then(|| flags.shown(flag));
        flags
            .put(flag, &text)
            .map_err(|error| refuse(2, format!("{file}: {key}: {error}")))?;
        if let Some(written) = written
            && written != flags.shown(flag)
        {
            let text = format!("{file}: {key} is {text}, but --{flag} is {written}: leave one of them out");
            return Err(refuse(2, text));
        }
    }
    Ok(own)
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

pub(super) fn engine(plan: &Plan) -> Arc<Engine> {
    let flags = &plan.flags;
    Arc::new(Engine::new(EngineOptions {
        lookback_ms: flags.duration_ms("query.lookback-delta"),
        max_samples: usize::try_from(flags.int("query.max-samples")).unwrap_or(0),
        no_step_subquery_interval_ms: plan.loaded.config.global.evaluation_interval_ms,
        parser: parser_options(flags),
        delayed_name_removal: flags.features.has("promql-delayed-name-removal"),
        per_step_stats: flags.features.has("promql-per-step-stats"),
        ..EngineOptions::default()
    }))
}

pub(super) fn web_options(plan: &Plan) -> WebOptions {
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
        enable_admin_api: flags.bool("web.enable-admin-api"),
        cors_origin: plan.cors_origin.clone(),
    }
}

pub(super) fn notifier_options(flags: &Flags) -> notifier::Options {
    let size = |name: &str| usize::try_from(flags.int(name)).unwrap_or(0);
    notifier::Options {
        queue_capacity: size("alertmanager.notification-queue-capacity"),
        batch_size: size("alertmanager.notification-batch-size"),
        drain_on_shutdown: flags.bool("alertmanager.drain-notification-queue-on-shutdown"),
    }
}

pub(super) fn remote_options(
    flags: &Flags,
    runtime: tokio::runtime::Handle,
    metadata: Arc<dyn remote::write::MetadataSource>,
) -> remote::write::Options {
    let deadline_ms = flags.duration_ms("storage.remote.flush-deadline");
    remote::write::Options {
        flush_deadline: Duration::from_millis(deadline_ms.unsigned_abs()),
        runtime,
        metadata,
    }
}

pub(super) fn discovery_options(name: &'static str, flags: &Flags) -> discovery::Options {
    let mut options = discovery::Options::new(name);
    options.hold_back_max = Duration::from_millis(
        flags
            .duration_ms("scrape.discovery-reload-interval")
            .unsigned_abs(),
    );
    options
}

pub(super) fn outside(plan: &Plan) -> Outside {
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
