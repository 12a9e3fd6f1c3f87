//! Targets listed by HTTP servers that behave and that do not.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::HttpClientConfig;
use crate::telemetry::Registry;

/// A server that gives the answers it was given, one a connection, and keeps the requests.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/sd?a=b", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                kept.lock()
                    .push(String::from_utf8_lossy(&request[..length]).into_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, requests }
    }
}

fn answer(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn provider(url: &str, registry: &Registry) -> HttpProvider {
    let config = HttpSdConfig {
        url: url.to_owned(),
        refresh_interval_ms: 60_000,
        http_client: HttpClientConfig::default(),
    };
    HttpProvider::new(&config, "job", &DiscoveryMetrics::new(registry)).unwrap()
}

#[tokio::test]
async fn groups_are_asked_for_with_their_headers_and_named_by_their_url() {
    let body = r#"[{"targets":["a:1","a:2"],"labels":{"x":"y"}},{"targets":["b:1"]}]"#;
    let server = Server::start(vec![
        answer("200 OK", "application/json; charset=utf-8", body),
        answer("200 OK", "application/json", r#"[{"targets":["c:1"]}]"#),
    ])
    .await;
    let mut provider = provider(&server.url, &Registry::new());
    let groups = provider.list.refresh().await.unwrap();
    let url = &server.url;
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0].source, format!("{url}:0"));
    assert_eq!(groups[0].targets[1].get("__address__"), Some("a:2"));
    assert_eq!(groups[0].labels.get("__meta_url"), Some(&**url));
    assert_eq!(groups[0].labels.get("x"), Some("y"));
    let request = server.requests.lock()[0].to_ascii_lowercase();
    assert!(request.starts_with("get /sd?a=b http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\naccept: application/json\r\n"), "{request}");
    assert!(
        request.contains("\r\nx-prometheus-refresh-interval-seconds: 60\r\n"),
        "{request}"
    );

    let groups = provider.list.refresh().await.unwrap();
    assert_eq!(groups[0].targets[0].get("__address__"), Some("c:1"));
    assert_eq!(
        (groups[1].source.as_str(), groups[1].targets.len()),
        (&*format!("{url}:1"), 0)
    );
}

#[tokio::test]
async fn what_is_no_list_is_an_error_and_counted() {
    let server = Server::start(vec![
        answer("503 Service Unavailable", "application/json", "[]"),
        answer("200 OK", "text/plain", "[]"),
        answer("200 OK", "application/json", "[null]"),
    ])
    .await;
    let registry = Registry::new();
    let mut provider = provider(&server.url, &registry);
    let mut error = async || provider.list.refresh().await.unwrap_err();
    assert_eq!(
        error().await,
        "server returned HTTP status 503 Service Unavailable"
    );
    assert_eq!(error().await, "unsupported content type \"text/plain\"");
    let error = error().await;
    assert!(error.starts_with("nil target group item found"), "{error}");
    let refused = provider.list.refresh().await.unwrap_err();
    assert!(refused.contains("refused"), "{refused}");
    let text = registry.render();
    assert!(text.contains("prometheus_sd_http_failures_total 4\n"), "{text}");
}

#[tokio::test]
async fn a_failed_refresh_tells_nothing_and_is_counted_by_job() {
    let server = Server::start(Vec::new()).await;
    let registry = Registry::new();
    let (updates, mut heard) = Updates::channel();
    let run = Box::new(provider(&server.url, &registry)).run(updates);
    let ran = tokio::time::timeout(Duration::from_millis(300), run).await;
    assert!(ran.is_err(), "it goes on asking");
    assert!(heard.try_recv().is_err());
    let text = registry.render();
    let counted = "prometheus_sd_refresh_failures_total{config=\"job\",mechanism=\"http\"} 1\n";
    assert!(text.contains(counted), "{text}");
}

#[test]
fn json_may_say_that_it_is_utf_8() {
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        " application/json;charset=\"utf-8\" ",
    ] {
        assert!(is_json(good), "{good}");
    }
    for bad in [
        "",
        "text/json",
        "application/json; charset=latin1",
        "application/jsonx",
        "application/json;",
    ] {
        assert!(!is_json(bad), "{bad}");
    }
}
