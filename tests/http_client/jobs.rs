//! The jobs: one for each option and each way that a request may fail.
//!
//! `j-` without TLS, `s-` with it, `p-` through proxies, `t-` with tokens. Begin with [`jobs`].

/// Name, target, first part of the path, and what else the configuration of the job says. `{place}` is an
/// address of the world.
pub(super) type Job = (&'static str, &'static str, &'static str, &'static str);

const CA: &str = "tls_config: {ca_file: ca.pem}, scheme: https";

/// Every job is scraped once a second.
pub(super) fn jobs() -> Vec<Job> {
    let mut jobs = vec![];
    jobs.extend(PLAIN);
    jobs.extend(SECURE);
    jobs.extend(PROXIED);
    jobs.extend(TOKENS);
    jobs
}

const PLAIN: &[Job] = &[
    ("j-nothing", "{plain}", "ok", ""),
    (
        "j-basic",
        "{plain}",
        "ok",
        "basic_auth: {username: user, password: p}",
    ),
    (
        "j-basic-files",
        "{plain}",
        "ok",
        "basic_auth: {username_file: user, password_file: secret}",
    ),
    (
        "j-basic-user-only",
        "{plain}",
        "ok",
        "basic_auth: {username: user}",
    ),
    (
        "j-basic-lost",
        "{plain}",
        "ok",
        "basic_auth: {username: user, password_file: lost}",
    ),
    (
        "j-user-lost",
        "{plain}",
        "ok",
        "basic_auth: {username_file: lost}",
    ),
    ("j-bearer", "{plain}", "right", "bearer_token: right"),
    ("j-bearer-file", "{plain}", "right", "bearer_token_file: token"),
    (
        "j-bearer-lost",
        "{plain}",
        "right",
        "authorization: {credentials_file: lost}",
    ),
    (
        "j-bearer-wrong",
        "{plain}",
        "right",
        "authorization: {credentials: wrong}",
    ),
    (
        "j-type",
        "{plain}",
        "ok",
        "authorization: {type: ' Token ', credentials: x}",
    ),
    (
        "j-headers",
        "{plain}",
        "ok",
        "http_headers: {x-many: {values: [a, b], secrets: [c], files: [secret]}, X-OTHER: {values: ['']}}",
    ),
    (
        "j-headers-lost",
        "{plain}",
        "ok",
        "http_headers: {X: {files: [lost]}}",
    ),
    (
        "j-moved",
        "{plain}",
        "moved",
        "basic_auth: {username: user}, http_headers: {X: {values: [a]}}",
    ),
    ("j-moved-not", "{plain}", "moved", "follow_redirects: false"),
    ("j-circle", "{plain}", "circle", ""),
    ("j-moved-nowhere", "{plain}", "moved-nowhere", ""),
    ("j-fails", "{plain}", "fails", ""),
    ("j-words", "{plain}", "words", ""),
    ("j-hangs", "{plain}", "hangs", "scrape_timeout: 200ms"),
    ("j-cut", "{plain}", "cut", ""),
    ("j-cut-chunk", "{plain}", "cut-chunk", ""),
    ("j-silent", "{plain}", "silent", ""),
    ("j-greets", "{plain}", "greets", ""),
    ("j-endless", "{plain}", "endless", "body_size_limit: 10KB"),
    ("j-once", "{plain}", "once", ""),
    ("j-nobody", "{nobody}", "ok", ""),
    ("j-unknown", "nowhere.invalid", "ok", ""),
    ("j-is-tls", "{tls}", "ok", ""),
];

