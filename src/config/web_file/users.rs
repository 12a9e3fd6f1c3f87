//! `basic_auth_users`: names and bcrypt hashes.

use std::collections::BTreeMap;

use crate::config::quote::quoted;
use crate::config::secret::Secret;
use crate::config::yaml::{Decoder, Node};

/// The shortest bcrypt hash there is.
const HASH_LENGTH_MIN: usize = 59;

pub(super) fn decode(node: &Node, decoder: &mut Decoder) -> BTreeMap<String, Secret> {
    let pairs = decoder.pairs(node, "map[string]config.Secret");
    let mut users = BTreeMap::new();
    for (name, node) in pairs.unwrap_or_default() {
        let Some(hash) = decoder.string_as(node, "config.plain") else {
            continue;
        };
        if let Err(text) = check_hash(&hash) {
            decoder.mistake(node.mark, text);
        }
        users.insert(name.to_owned(), Secret::new(hash));
    }
    users
}

/// Whether `hash` is a bcrypt hash with a sane cost; the words are those of Go's bcrypt.
fn check_hash(hash: &str) -> Result<(), String> {
    let refuse = |what: String| Err(format!("crypto/bcrypt: {what}"));
    let bytes = hash.as_bytes();
    if bytes.len() < HASH_LENGTH_MIN {
        return refuse("hashedSecret too short to be a bcrypted password".into());
    }
    if bytes[0] != b'$' {
        let first = bytes[0] as char;
        return refuse(format!(
            "bcrypt hashes must start with '$', but hashedSecret started with '{first}'"
        ));
    }
    if bytes[1] > b'2' {
        let version = bytes[1] as char;
        return refuse(format!(
            "bcrypt algorithm version '{version}' requested is newer than current version '2'"
        ));
    }
    let cost_at = if bytes[2] == b'$' { 3 } else { 4 };
    let cost_text = String::from_utf8_lossy(&bytes[cost_at..cost_at + 2]).into_owned();
    match cost_text.parse::<u32>() {
        Ok(4..=31) => Ok(()),
        Ok(cost) => refuse(format!("cost {cost} is outside allowed inclusive range 4..31")),
        Err(_) => Err(format!(
            "strconv.Atoi: parsing {}: invalid syntax",
            quoted(&cost_text)
        )),
    }
}
