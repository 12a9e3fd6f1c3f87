//! How the API is reached: through what is configured, a kubeconfig file, or the account of the pod we run in.

use std::fs;
use std::path::{Path, PathBuf};

use tracing::{info, warn};
use url::Url;

use super::kubeconfig;
use crate::config::KubernetesSdConfig;
use crate::config::http_client::{Authorization, HttpClientConfig};
use crate::config::proxy::ProxyEnvironment;
use crate::config::secret::Secret;
use crate::http_client::HttpClient;

/// Where Kubernetes puts the account of a pod.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The variable that names another place, for pods that mount it elsewhere.
const ACCOUNT_VARIABLE: &str = "DEUCALION_KUBERNETES_SERVICE_ACCOUNT";

/// What the process finds around it when it runs in a pod.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    /// Where the API is: host and port.
    pub(super) api: Option<(String, String)>,
    /// The directory with the account's token, certificate and namespace.
    pub(super) account: PathBuf,
    /// The proxies that are used where the configuration has no say: with an account or a kubeconfig file.
    pub(super) proxies: ProxyEnvironment,
}

impl Pod {
    /// As the variables of the process say.
    pub(super) fn of_process() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let host = variable("KUBERNETES_SERVICE_HOST");
        Self {
            api: host.zip(variable("KUBERNETES_SERVICE_PORT")),
            account: variable(ACCOUNT_VARIABLE).map_or_else(|| ACCOUNT.into(), PathBuf::from),
            proxies: ProxyEnvironment::read(&|name| std::env::var(name).ok()),
        }
    }
}

/// The API as it can be reached.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) client: HttpClient,
    pub(super) address: Url,
    /// The namespace of our pod, if it was asked for.
    pub(super) own_namespace: Option<String>,
}

impl Access {
    /// The access that a configuration asks for.
    ///
    /// # Errors
    /// When a file is missing or says something that cannot be followed.
    pub(super) fn new(config: &KubernetesSdConfig, pod: &Pod) -> Result<Self, String> {
        let (mut options, address, own_namespace) = match (&config.kubeconfig_file, &config.api_server) {
            (Some(file), _) => {
                let found = kubeconfig::load(file)?;
                (found.http_client, address(&found.server, found.is_tls)?, None)
            }
            (None, Some(server)) => (config.http_client.clone(), address(server, false)?, None),
            (None, None) => {
                let (options, server) = of_pod(pod)?;
                let namespace = match config.own_namespace {
                    true => Some(own_namespace(&pod.account)?),
                    false => None,
                };
                info!("Using pod service account via in-cluster config");
                (options, address(&server, true)?, namespace)
            }
        };
        if config.api_server.is_none() && options.proxy.proxy_url.is_none() {
            options.proxy.proxy_from_environment = true;
            options.proxy.environment = pod.proxies.clone();
        }
        Ok(Self {
            client: HttpClient::new(&options).map_err(|error| error.to_string())?,
            address,
            own_namespace,
        })
    }
}

/// The options and the server that a pod's account stands for. The token is read for each request.
fn of_pod(pod: &Pod) -> Result<(HttpClientConfig, String), String> {
    let Some((host, port)) = &pod.api else {
        return Err(
            "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be \
             defined"
                .to_owned(),
        );
    };
    let token = pod.account.join("token");
    read(&token)?;
    let mut options = HttpClientConfig {
        authorization: Some(Authorization {
            scheme: "Bearer".to_owned(),
            credentials: Secret::default(),
            credentials_file: Some(token),
        }),
        ..HttpClientConfig::default()
    };
    options.tls_config.ca_file = Some(pod.account.join("ca.crt"));
    if let Err(error) = HttpClient::new(&options) {
        warn!(%error, "Expected to load root CA of the service account");
        options.tls_config.ca_file = None;
    }
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    Ok((options, format!("https://{host}:{port}")))
}

fn own_namespace(account: &Path) -> Result<String, String> {
    let namespace = read(&account.join("namespace"));
    let namespace = namespace.map_err(|error| format!("could not determine the pod's namespace: {error}"))?;
    if namespace.is_empty() {
        return Err("could not read own namespace name (empty file)".to_owned());
    }
    Ok(namespace)
}

/// A file's text; an error in Go's words.
pub(super) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| {
        let text = error.to_string().to_lowercase();
        let text = text.split(" (os error").next().unwrap_or_default();
        format!("open {}: {text}", path.display())
    })
}

/// The address that a server's name or URL means; without a scheme `is_tls` decides.
fn address(server: &str, is_tls: bool) -> Result<Url, String> {
    let server = if server.is_empty() { "localhost" } else { server };
    let text = match server.contains("://") {
        true => server.to_owned(),
        false if is_tls => format!("https://{server}"),
        false => format!("http://{server}"),
    };
    // The text may hold a password: it is not shown.
    let url = Url::parse(&text).map_err(|error| format!("invalid address of the Kubernetes API: {error}"))?;
    if url.cannot_be_a_base() || !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return Err(format!(
            "invalid address of the Kubernetes API: unsupported protocol scheme {scheme:?}"
        ));
    }
    let mut url = url;
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests;
