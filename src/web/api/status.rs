//! `/status/…`: configuration, flags, build, runtime, storage.

use super::answer::ApiError;
use super::json::{Json, rfc3339};
use super::params::Params;
use crate::build;
use crate::web::views::{NamedCount, StatusView};

/// `/api/v1/status/config`
pub(super) fn config(view: &dyn StatusView) -> String {
    let mut json = Json::new();
    json.object(|json| {
        json.text_member("yaml", &view.config_yaml());
    });
    json.finish()
}

/// `/api/v1/status/flags`
pub(super) fn flags(view: &dyn StatusView) -> String {
    let mut json = Json::new();
    json.object(|json| {
        for (name, value) in view.flags() {
            json.text_member(&name, &value);
        }
    });
    json.finish()
}

/// `/api/v1/status/buildinfo` and `/version`
pub(crate) fn build_info() -> String {
    let mut json = Json::new();
    json.object(|json| {
        json.text_member("version", build::PROMETHEUS_VERSION);
        json.text_member("revision", build::REVISION);
        json.text_member("branch", "HEAD");
        json.text_member("buildUser", "deucalion");
        json.text_member("buildDate", "");
        json.text_member("goVersion", "");
    });
    json.finish()
}

/// `/api/v1/status/runtimeinfo`
pub(super) fn runtime_info(view: &dyn StatusView, now_ms: i64) -> String {
    let runtime = view.runtime();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // A Go time without a fraction of a second, as Prometheus keeps this one.
    let last_config_time = rfc3339(Some(runtime.last_config_time_ms / 1000 * 1000));
    let mut json = Json::new();
    json.object(|json| {
        json.key("startTime").time(Some(runtime.start_time_ms));
        json.text_member("CWD", &runtime.working_directory);
        json.text_member("hostname", &hostname);
        json.key("serverTime").time(Some(now_ms));
        json.key("reloadConfigSuccess")
            .raw(if runtime.reload_config_success {
                "true"
            } else {
                "false"
            });
        json.text_member("lastConfigTime", &last_config_time);
        json.key("corruptionCount").integer(runtime.corruption_count);
        // Members about Go's runtime stay, so that readers find them; there is no such runtime here.
        json.key("goroutineCount").integer(threads as i64);
        json.key("GOMAXPROCS").integer(threads as i64);
        json.key("GOMEMLIMIT").integer(i64::MAX);
        json.text_member("GOGC", "");
        json.text_member("GODEBUG", "");
        json.text_member("storageRetention", &runtime.storage_retention);
    });
    json.finish()
}

/// The most entries a list of `/api/v1/status/tsdb` may be asked for.
const TSDB_LIMIT_MAX: i64 = 10_000;
/// How many it has when the request does not say.
const TSDB_LIMIT: usize = 10;

/// `/api/v1/status/tsdb`
pub(super) fn tsdb(view: &dyn StatusView, params: &Params) -> Result<String, ApiError> {
    let limit = match params.get("limit") {
        "" => TSDB_LIMIT,
        text => match text.parse::<i64>() {
            Ok(limit) if limit > TSDB_LIMIT_MAX => {
                return Err(ApiError::bad_data(format!(
                    "limit must not exceed {TSDB_LIMIT_MAX}"
                )));
            }
            Ok(limit) if limit >= 1 => limit as usize,
            _ => return Err(ApiError::bad_data("limit must be a positive number")),
        },
    };
    let status = view.tsdb(limit);
    let mut json = Json::new();
    json.object(|json| {
        json.key("headStats").object(|json| {
            json.key("numSeries").integer(status.series);
            json.key("numLabelPairs").integer(status.label_pairs);
            json.key("chunkCount").integer(status.chunks);
            json.key("minTime").integer(status.min_time_ms);
            json.key("maxTime").integer(status.max_time_ms);
        });
        json.key("seriesCountByMetricName")
            .list(&status.series_by_metric, push_count);
        json.key("labelValueCountByLabelName")
            .list(&status.values_by_label, push_count);
        json.key("memoryInBytesByLabelName")
            .list(&status.bytes_by_label, push_count);
        json.key("seriesCountByLabelValuePair")
            .list(&status.series_by_pair, push_count);
    });
    Ok(json.finish())
}

fn push_count(json: &mut Json, count: &NamedCount) {
    json.object(|json| {
        json.text_member("name", &count.name);
        json.key("value").integer(count.value);
    });
}

/// `/api/v1/status/tsdb/blocks`
pub(super) fn tsdb_blocks(view: &dyn StatusView) -> String {
    let mut json = Json::new();
    json.object(|json| {
        json.key("blocks").list(view.blocks(), |json, block| {
            json.raw(&block);
        });
    });
    json.finish()
}

/// `/api/v1/status/walreplay`
pub(super) fn wal_replay(view: &dyn StatusView) -> String {
    let replay = view.wal_replay();
    let mut json = Json::new();
    json.object(|json| {
        json.key("min").integer(replay.min);
        json.key("max").integer(replay.max);
        json.key("current").integer(replay.current);
    });
    json.finish()
}
