//! Credentials fetched, kept and renewed.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::testing::{Asked, Clock, Reply, Server, client, sts_answer};
use super::*;
use crate::config::Secret;

fn identity(settings: &Settings, environment: Environment) -> Identity {
    Identity::new(settings, client(), environment).unwrap()
}

fn role() -> Settings {
    Settings {
        region: "eu-west-2".into(),
        access_key: "own".into(),
        secret_key: Secret::new("hunter2"),
        role_arn: "arn:aws:iam::1:role/scraper".into(),
        external_id: "their-id".into(),
        ..Settings::default()
    }
}

/// An STS whose n-th credentials have the access key `n`, each good for 15 minutes of the clock.
async fn sts(clock: &Clock, delay: bool) -> Server {
    let (count, environment) = (AtomicUsize::new(0), clock.environment(&[]));
    Server::start(move |asked: &Asked| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        if delay {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let end = environment.now() + SignedDuration::from_mins(15);
        Reply::ok(sts_answer(
            &asked.field("Action"),
            &number.to_string(),
            &end.to_string(),
        ))
    })
    .await
}

#[tokio::test]
async fn a_role_is_taken_with_the_keys_before_it() {
    let clock = Clock::new();
    let sts = sts(&clock, false).await;
    let identity = identity(&role(), clock.environment(&[("AWS_ENDPOINT_URL_STS", &sts.url)]));
    let credentials = identity.credentials().await.unwrap();
    assert_eq!(credentials.access_key, "1");
    assert_eq!(credentials.secret_key.expose(), "assumed-secret");
    assert_eq!(credentials.session_token.expose(), "assumed-token");
    let asked = sts.last();
    assert_eq!(asked.field("Action"), "AssumeRole");
    assert_eq!(asked.field("RoleArn"), "arn:aws:iam::1:role/scraper");
    assert_eq!(asked.field("ExternalId"), "their-id");
    assert_eq!(asked.field("DurationSeconds"), "900");
    assert!(asked.field("RoleSessionName").starts_with("deucalion-"));
    let signed = "Credential=own/20260504/eu-west-2/sts/aws4_request";
    assert!(asked.header("authorization").contains(signed), "{asked:?}");
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_they_expire() {
    let clock = Clock::new();
    let sts = sts(&clock, false).await;
    let identity = identity(&role(), clock.environment(&[("AWS_ENDPOINT_URL_STS", &sts.url)]));
    let key = async || identity.credentials().await.unwrap().access_key;
    assert_eq!(key().await, "1");
    clock.pass(599);
    assert_eq!(key().await, "1");
    clock.pass(1);
    assert_eq!(key().await, "2", "five minutes before the end");
}

#[tokio::test]
async fn those_who_come_together_wait_for_one_fetch() {
    let clock = Clock::new();
    let sts = sts(&clock, true).await;
    let identity = identity(&role(), clock.environment(&[("AWS_ENDPOINT_URL_STS", &sts.url)]));
    let all = futures_util::future::join_all((0..8).map(|_| identity.credentials())).await;
    assert!(all.iter().all(|one| one.as_ref().unwrap().access_key == "1"));
    assert_eq!(sts.asked().len(), 1);
}

#[tokio::test]
async fn when_a_renewal_fails_what_still_works_is_used_until_it_expires() {
    let clock = Clock::new();
    let fails = std::sync::Arc::new(AtomicUsize::new(0));
    let (seen, end) = (std::sync::Arc::clone(&fails), "2026-05-04T12:15:00Z");
    let sts = Server::start(move |asked: &Asked| match seen.load(Ordering::Relaxed) {
        0 => Reply::ok(sts_answer(&asked.field("Action"), "old", end)),
        _ => Reply::Full(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
                .into(),
        ),
    })
    .await;
    let identity = identity(&role(), clock.environment(&[("AWS_ENDPOINT_URL_STS", &sts.url)]));
    assert_eq!(identity.credentials().await.unwrap().access_key, "old");
    fails.store(1, Ordering::Relaxed);
    clock.pass(601);
    assert_eq!(identity.credentials().await.unwrap().access_key, "old");
    assert_eq!(identity.credentials().await.unwrap().access_key, "old");
    assert_eq!(sts.asked().len(), 2, "the next renewal is not tried at once");
    clock.pass(300);
    let error = identity.credentials().await.unwrap_err().to_string();
    assert_eq!(
        error,
        "role \"arn:aws:iam::1:role/scraper\": AssumeRole: 403 X: AccessDenied: no"
    );
}

#[tokio::test]
async fn a_web_identity_token_is_read_anew_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "hunter2-one\n").unwrap();
    let clock = Clock::new();
    let sts = sts(&clock, false).await;
    let path = file.to_string_lossy().into_owned();
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path.as_str()),
        ("AWS_ROLE_ARN", "arn:web"),
        ("AWS_REGION", "eu-west-2"),
        ("AWS_ENDPOINT_URL", sts.url.as_str()),
    ];
    let own = identity(&Settings::default(), clock.environment(&variables));
    assert_eq!(own.credentials().await.unwrap().access_key, "1");
    let asked = sts.last();
    assert_eq!(asked.field("Action"), "AssumeRoleWithWebIdentity");
    assert_eq!(asked.field("WebIdentityToken"), "hunter2-one");
    assert_eq!(asked.header("authorization"), "", "it is not signed");
    std::fs::write(&file, "hunter2-two").unwrap();
    clock.pass(700);
    assert_eq!(own.credentials().await.unwrap().access_key, "2");
    assert_eq!(sts.last().field("WebIdentityToken"), "hunter2-two");

    let refusing = Server::start(|asked: &Asked| {
        let token = asked.field("WebIdentityToken");
        let error = format!("<Error><Code>InvalidIdentityToken</Code><Message>bad {token}</Message></Error>");
        Reply::Full(400, format!("<ErrorResponse>{error}</ErrorResponse>"))
    })
    .await;
    let mut variables = variables;
    variables[3].1 = &refusing.url;
    let error = identity(&Settings::default(), clock.environment(&variables))
        .credentials()
        .await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "no AWS credentials: access_key and secret_key are not both configured; AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY are not both set; the web identity token: AssumeRoleWithWebIdentity: 400 X: \
         InvalidIdentityToken: bad <secret>"
    );
}

