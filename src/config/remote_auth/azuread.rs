//! `azuread`: an identity of Microsoft's cloud.

use std::path::PathBuf;

use crate::config::expand::Environment;
use crate::config::path;
use crate::config::secret::Secret;
use crate::config::uuid;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Fields, Node};

/// The section `azuread`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureAdConfig {
    /// Who writes.
    pub identity: AzureIdentity,
    /// `AzurePublic`, `AzureGovernment` or `AzureChina`.
    pub cloud: String,
    /// What the token is asked for; empty is what the cloud's metrics need.
    pub scope: String,
}

/// Who writes, and how that is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureIdentity {
    /// The machine's own identity.
    Managed {
        /// Which of several; empty for the only one.
        client_id: String,
    },
    /// A workload of a Kubernetes cluster.
    Workload {
        /// Names the application.
        client_id: String,
        /// Names its directory.
        tenant_id: String,
        /// Where the cluster puts the token.
        token_file_path: PathBuf,
    },
    /// An application with a secret.
    OAuth {
        /// Names the application.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
        /// Names its directory.
        tenant_id: String,
    },
    /// Whatever Azure's tools find in the surroundings.
    Sdk {
        /// Names the directory; empty for the default.
        tenant_id: String,
    },
    /// An application with a certificate.
    Certificate {
        /// Names the application.
        client_id: String,
        /// Names its directory.
        tenant_id: String,
        /// PEM or PFX.
        certificate_path: PathBuf,
        /// The key, unless it is in the same file.
        certificate_key_path: Option<PathBuf>,
        /// What opens a PFX file.
        certificate_password: Secret,
        /// Whether the chain is sent, too.
        send_certificate_chain: bool,
    },
}

/// Where a cluster puts the token unless its variable says otherwise.
const TOKEN_FILE_DEFAULT: &str = "/var/run/secrets/azure/tokens/azure-identity-token";

/// The variable that says where.
const TOKEN_FILE_VARIABLE: &str = "AZURE_FEDERATED_TOKEN_FILE";

const CLOUDS: [&str; 3] = ["AzurePublic", "AzureGovernment", "AzureChina"];

/// Every way with its key and the Go type of its section, in Prometheus' order.
const WAYS: [(&str, &str); 5] = [
    ("managed_identity", "azuread.ManagedIdentityConfig"),
    ("workload_identity", "azuread.WorkloadIdentityConfig"),
    ("oauth", "azuread.OAuthConfig"),
    ("sdk", "azuread.SDKConfig"),
    ("certificate", "azuread.CertificateConfig"),
];

impl AzureAdConfig {
    /// Reads the section; null is none, and so is one that does not say who writes.
    pub fn decode(node: &Node, environment: Environment<'_>, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "azuread.plain")?;
        let (mark, span) = (fields.mark, fields.span);
        let cloud_mark = fields.mark_of("cloud");
        let cloud = match decoder.text_of(&mut fields, "cloud") {
            cloud if cloud.is_empty() => CLOUDS[0].to_owned(),
            cloud => cloud,
        };
        if !CLOUDS.contains(&cloud.as_str()) {
            let text = "must provide a cloud in the Azure AD config";
            decoder.mistake_of(span, cloud_mark, text);
        }
        let mut identities = Vec::new();
        for (key, type_name) in WAYS {
            let Some(node) = fields.take(key) else { continue };
            let Some(mut inner) = decoder.fields(node, type_name) else {
                continue;
            };
            let identity = decoder.checks_of(span, |decoder| {
                AzureIdentity::decode(key, &mut inner, environment, decoder)
            });
            decoder.finish(inner, &[]);
            identities.push(identity);
        }
        let scope_mark = fields.mark_of("scope");
        let scope = decoder.text_of(&mut fields, "scope");
        if !scope.chars().all(is_of_scope) {
            let text = "the provided scope contains invalid characters";
            decoder.mistake_of(span, scope_mark, text);
        }
        decoder.finish(fields, &[]);
        match identities.len() {
            0 => decoder.mistake_of(
                span,
                mark,
                "must provide an Azure Managed Identity, Azure Workload Identity, Azure OAuth, Azure Certificate or Azure SDK in the Azure AD config",
            ),
            1 => {}
            _ => decoder.mistake_of(
                span,
                mark,
                "cannot provide multiple authentication methods in the Azure AD config",
            ),
        }
        let identity = identities.into_iter().next()?;
        Some(Self {
            identity,
            cloud,
            scope,
        })
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        let (key, identity) = self.identity.to_out();
        map.put(key, identity)
            .put_unless_zero("cloud", self.cloud.as_str())
            .put_unless_zero("scope", self.scope.as_str());
        map.into()
    }
}

