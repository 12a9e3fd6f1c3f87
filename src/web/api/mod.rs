//! `/api/v1`: one table of endpoints, one file a resource, each parameters → call → answer.
//!
//! Texts, status codes, key order and number forms are Prometheus' (`web/api/v1` there).

mod admin;
mod answer;
mod histogram;
mod json;
mod labels;
mod params;
mod queries;
mod query;
mod rules;
mod status;
mod targets;

use http::{Method, StatusCode};

pub(super) use answer::ApiError;
use answer::{ErrorKind, Notes, success};
pub(super) use json::rfc3339;
pub(super) use params::Params;
pub(super) use query::QueryBody;
pub(super) use status::build_info;

use super::WebState;
use crate::queries::{Finished, Origin};

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Query,
    QueryRange,
    QueryExemplars,
    FormatQuery,
    ParseQuery,
    Labels,
    LabelValues,
    Series,
    ScrapePools,
    Targets,
    TargetMetadata,
    Alertmanagers,
    Metadata,
    Config,
    RuntimeInfo,
    BuildInfo,
    Flags,
    Tsdb,
    TsdbBlocks,
    WalReplay,
    RunningQueries,
    CancelQuery,
    Alerts,
    Rules,
    Notifications,
    DeleteSeries,
    CleanTombstones,
    Snapshot,
    RemoteWrite,
    Otlp,
}

impl Endpoint {
    /// Whether browsers of other origins are told that they may read the answer.
    pub(super) fn is_cross_origin(self) -> bool {
        !matches!(self, Self::RemoteWrite | Self::Otlp)
    }
}

const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const GET_POST: &[Method] = &[Method::GET, Method::POST];
const POST_PUT: &[Method] = &[Method::POST, Method::PUT];

/// Paths below `/api/v1`, what stands there, and how it may be asked.
pub(super) const ENDPOINTS: &[(&str, Endpoint, &[Method])] = &[
    ("/query", Endpoint::Query, GET_POST),
    ("/query_range", Endpoint::QueryRange, GET_POST),
    ("/query_exemplars", Endpoint::QueryExemplars, GET_POST),
    ("/format_query", Endpoint::FormatQuery, GET_POST),
    ("/parse_query", Endpoint::ParseQuery, GET_POST),
    ("/labels", Endpoint::Labels, GET_POST),
    ("/label/{name}/values", Endpoint::LabelValues, GET),
    ("/series", Endpoint::Series, GET_POST),
    ("/scrape_pools", Endpoint::ScrapePools, GET),
    ("/targets", Endpoint::Targets, GET),
    ("/targets/metadata", Endpoint::TargetMetadata, GET),
    ("/alertmanagers", Endpoint::Alertmanagers, GET),
    ("/metadata", Endpoint::Metadata, GET),
    ("/status/config", Endpoint::Config, GET),
    ("/status/runtimeinfo", Endpoint::RuntimeInfo, GET),
    ("/status/buildinfo", Endpoint::BuildInfo, GET),
    ("/status/flags", Endpoint::Flags, GET),
    ("/status/tsdb", Endpoint::Tsdb, GET),
    ("/status/tsdb/blocks", Endpoint::TsdbBlocks, GET),
    ("/status/walreplay", Endpoint::WalReplay, GET),
    ("/status/queries", Endpoint::RunningQueries, GET),
    ("/status/queries/{name}/cancel", Endpoint::CancelQuery, POST_PUT),
    ("/alerts", Endpoint::Alerts, GET),
    ("/rules", Endpoint::Rules, GET),
    ("/notifications", Endpoint::Notifications, GET),
    ("/admin/tsdb/delete_series", Endpoint::DeleteSeries, POST_PUT),
    (
        "/admin/tsdb/clean_tombstones",
        Endpoint::CleanTombstones,
        POST_PUT,
    ),
    ("/admin/tsdb/snapshot", Endpoint::Snapshot, POST_PUT),
    ("/write", Endpoint::RemoteWrite, POST),
    ("/otlp/v1/metrics", Endpoint::Otlp, POST),
];

