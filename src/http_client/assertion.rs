//! The assertion of RFC 7523: claims, signed with an RSA key, in place of a secret.
//!
//! What is done with it is told in [`super::oauth2`]. Begin with [`sign`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value as Json, json};

use crate::config::oauth2::OAuth2;

/// How long an assertion is good for.
const LASTS_S: u64 = 600;

/// A signed assertion, made at `now_s` with the PEM text of a key.
///
/// # Errors
/// When the key cannot be used; the words show nothing of it.
pub(super) fn sign(config: &OAuth2, key_pem: &str, now_s: u64) -> Result<String, String> {
    let key = read_key(key_pem)?;
    let (name, algorithm): (&str, &'static dyn RsaEncoding) = match config.signature_algorithm.as_str() {
        "RS384" => ("RS384", &RSA_PKCS1_SHA384),
        "RS512" => ("RS512", &RSA_PKCS1_SHA512),
        _ => ("RS256", &RSA_PKCS1_SHA256),
    };
    let random = SystemRandom::new();
    let mut head = json!({"alg": name, "typ": "JWT"});
    if !config.client_certificate_key_id.is_empty() {
        head["kid"] = config.client_certificate_key_id.as_str().into();
    }
    let claims = claims(config, &unique(&random)?, now_s);
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(&head), part(&Json::Object(claims)));
    let mut signature = vec![0; key.public().modulus_len()];
    let signed = key.sign(algorithm, &random, message.as_bytes(), &mut signature);
    signed.map_err(|_| "the key cannot sign an assertion".to_owned())?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn claims(config: &OAuth2, id: &str, now_s: u64) -> Map<String, Json> {
    let or = |text: &str, otherwise: &str| Json::from(if text.is_empty() { otherwise } else { text });
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Json| claims.insert(name.to_owned(), value);
    claim("iss", or(&config.iss, &config.client_id));
    claim("sub", config.client_id.as_str().into());
    claim("jti", id.into());
    claim("aud", or(&config.audience, &config.token_url));
    claim("iat", now_s.into());
    claim("exp", (now_s + LASTS_S).into());
    if !config.scopes.is_empty() {
        claim("scope", config.scopes.join(" ").into());
    }
    claims.extend(config.claims.clone());
    claims
}

fn read_key(pem: &str) -> Result<RsaKeyPair, String> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "invalid key: Key must be a PEM encoded PKCS1 or PKCS8 key".to_owned())?;
    let key = match &der {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err("key is not a valid RSA private key".to_owned()),
    };
    // Ring's word for it is one like TooSmall or WrongAlgorithm.
    key.map_err(|reason| format!("key is not a valid RSA private key: {reason}"))
}

/// A UUID of the fourth version.
fn unique(random: &dyn SecureRandom) -> Result<String, String> {
    let mut bytes = [0; 16];
    let filled = random.fill(&mut bytes);
    filled.map_err(|_| "the system gives no random numbers".to_owned())?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    Ok(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA384, UnparsedPublicKey};

    use super::*;

    #[test]
    fn an_assertion_holds_the_claims_and_a_signature_over_them() {
        // rcgen makes no RSA key with ring; this one was made for this test and guards nothing.
        let pem = include_str!("../../testdata/http_client/rsa.pem");
        let config = OAuth2 {
            client_id: "id".into(),
            client_certificate_key_id: "k1".into(),
            signature_algorithm: "RS384".into(),
            token_url: "http://giver/token".into(),
            scopes: vec!["a".into(), "b".into()],
            claims: [("sub".to_owned(), json!("other")), ("n".to_owned(), json!([1]))].into(),
            ..OAuth2::default()
        };
        let assertion = sign(&config, pem, 1_000).unwrap();
        let (message, signature) = assertion.rsplit_once('.').unwrap();
        let key = read_key(pem).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA384, key.public().as_ref().to_vec());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        public.verify(message.as_bytes(), &signature).unwrap();
        let part =
            |text: &str| -> Json { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
        let (head, body) = message.split_once('.').unwrap();
        assert_eq!(part(head), json!({"alg": "RS384", "kid": "k1", "typ": "JWT"}));
        let mut body = part(body);
        let id = body["jti"].take();
        assert_eq!(id.as_str().map(str::len), Some(36), "{id}");
        assert_eq!(
            body,
            json!({"iss": "id", "sub": "other", "jti": null, "aud": "http://giver/token", "iat": 1000,
                "exp": 1600, "scope": "a b", "n": [1]})
        );
    }

    #[test]
    fn a_key_that_cannot_be_used_is_refused_without_being_shown() {
        let error = sign(&OAuth2::default(), "hunter2", 0).unwrap_err();
        assert_eq!(error, "invalid key: Key must be a PEM encoded PKCS1 or PKCS8 key");
    }
}
