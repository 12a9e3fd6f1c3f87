//! `/rules`, `/alerts`, `/alertmanagers`: what is evaluated, what holds, who is told.

use std::collections::BTreeSet;

use promql::format;
use promql::parser::parse_selector;
use sha2::{Digest, Sha256};
use tsdb::model::Matcher;

use super::answer::ApiError;
use super::json::Json;
use super::params::{Params, quoted};
use crate::web::views::{AlertView, AlertmanagersView, RuleGroupView, RuleView, RulesView};

/// What of the rules is asked for.
struct Filter {
    groups: BTreeSet<String>,
    files: BTreeSet<String>,
    names: BTreeSet<String>,
    matchers: Vec<Vec<Matcher>>,
    alerting: bool,
    recording: bool,
    with_alerts: bool,
    page: Option<Page>,
}

/// A page of groups: at most so many, from the one that the token names.
struct Page {
    limit: usize,
    token: String,
}

impl Filter {
    fn parse(params: &Params) -> Result<Self, ApiError> {
        let set = |name: &str| params.all(name).map(str::to_owned).collect();
        let kind = params.get_url("type").to_lowercase();
        let matchers = matcher_sets(params)?;
        if !["", "alert", "record"].contains(&kind.as_str()) {
            return Err(ApiError::invalid_param(
                "type",
                &format!("not supported value {}", quoted(&kind)),
            ));
        }
        Ok(Self {
            groups: set("rule_group[]"),
            files: set("file[]"),
            names: set("rule_name[]"),
            matchers,
            alerting: kind != "record",
            recording: kind != "alert",
            with_alerts: !exclude_alerts(params)?,
            page: Page::parse(params)?,
        })
    }

    fn takes_group(&self, group: &RuleGroupView) -> bool {
        (self.groups.is_empty() || self.groups.contains(&group.name))
            && (self.files.is_empty() || self.files.contains(&group.file))
    }

    fn takes_rule(&self, rule: &RuleView) -> bool {
        let of_kind = if rule.alerting.is_some() {
            self.alerting
        } else {
            self.recording
        };
        let named = self.names.is_empty() || self.names.contains(&rule.name);
        let matches = |set: &Vec<Matcher>| {
            set.iter()
                .all(|m| m.matches(rule.labels.get(m.name()).unwrap_or("")))
        };
        of_kind && named && (self.matchers.is_empty() || self.matchers.iter().any(matches))
    }
}

fn exclude_alerts(params: &Params) -> Result<bool, ApiError> {
    match params.get_url("exclude_alerts").to_lowercase().as_str() {
        "" | "0" | "f" | "false" => Ok(false),
        "1" | "t" | "true" => Ok(true),
        other => {
            let reason = format!(
                "error converting exclude_alerts: strconv.ParseBool: parsing {}: invalid syntax",
                quoted(other)
            );
            Err(ApiError::invalid_param("exclude_alerts", &reason))
        }
    }
}

impl Page {
    fn parse(params: &Params) -> Result<Option<Self>, ApiError> {
        let (limit, token) = (params.get_url("group_limit"), params.get_url("group_next_token"));
        if limit.is_empty() {
            if token.is_empty() {
                return Ok(None);
            }
            let reason = "group_limit needs to be present in order to paginate over the groups";
            return Err(ApiError::invalid_param("group_next_token", reason));
        }
        let count: i32 = limit.parse().map_err(|_| {
            let reason = format!(
                "group_limit needs to be a valid number: strconv.ParseInt: parsing {}: invalid syntax",
                quoted(limit)
            );
            ApiError::invalid_param("group_limit", &reason)
        })?;
        match usize::try_from(count) {
            Ok(limit) if limit > 0 => Ok(Some(Self {
                limit,
                token: token.to_owned(),
            })),
            _ => Err(ApiError::invalid_param(
                "group_limit",
                "group_limit needs to be greater than 0",
            )),
        }
    }
}

/// All `match[]` selectors; each must hold something back.
pub(super) fn matcher_sets(params: &Params) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let mut sets = Vec::new();
    for text in params.all("match[]") {
        sets.push(parse_selector(text).map_err(|e| ApiError::bad_data(e.to_string()))?);
    }
    if sets
        .iter()
        .any(|set: &Vec<Matcher>| set.iter().all(Matcher::matches_empty))
    {
        return Err(ApiError::bad_data(
            "match[] must contain at least one non-empty matcher",
        ));
    }
    Ok(sets)
}