/// `[\w\s:/.\-]`
fn is_of_scope(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:/.- \t\n\r\u{c}".contains(c)
}

impl AzureIdentity {
    fn decode(
        key: &str,
        fields: &mut Fields<'_>,
        environment: Environment<'_>,
        decoder: &mut Decoder,
    ) -> Self {
        match key {
            "managed_identity" => Self::Managed {
                client_id: decode_id(fields, "client_id", "Managed Identity", false, decoder),
            },
            "workload_identity" => {
                let written = decoder.path_of(fields, "token_file_path");
                let told = || environment(TOKEN_FILE_VARIABLE).filter(|path| !path.is_empty());
                Self::Workload {
                    client_id: decode_id(fields, "client_id", "Workload Identity", true, decoder),
                    tenant_id: decode_id(fields, "tenant_id", "Workload Identity", true, decoder),
                    token_file_path: written
                        .or_else(|| told().map(PathBuf::from))
                        .unwrap_or_else(|| TOKEN_FILE_DEFAULT.into()),
                }
            }
            "oauth" => {
                let client_id = decode_id(fields, "client_id", "OAuth", true, decoder);
                let mark = fields.mark_of("client_secret");
                let client_secret = decoder.secret_of(fields, "client_secret");
                if client_secret.is_empty() {
                    decoder.mistake(mark, missing("client_secret", "OAuth"));
                }
                Self::OAuth {
                    client_id,
                    client_secret,
                    tenant_id: decode_required(fields, "tenant_id", "OAuth", decoder),
                }
            }
            "sdk" => Self::Sdk {
                tenant_id: decoder.text_of(fields, "tenant_id"),
            },
            _ => Self::Certificate {
                client_id: decode_id(fields, "client_id", "Certificate", true, decoder),
                tenant_id: decode_required(fields, "tenant_id", "Certificate", decoder),
                certificate_path: decode_required(fields, "certificate_path", "Certificate", decoder).into(),
                certificate_key_path: decoder.path_of(fields, "certificate_key_path"),
                certificate_password: decoder.secret_of(fields, "certificate_password"),
                send_certificate_chain: decoder.bool_of(fields, "send_certificate_chain", false),
            },
        }
    }

    fn to_out(&self) -> (&'static str, OutMap) {
        let mut map = OutMap::new();
        let key = match self {
            Self::Managed { client_id } => {
                map.put_unless_zero("client_id", client_id.as_str());
                "managed_identity"
            }
            Self::Workload {
                client_id,
                tenant_id,
                token_file_path,
            } => {
                map.put("client_id", client_id.as_str())
                    .put("tenant_id", tenant_id.as_str())
                    .put("token_file_path", path::text(Some(token_file_path)));
                "workload_identity"
            }
            Self::OAuth {
                client_id,
                client_secret,
                tenant_id,
            } => {
                map.put("client_id", client_id.as_str())
                    .put("client_secret", client_secret.to_string())
                    .put("tenant_id", tenant_id.as_str());
                "oauth"
            }
            Self::Sdk { tenant_id } => {
                map.put_unless_zero("tenant_id", tenant_id.as_str());
                "sdk"
            }
            Self::Certificate {
                client_id,
                tenant_id,
                certificate_path,
                certificate_key_path,
                certificate_password,
                send_certificate_chain,
            } => {
                map.put("client_id", client_id.as_str())
                    .put("tenant_id", tenant_id.as_str())
                    .put("certificate_path", path::text(Some(certificate_path)))
                    .put_unless_zero("certificate_key_path", path::text(certificate_key_path.as_ref()))
                    .put_unless_zero("certificate_password", certificate_password.to_string())
                    .put_unless_zero("send_certificate_chain", *send_certificate_chain);
                "certificate"
            }
        };
        (key, map)
    }
}

