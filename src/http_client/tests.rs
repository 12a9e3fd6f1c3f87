//! The client against small servers on 127.0.0.1.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::http_client::{Authorization, BasicAuth, HttpHeader};
use crate::config::oauth2::OAuth2;
use crate::config::secret::Secret;
use crate::config::tls::{TlsConfig, TlsVersion};

/// Heads of requests, in the order of their arrival.
type Seen = Arc<Mutex<Vec<String>>>;

async fn serve(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    answer: &str,
    seen: &Seen,
) {
    let mut buffer = vec![0; 65536];
    let mut length = 0;
    loop {
        match stream.read(&mut buffer[length..]).await {
            Ok(0) | Err(_) => return,
            Ok(n) => length += n,
        }
        let head = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if head.contains("\r\n\r\n") {
            seen.lock().unwrap().push(head);
            length = 0;
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

/// Answers every request alike; an empty answer never comes.
async fn server(answer: impl Into<String>) -> (Url, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let (all, answer) = (Arc::clone(&seen), answer.into());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (all, answer) = (Arc::clone(&all), answer.clone());
            tokio::spawn(async move { serve(stream, &answer, &all).await });
        }
    });
    (
        Url::parse(&format!("http://{address}/metrics?a=b")).unwrap(),
        seen,
    )
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn get(config: &HttpClientConfig, url: &Url) -> Result<String, String> {
    let client = HttpClient::new(config).map_err(|error| error.to_string())?;
    let request = Request::get(url.clone(), Duration::from_secs(5));
    let response = client.send(request).await.map_err(|error| error.to_string())?;
    let status = response.status_line();
    let body = response.read(0).await.map_err(|error| error.to_string())?;
    Ok(format!("{status}: {}", String::from_utf8(body).unwrap()))
}

#[tokio::test]
async fn a_request_says_who_we_are_and_connections_are_kept() {
    let (url, seen) = server(ok("x")).await;
    let client = HttpClient::new(&HttpClientConfig::default()).unwrap();
    for _ in 0..2 {
        let request = Request::get(url.clone(), Duration::from_secs(5));
        client.send(request).await.unwrap().read(0).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(
        seen[0].starts_with("GET /metrics?a=b HTTP/1.1\r\n"),
        "{}",
        seen[0]
    );
    assert!(
        seen[0].contains("User-Agent: Prometheus/3.14.0\r\n"),
        "{}",
        seen[0]
    );
}

#[tokio::test]
async fn credentials_and_headers_are_sent_and_files_are_read_each_time() {
    let (url, seen) = server(ok("x")).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let header = HttpHeader {
        values: vec!["one".into()],
        secrets: vec![Secret::new("two")],
        files: vec![file.clone()],
    };
    let config = HttpClientConfig {
        basic_auth: Some(BasicAuth {
            username: "user".into(),
            password_file: Some(file.clone()),
            ..BasicAuth::default()
        }),
        http_headers: BTreeMap::from([("X-Many".to_owned(), header)]),
        ..HttpClientConfig::default()
    };
    get(&config, &url).await.unwrap();
    std::fs::write(&file, "second\n").unwrap();
    get(&config, &url).await.unwrap();
    let seen = seen.lock().unwrap();
    // user:first and user:second
    assert!(
        seen[0].contains("Authorization: Basic dXNlcjpmaXJzdA==\r\n"),
        "{}",
        seen[0]
    );
    assert!(
        seen[1].contains("Authorization: Basic dXNlcjpzZWNvbmQ=\r\n"),
        "{}",
        seen[1]
    );
    assert!(
        seen[0].contains("X-Many: one\r\nX-Many: two\r\nX-Many: first\r\n"),
        "{}",
        seen[0]
    );
}

#[tokio::test]
async fn a_redirect_to_another_host_leaves_credentials_behind() {
    let (other, other_seen) = server(ok("there")).await;
    let elsewhere = other.as_str().replace("127.0.0.1", "localhost");
    let (url, seen) = server(format!(
        "HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
    ))
    .await;
    let mut config = HttpClientConfig {
        authorization: Some(Authorization {
            scheme: "Bearer".into(),
            credentials: Secret::new("token"),
            credentials_file: None,
        }),
        ..HttpClientConfig::default()
    };
    assert_eq!(get(&config, &url).await.unwrap(), "200 OK: there");
    assert!(seen.lock().unwrap()[0].contains("Authorization: Bearer token\r\n"));
    assert!(!other_seen.lock().unwrap()[0].contains("Authorization"));
    config.follow_redirects = false;
    assert_eq!(get(&config, &url).await.unwrap(), "302 Found: ");
}

#[tokio::test]
async fn endless_redirects_stop_after_ten() {
    let (url, seen) = server("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n").await;
    let error = get(&HttpClientConfig::default(), &url).await.unwrap_err();
    // Go names the address that it refused to follow, as it was written.
    assert_eq!(error, "Get \"/again\": stopped after 10 redirects");
    assert_eq!(seen.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn failures_have_gos_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let error = get(&HttpClientConfig::default(), &url).await.unwrap_err();
    assert_eq!(
        error,
        format!("Get \"{url}\": dial tcp {address}: connect: connection refused")
    );
    let (url, _) = server("").await;
    let client = HttpClient::new(&HttpClientConfig::default()).unwrap();
    let request = Request::get(url.clone(), Duration::from_millis(50));
    let error = client.send(request).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Get \"{url}\": context deadline exceeded")
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let (url, _) = server(ok("12345")).await;
    let client = HttpClient::new(&HttpClientConfig::default()).unwrap();
    let request = Request::get(url, Duration::from_secs(5));
    let response = client.send(request.clone()).await.unwrap();
    assert!(response.read(4).await.unwrap_err().is_body_too_large());
    assert_eq!(
        client.send(request).await.unwrap().read(5).await.unwrap(),
        b"12345"
    );
}

struct Identity {
    cert_pem: String,
    address: std::net::SocketAddr,
}

/// A TLS server whose certificate is for `metrics.example` and signed by itself.
async fn tls_server(answer: String) -> Identity {
    let made = rcgen::generate_simple_self_signed(vec!["metrics.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, &answer, &Seen::default()).await;
                }
            });
        }
    });
    Identity {
        cert_pem: made.cert.pem(),
        address,
    }
}

