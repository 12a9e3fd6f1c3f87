//! Calls that are answered, and calls that are not.

use super::super::testing::{Asked, Clock, Reply, Server, client};
use super::*;

const EC2: Protocol = Protocol {
    name: "ec2",
    version: "2016-11-15",
};

fn own() -> Credentials {
    Credentials::lasting("AKID", "hunter2-secret", "hunter2-token")
}

async fn call(server: &Server) -> Result<Element, AwsError> {
    let environment = Clock::new().environment(&[]);
    let service = Service::new(client(), EC2, "eu-west-2", &server.url, &environment).unwrap();
    let parameters = [("NextToken".to_owned(), "a b+c".to_owned())];
    service.call(Some(&own()), "Describe", &parameters, &[]).await
}

#[track_caller]
fn check_shown(error: &AwsError, expected: &str) {
    let text = error.to_string();
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_call_is_a_signed_form_and_its_answer_a_tree() {
    let server = Server::start(|_| Reply::ok("<DescribeResponse><a>1</a></DescribeResponse>")).await;
    let answer = call(&server).await.unwrap();
    assert_eq!(answer.text_of("a"), Some("1"));
    let asked = server.last();
    assert_eq!(asked.line, "POST /");
    assert_eq!(asked.body, "Action=Describe&Version=2016-11-15&NextToken=a+b%2Bc");
    assert_eq!(asked.header("x-amz-date"), "20260504T120000Z");
    assert_eq!(asked.header("x-amz-security-token"), "hunter2-token");
    let authorization = asked.header("authorization");
    assert!(
        authorization.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKID/20260504/eu-west-2/ec2/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature="
        ),
        "{authorization}"
    );
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_told_at_once() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(
        move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Reply::Full(503, String::new()),
            1 => Reply::Full(
                400,
                "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>".to_owned(),
            ),
            _ => Reply::ok("<DescribeResponse/>"),
        },
    )
    .await;
    call(&server).await.unwrap();
    assert_eq!(server.asked().len(), 3);

    let server = Server::start(|_| Reply::Full(500, "no XML".to_owned())).await;
    check_shown(
        &call(&server).await.unwrap_err(),
        "Describe: server returned HTTP status 500 X",
    );
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_refusal_is_told_in_aws_words_without_our_secrets() {
    let server = Server::start(|asked: &Asked| {
        let token = asked.header("x-amz-security-token");
        Reply::Full(
            401,
            format!(
                "<Response><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to validate\n \
                 x-amz-security-token:{token} {}</Message></Error></Errors></Response>",
                "z".repeat(1000)
            ),
        )
    })
    .await;
    let error = call(&server).await.unwrap_err();
    check_shown(
        &error,
        "Describe: 401 X: AuthFailure: AWS was not able to validate x-amz-security-token:<secret> zzz",
    );
    assert!(error.to_string().len() < 600);
    assert!(error.is_rejection());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_to_something_else_or_to_nothing_is_an_error() {
    for (body, expected) in [
        ("<Other/>", "expected <DescribeResponse>, found <Other>"),
        ("<DescribeResponse><a>", "the answer ends within <a>"),
        ("{}", "expected an element, found none"),
    ] {
        let server = Server::start(move |_| Reply::ok(body)).await;
        check_shown(&call(&server).await.unwrap_err(), expected);
    }
    let server = Server::start(|_| Reply::Broken("<DescribeResponse>".to_owned())).await;
    check_shown(
        &call(&server).await.unwrap_err(),
        "Describe: the answer of 127.0.0.1: ",
    );
    let enormous = " ".repeat(ANSWER_BYTES_MAX + 1);
    let server = Server::start(move |_| Reply::ok(enormous.clone())).await;
    check_shown(&call(&server).await.unwrap_err(), "body size limit exceeded");
    assert_eq!(server.asked().len(), 1, "it would be as large again");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_is_given_up() {
    let server = Server::start(|_| Reply::Never).await;
    let began = Instant::now();
    check_shown(&call(&server).await.unwrap_err(), "context deadline exceeded");
    assert!(began.elapsed() <= CALL_TIME_MAX + Duration::from_secs(1));
}

#[test]
fn an_endpoint_must_be_a_url() {
    let environment = Clock::new().environment(&[]);
    let error = Service::new(client(), EC2, "r", "ec2.local", &environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a URL as the endpoint of ec2: relative URL without a base"
    );
}
