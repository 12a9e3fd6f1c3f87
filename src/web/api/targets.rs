//! `/targets`, `/scrape_pools`, `/targets/metadata`, `/metadata`: what is scraped and what it says of itself.

use std::collections::BTreeMap;

use promql::parser::parse_selector;
use tsdb::model::{Matcher, Metadata};

use super::answer::ApiError;
use super::json::Json;
use super::params::Params;
use crate::config::duration;
use crate::web::views::{ActiveTarget, DroppedTarget, TargetsView};

/// `/api/v1/scrape_pools`
pub(super) fn scrape_pools(view: &dyn TargetsView) -> String {
    let mut json = Json::new();
    json.object(|json| {
        json.key("scrapePools").list(view.pools(), |json, pool| {
            json.text(&pool);
        });
    });
    json.finish()
}

/// `/api/v1/targets`
pub(super) fn targets(view: &dyn TargetsView, params: &Params) -> String {
    let pool = params.get_url("scrapePool");
    let state = params.get_url("state").to_lowercase();
    let shows = |wanted: &str| state.is_empty() || state == "any" || state == wanted;
    let in_pool = |name: &str| pool.is_empty() || name == pool;

    let mut json = Json::new();
    json.object(|json| {
        let active = if shows("active") {
            view.active()
        } else {
            Vec::new()
        };
        let active = active.iter().filter(|target| in_pool(&target.scrape_pool));
        json.key("activeTargets").list(active, push_active);
        let dropped = if shows("dropped") {
            view.dropped()
        } else {
            Vec::new()
        };
        let dropped = dropped.iter().filter(|target| in_pool(&target.scrape_pool));
        json.key("droppedTargets").list(dropped, push_dropped);
        json.key("droppedTargetCounts");
        if shows("dropped") {
            let counts: BTreeMap<String, usize> = view.dropped_counts().into_iter().collect();
            json.object(|json| {
                for (pool, count) in counts {
                    json.key(&pool).integer(count as i64);
                }
            });
        } else {
            json.raw("null");
        }
    });
    json.finish()
}

fn push_active(json: &mut Json, target: &ActiveTarget) {
    json.object(|json| {
        json.key("discoveredLabels").labels(&target.discovered_labels);
        json.key("labels").labels(&target.labels);
        json.text_member("scrapePool", &target.scrape_pool);
        json.text_member("scrapeUrl", &target.scrape_url);
        json.text_member("globalUrl", &target.global_url);
        json.text_member("lastError", &target.last_error);
        json.key("lastScrape").time(target.last_scrape_ms);
        json.key("lastScrapeDuration")
            .float(target.last_scrape_duration_s);
        json.text_member("health", target.health.as_str());
        json.text_member("scrapeInterval", &duration::format_ms(target.scrape_interval_ms));
        json.text_member("scrapeTimeout", &duration::format_ms(target.scrape_timeout_ms));
    });
}

fn push_dropped(json: &mut Json, target: &DroppedTarget) {
    json.object(|json| {
        json.key("discoveredLabels").labels(&target.discovered_labels);
        json.text_member("scrapePool", &target.scrape_pool);
    });
}

/// A count that may be left out; negative ones mean no limit.
fn count(params: &Params, name: &str) -> Result<Option<usize>, ApiError> {
    match params.get(name) {
        "" => Ok(None),
        text => match text.parse::<i64>() {
            Ok(count) => Ok(usize::try_from(count).ok()),
            Err(_) => Err(ApiError::bad_data(format!("{name} must be a number"))),
        },
    }
}

/// `/api/v1/targets/metadata`
pub(super) fn target_metadata(view: &dyn TargetsView, params: &Params) -> Result<String, ApiError> {
    let limit = count(params, "limit")?.unwrap_or(usize::MAX);
    let selector = params.get("match_target");
    let matchers: Vec<Matcher> = if selector.is_empty() {
        Vec::new()
    } else {
        parse_selector(selector).map_err(|e| ApiError::invalid_param("match_target", &e.to_string()))?
    };
    let metric = params.get("metric");
    let all = view.metadata();
    let wanted = all.iter().filter(|(target, name, _)| {
        (metric.is_empty() || name == metric)
            && matchers
                .iter()
                .all(|m| m.matches(target.get(m.name()).unwrap_or("")))
    });
    let mut json = Json::new();
    json.list(wanted.take(limit), |json, (target, name, about)| {
        json.object(|json| {
            json.key("target").labels(target);
            if metric.is_empty() {
                json.text_member("metric", name);
            }
            json.text_member("type", about.kind.as_str());
            json.text_member("help", &about.help);
            json.text_member("unit", &about.unit);
        });
    });
    Ok(json.finish())
}

/// `/api/v1/metadata`
pub(super) fn metadata(view: &dyn TargetsView, params: &Params) -> Result<String, ApiError> {
    let limit = count(params, "limit")?.unwrap_or(usize::MAX);
    let per_metric = count(params, "limit_per_metric")?
        .filter(|&n| n > 0)
        .unwrap_or(usize::MAX);
    let metric = params.get("metric");
    let mut found: BTreeMap<String, Vec<Metadata>> = BTreeMap::new();
    for (_, name, about) in view.metadata() {
        if !metric.is_empty() && name != metric {
            continue;
        }
        let all = found.entry(name).or_default();
        if all.len() < per_metric && !all.contains(&about) {
            all.push(about);
        }
    }
    let mut json = Json::new();
    json.object(|json| {
        for (name, all) in found.iter().take(limit) {
            json.key(name).list(all, |json, about| {
                json.object(|json| {
                    json.text_member("type", about.kind.as_str());
                    json.text_member("unit", &about.unit);
                    json.text_member("help", &about.help);
                });
            });
        }
    });
    Ok(json.finish())
}