fn with_tls(tls_config: TlsConfig) -> HttpClientConfig {
    HttpClientConfig {
        tls_config,
        ..HttpClientConfig::default()
    }
}

#[tokio::test]
async fn the_server_must_prove_the_configured_name() {
    let server = tls_server(ok("secret")).await;
    let url = Url::parse(&format!("https://{}/", server.address)).unwrap();
    let trusting = TlsConfig {
        ca: server.cert_pem.clone(),
        ..TlsConfig::default()
    };
    let named = TlsConfig {
        server_name: "metrics.example".into(),
        ..trusting.clone()
    };
    assert_eq!(get(&with_tls(named), &url).await.unwrap(), "200 OK: secret");
    let error = get(&with_tls(trusting), &url).await.unwrap_err();
    let refused = format!("Get \"{url}\": tls: failed to verify certificate: x509:");
    assert_eq!(
        error,
        format!("{refused} cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs")
    );
    let stranger = TlsConfig {
        server_name: "metrics.example".into(),
        ..TlsConfig::default()
    };
    let error = get(&with_tls(stranger), &url).await.unwrap_err();
    assert_eq!(
        error,
        format!("{refused} certificate signed by unknown authority")
    );
    let careless = TlsConfig {
        insecure_skip_verify: true,
        ..TlsConfig::default()
    };
    assert_eq!(get(&with_tls(careless), &url).await.unwrap(), "200 OK: secret");
}

