//! `/series`, `/labels`, `/label/<name>/values`: which series there are.

use std::collections::BTreeSet;

use tsdb::model::{Labels, Matcher};
use tsdb::query::{Budget, Cancel, QueryError, Queryable, Selection};

use super::answer::{ApiError, Notes, TRUNCATED};
use super::json::Json;
use super::params::{MAX_TIME_MS, MIN_TIME_MS, Params, quoted};
use super::rules::matcher_sets;
use crate::queries::Queries;

/// What of the series is asked for.
struct Request {
    limit: usize,
    from_ms: i64,
    through_ms: i64,
    matchers: Vec<Vec<Matcher>>,
}

impl Request {
    fn parse(params: &Params) -> Result<Self, ApiError> {
        Ok(Self {
            limit: params.limit()?,
            from_ms: params.time_or("start", MIN_TIME_MS)?,
            through_ms: params.time_or("end", MAX_TIME_MS)?,
            matchers: matcher_sets(params)?,
        })
    }
}

/// Cuts to the limit, with a note.
fn truncate<T>(all: &mut Vec<T>, limit: usize) -> Notes {
    let mut notes = Notes::default();
    if limit > 0 && all.len() > limit {
        all.truncate(limit);
        notes.warnings.push(TRUNCATED.to_owned());
    }
    notes
}

fn texts(all: &[String]) -> String {
    let mut json = Json::new();
    json.list(all, |json, text| {
        json.text(text);
    });
    json.finish()
}

/// `/api/v1/labels`
pub(super) async fn names(queries: &Queries, params: &Params) -> Result<(String, Notes), ApiError> {
    let Request {
        limit,
        from_ms,
        through_ms,
        matchers,
    } = Request::parse(params)?;
    let work = move |source: &dyn Queryable, _: &Budget, cancel: &Cancel| {
        source.label_names(from_ms, through_ms, &matchers, cancel)
    };
    let mut names = queries
        .blocking(work)
        .await
        .map_err(|e| super::query::api_error(&e))?;
    let notes = truncate(&mut names, limit);
    Ok((texts(&names), notes))
}

/// `/api/v1/label/<name>/values`
pub(super) async fn values(
    queries: &Queries,
    name: &str,
    params: &Params,
) -> Result<(String, Notes), ApiError> {
    let name = if name.starts_with("U__") {
        unescape(name)
    } else {
        name.to_owned()
    };
    if name.is_empty() {
        return Err(ApiError::bad_data(format!(
            "invalid label name: {}",
            quoted(&name)
        )));
    }
    let Request {
        limit,
        from_ms,
        through_ms,
        matchers,
    } = Request::parse(params)?;
    let work = move |source: &dyn Queryable, _: &Budget, cancel: &Cancel| {
        source.label_values(&name, from_ms, through_ms, &matchers, cancel)
    };
    let mut values = queries
        .blocking(work)
        .await
        .map_err(|e| super::query::api_error(&e))?;
    let notes = truncate(&mut values, limit);
    Ok((texts(&values), notes))
}

/// `/api/v1/series`
pub(super) async fn series(queries: &Queries, params: &Params) -> Result<(String, Notes), ApiError> {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let limit = params.limit()?;
    let (from_ms, through_ms) = (
        params.time_or("start", MIN_TIME_MS)?,
        params.time_or("end", MAX_TIME_MS)?,
    );
    let matchers = matcher_sets(params).map_err(|error| error.in_param("match[]"))?;
    let work = move |source: &dyn Queryable, budget: &Budget, cancel: &Cancel| {
        find_series(source, &matchers, from_ms, through_ms, budget, cancel)
    };
    let mut found = queries
        .blocking(work)
        .await
        .map_err(|e| super::query::api_error(&e))?;
    let notes = truncate(&mut found, limit);
    let mut json = Json::new();
    json.list(&found, |json, labels| {
        json.labels(labels);
    });
    Ok((json.finish(), notes))
}

fn find_series(
    source: &dyn Queryable,
    sets: &[Vec<Matcher>],
    from_ms: i64,
    through_ms: i64,
    budget: &Budget,
    cancel: &Cancel,
) -> Result<Vec<Labels>, QueryError> {
    let several = sets.len() > 1;
    let want: Vec<Selection> = sets
        .iter()
        .map(|matchers| Selection {
            labels_only: true,
            sorted: several,
            ..Selection::new(matchers.clone(), from_ms, through_ms)
        })
        .collect();
    let read = source.open(&want, budget, cancel)?;
    let all =
        (0..read.rosters.len()).flat_map(|roster| (0..read.rosters[roster].len()).map(move |s| (roster, s)));
    let labels = all.map(|(roster, series)| read.labels(roster, series));
    if several {
        // A series that several selectors find is listed once.
        return Ok(labels.collect::<BTreeSet<_>>().into_iter().collect());
    }
    Ok(labels.collect())
}

/// Undoes the escaping of UTF-8 names in paths: `U__a_2e_b` is `a.b`, `__` is `_`.
///
/// A text that is not well escaped stays as it is, as in Prometheus.
fn unescape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = &name["U__".len()..];
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let Some((digits, after)) = rest.split_once('_') else {
            return name.to_owned();
        };
        let code = if digits.len() <= 6 {
            u32::from_str_radix(digits, 16).ok()
        } else {
            None
        };
        let Some(c) = code.and_then(char::from_u32) else {
            return name.to_owned();
        };
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read_back() {
        for (escaped, name) in [
            ("U__a_2e_b", "a.b"),
            ("U__a__b", "a_b"),
            ("U__a_zz_b", "U__a_zz_b"),
            ("U__a_2e", "U__a_2e"),
        ] {
            assert_eq!(unescape(escaped), name);
        }
    }
}
