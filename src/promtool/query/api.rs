//! The HTTP API as client_golang asks it: a POST, or a GET where no POST is allowed; errors in its words.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::runtime::Runtime;
use url::{ParseError, Url};

use crate::config::document::{self, Reading};
use crate::config::errors::ConfigErrors;
use crate::config::{HttpClientConfig, path};
use crate::http_client::{HttpClient, Request};
use crate::promtool::command::Invocation;

/// How long a question may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A server that can be asked.
pub(super) struct Api {
    client: HttpClient,
    runtime: Runtime,
    server: String,
    headers: HeaderMap,
}

/// What a server says.
pub(super) struct Told {
    pub(super) data: Result<Value, ApiError>,
    pub(super) warnings: Vec<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    /// The kind and what a server of another kind says, if the server answered at all.
    kind: Option<(String, String)>,
    text: String,
}

impl ApiError {
    fn of(kind: &str, text: impl Into<String>, detail: &str) -> Self {
        Self {
            kind: Some((kind.to_owned(), detail.trim().to_owned())),
            text: text.into(),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            None => f.write_str(&self.text),
            Some((kind, detail)) if detail.is_empty() => write!(f, "{kind}: {}", self.text),
            Some((kind, detail)) => write!(f, "{kind}: {} (detail: {detail})", self.text),
        }
    }
}

impl From<String> for ApiError {
    fn from(text: String) -> Self {
        Self { kind: None, text }
    }
}

