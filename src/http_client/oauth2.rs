//! The token of `oauth2`: fetched when the first request needs it, kept until ten seconds before its end.
//!
//! ```text
//! request ─ header ─► kept and fresh? ─ yes ─► Authorization: Bearer …
//!                         └ no: POST token_url, once for all requests that wait
//! ```
//!
//! A secret that stands in a file is read for each request, and another secret makes a new start. How an
//! assertion is signed is told in [`super::assertion`]. Begin with [`TokenSource::header`].

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::assertion;
use super::auth::{basic, text_or_file};
use super::body::gunzip;
use super::error::HttpError;
use super::token::{Answer, Token, read_form, read_json, refusal};
use super::{HttpClient, Request, Response};
use crate::config::http_client::HttpClientConfig;
use crate::config::oauth2::{JWT_BEARER, OAuth2};
use crate::config::quote::quoted;
use crate::config::url::redacted;

/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The request that waits has a time limit of its own, far below this one.
const FETCH_MAX: Duration = Duration::from_secs(600);

/// Gets tokens.
#[derive(Debug)]
pub(super) struct TokenSource {
    config: OAuth2,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the rest was made with.
    credential: String,
    client: Option<HttpClient>,
    /// Where the giver wants to see us prove who we are, once that is known.
    proof: Option<Proof>,
    token: Option<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    InHeader,
    InBody,
}

impl TokenSource {
    pub(super) fn new(config: OAuth2) -> Self {
        Self {
            config,
            state: Mutex::default(),
        }
    }

    /// The value of `Authorization`.
    ///
    /// # Errors
    /// When the secret cannot be read or no token is given, in Go's words and without the secret.
    pub(super) async fn header(&self) -> Result<HeaderValue, HttpError> {
        let credential = self.credential()?;
        let mut state = self.state.lock().await;
        if state.credential != credential {
            *state = State {
                credential,
                ..State::default()
            };
        }
        if let Some(token) = &state.token
            && token.is_fresh(Instant::now())
        {
            return Ok(token.header.clone());
        }
        let fetched = self.fetch(&mut state).await;
        let answer = fetched.map_err(|error| error.without(&state.credential))?;
        let token = answer.token(Instant::now())?;
        Ok(state.token.insert(token).header.clone())
    }

    fn credential(&self) -> Result<String, HttpError> {
        let config = &self.config;
        let (text, file) = match config.grant_type.as_str() {
            JWT_BEARER => (
                &config.client_certificate_key,
                &config.client_certificate_key_file,
            ),
            _ => (&config.client_secret, &config.client_secret_file),
        };
        text_or_file(text.expose(), file.as_deref(), "oauth2 client secret")
    }

    async fn fetch(&self, state: &mut State) -> Result<Answer, HttpError> {
        let client = match &state.client {
            Some(client) => client.clone(),
            None => state.client.insert(self.client()?).clone(),
        };
        if self.config.grant_type == JWT_BEARER {
            return self.fetch_by_assertion(&client, &state.credential).await;
        }
        if let Some(proof) = state.proof {
            return self.fetch_by_secret(&client, &state.credential, proof).await;
        }
        // Some givers want the secret in the header, some in the body, and few say so.
        for proof in [Proof::InHeader, Proof::InBody] {
            match self.fetch_by_secret(&client, &state.credential, proof).await {
                Ok(answer) => {
                    state.proof = Some(proof);
                    return Ok(answer);
                }
                Err(error) if proof == Proof::InBody => return Err(error),
                Err(_) => {}
            }
        }
        unreachable!("the second way is the last one")
    }

    fn client(&self) -> Result<HttpClient, HttpError> {
        HttpClient::new(&HttpClientConfig {
            tls_config: self.config.tls_config.clone(),
            proxy: self.config.proxy.clone(),
            enable_http2: false,
            ..HttpClientConfig::default()
        })
    }