fn handed(expiration: &str) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"handed","SecretAccessKey":"hunter2","Token":"t","Expiration":"{expiration}"}}"#
    )
}

#[tokio::test]
async fn a_container_is_asked_with_the_token_of_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "Bearer of-file\n").unwrap();
    let endpoint = Server::start(|asked: &Asked| match asked.header("authorization") {
        "Bearer of-file" => Reply::ok(handed("2026-05-04T18:00:00Z")),
        _ => Reply::Full(401, String::new()),
    })
    .await;
    let (url, path) = (
        format!("{}/role", endpoint.url),
        file.to_string_lossy().into_owned(),
    );
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of-variable"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path.as_str()),
    ];
    let clock = Clock::new();
    let identity_of = |variables| identity(&Settings::default(), clock.environment(variables));
    let credentials = identity_of(&variables).credentials().await.unwrap();
    assert_eq!(credentials.access_key, "handed");
    assert_eq!(endpoint.last().line, "GET /role");
    let error = identity_of(&variables[..2])
        .credentials()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("; the container's endpoint: server returned HTTP status 401 X"),
        "{error}"
    );
}

/// A metadata service; `knows_tokens` as version 2 does.
async fn imds(knows_tokens: bool) -> Server {
    Server::start(move |asked: &Asked| {
        let roles = "GET /latest/meta-data/iam/security-credentials/";
        match asked.line.as_str() {
            "PUT /latest/api/token" if knows_tokens => Reply::ok("imds-token"),
            "PUT /latest/api/token" => Reply::Full(404, String::new()),
            _ if knows_tokens && asked.header("x-aws-ec2-metadata-token") != "imds-token" => {
                Reply::Full(401, String::new())
            }
            line if line == roles => Reply::ok("scraper\n"),
            line if line == format!("{roles}scraper") => Reply::ok(handed("2026-05-04T18:00:00Z")),
            "GET /latest/dynamic/instance-identity/document" => Reply::ok(r#"{"region":"of-instance"}"#),
            _ => Reply::Full(404, String::new()),
        }
    })
    .await
}

#[tokio::test]
async fn an_instance_is_asked_with_a_token_or_without_if_it_knows_none() {
    let clock = Clock::new();
    for knows_tokens in [true, false] {
        let imds = imds(knows_tokens).await;
        let environment = clock.environment(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url)]);
        let region = super::super::region("", &client(), &environment).await.unwrap();
        assert_eq!(region, "of-instance");
        let credentials = identity(&Settings::default(), environment)
            .credentials()
            .await
            .unwrap();
        assert_eq!(credentials.access_key, "handed");
    }
    let imds = imds(false).await;
    let strict = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url.as_str()),
        ("AWS_EC2_METADATA_V1_DISABLED", "true"),
    ];
    let error = identity(&Settings::default(), clock.environment(&strict))
        .credentials()
        .await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.ends_with("asked for a token: server returned HTTP status 404 X"),
        "{error}"
    );
}

#[tokio::test]
async fn without_any_source_each_one_is_named_with_its_reason() {
    let environment = Clock::new().environment(&[("AWS_EC2_METADATA_DISABLED", "true")]);
    let error = super::super::region("", &client(), &environment)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not determine AWS region: neither region, AWS_REGION nor a profile says it, and failed to get \
         region from IMDS: AWS_EC2_METADATA_DISABLED is true"
    );
    let error = identity(&Settings::default(), environment).credentials().await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "no AWS credentials: access_key and secret_key are not both configured; AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY are not both set; AWS_WEB_IDENTITY_TOKEN_FILE is not set; there is no profile \
         \"default\" in /nowhere/at/all/.aws/credentials or /nowhere/at/all/.aws/config; \
         AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set; the \
         instance's metadata service: AWS_EC2_METADATA_DISABLED is true"
    );
}

#[tokio::test]
async fn what_an_endpoint_hands_out_must_be_whole_and_is_not_shown() {
    let clock = Clock::new();
    for (body, expected) in [
        (
            r#"{"AccessKeyId":"a"}"#,
            "expected credentials with SecretAccessKey, found none",
        ),
        (
            r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}"#,
            "no credentials: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role",
        ),
        (
            r#"{"SecretAccessKey":"hunter2""#,
            "expected credentials as a JSON object",
        ),
        (r#""hunter2""#, "expected credentials as a JSON object"),
        (
            r#"{"AccessKeyId":"a","SecretAccessKey":"hunter2","Expiration":"soon"}"#,
            "expected a time as Expiration, found \"soon\"",
        ),
    ] {
        let endpoint = Server::start(move |_| Reply::ok(body)).await;
        let variables = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.url.as_str())];
        let found = identity(&Settings::default(), clock.environment(&variables))
            .credentials()
            .await;
        let error = found.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
