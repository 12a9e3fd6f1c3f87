//! The ways to the API.

use super::*;
use crate::config::{AttachMetadata, KubernetesRole};

fn config() -> KubernetesSdConfig {
    KubernetesSdConfig {
        api_server: None,
        role: KubernetesRole::Pod,
        kubeconfig_file: None,
        http_client: HttpClientConfig::default(),
        own_namespace: false,
        namespaces: Vec::new(),
        selectors: Vec::new(),
        attach_metadata: AttachMetadata::default(),
    }
}

fn pod(account: &Path) -> Pod {
    Pod {
        api: Some(("fd00::1".to_owned(), "443".to_owned())),
        account: account.to_owned(),
        proxies: ProxyEnvironment::default(),
    }
}

#[test]
fn outside_of_a_cluster_there_is_no_account() {
    let outside = Pod {
        api: None,
        account: ACCOUNT.into(),
        proxies: ProxyEnvironment::default(),
    };
    let error = Access::new(&config(), &outside).unwrap_err();
    assert_eq!(
        error,
        "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
    );
}

#[test]
fn an_account_is_a_token_a_certificate_and_a_namespace() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().display();
    let error = Access::new(&config(), &pod(dir.path())).unwrap_err();
    assert_eq!(error, format!("open {at}/token: no such file or directory"));
    fs::write(dir.path().join("token"), "x").unwrap();
    // As Prometheus' library: without its certificate the system's are trusted.
    let access = Access::new(&config(), &pod(dir.path())).unwrap();
    assert_eq!(access.address.as_str(), "https://[fd00::1]/");
    assert_eq!(access.own_namespace, None);

    let mut own = config();
    own.own_namespace = true;
    let error = Access::new(&own, &pod(dir.path())).unwrap_err();
    let words =
        format!("could not determine the pod's namespace: open {at}/namespace: no such file or directory");
    assert_eq!(error, words);
    fs::write(dir.path().join("namespace"), "").unwrap();
    let error = Access::new(&own, &pod(dir.path())).unwrap_err();
    assert_eq!(error, "could not read own namespace name (empty file)");
    fs::write(dir.path().join("namespace"), "monitoring").unwrap();
    let access = Access::new(&own, &pod(dir.path())).unwrap();
    assert_eq!(access.own_namespace.as_deref(), Some("monitoring"));
}

#[test]
fn a_server_without_a_scheme_is_reached_as_the_trust_says() {
    for (server, is_tls, expected) in [
        ("https://k8s:6443/api?x=y#z", false, "https://k8s:6443/api"),
        ("kubernetes:443", false, "http://kubernetes:443/"),
        ("kubernetes:6443", true, "https://kubernetes:6443/"),
        ("", false, "http://localhost/"),
    ] {
        assert_eq!(address(server, is_tls).unwrap().as_str(), expected);
    }
    let error = address("ftp://u:hunter2@x", false).unwrap_err();
    assert_eq!(
        error,
        "invalid address of the Kubernetes API: unsupported protocol scheme \"ftp\""
    );
    let error = address("http://u:hunter2@", false).unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_kubeconfig_file_that_is_missing_is_named() {
    let mut config = config();
    config.kubeconfig_file = Some("/no/such/kubeconfig".into());
    let error = Access::new(&config, &pod(Path::new("/"))).unwrap_err();
    assert_eq!(error, "open /no/such/kubeconfig: no such file or directory");
}
