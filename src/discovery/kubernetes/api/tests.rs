//! Answers of the API that hang, break off, refuse or are too much.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::HttpClientConfig;
use crate::telemetry::Registry;

/// An API that gives this answer to every request, and then nothing more; an empty one never comes.
async fn feed(answer: &'static str) -> ApiFeed {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/prefix", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                drop(stream.read(&mut request).await);
                drop(stream.write_all(answer.as_bytes()).await);
                drop(stream.read(&mut request).await);
            });
        }
    });
    ApiFeed {
        api: Api {
            client: HttpClient::new(&HttpClientConfig::default()).unwrap(),
            address: Url::parse(&address).unwrap(),
            metrics: KubernetesMetrics::new(&Registry::new()),
        },
        followed: Followed {
            resource: Resource::Pods,
            namespace: String::new(),
            label: String::new(),
            field: String::new(),
        },
    }
}

#[track_caller]
fn check_refused(answer: &'static str, words: &str) -> impl Future<Output = ApiError> {
    let words = words.to_owned();
    async move {
        let error = feed(answer).await.page("", true).await.unwrap_err();
        assert!(error.to_string().contains(&words), "{error}");
        error
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_hangs_is_given_up_after_a_minute() {
    let began = Instant::now();
    let error = check_refused("", "context deadline exceeded").await;
    assert!(
        error.to_string().starts_with("Get \"http://127.0.0.1:"),
        "{error}"
    );
    let error = feed("")
        .await
        .changes("7", Duration::from_secs(300))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no answer in time");
    assert_eq!(began.elapsed().as_secs(), 120);
}

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
    {\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n\n\
    {\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"9\"}},\"type\":\"DELETED\"}\n\
    {\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"10\"}}}\n\
    {\"type\":\"ERROR\",\"object\":{\"code\":410,\"reason\":\"Expired\",\"message\":\"too old\"}}\n\
    {\"type\":\"NEWS\",\"object\":{}}\n\
    {\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":[]}}}\n";

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_counts_as_lost_half_a_minute_past_its_end() {
    let began = Instant::now();
    let mut changes = feed(STREAM)
        .await
        .changes("7", Duration::from_secs(300))
        .await
        .unwrap();
    let mut next = async || changes.next().await;
    let Ok(Some(Change::Changed(object))) = next().await else {
        panic!("an object was added");
    };
    assert_eq!(object.meta().name, "a");
    assert!(
        matches!(next().await, Ok(Some(Change::Gone(key, version))) if key.name == "a" && version == "9")
    );
    assert!(matches!(next().await, Ok(Some(Change::Bookmark(version))) if version == "10"));
    let Ok(Some(Change::Failed(error))) = next().await else {
        panic!("the API failed");
    };
    assert!(error.is_expired);
    assert_eq!(error.to_string(), "Expired: too old");
    assert_eq!(
        next().await.unwrap_err().to_string(),
        "unknown kind of change \"NEWS\""
    );
    let error = next().await.unwrap_err().to_string();
    assert!(
        error
            .starts_with("cannot read a change of pods: invalid type: sequence, expected a string at line 1"),
        "{error}"
    );
    let error = next().await.unwrap_err().to_string();
    assert_eq!(error, "the stream of changes is silent past its end");
    assert_eq!(began.elapsed().as_secs(), 330);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_the_api() {
    check_refused(
        "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 59\r\n\r\n\
         {\"message\":\"pods is forbidden\",\"reason\":\"Forbidden\",\"x\":\"\"}",
        "server returned HTTP status 403 Forbidden: pods is forbidden",
    )
    .await;
    let error = check_refused(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nb\nusy",
        "server returned HTTP status 429 Too Many Requests: b usy",
    )
    .await;
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    let error = check_refused(
        "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
        "status 410 Gone",
    )
    .await;
    assert!(error.is_expired);
}

#[tokio::test]
async fn what_is_no_list_is_refused_with_what_it_is() {
    check_refused(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
        "unsupported content type \"text/html\"",
    )
    .await;
    check_refused(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"items\":[{\"meta",
        "cannot read the list of pods: EOF while parsing a string at line 1 column 16",
    )
    .await;
    check_refused(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]",
        "cannot read the list of pods",
    )
    .await;
}

#[test]
fn lines_come_whole_whatever_the_pieces_and_an_endless_one_is_refused() {
    let mut lines = Lines::default();
    for piece in ["a", "b\nc", "d\n", "\n"] {
        lines.add(piece.as_bytes());
    }
    let mut found = Vec::new();
    while let Some(line) = lines.take().unwrap() {
        found.push(String::from_utf8(line.to_vec()).unwrap());
    }
    assert_eq!(found, ["ab\n", "cd\n", "\n"]);
    assert!(lines.is_empty());
    lines.add(&vec![b'x'; EVENT_BYTES_MAX + 1]);
    let error = lines.take().unwrap_err();
    assert_eq!(error.to_string(), "a change is larger than 64 MiB");
}