fn missing(key: &str, of: &str) -> String {
    format!("must provide an Azure {of} {key} in the Azure AD config")
}

fn decode_required(fields: &mut Fields<'_>, key: &str, of: &str, decoder: &mut Decoder) -> String {
    let mark = fields.mark_of(key);
    let text = decoder.text_of(fields, key);
    if text.is_empty() {
        decoder.mistake(mark, missing(key, of));
    }
    text
}

fn decode_id(
    fields: &mut Fields<'_>,
    key: &str,
    of: &str,
    is_required: bool,
    decoder: &mut Decoder,
) -> String {
    let mark = fields.mark_of(key);
    let text = match is_required {
        true => decode_required(fields, key, of, decoder),
        false => decoder.text_of(fields, key),
    };
    if !text.is_empty() && !uuid::is_any_form(&text) {
        decoder.mistake(mark, format!("the provided Azure {of} {key} is invalid"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::document::{self, Reading};

    const ID: &str = "00000000-a12b-3cd4-e56f-000000000000";

    fn decode(text: &str) -> Result<Option<AzureAdConfig>, String> {
        let text = text.replace("ID", ID);
        let read = document::decode(
            Path::new("a.yml"),
            text.as_bytes(),
            Reading::STRICT,
            |root, decoder| AzureAdConfig::decode(root?, &|_| None, decoder),
        );
        read.map_err(|errors| errors.as_go().to_owned())
    }

    #[test]
    fn one_identity_is_read_with_its_defaults_and_no_secret_is_shown() {
        let config = decode("oauth: {client_id: ID, client_secret: hush, tenant_id: x.com}")
            .unwrap()
            .unwrap();
        let written = crate::config::yaml::write::write(&config.to_out()).unwrap();
        assert_eq!(
            written,
            format!(
                "oauth:\n  client_id: {ID}\n  client_secret: <secret>\n  tenant_id: x.com\ncloud: AzurePublic\n"
            )
        );
        let config = decode("workload_identity: {client_id: ID, tenant_id: ID}")
            .unwrap()
            .unwrap();
        assert!(matches!(
            config.identity,
            AzureIdentity::Workload { token_file_path, .. } if token_file_path == Path::new(TOKEN_FILE_DEFAULT)
        ));
        assert!(decode("managed_identity: {client_id: 'urn:uuid:ID'}").is_ok());
        assert_eq!(decode("~"), Ok(None));
    }

    #[test]
    fn what_does_not_say_who_writes_is_refused_in_the_words_of_prometheus() {
        for (text, expected) in [
            (
                "cloud: AzurePublic",
                "must provide an Azure Managed Identity, Azure Workload Identity, Azure OAuth, Azure Certificate or Azure SDK in the Azure AD config",
            ),
            (
                "{cloud: Mars, sdk: {}}",
                "must provide a cloud in the Azure AD config",
            ),
            (
                "{sdk: {}, managed_identity: {}}",
                "cannot provide multiple authentication methods in the Azure AD config",
            ),
            (
                "managed_identity: {client_id: x}",
                "the provided Azure Managed Identity client_id is invalid",
            ),
            (
                "oauth: {client_id: ID, tenant_id: x}",
                "must provide an Azure OAuth client_secret in the Azure AD config",
            ),
            (
                "certificate: {client_id: ID, tenant_id: x}",
                "must provide an Azure Certificate certificate_path in the Azure AD config",
            ),
            (
                "{sdk: {}, scope: 'a!'}",
                "the provided scope contains invalid characters",
            ),
            (
                "sdk: {foo: 1}",
                "yaml: unmarshal errors:\n  line 1: field foo not found in type azuread.SDKConfig",
            ),
        ] {
            assert_eq!(decode(text), Err(expected.to_owned()), "{text}");
        }
    }
}