#[tokio::test]
async fn a_changed_ca_file_is_noticed() {
    let server = tls_server(ok("secret")).await;
    let url = Url::parse(&format!("https://{}/", server.address)).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["other.example".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, other.cert.pem()).unwrap();
    let config = with_tls(TlsConfig {
        ca_file: Some(file.clone()),
        server_name: "metrics.example".into(),
        ..TlsConfig::default()
    });
    let client = HttpClient::new(&config).unwrap();
    let request = Request::get(url, Duration::from_secs(5));
    assert!(client.send(request.clone()).await.is_err());
    std::fs::write(&file, format!("{}\n# longer\n", server.cert_pem)).unwrap();
    assert!(client.send(request).await.is_ok());
}

#[test]
fn versions_that_cannot_be_spoken_are_refused_by_name() {
    let old = with_tls(TlsConfig {
        max_version: Some(TlsVersion::Tls11),
        ..TlsConfig::default()
    });
    let error = HttpClient::new(&old).unwrap_err().to_string();
    assert!(error.contains("max_version TLS11"), "{error}");
}

#[tokio::test]
async fn a_unix_socket_serves_any_host() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, &ok("local"), &Seen::default()).await;
    });
    let client = HttpClient::through_unix_socket(&HttpClientConfig::default(), path).unwrap();
    let request = Request::get(
        Url::parse("http://localhost/metrics").unwrap(),
        Duration::from_secs(5),
    );
    assert_eq!(
        client.send(request).await.unwrap().read(0).await.unwrap(),
        b"local"
    );
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_anew_with_another_secret() {
    let (url, seen) = server(ok("x")).await;
    let token = r#"{"access_token": "t", "expires_in": 3600}"#;
    let (giver, asked) = server(ok(token)).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, "first\n").unwrap();
    let config = HttpClientConfig {
        oauth2: Some(Box::new(OAuth2 {
            client_id: "id".into(),
            client_secret_file: Some(file.clone()),
            token_url: giver.to_string(),
            ..OAuth2::default()
        })),
        ..HttpClientConfig::default()
    };
    let client = HttpClient::new(&config).unwrap();
    let get = || client.send(Request::get(url.clone(), Duration::from_secs(5)));
    let (a, b, c) = tokio::join!(get(), get(), get());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(asked.lock().unwrap().len(), 1);
    std::fs::write(&file, "second\n").unwrap();
    get().await.unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    // id:second
    assert!(
        asked[1].contains("Authorization: Basic aWQ6c2Vjb25k\r\n"),
        "{}",
        asked[1]
    );
    assert!(seen.lock().unwrap()[3].contains("Authorization: Bearer t\r\n"));
}

