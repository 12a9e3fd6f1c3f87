//! Requests, with every status an answer.

use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.body))
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

fn read(answer: Result<http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let mut answer = answer.map_err(|e| e.to_string())?;
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let body = answer
        .body_mut()
        .with_config()
        .limit(256 << 20)
        .read_to_string()
        .map_err(|e| e.to_string())?;
    Ok(Answer {
        status: answer.status().as_u16(),
        headers,
        body,
    })
}

/// `method url` with headers and, if given, a body and its content type.
pub(crate) fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<(&str, &str)>,
) -> Result<Answer, String> {
    let body = body.map(|(content_type, text)| (content_type, text.as_bytes()));
    send(method, url, headers, body)
}

/// As [`request`], with a body of bytes.
pub(crate) fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<(&str, &[u8])>,
) -> Result<Answer, String> {
    let mut builder = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    if let Some((content_type, _)) = body {
        builder = builder.header("content-type", content_type);
    }
    let bytes = body.map_or(Vec::new(), |(_, bytes)| bytes.to_vec());
    let request = builder.body(bytes).map_err(|e| e.to_string())?;
    let agent = agent();
    let request = agent
        .configure_request(request)
        .allow_non_standard_methods(true)
        .build();
    read(agent.run(request))
}

/// GET, with every status an answer.
pub(crate) fn get(url: &str) -> Result<Answer, String> {
    request("GET", url, &[], None)
}

/// `a=b&c=d`, encoded.
pub(crate) fn encode(form: &[(&str, &str)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in form {
        text.append_pair(name, value);
    }
    text.finish()
}