/// One request, read.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) endpoint: Endpoint,
    /// `{name}` of the path.
    pub(super) name: String,
    pub(super) params: Params,
    pub(super) origin: Origin,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Reply {
    /// Status, content type and a whole body.
    Whole(StatusCode, &'static str, String),
    /// A query's answer.
    Query(QueryBody),
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

fn data(json: &str) -> Reply {
    data_with(json, &Notes::default())
}

fn data_with(json: &str, notes: &Notes) -> Reply {
    Reply::Whole(StatusCode::OK, JSON, success(json, notes))
}

fn nothing() -> Reply {
    Reply::Whole(StatusCode::NO_CONTENT, JSON, String::new())
}

fn not_enabled(text: &str) -> Reply {
    Reply::Whole(StatusCode::NOT_FOUND, TEXT, format!("{text}\n"))
}

impl Reply {
    /// The answer to a failed request.
    pub(super) fn error(error: &ApiError) -> Self {
        let (status, body) = error.render();
        Self::Whole(status, JSON, body)
    }
}

/// Answers a call.
pub(super) async fn answer(state: &WebState, call: Call) -> Result<Reply, ApiError> {
    let (params, views, running) = (&call.params, &state.views, &*state.queries);
    Ok(match call.endpoint {
        Endpoint::Query => {
            let (request, shape) = query::instant(params, call.origin, state.now_ms())?;
            Reply::Query(query::run(running, request, shape).await?)
        }
        Endpoint::QueryRange => {
            let (request, shape) = query::range(params, call.origin)?;
            Reply::Query(query::run(running, request, shape).await?)
        }
        Endpoint::QueryExemplars => match query::exemplars(running, &*views.storage, params)? {
            Some(json) => data(&json),
            None => nothing(),
        },
        Endpoint::FormatQuery => data(&query::format_query(running, params).await?),
        Endpoint::ParseQuery => data(&query::parse_query(running, params).await?),
        Endpoint::Labels => {
            let (json, notes) = labels::names(running, params).await?;
            data_with(&json, &notes)
        }
        Endpoint::LabelValues => {
            let (json, notes) = labels::values(running, &call.name, params).await?;
            data_with(&json, &notes)
        }
        Endpoint::Series => {
            let (json, notes) = labels::series(running, params).await?;
            data_with(&json, &notes)
        }
        Endpoint::ScrapePools => data(&targets::scrape_pools(&*views.targets)),
        Endpoint::Targets => data(&targets::targets(&*views.targets, params)),
        Endpoint::TargetMetadata => data(&targets::target_metadata(&*views.targets, params)?),
        Endpoint::Metadata => data(&targets::metadata(&*views.targets, params)?),
        Endpoint::Alertmanagers => data(&rules::alertmanagers(&*views.alertmanagers)),
        Endpoint::Rules => data(&rules::rules(&*views.rules, params)?),
        Endpoint::Alerts => data(&rules::alerts(&*views.rules)),
        Endpoint::Config => data(&status::config(&*views.status)),
        Endpoint::RuntimeInfo => data(&status::runtime_info(&*views.status, state.now_ms())),
        Endpoint::BuildInfo => data(&build_info()),
        Endpoint::Flags => data(&status::flags(&*views.status)),
        Endpoint::Tsdb => data(&status::tsdb(&*views.status, params)?),
        Endpoint::TsdbBlocks => data(&status::tsdb_blocks(&*views.status)),
        Endpoint::WalReplay => data(&status::wal_replay(&*views.status)),
        Endpoint::RunningQueries => data(&queries::list(running.register())),
        Endpoint::Notifications => data("[]"),
        Endpoint::DeleteSeries | Endpoint::CleanTombstones | Endpoint::Snapshot | Endpoint::CancelQuery
            if !state.options.enable_admin_api =>
        {
            return Err(ApiError::new(ErrorKind::Unavailable, "admin APIs disabled"));
        }
        Endpoint::DeleteSeries => {
            admin::delete_series(&views.storage, params).await?;
            nothing()
        }
        Endpoint::CancelQuery => {
            queries::cancel(running.register(), &call.name)?;
            nothing()
        }
        Endpoint::CleanTombstones => {
            admin::clean_tombstones(&views.storage).await?;
            nothing()
        }
        Endpoint::Snapshot => data(&admin::snapshot(&views.storage, params, state.now_ms()).await?),
        Endpoint::RemoteWrite => {
            not_enabled("remote write receiver needs to be enabled with --web.enable-remote-write-receiver")
        }
        Endpoint::Otlp => {
            not_enabled("otlp write receiver needs to be enabled with --web.enable-otlp-receiver")
        }
    })
}

/// Answers the expression of the query page; errors as text.
pub(super) async fn page_query(state: &WebState, expr: &str, origin: Origin) -> Result<Finished, String> {
    let params = Params::parse(
        &url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", expr)
            .finish(),
        None,
    );
    let (request, _) = query::instant(&params, origin, state.now_ms()).map_err(|e| e.render().1)?;
    state.queries.run(request).await.map_err(|e| e.to_string())
}
