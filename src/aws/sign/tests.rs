//! The examples that AWS publishes with their signatures, and what Prometheus leaves unsigned.

use super::*;

/// The credentials of AWS' examples.
fn example(token: &str) -> Credentials {
    Credentials::lasting("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
}

const EXAMPLE_TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

fn signed(method: &str, url: &str, headers: &[(&str, &str)], body: &str, token: &str) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    let scope = Scope {
        region: "us-east-1",
        service: "service",
        at: "2015-08-30T12:36:00Z".parse().unwrap(),
    };
    let method = Method::try_from(method).unwrap();
    let url = Url::parse(url).unwrap();
    sign(&example(token), scope, &method, &url, &mut map, body.as_bytes()).unwrap();
    map
}

#[track_caller]
fn check(method: &str, url: &str, headers: &[(&str, &str)], body: &str, token: &str, names: &str, hex: &str) {
    let headers = signed(method, url, headers, body, token);
    assert_eq!(
        headers["authorization"].to_str().unwrap(),
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders={names}, Signature={hex}"
        )
    );
}

#[test]
fn a_plain_get_has_the_published_signature() {
    check(
        "GET",
        "http://example.amazonaws.com/",
        &[],
        "",
        "",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
}

#[test]
fn a_plain_post_has_the_published_signature() {
    check(
        "POST",
        "http://example.amazonaws.com/",
        &[],
        "",
        "",
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    );
}

#[test]
fn parameters_are_signed_in_the_order_of_their_names() {
    check(
        "GET",
        "http://example.amazonaws.com/?Param2=value2&Param1=value1",
        &[],
        "",
        "",
        "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
}

#[test]
fn unreserved_characters_are_signed_as_they_are() {
    check(
        "GET",
        "http://example.amazonaws.com/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        "",
        "",
        "host;x-amz-date",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    );
}

#[test]
fn spaces_around_and_within_values_do_not_count() {
    check(
        "GET",
        "http://example.amazonaws.com/",
        &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
        "",
        "",
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
}

#[test]
fn a_form_is_signed_with_its_content_type_and_body() {
    check(
        "POST",
        "http://example.amazonaws.com/",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        "Param1=value1",
        "",
        "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
}

#[test]
fn a_session_token_is_sent_and_signed() {
    check(
        "POST",
        "http://example.amazonaws.com/",
        &[],
        "",
        EXAMPLE_TOKEN,
        "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    );
}

#[test]
fn headers_that_change_on_the_way_are_not_signed() {
    let names = ["User-Agent", "Uber-Trace-Id", "Expect", "Authorization"];
    let headers = signed("GET", "http://h/", &names.map(|name| (name, "x")), "", "");
    let authorization = headers["authorization"].to_str().unwrap();
    assert!(
        authorization.contains("SignedHeaders=host;x-amz-date,"),
        "{authorization}"
    );
    assert_eq!(headers["uber-trace-id"], "x", "it is sent all the same");
    assert!(headers["authorization"].is_sensitive());
}

#[test]
fn an_encoded_path_is_encoded_once_more_and_a_port_belongs_to_the_host() {
    let url = Url::parse("http://h:9009/a%20b/c").unwrap();
    let (request, _) = canonical_request(&Method::GET, &url, &HeaderMap::new(), b"");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(
        request,
        format!("GET\n/a%2520b/c\n\nhost:h:9009\n\nhost\n{empty}")
    );
}

#[test]
fn a_secret_that_no_header_can_hold_is_not_shown() {
    let mut headers = HeaderMap::new();
    let scope = Scope {
        region: "r",
        service: "s",
        at: Timestamp::UNIX_EPOCH,
    };
    let url = Url::parse("http://h/").unwrap();
    let credentials = example("hunter2\n");
    let error = sign(&credentials, scope, &Method::GET, &url, &mut headers, b"").unwrap_err();
    assert_eq!(
        error,
        "the session token holds a character that no header may hold"
    );
}
