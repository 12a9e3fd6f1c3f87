//! Stands in for AWS in tests: a server on 127.0.0.1 that answers as a closure says.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Environment;
use crate::config::HttpClientConfig;
use crate::http_client::HttpClient;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// `POST /path`
    pub(crate) line: String,
    /// By names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    /// A header, empty unless there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A field of the form that is the body, empty unless there.
    pub(crate) fn field(&self, name: &str) -> String {
        let mut pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map_or(String::new(), |(_, value)| value.into_owned())
    }
}

/// What is answered.
pub(crate) enum Reply {
    Full(u16, String),
    /// The head promises more than comes.
    Broken(String),
    Never,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Full(200, body.into())
    }
}

/// Dropping forgets it; its tasks end with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Answers = dyn Fn(&Asked) -> Reply + Send + Sync;

impl Server {
    pub(crate) async fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answers): (_, Arc<Answers>) = (Arc::clone(&asked), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // An error means that the client went away.
                let (kept, answers) = (Arc::clone(&kept), Arc::clone(&answers));
                tokio::spawn(async move { drop(serve(stream, &kept, &*answers).await) });
            }
        });
        Self { url, asked }
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Asked {
        self.asked.lock().last().cloned().unwrap_or_default()
    }
}

async fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Asked>>, answers: &Answers) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let mut lines = head.lines();
        let line = lines
            .next()
            .unwrap_or("")
            .trim_end_matches(" HTTP/1.1")
            .to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let mut asked = Asked {
            line,
            headers: headers.collect(),
            body: String::new(),
        };
        let end = head_end + asked.header("content-length").parse().unwrap_or(0);
        while bytes.len() < end {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        asked.body = String::from_utf8_lossy(&bytes[head_end..end]).into_owned();
        bytes.drain(..end);
        kept.lock().push(asked.clone());
        let (status, body, missing) = match answers(&asked) {
            Reply::Full(status, body) => (status, body, 0),
            Reply::Broken(body) => (200, body, 100),
            Reply::Never => std::future::pending().await,
        };
        let length = body.len() + missing;
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).await?;
        if missing > 0 {
            return Ok(());
        }
    }
}

/// A client without options.
pub(crate) fn client() -> HttpClient {
    HttpClient::new(&HttpClientConfig::default()).unwrap()
}

/// A clock that goes on when told.
#[derive(Clone)]
pub(crate) struct Clock(Arc<Mutex<Timestamp>>);

impl Clock {
    /// Noon of a day in 2026.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-05-04T12:00:00Z".parse().unwrap())))
    }

    pub(crate) fn pass(&self, seconds: i64) {
        *self.0.lock() += SignedDuration::from_secs(seconds);
    }

    /// These variables and this clock; files of profiles are nowhere unless a variable says so.
    pub(crate) fn environment(&self, variables: &[(&'static str, &str)]) -> Environment {
        let time = Arc::clone(&self.0);
        let home = [("HOME", "/nowhere/at/all".to_owned())];
        let given = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Environment::new(home.into_iter().chain(given), move || *time.lock())
    }
}

/// An answer of STS with credentials that expire at a time.
pub(crate) fn sts_answer(action: &str, access_key: &str, expiration: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>assumed-secret</SecretAccessKey>\
         <SessionToken>assumed-token</SessionToken><Expiration>{expiration}</Expiration>\
         </Credentials></{action}Result></{action}Response>"
    )
}
