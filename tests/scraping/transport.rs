//! Scripts about how a page comes: status, speed, compression, length, type.

use super::exporter::{OPENMETRICS, Page, TEXT, gzip};
use super::script::{Script, between, mixed, text};

const BODY: &str = "a 1\nb{x=\"y\"} 2\n";

fn good() -> Page {
    Page::text(BODY)
}

pub(super) fn scripts() -> Vec<Script> {
    let fallback = "fallback_scrape_protocol: PrometheusText0.0.4";
    let fallback_openmetrics = "fallback_scrape_protocol: OpenMetricsText1.0.0";
    let mut scripts = vec![
        text("steady", "", &["a 1\nb 2\n", "a 2\nb 2\n", "a 3\nb 2\n"]),
        text(
            "vanishing",
            "",
            &[
                "a 1\nb 1\nc 1\n",
                "a 2\nc 2\n",
                "c 3\na 3\n",
                "b 4\n",
                "a 5\nb 5\nc 5\n",
                "",
                "b 7\n",
            ],
        ),
        mixed(
            "failing_first",
            "",
            [good().status(500), good().status(500), good(), good()],
        ),
        mixed(
            "uncompressed",
            "enable_compression: false",
            [good(), good().gzip(), good()],
        ),
        text(
            "only_classic",
            "scrape_protocols: [PrometheusText0.0.4]",
            &["a 1\n"],
        ),
        text(
            "openmetrics_first",
            "scrape_protocols: [OpenMetricsText0.0.1, PrometheusText1.0.0]",
            &["a 1\n"],
        ),
    ];
    let slow = [good().after_ms(900), good().after_ms(10)];
    for jobs in [
        between("status", "", &good(), status()),
        between(
            "status_unfollowed",
            "follow_redirects: false",
            &good(),
            redirects(),
        ),
        between("slow", "scrape_timeout: 400ms", &good(), slow),
        between("silent", "", &good(), [Page::silence(), Page::silence()]),
        between("length", "", &good(), lengths()),
        between("compression", "", &good(), compression()),
        between("types", "", &good(), types()),
        between("types_fallback", fallback, &good(), types()),
        between(
            "types_fallback_openmetrics",
            fallback_openmetrics,
            &good(),
            types(),
        ),
        between(
            "body_size_limit",
            "body_size_limit: 20B",
            &Page::text("a 1\n"),
            body_sizes(),
        ),
    ] {
        scripts.extend(jobs);
    }
    scripts
}

fn status() -> Vec<Page> {
    let codes = [500, 404, 204, 201, 301, 401, 503];
    let mut pages: Vec<_> = codes.into_iter().map(|code| good().status(code)).collect();
    pages.extend(redirects());
    pages
}

fn redirects() -> Vec<Page> {
    vec![
        good().status(302).header("Location", "/good"),
        good().status(307).header("Location", "good?x=y"),
        good().status(302).header("Location", "/loop"),
    ]
}

/// Where redirects lead.
pub(super) fn aside() -> Vec<Script> {
    vec![
        mixed("good", "", [good()]),
        mixed("loop", "", [good().status(302).header("Location", "/loop")]),
    ]
}

fn lengths() -> Vec<Page> {
    vec![
        good().cut(4),
        good().cut(0),
        good().chunked(),
        good().chunked().cut(9),
        Page::text("").chunked(),
        Page::text("a 1\n").header("X-Long", &"x".repeat(3000)),
    ]
}

fn compression() -> Vec<Page> {
    let packed = gzip(BODY.as_bytes());
    let damaged = |at: usize| {
        let mut body = packed.clone();
        body[at] ^= 0xff;
        good().packed(body)
    };
    vec![
        good().gzip(),
        good().packed(b"a 1\nb{x=\"y\"} 2\n".to_vec()),
        good().packed(packed[..packed.len() - 9].to_vec()),
        good().packed(packed[..packed.len() - 4].to_vec()),
        damaged(12),
        damaged(packed.len() - 6),
        damaged(packed.len() - 1),
        good().packed([&packed[..], &gzip(b"c 3\n")].concat()),
        good().packed([&packed[..], b"trailing"].concat()),
        good().packed(Vec::new()),
        Page::text("").gzip(),
        good().gzip().cut(10),
        good().gzip().chunked(),
        good().header("Content-Encoding", "identity"),
        good().header("Content-Encoding", "deflate"),
    ]
}

fn types() -> Vec<Page> {
    let classic = [
        "",
        "text/plain",
        "text/plain; version=1.0.0; escaping=allow-utf-8",
        "text/plain;version=7",
        "TEXT/PLAIN; charset=iso-8859-1",
        "text/html",
        "application/json",
        "text/plain; version",
        "text/plain;;version=0.0.4",
        "nonsense",
        ";",
        "/",
    ];
    let exact = ["a 1\nb 2\n# EOF\n", "a 1.5\n"];
    let mut pages: Vec<_> = classic
        .into_iter()
        .map(|kind| Page::text("a 3\n# EOF\n").content_type(kind))
        .collect();
    pages.extend(exact.map(|body| Page::text(body).content_type(OPENMETRICS)));
    pages.extend(
        [
            "application/openmetrics-text",
            "application/openmetrics-text; version=9.0.0",
        ]
        .map(|kind| Page::text("# TYPE a gauge\na 4\n# EOF\n").content_type(kind)),
    );
    pages.push(Page::text("a 6\n").header("Content-Type", TEXT));
    pages
}

fn body_sizes() -> Vec<Page> {
    // The limit itself is over it.
    let sized = |size: usize| Page::text(&format!("a{{b=\"{}\"}} 1\n", "x".repeat(size - 11)));
    vec![
        sized(19),
        sized(20),
        sized(21),
        sized(500),
        sized(19).gzip(),
        sized(20).gzip(),
        sized(500).gzip(),
        sized(500).chunked(),
    ]
}