#[tokio::test]
async fn an_assertion_is_sent_in_place_of_a_secret() {
    let (url, _) = server(ok("x")).await;
    let (giver, asked) = server(ok(r#"{"access_token": "t", "expires_in": 3600}"#)).await;
    let config = HttpClientConfig {
        oauth2: Some(Box::new(OAuth2 {
            client_id: "id".into(),
            client_certificate_key: Secret::new(include_str!("../../testdata/http_client/rsa.pem")),
            grant_type: crate::config::oauth2::JWT_BEARER.into(),
            token_url: giver.to_string(),
            ..OAuth2::default()
        })),
        ..HttpClientConfig::default()
    };
    assert_eq!(get(&config, &url).await.unwrap(), "200 OK: x");
    let asked = asked.lock().unwrap();
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    assert!(
        asked[0].contains(grant) && asked[0].contains("assertion=ey"),
        "{}",
        asked[0]
    );
}

#[tokio::test]
async fn a_giver_that_repeats_the_secret_does_not_make_us_show_it() {
    let (url, _) = server(ok("x")).await;
    let body = "no client_secret=hunter2";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (giver, _) = server(answer).await;
    let config = HttpClientConfig {
        oauth2: Some(Box::new(OAuth2 {
            client_id: "id".into(),
            client_secret: Secret::new("hunter2"),
            token_url: giver.to_string(),
            ..OAuth2::default()
        })),
        ..HttpClientConfig::default()
    };
    let error = get(&config, &url).await.unwrap_err();
    assert_eq!(
        error,
        format!(
            "Get \"{url}\": oauth2: cannot fetch token: 400 Bad Request\nResponse: no client_secret=<secret>"
        )
    );
}

#[tokio::test]
async fn a_renamed_file_is_noticed_even_with_the_same_size_and_time() {
    let server = tls_server(ok("secret")).await;
    let url = Url::parse(&format!("https://{}/", server.address)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (file, fresh) = (directory.path().join("ca.pem"), directory.path().join("new.pem"));
    let other = rcgen::generate_simple_self_signed(vec!["other.example".to_owned()]).unwrap();
    let size = server.cert_pem.len().max(other.cert.pem().len());
    let padded = |text: &str| format!("{text}{}", "\n".repeat(size - text.len()));
    let past = std::time::SystemTime::now() - Duration::from_secs(3600);
    for (path, text) in [(&file, other.cert.pem()), (&fresh, server.cert_pem.clone())] {
        std::fs::write(path, padded(&text)).unwrap();
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(past)
            .unwrap();
    }
    let client = HttpClient::new(&with_tls(TlsConfig {
        ca_file: Some(file.clone()),
        server_name: "metrics.example".into(),
        ..TlsConfig::default()
    }))
    .unwrap();
    let request = Request::get(url, Duration::from_secs(5));
    assert!(client.send(request.clone()).await.is_err());
    std::fs::rename(&fresh, &file).unwrap();
    assert!(client.send(request.clone()).await.is_ok());
    std::fs::remove_file(&file).unwrap();
    let error = client.send(request).await.unwrap_err().to_string();
    let shown = file.display();
    let lost = format!(
        "unable to read CA cert: unable to read file {shown}: open {shown}: no such file or directory"
    );
    assert!(error.ends_with(&lost), "{error}");
}

#[tokio::test]
async fn headers_go_to_another_host_but_for_those_that_may_identify() {
    let (other, other_seen) = server(ok("there")).await;
    let elsewhere = other.as_str().replace("127.0.0.1", "localhost");
    let (url, _) = server(format!(
        "HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
    ))
    .await;
    let header = |value: &str| HttpHeader {
        values: vec![value.into()],
        ..HttpHeader::default()
    };
    let config = HttpClientConfig {
        basic_auth: Some(BasicAuth {
            username: "user".into(),
            ..BasicAuth::default()
        }),
        http_headers: BTreeMap::from([
            ("Cookie".to_owned(), header("c")),
            ("X-Scope-OrgID".to_owned(), header("tenant")),
        ]),
        ..HttpClientConfig::default()
    };
    assert_eq!(get(&config, &url).await.unwrap(), "200 OK: there");
    let head = other_seen.lock().unwrap()[0].clone();
    assert!(head.contains("tenant\r\n"), "{head}");
    assert!(
        !head.contains("Cookie") && !head.contains("Authorization"),
        "{head}"
    );
}

#[tokio::test]
async fn http2_is_spoken_where_both_sides_want_it() {
    let made = rcgen::generate_simple_self_signed(vec!["metrics.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let service = hyper::service::service_fn(|request: http::Request<Incoming>| async move {
                    let version = format!("{:?}", request.version());
                    Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from(version))))
                });
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                drop(
                    builder
                        .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    let mut config = with_tls(TlsConfig {
        ca: made.cert.pem(),
        server_name: "metrics.example".into(),
        ..TlsConfig::default()
    });
    assert_eq!(get(&config, &url).await.unwrap(), "200 OK: HTTP/2.0");
    config.enable_http2 = false;
    assert_eq!(get(&config, &url).await.unwrap(), "200 OK: HTTP/1.1");
}
