//! Requests that arrive signed as Prometheus signs them.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::super::testing::{Clock, Reply, Server, client};
use super::*;
use crate::config::{HttpClientConfig, HttpHeader, Secret};
use crate::http_client::Request;

fn config() -> SigV4Config {
    SigV4Config {
        region: "eu-west-2".into(),
        access_key: "AKID".into(),
        secret_key: Secret::new("hunter2"),
        ..SigV4Config::default()
    }
}

fn signer(config: &SigV4Config, variables: &[(&'static str, &str)]) -> Result<SigV4Signer, AwsError> {
    SigV4Signer::new(config, client(), Clock::new().environment(variables))
}

/// Sends alerts to `path` of a server, signed; what arrived.
async fn sent(config: &SigV4Config, path: &str) -> super::super::testing::Asked {
    let server = Server::start(|_| Reply::ok("")).await;
    let header = HttpHeader {
        values: vec!["tenant".into()],
        ..HttpHeader::default()
    };
    let options = HttpClientConfig {
        http_headers: [("X-Scope".to_owned(), header)].into(),
        ..HttpClientConfig::default()
    };
    let client = HttpClient::signed(&options, Arc::new(signer(config, &[]).unwrap())).unwrap();
    let url = Url::parse(&format!("{}{path}", server.url)).unwrap();
    let json = HeaderValue::from_static("application/json");
    let request = Request::post(url, json, Bytes::from_static(b"[]"), Duration::from_secs(10));
    assert!(client.send(request).await.unwrap().status().is_success());
    server.last()
}

#[tokio::test]
async fn a_request_is_signed_for_amazons_prometheus_without_the_headers_of_the_configuration() {
    let asked = sent(&config(), "/api/v2/alerts").await;
    let authorization = asked.header("authorization");
    let start = "AWS4-HMAC-SHA256 Credential=AKID/20260504/eu-west-2/aps/aws4_request, \
                 SignedHeaders=content-length;content-type;host;x-amz-date, Signature=";
    assert!(authorization.starts_with(start), "{authorization}");
    assert_eq!(asked.header("x-scope"), "tenant", "it is sent");
    assert_eq!(asked.header("content-length"), "2");
    assert_eq!(asked.body, "[]");
}

#[tokio::test]
async fn the_path_is_cleaned_where_it_is_signed_and_where_it_is_sent() {
    let asked = sent(&config(), "/workspaces//ws-1/./api/x/../v2/alerts/").await;
    assert_eq!(asked.line, "POST /workspaces/ws-1/api/v2/alerts");
}

#[tokio::test]
async fn another_service_may_be_meant() {
    let execute = SigV4Config {
        service_name: "execute-api".into(),
        ..config()
    };
    let asked = sent(&execute, "/").await;
    let scope = "/20260504/eu-west-2/execute-api/aws4_request";
    assert!(asked.header("authorization").contains(scope), "{asked:?}");
}

#[tokio::test]
async fn a_region_comes_from_the_section_or_the_chain_and_must_be_there() {
    let anywhere = SigV4Config {
        region: String::new(),
        ..config()
    };
    assert_eq!(
        signer(&anywhere, &[]).unwrap_err().to_string(),
        "region not configured in sigv4 or in default credentials chain"
    );
    assert_eq!(
        signer(&anywhere, &[("AWS_REGION", "of-env")]).unwrap().region,
        "of-env"
    );
    let named = SigV4Config {
        profile: "x".into(),
        ..config()
    };
    let error = signer(&named, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("could not create new AWS session: failed to get shared"),
        "{error}"
    );
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let server = Server::start(|_| Reply::ok("")).await;
    let nobody = SigV4Config {
        region: "eu-west-2".into(),
        ..SigV4Config::default()
    };
    let signer = signer(&nobody, &[("AWS_EC2_METADATA_DISABLED", "true")]).unwrap();
    let client = HttpClient::signed(&HttpClientConfig::default(), Arc::new(signer)).unwrap();
    let url = Url::parse(&server.url).unwrap();
    let error = client
        .send(Request::get(url, Duration::from_secs(10)))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("error retrieving credentials: no AWS credentials"),
        "{error}"
    );
    assert!(server.asked().is_empty());
}