    async fn fetch_by_secret(
        &self,
        client: &HttpClient,
        secret: &str,
        proof: Proof,
    ) -> Result<Answer, HttpError> {
        let config = &self.config;
        let mut form = BTreeMap::from([("grant_type", "client_credentials")]);
        let scopes = config.scopes.join(" ");
        if !scopes.is_empty() {
            form.insert("scope", &scopes);
        }
        add_parameters(&mut form, &config.endpoint_params)?;
        let mut authorization = None;
        match proof {
            Proof::InHeader => {
                let (user, password) = (escaped(&config.client_id), escaped(secret));
                authorization = Some(basic(&user, &password)?);
            }
            Proof::InBody => {
                form.insert("client_id", &config.client_id);
                if !secret.is_empty() {
                    form.insert("client_secret", secret);
                }
            }
        }
        let response = self.post(client, &form, authorization).await?;
        let status = response.status();
        let status_line = response.status_line();
        let is_form = matches!(
            media_type(response.header(CONTENT_TYPE.as_str())).as_str(),
            "application/x-www-form-urlencoded" | "text/plain"
        );
        let body = read(response).await?;
        let parsed = if is_form {
            Ok(read_form(&body))
        } else {
            read_json(&body, "parse json")
        };
        let refusal = || HttpError::text(refusal(&status_line, &body));
        let (answer, problem) = match parsed {
            Ok(parsed) => parsed,
            Err(_) if !status.is_success() => return Err(refusal()),
            Err(words) => return Err(HttpError::text(words)),
        };
        match problem {
            Some(words) => Err(HttpError::text(words)),
            None if !status.is_success() => Err(refusal()),
            None if answer.access_token.is_empty() => Err(missing()),
            None => Ok(answer),
        }
    }

    async fn fetch_by_assertion(&self, client: &HttpClient, key: &str) -> Result<Answer, HttpError> {
        let config = &self.config;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now_s = now.map_or(0, |now| now.as_secs());
        let assertion = assertion::sign(config, key, now_s).map_err(HttpError::text)?;
        let scopes = config.scopes.join(" ");
        let mut form = BTreeMap::from([("grant_type", JWT_BEARER), ("assertion", assertion.as_str())]);
        if !scopes.is_empty() {
            form.insert("scope", &scopes);
        }
        add_parameters(&mut form, &config.endpoint_params)?;
        let response = self.post(client, &form, None).await;
        let response =
            response.map_err(|error| HttpError::text(format!("oauth2: cannot fetch token: {error}")))?;
        let status = response.status();
        let status_line = response.status_line();
        let body = read(response).await?;
        if !status.is_success() {
            return Err(HttpError::text(refusal(&status_line, &body)));
        }
        let (answer, _) = read_json(&body, "fetch token").map_err(HttpError::text)?;
        match answer.access_token.is_empty() {
            true => Err(missing()),
            false => Ok(answer),
        }
    }

    async fn post(
        &self,
        client: &HttpClient,
        form: &BTreeMap<&str, &str>,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, HttpError> {
        let text = &self.config.token_url;
        let shown = quoted(&redacted(text));
        let url = Url::parse(text).map_err(|error| {
            HttpError::text(match error {
                url::ParseError::RelativeUrlWithoutBase => {
                    format!("Post {shown}: unsupported protocol scheme \"\"")
                }
                other => format!("parse {shown}: {other}"),
            })
        })?;
        let pairs = form
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let mut request = Request::post(url, kind, body.into(), FETCH_MAX);
        request
            .headers
            .insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(value) = authorization {
            request.headers.insert(AUTHORIZATION, value);
        }
        // A client for tokens is itself a client: the box ends the circle of their types.
        Box::pin(client.send(request)).await
    }
}

fn missing() -> HttpError {
    HttpError::text("oauth2: server response missing access_token")
}

fn add_parameters<'p>(
    form: &mut BTreeMap<&'p str, &'p str>,
    parameters: &'p BTreeMap<String, String>,
) -> Result<(), HttpError> {
    for (name, value) in parameters {
        if name != "grant_type" && form.contains_key(name.as_str()) {
            let name = quoted(name);
            return Err(HttpError::text(format!(
                "oauth2: cannot overwrite parameter {name}"
            )));
        }
        form.insert(name, value);
    }
    Ok(())
}

/// `text` as Go escapes it in queries.
fn escaped(text: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b' ');
    utf8_percent_encode(text, KEPT).to_string().replace(' ', "+")
}

fn media_type(header: &str) -> String {
    let kind = header.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

async fn read(response: Response) -> Result<Vec<u8>, HttpError> {
    let is_packed = response.header(CONTENT_ENCODING.as_str()) == "gzip";
    let failed = |error| HttpError::text(format!("oauth2: cannot fetch token: {error}"));
    let body = response.read(ANSWER_BYTES_MAX).await.map_err(failed)?;
    if !is_packed {
        return Ok(body);
    }
    let mut unpacked = Vec::new();
    gunzip(&body, ANSWER_BYTES_MAX, &mut unpacked).map_err(failed)?;
    Ok(unpacked)
}