/// The token of the page that begins with this group.
fn page_token(group: &RuleGroupView) -> String {
    let hash = Sha256::digest(format!("{};{}", group.file, group.name));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `/api/v1/rules`
pub(super) fn rules(view: &dyn RulesView, params: &Params) -> Result<String, ApiError> {
    let filter = Filter::parse(params)?;
    let groups = view.groups();
    let token = filter.page.as_ref().map_or("", |page| &page.token);
    let mut candidates = groups.as_slice();
    if !token.is_empty() {
        let first = groups
            .iter()
            .position(|group| page_token(group) == token)
            .ok_or_else(|| {
                let reason = format!("invalid group_next_token '{token}'. were rule groups changed?");
                ApiError::invalid_param("group_next_token", &reason)
            })?;
        candidates = &groups[first..];
    }
    let filled = candidates
        .iter()
        .filter(|group| filter.takes_group(group))
        .filter_map(|group| {
            let rules: Vec<&RuleView> = group
                .rules
                .iter()
                .filter(|rule| filter.takes_rule(rule))
                .collect();
            (!rules.is_empty()).then_some((group, rules))
        });
    let limit = filter.page.as_ref().map_or(usize::MAX, |page| page.limit);
    let mut page: Vec<_> = filled.take(limit.saturating_add(1)).collect();
    let next = if page.len() > limit {
        page.pop().map(|(group, _)| page_token(group))
    } else {
        None
    };

    let mut json = Json::new();
    json.object(|json| {
        json.key("groups").list(page, |json, (group, rules)| {
            push_group(json, group, &rules, filter.with_alerts)
        });
        if let Some(token) = next {
            json.text_member("groupNextToken", &token);
        }
    });
    Ok(json.finish())
}

fn push_group(json: &mut Json, group: &RuleGroupView, rules: &[&RuleView], with_alerts: bool) {
    json.object(|json| {
        json.text_member("name", &group.name);
        json.text_member("file", &group.file);
        json.key("rules")
            .list(rules, |json, rule| push_rule(json, rule, with_alerts));
        json.key("interval").float(group.interval_s);
        json.key("limit").integer(group.limit);
        json.key("evaluationTime").float(group.evaluation_time_s);
        json.key("lastEvaluation").time(group.last_evaluation_ms);
    });
}

fn push_rule(json: &mut Json, rule: &RuleView, with_alerts: bool) {
    json.object(|json| {
        if let Some(alerting) = &rule.alerting {
            json.text_member("state", alerting.state.as_str());
        }
        json.text_member("name", &rule.name);
        json.text_member("query", &rule.query);
        if let Some(alerting) = &rule.alerting {
            json.key("duration").float(alerting.hold_duration_s);
            json.key("keepFiringFor").float(alerting.keep_firing_for_s);
        }
        if rule.alerting.is_some() || !rule.labels.is_empty() {
            json.key("labels").labels(&rule.labels);
        }
        if let Some(alerting) = &rule.alerting {
            json.key("annotations").labels(&alerting.annotations);
            json.key("alerts");
            if with_alerts {
                json.list(&alerting.alerts, push_alert);
            } else {
                json.raw("null");
            }
        }
        json.text_member("health", rule.health);
        if !rule.last_error.is_empty() {
            json.text_member("lastError", &rule.last_error);
        }
        json.key("evaluationTime").float(rule.evaluation_time_s);
        json.key("lastEvaluation").time(rule.last_evaluation_ms);
        json.text_member(
            "type",
            if rule.alerting.is_some() {
                "alerting"
            } else {
                "recording"
            },
        );
    });
}

fn push_alert(json: &mut Json, alert: &AlertView) {
    json.object(|json| {
        json.key("labels").labels(&alert.labels);
        json.key("annotations").labels(&alert.annotations);
        json.text_member("state", alert.state.as_str());
        json.key("activeAt").time(Some(alert.active_at_ms));
        if alert.keep_firing_since_ms.is_some() {
            json.key("keepFiringSince").time(alert.keep_firing_since_ms);
        }
        json.text_member("value", &format::exponent(alert.value));
    });
}

/// `/api/v1/alerts`
pub(super) fn alerts(view: &dyn RulesView) -> String {
    let groups = view.groups();
    let alerts = groups
        .iter()
        .flat_map(|g| &g.rules)
        .filter_map(|r| r.alerting.as_ref())
        .flat_map(|a| &a.alerts);
    let mut json = Json::new();
    json.object(|json| {
        json.key("alerts").list(alerts, push_alert);
    });
    json.finish()
}

/// `/api/v1/alertmanagers`
pub(super) fn alertmanagers(view: &dyn AlertmanagersView) -> String {
    let mut json = Json::new();
    let push = |json: &mut Json, url: String| {
        json.object(|json| {
            json.text_member("url", &url);
        });
    };
    json.object(|json| {
        json.key("activeAlertmanagers").list(view.active(), push);
        json.key("droppedAlertmanagers").list(view.dropped(), push);
    });
    json.finish()
}
