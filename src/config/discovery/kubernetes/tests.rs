//! The verdict and the words of Prometheus for each way to write the section.

use std::path::Path;

use crate::config::{Config, LoadOptions};

fn load(section: &str) -> Result<Config, String> {
    let section: String = section.lines().map(|line| format!("        {line}\n")).collect();
    let text = format!("scrape_configs:\n  - job_name: a\n    kubernetes_sd_configs:\n      -\n{section}");
    let loaded = Config::parse(&text, Path::new("t.yml"), &LoadOptions::default());
    loaded.map_err(|errors| errors.to_string())
}

#[track_caller]
fn check_refused(section: &str, words: &str) {
    let error = load(section).expect_err(section);
    assert!(error.contains(words), "{section}\n{error}");
}

#[test]
fn what_cannot_stand_together_is_refused() {
    for (section, words) in [
        (
            "role: pod\napi_server: https://a\nkubeconfig_file: b",
            "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
        ),
        (
            "role: pod\nkubeconfig_file: b\nbearer_token: x",
            "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
        ),
        (
            "role: pod\nfollow_redirects: false",
            "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
        ),
        (
            "role: pod\napi_server: https://a\nnamespaces: {own_namespace: true}",
            "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
        ),
        (
            "role: pod\nkubeconfig_file: b\nnamespaces: {own_namespace: true}",
            "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously",
        ),
        (
            "kubeconfig_file: b",
            "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)",
        ),
        ("role: Pod", "unknown Kubernetes SD role \"Pod\""),
        ("role: ''", "unknown Kubernetes SD role \"\""),
        (
            "role: pod\napi_server: 'http://a:b'",
            "invalid port \":b\" after host",
        ),
        (
            "role: pod\nfoo: bar",
            "field foo not found in type kubernetes.plain",
        ),
        (
            "role: pod\nattach_metadata: {pod: true}",
            "field pod not found in type kubernetes.AttachMetadataConfig",
        ),
        (
            "role: pod\nselectors: [{role: pod, labels: a}]",
            "field labels not found in type kubernetes.SelectorConfig",
        ),
    ] {
        check_refused(section, words);
    }
}

#[test]
fn selectors_are_checked_against_the_role() {
    for (section, words) in [
        (
            "role: pod\nselectors: [{role: service}]",
            "pod role supports only pod, node selectors",
        ),
        (
            "role: node\nselectors: [{role: pod}]",
            "node role supports only node selectors",
        ),
        (
            "role: service\nselectors: [{role: pod}]",
            "service role supports only service selectors",
        ),
        (
            "role: endpoints\nselectors: [{role: node}]",
            "endpoints role supports only pod, service, endpoints selectors",
        ),
        (
            "role: endpointslice\nselectors: [{label: a}]",
            "endpointslice role supports only pod, service, endpointslice selectors",
        ),
        (
            "role: ingress\nselectors: [{role: node}]",
            "ingress role supports only ingress selectors",
        ),
        (
            "role: pod\nselectors: [{role: pod}, {role: pod}]",
            "duplicated selector role: pod",
        ),
        (
            "role: pod\nselectors: [{role: pod, field: a-b}]",
            "invalid selector: 'a-b'; can't understand 'a-b'",
        ),
        (
            "role: pod\nselectors: [{role: pod, label: 'a b'}]",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
    ] {
        check_refused(section, words);
    }
}

#[test]
fn the_effective_form_has_the_keys_and_order_of_prometheus_and_no_secret() {
    let config = load(
        "role: endpointslice\napi_server: https://u:hunter2@k8s:6443\nauthorization: {credentials: hunter2}\n\
         namespaces: {names: [a, b]}\nselectors: [{role: pod, label: 'a=b'}]\nattach_metadata: {node: true}",
    );
    let written = config.unwrap().to_yaml().unwrap();
    let section = written.split("kubernetes_sd_configs:\n").nth(1).unwrap();
    let expected = "  - api_server: https://u:xxxxx@k8s:6443
    role: endpointslice
    kubeconfig_file: \"\"
    authorization:
      type: Bearer
      credentials: <secret>
    follow_redirects: true
    enable_http2: true
    namespaces:
      own_namespace: false
      names:
      - a
      - b
    selectors:
    - role: pod
      label: a=b
    attach_metadata:
      node: true
      namespace: false
      deployment: false
      job: false
      cronjob: false
";
    assert!(section.starts_with(expected), "{section}");
}

#[test]
fn upstreams_own_files_are_judged_in_its_words() {
    let Some(directory) = std::env::var_os("DEUCALION_CONFORMANCE") else {
        eprintln!("SKIPPED: Prometheus' own files: DEUCALION_CONFORMANCE names no directory");
        return;
    };
    let words = [
        (
            "api_server_with_own_namespace",
            "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
        ),
        (
            "authorization_basicauth",
            "at most one of basic_auth, oauth2 & authorization must be configured",
        ),
        (
            "bearertoken",
            "at most one of bearer_token & bearer_token_file must be configured",
        ),
        (
            "bearertoken_basicauth",
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        ),
        (
            "http_config_without_api_server",
            "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
        ),
        (
            "kubeconfig_with_apiserver",
            "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
        ),
        (
            "kubeconfig_with_http_config",
            "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
        ),
        (
            "kubeconfig_with_own_namespace",
            "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously",
        ),
        (
            "namespace_discovery",
            "field foo not found in type kubernetes.plain",
        ),
        ("role", "unknown Kubernetes SD role \"vacation\""),
        ("selectors_duplicated_role", "duplicated selector role: pod"),
        (
            "selectors_endpoints",
            "endpoints role supports only pod, service, endpoints selectors",
        ),
        (
            "selectors_incorrect_selector",
            "invalid selector: 'metadata.status-Running'; can't understand 'metadata.status-Running'",
        ),
        (
            "selectors_ingress",
            "ingress role supports only ingress selectors",
        ),
        ("selectors_node", "node role supports only node selectors"),
        ("selectors_pod", "pod role supports only pod, node selectors"),
        (
            "selectors_service",
            "service role supports only service selectors",
        ),
    ];
    let mut count = 0;
    for entry in std::fs::read_dir(Path::new(&directory).join("config")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix("kubernetes_").map(str::to_owned) else {
            continue;
        };
        count += 1;
        let loaded = Config::load(&file, &LoadOptions::default()).map_err(|errors| errors.to_string());
        match name.strip_suffix(".bad.yml") {
            None => assert!(loaded.is_ok(), "{name}: {loaded:?}"),
            Some(case) => {
                let expected = words.iter().find(|(known, _)| *known == case).expect(case).1;
                let error = loaded.expect_err(&name);
                assert!(error.contains(expected), "{name}: {error}");
            }
        }
    }
    assert!(count >= 24, "{count} files");
}