const SECURE: &[Job] = &[
    ("s-file", "{tls}", "ok", CA),
    ("s-plain", "{plain}", "ok", CA),
    ("s-unknown", "{tls}", "ok", "scheme: https"),
    (
        "s-stranger",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {ca_file: stranger.pem}",
    ),
    (
        "s-careless",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {insecure_skip_verify: true}",
    ),
    (
        "s-careless-expired",
        "{expired}",
        "ok",
        "scheme: https, tls_config: {insecure_skip_verify: true}",
    ),
    (
        "s-expired",
        "{expired}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, server_name: any.test}",
    ),
    (
        "s-name",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, server_name: metrics.example}",
    ),
    (
        "s-other-name",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, server_name: a.b.test}",
    ),
    (
        "s-other-address",
        "{tls}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, server_name: 127.0.0.9}",
    ),
    (
        "s-no-address",
        "{talker}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem}",
    ),
    (
        "s-listed",
        "{listed}",
        "ok",
        "scheme: https, tls_config: {ca_file: listed.pem}",
    ),
    (
        "s-listed-name",
        "{listed}",
        "ok",
        "scheme: https, tls_config: {ca_file: listed.pem, server_name: x.test}",
    ),
    (
        "s-mutual",
        "{mutual}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, cert_file: client.pem, key_file: client.key}",
    ),
    (
        "s-mutual-without",
        "{mutual}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, max_version: TLS12}",
    ),
    ("s-12", "{tls12}", "ok", CA),
    (
        "s-12-only",
        "{tls12}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, max_version: TLS12}",
    ),
    (
        "s-13-of-12",
        "{tls12}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, min_version: TLS13}",
    ),
    (
        "s-12-of-13",
        "{tls13}",
        "ok",
        "scheme: https, tls_config: {ca_file: ca.pem, max_version: TLS12}",
    ),
    (
        "s-http1",
        "{tls}",
        "ok",
        "scheme: https, enable_http2: false, tls_config: {ca_file: ca.pem}",
    ),
];

const PROXIED: &[Job] = &[
    ("p-plain", "far.test", "ok", "proxy_url: 'http://{proxy}'"),
    ("p-port", "far.test:8080", "ok", "proxy_url: 'http://{proxy}'"),
    (
        "p-user",
        "far.test",
        "ok",
        "proxy_url: 'http://user:p%40@{proxy}', basic_auth: {username: x}",
    ),
    (
        "p-header",
        "far.test",
        "ok",
        "proxy_url: 'http://{proxy}', proxy_connect_header: {X-A: [b]}",
    ),
    ("p-refused", "refused.test", "ok", "proxy_url: 'http://{proxy}'"),
    ("p-nobody", "far.test", "ok", "proxy_url: 'http://{nobody}'"),
    ("p-local", "{plain}", "ok", "proxy_url: 'http://{proxy}'"),
    (
        "p-local-excepted",
        "{plain}",
        "ok",
        "proxy_url: 'http://{proxy}', no_proxy: other",
    ),
    (
        "p-excepted",
        "p-excepted.test",
        "ok",
        "proxy_url: 'http://{proxy}', no_proxy: .test",
    ),
    (
        "p-unexcepted",
        "p-unexcepted.test",
        "ok",
        "proxy_url: 'http://{proxy}', no_proxy: 'p-unexcepted.test:81'",
    ),
    ("p-environment", "far.test", "ok", "proxy_from_environment: true"),
    (
        "p-environment-not",
        "{plain}",
        "ok",
        "proxy_from_environment: true",
    ),
    (
        "p-tunnel",
        "p-tunnel.test",
        "ok",
        "proxy_url: 'http://{proxy}', scheme: https, tls_config: {ca_file: ca.pem}",
    ),
    (
        "p-tunnel-user",
        "p-tunnel-user.test:8443",
        "ok",
        "proxy_url: 'http://user:p@{proxy}', scheme: https, tls_config: {ca_file: ca.pem}, \
         proxy_connect_header: {X-A: [b, c], x-b: [d]}",
    ),
    (
        "p-tunnel-refused",
        "refused-p-tunnel-refused.test",
        "ok",
        "proxy_url: 'http://{proxy}', scheme: https",
    ),
    (
        "p-tunnel-silenced",
        "silenced-p-tunnel-silenced.test",
        "ok",
        "proxy_url: 'http://{proxy}', scheme: https",
    ),
    (
        "p-tunnel-greeted",
        "greeted-p-tunnel-greeted.test",
        "ok",
        "proxy_url: 'http://{proxy}', scheme: https",
    ),
    (
        "p-tunnel-nobody",
        "far.test",
        "ok",
        "proxy_url: 'http://{nobody}', scheme: https",
    ),
    (
        "p-tunnel-environment",
        "p-tunnel-environment.test",
        "ok",
        "proxy_from_environment: true, scheme: https, tls_config: {ca_file: ca.pem}",
    ),
    (
        "p-secure",
        "p-secure.test",
        "ok",
        "proxy_url: 'https://{proxy_tls}', tls_config: {ca_file: ca.pem}",
    ),
    (
        "p-secure-tunnel",
        "p-secure-tunnel.test",
        "ok",
        "proxy_url: 'https://{proxy_tls}', scheme: https, enable_http2: false, tls_config: {ca_file: ca.pem}",
    ),
    (
        "p-secure-unknown",
        "far.test",
        "ok",
        "proxy_url: 'https://{proxy_tls}'",
    ),
    ("p-secure-plain", "far.test", "ok", "proxy_url: 'https://{proxy}'"),
    ("p-socks", "p-socks.test", "ok", "proxy_url: 'socks5://{socks}'"),
    (
        "p-socks-address",
        "10.9.8.7:81",
        "ok",
        "proxy_url: 'socks5://{socks}'",
    ),
    (
        "p-socks-user",
        "p-socks-user.test",
        "ok",
        "proxy_url: 'socks5://user:right@{socks}'",
    ),
    (
        "p-socks-wrong",
        "p-socks-wrong.test",
        "ok",
        "proxy_url: 'socks5h://user:wrong@{socks}'",
    ),
    (
        "p-socks-refused",
        "refused-p-socks-refused.test",
        "ok",
        "proxy_url: 'socks5://{socks}'",
    ),
    (
        "p-socks-nobody",
        "far.test",
        "ok",
        "proxy_url: 'socks5://{nobody}'",
    ),
    (
        "p-socks-tls",
        "p-socks-tls.test",
        "ok",
        "proxy_url: 'socks5://{socks}', scheme: https, tls_config: {ca_file: ca.pem}",
    ),
];

