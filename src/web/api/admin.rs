//! `/admin/tsdb/…`: deleting, cleaning up, copying. Only with `--web.enable-admin-api`.

use std::hash::BuildHasher;
use std::sync::Arc;

use promql::parser::parse_selector;

use super::answer::{ApiError, ErrorKind};
use super::json::{Json, rfc3339};
use super::params::{MAX_TIME_MS, MIN_TIME_MS, Params, quoted};
use crate::web::views::StorageView;

/// Runs what may take long beside the runtime.
async fn beside<T: Send + 'static>(
    storage: &Arc<dyn StorageView>,
    run: impl FnOnce(&dyn StorageView) -> Result<T, String> + Send + 'static,
) -> Result<T, ApiError> {
    let storage = Arc::clone(storage);
    tokio::task::spawn_blocking(move || run(&*storage))
        .await
        .unwrap_or_else(|_| Err("the operation was interrupted".to_owned()))
        .map_err(|text| ApiError::new(ErrorKind::Internal, text))
}

/// `/admin/tsdb/delete_series`
pub(super) async fn delete_series(storage: &Arc<dyn StorageView>, params: &Params) -> Result<(), ApiError> {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let from_ms = params.time_or("start", MIN_TIME_MS)?;
    let through_ms = params.time_or("end", MAX_TIME_MS)?;
    let sets = params
        .all("match[]")
        .map(|text| parse_selector(text).map_err(|e| ApiError::invalid_param("match[]", &e.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    beside(storage, move |storage| {
        sets.iter()
            .try_for_each(|matchers| storage.delete(from_ms, through_ms, matchers))
    })
    .await
}

/// `/admin/tsdb/clean_tombstones`
pub(super) async fn clean_tombstones(storage: &Arc<dyn StorageView>) -> Result<(), ApiError> {
    beside(storage, |storage| storage.clean_tombstones()).await
}

/// `/admin/tsdb/snapshot`
pub(super) async fn snapshot(
    storage: &Arc<dyn StorageView>,
    params: &Params,
    now_ms: i64,
) -> Result<String, ApiError> {
    let skip_head = match params.get("skip_head") {
        "" => false,
        // As Go's `strconv.ParseBool` reads it.
        "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
        "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
        other => {
            let text = format!(
                "unable to parse boolean: strconv.ParseBool: parsing {}: invalid syntax",
                quoted(other)
            );
            return Err(ApiError::invalid_param("skip_head", &text));
        }
    };
    let name = snapshot_name(now_ms);
    let named = name.clone();
    beside(storage, move |storage| {
        storage
            .snapshot(skip_head, &named)
            .map_err(|text| format!("create snapshot: {text}"))
    })
    .await?;
    let mut json = Json::new();
    json.object(|json| {
        json.text_member("name", &name);
    });
    Ok(json.finish())
}

/// The time to the second, and what makes it the only one: as Prometheus names snapshots.
fn snapshot_name(now_ms: i64) -> String {
    let second: String = rfc3339(Some(now_ms / 1000 * 1000))
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    let random = foldhash::quality::RandomState::default().hash_one(now_ms) >> 1;
    format!("{second}-{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_named_by_its_second() {
        let name = snapshot_name(1_700_000_000_123);
        assert!(name.starts_with("20231114T221320Z-"), "{name}");
        assert_eq!(name.len(), "20231114T221320Z-".len() + 16);
    }
}
