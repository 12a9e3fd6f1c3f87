//! kubeconfig files that can be followed and that cannot.

use super::*;

const FILE: &str = "
apiVersion: v1
kind: Config
current-context: there
contexts:
- name: elsewhere
  context: {cluster: nowhere, user: nobody}
- name: there
  context: {cluster: home, user: me, namespace: ignored}
clusters:
- name: home
  cluster: {CLUSTER}
users:
- name: me
  user: {USER}
";

fn parsed(cluster: &str, user: &str) -> Result<Kubeconfig, String> {
    let text = FILE.replace("{CLUSTER}", cluster).replace("{USER}", user);
    parse(&text, Path::new("/etc/kube"))
}

#[track_caller]
fn check_refused(cluster: &str, user: &str, words: &str) {
    let error = parsed(cluster, user).expect_err(words);
    assert!(error.contains(words), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn files_lie_beside_the_file_and_data_win_over_them() {
    let data = STANDARD.encode("PEM");
    let found = parsed(
        "{server: 'https://k8s:6443/proxy', certificate-authority: ca.crt, tls-server-name: api.example}",
        &format!(
            "{{client-certificate: /abs/me.crt, client-key: me.key, client-key-data: {data}, tokenFile: t, token: x}}"
        ),
    );
    let found = found.unwrap();
    let tls = &found.http_client.tls_config;
    assert_eq!(found.server, "https://k8s:6443/proxy");
    assert!(found.is_tls);
    assert_eq!(tls.ca_file.as_deref(), Some(Path::new("/etc/kube/ca.crt")));
    assert_eq!(tls.server_name, "api.example");
    assert_eq!(tls.cert_file.as_deref(), Some(Path::new("/abs/me.crt")));
    assert_eq!((tls.key.expose(), tls.key_file.as_deref()), ("PEM", None));
    let authorization = found.http_client.authorization.unwrap();
    assert_eq!(
        authorization.credentials_file.as_deref(),
        Some(Path::new("/etc/kube/t"))
    );
    assert!(
        authorization.credentials.is_empty(),
        "the file wins over the token"
    );
}

#[test]
fn passwords_tokens_and_impersonation_are_followed() {
    let found = parsed(
        "{server: a, insecure-skip-tls-verify: true, proxy-url: 'http://u:p@proxy'}",
        "{username: u, password: p}",
    )
    .unwrap();
    let basic = found.http_client.basic_auth.unwrap();
    assert_eq!((basic.username.as_str(), basic.password.expose()), ("u", "p"));
    assert!(found.http_client.tls_config.insecure_skip_verify);
    let proxy = found.http_client.proxy.proxy_url.unwrap();
    assert_eq!(proxy.expose(), "http://u:p@proxy");

    let user = "{token: x, as: other, as-groups: [a, b], as-user-extra: {scope: [c]}}";
    let found = parsed("{server: a}", user).unwrap();
    assert!(!found.is_tls);
    let authorization = found.http_client.authorization.unwrap();
    assert_eq!(authorization.credentials.expose(), "x");
    let headers: Vec<(&str, &[String])> = found
        .http_client
        .http_headers
        .iter()
        .map(|(name, header)| (name.as_str(), header.values.as_slice()))
        .collect();
    let expected: [(&str, &[String]); 3] = [
        ("Impersonate-Extra-scope", &["c".to_owned()]),
        ("Impersonate-Group", &["a".to_owned(), "b".to_owned()]),
        ("Impersonate-User", &["other".to_owned()]),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn what_cannot_be_followed_is_refused_by_name() {
    for (cluster, user, words) in [
        (
            "{}",
            "{exec: {command: aws}}",
            "user \"me\".exec is not supported by Deucalion yet",
        ),
        (
            "{}",
            "{auth-provider: {name: gcp}}",
            "user \"me\".auth-provider is not supported by Deucalion yet",
        ),
        (
            "{insecure-skip-tls-verify: true, certificate-authority: x}",
            "{}",
            "specifying a root certificates file with the insecure flag is not allowed",
        ),
        (
            "{}",
            "{token: hunter2, username: u}",
            "username/password or bearer token may be set, but not both",
        ),
        (
            "{}",
            "{client-certificate: x}",
            "client-certificate and client-key must be given together",
        ),
    ] {
        check_refused(cluster, user, words);
    }
}

#[test]
fn messages_name_the_place_and_never_the_value() {
    for (cluster, user, words) in [
        ("{}", "{token: [hunter2]}", "user \"me\".token is not a text"),
        (
            "{}",
            "{client-key-data: 'hunter2!'}",
            "user \"me\".client-key-data is not base64",
        ),
        (
            "{insecure-skip-tls-verify: hunter2}",
            "{}",
            "cluster \"home\".insecure-skip-tls-verify is not true or false",
        ),
        ("hunter2", "{}", "cluster \"home\" is not a mapping"),
        ("{}", "{token: hunter2", "is not valid YAML"),
    ] {
        check_refused(cluster, user, words);
    }
    for (text, words) in [
        ("", "is not a mapping"),
        ("{}", "current-context is not set"),
        ("current-context: x", "context \"x\" does not exist"),
        ("current-context: x\ncontexts: 7", "contexts is not a list"),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: y}}]",
            "cluster \"y\" does not exist",
        ),
    ] {
        let error = parse(text, Path::new("")).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    let error = load(Path::new("/no/such/file")).unwrap_err();
    assert_eq!(error, "open /no/such/file: no such file or directory");
}