/// `client_id: id, client_secret: hunter2` and a token's address go without saying.
const TOKENS: &[Job] = &[
    ("t-gives", "{plain}", "right", ""),
    (
        "t-escaped",
        "{plain}",
        "right",
        "client_id: 'a b:~*&', client_secret: 'c/d?+%'",
    ),
    (
        "t-file",
        "{plain}",
        "right",
        "client_secret: '', client_secret_file: secret",
    ),
    (
        "t-file-lost",
        "{plain}",
        "right",
        "client_secret: '', client_secret_file: lost",
    ),
    ("t-public", "{plain}", "right", "client_secret: ''"),
    (
        "t-more",
        "{plain}",
        "right",
        "scopes: [a, b], endpoint_params: {resource: x y, grant_type: other}",
    ),
    (
        "t-overwrites",
        "{plain}",
        "right",
        "scopes: [a], endpoint_params: {scope: b}",
    ),
    ("t-in-body", "{plain}", "right", "path: in-body"),
    ("t-as-form", "{plain}", "right", "path: as-form"),
    ("t-as-text", "{plain}", "right", "path: as-text"),
    ("t-other-type", "{plain}", "right", "path: other-type"),
    ("t-short", "{plain}", "right", "path: short"),
    ("t-wrong", "{plain}", "right", "path: wrong"),
    ("t-refuses", "{plain}", "right", "path: refuses"),
    ("t-refuses-politely", "{plain}", "right", "path: refuses-politely"),
    ("t-fails", "{plain}", "right", "path: fails"),
    ("t-page", "{plain}", "right", "path: page"),
    ("t-nothing", "{plain}", "right", "path: nothing"),
    ("t-no-token", "{plain}", "right", "path: no-token"),
    ("t-moved", "{plain}", "right", "path: moved"),
    ("t-nobody", "{plain}", "right", "giver: nobody"),
    ("t-unknown", "{plain}", "right", "token_url: 'nowhere'"),
    (
        "t-tls",
        "{plain}",
        "right",
        "giver: giver_tls, tls_config: {ca_file: ca.pem}",
    ),
    ("t-tls-unknown", "{plain}", "right", "giver: giver_tls"),
    (
        "t-tls-lost",
        "{plain}",
        "right",
        "giver: giver_tls, tls_config: {ca_file: lost}",
    ),
    (
        "t-proxy",
        "{plain}",
        "right",
        "token_url: 'http://giver.test/gives/t-proxy', proxy_url: 'http://u:p@{proxy}'",
    ),
];