impl Api {
    /// The server that the command line names.
    ///
    /// # Errors
    /// When the HTTP options cannot be followed.
    pub(super) fn new(invocation: &Invocation<'_>) -> Result<Self, String> {
        let server = invocation.text("server");
        let file = invocation.text("http.config.file");
        let mut config = HttpClientConfig::default();
        if !file.is_empty() {
            if Url::parse(server).is_ok_and(|url| !url.username().is_empty()) {
                return Err(
                    "Cannot set base auth in the server URL and use a http.config.file at the same time"
                        .into(),
                );
            }
            config = load_config(Path::new(file))
                .map_err(|errors| format!("Failed to load HTTP config file: {}", errors.as_go()))?;
        }
        let client = HttpClient::new(&config)
            .map_err(|error| format!("Failed to create a new HTTP round tripper: {error}"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let pairs = match invocation.command().as_str() {
            "query instant" | "query range" => invocation.pairs("header"),
            _ => Vec::new(),
        };
        Ok(Self {
            client,
            runtime,
            server: with_scheme(server),
            headers: headers(&pairs)?,
        })
    }

    /// Asks with a POST, or with a GET where that is not allowed.
    pub(super) fn post(&self, path: &str, form: &[(String, String)]) -> Told {
        let url = match self.url("Post", path, &[]) {
            Ok(url) => url,
            Err(error) => return error.into(),
        };
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let mut request = Request::post(url, content_type, encoded(form).into(), TIMEOUT);
        request.headers.extend(self.headers.clone());
        match self.send(request) {
            Ok((StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED, _)) => {
                self.get(path, form)
            }
            Ok((status, body)) => read(status, &body),
            Err(error) => error.into(),
        }
    }

    /// Asks with a GET.
    pub(super) fn get(&self, path: &str, form: &[(String, String)]) -> Told {
        let sent = self.url("Get", path, form).and_then(|url| {
            let mut request = Request::get(url, TIMEOUT);
            request.headers.extend(self.headers.clone());
            self.send(request)
        });
        match sent {
            Ok((status, body)) => read(status, &body),
            Err(error) => error.into(),
        }
    }

    /// The address to ask; `verb` begins what is told if there is none.
    fn url(&self, verb: &str, path: &str, form: &[(String, String)]) -> Result<Url, ApiError> {
        let mut url = Url::parse(&self.server).map_err(|error| {
            let server = self.server.trim_end_matches('/');
            // Go takes such a URL and fails when it dials.
            let problem = match (error, server.rsplit_once(':')) {
                (ParseError::EmptyHost, _) => "http: no Host in request URL".to_owned(),
                (ParseError::InvalidPort, Some((_, port))) => {
                    format!("dial tcp: address {port}: invalid port")
                }
                _ => error.to_string(),
            };
            let slashes = if server.ends_with(':') { "//" } else { "" };
            ApiError::from(format!("{verb} \"{server}{slashes}{path}\": {problem}"))
        })?;
        if url.cannot_be_a_base() {
            return Ok(url);
        }
        let joined = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        if !form.is_empty() {
            url.set_query(Some(&encoded(form)));
        }
        Ok(url)
    }

    fn send(&self, request: Request) -> Result<(StatusCode, Vec<u8>), ApiError> {
        let answer = self.runtime.block_on(async {
            let response = self.client.send(request).await?;
            let status = response.status();
            Ok::<_, crate::http_client::HttpError>((status, response.read(0).await?))
        });
        answer.map_err(|error| error.to_string().into())
    }
}

impl From<ApiError> for Told {
    fn from(error: ApiError) -> Self {
        Self {
            data: Err(error),
            warnings: Vec::new(),
        }
    }
}

fn load_config(file: &Path) -> Result<HttpClientConfig, ConfigErrors> {
    let bytes = std::fs::read(file).map_err(|error| ConfigErrors::unreadable(file, &error))?;
    let reading = Reading {
        environment: &|name| std::env::var(name).ok(),
        ..Reading::STRICT
    };
    let mut config = document::decode(file, &bytes, reading, |root, decoder| {
        let Some(mut fields) = root.and_then(|root| decoder.fields(root, "config.plain")) else {
            return HttpClientConfig::default();
        };
        let config = HttpClientConfig::decode(&mut fields, decoder);
        decoder.finish(fields, &[]);
        config
    })?;
    config.set_directory(&path::directory_of(file));
    Ok(config)
}

/// A server without a scheme speaks HTTP.
fn with_scheme(server: &str) -> String {
    match crate::config::url::split(server) {
        Ok(parts) if parts.scheme.is_empty() => format!("http://{}", server.trim_start_matches('/')),
        _ => server.to_owned(),
    }
}

fn headers(pairs: &[(&str, &str)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let refuse = || format!("invalid header {name}={value}");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse())?;
        let value = HeaderValue::from_str(value).map_err(|_| refuse())?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn encoded(form: &[(String, String)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in form {
        text.append_pair(name, value);
    }
    text.finish()
}

fn read(status: StatusCode, body: &[u8]) -> Told {
    let is_api_error = matches!(status.as_u16(), 400 | 422);
    if !status.is_success() && !is_api_error {
        let code = status.as_u16();
        let (kind, text) = match code / 100 {
            4 => ("client_error", format!("client error: {code}")),
            5 => ("server_error", format!("server error: {code}")),
            _ => ("bad_response", format!("bad response code {code}")),
        };
        return ApiError::of(kind, text, &String::from_utf8_lossy(body)).into();
    }
    let mut answer: Value = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(_) if status == StatusCode::NO_CONTENT => Value::Null,
        Err(error) => return ApiError::of("bad_response", error.to_string(), "").into(),
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let warnings = answer.get("warnings").and_then(Value::as_array);
    let warnings = warnings.into_iter().flatten().filter_map(Value::as_str);
    let warnings: Vec<String> = warnings.map(str::to_owned).collect();
    let error = match text("status").as_str() {
        "error" => Some(ApiError::of(&text("errorType"), text("error"), "")),
        "success" if is_api_error => Some(ApiError::of(
            "bad_response",
            "inconsistent body for response code",
            "",
        )),
        _ => None,
    };
    let data = match error {
        Some(error) => Err(error),
        None => Ok(answer.get_mut("data").map(Value::take).unwrap_or_default()),
    };
    Told { data, warnings }
}
