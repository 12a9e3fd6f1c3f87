//! Discovery mechanisms of Prometheus that are not built: read and checked as Prometheus does, then refused by
//! name where a server would start with them.
//!
//! Nothing of them is kept, for nothing can act on it: whoever builds one moves it out of here into a file
//! beside [`super::file`].
//!
//! ```text
//! <name>_sd_configs ─► tables (keys, kinds, defaults) ─► checks (what must be there) ─► not supported yet
//! ```
//!
//! Start with [`decode_all`] and [`tables::TABLES`].

mod checks;
mod tables;

use super::decode_list;
use crate::config::http_client::HttpClientConfig;
use crate::config::quote::quoted;
use crate::config::secret::Secret;
use crate::config::tls::TlsConfig;
use crate::config::yaml::{Decoder, Fields, Node};
use tables::TABLES;

/// A mechanism as Prometheus reads it.
struct Table {
    /// Its name; the key is `<name>_sd_configs`.
    name: &'static str,
    /// The Go type of its list, as it stands in messages.
    list: &'static str,
    /// The Go type of one item, as it stands in messages.
    item: &'static str,
    /// Whether it takes the options of HTTP clients.
    has_client: bool,
    /// Its own keys.
    keys: &'static [(&'static str, Kind)],
    /// What Prometheus checks once an item is read.
    check: fn(&Values<'_>) -> Result<(), String>,
}

/// What a key holds, and what it is unless written.
#[derive(Clone, Copy)]
enum Kind {
    /// A text.
    Text(&'static str),
    /// A secret, empty unless written.
    Secret,
    /// A truth value, false unless written; nothing depends on the default.
    Bool,
    /// A number; nothing depends on the default.
    Int,
    /// A duration in seconds.
    Seconds(i64),
    /// A list of texts, empty unless written.
    Texts,
    /// One of a few texts; another is refused in these words.
    OneOf(&'static str, &'static [&'static str], &'static str),
    /// `tls_config`.
    Tls,
    /// Filters of an AWS API: names with values.
    Filters,
}

/// What was read.
enum Value {
    Text(String),
    Secret(Secret),
    Ms(i64),
    Texts(Vec<String>),
    /// Of the right kind; no check looks at it.
    Other,
}

/// The values of one item by their keys, and what it says about its HTTP client.
struct Values<'t> {
    values: Vec<(&'t str, Value)>,
    client_keys: Vec<&'static str>,
}

/// Reads the lists of all these mechanisms out of a job or an Alertmanager section.
pub(super) fn decode_all(fields: &mut Fields<'_>, decoder: &mut Decoder) {
    for table in TABLES {
        let key = format!("{}_sd_configs", table.name);
        let mark = fields.key_mark_of(&key);
        let items = decode_list(fields, &key, table.list, decoder, |node, decoder| {
            table.decode(node, decoder);
            Some(())
        });
        if !items.is_empty() {
            decoder.unbuilt(mark, &key);
        }
    }
}

impl Table {
    fn decode(&self, node: &Node, decoder: &mut Decoder) {
        let Some(mut fields) = decoder.fields(node, self.item) else {
            return;
        };
        let (mark, span) = (fields.mark, fields.span);
        let client_keys = CLIENT_AUTHENTICATION.into_iter().filter(|key| fields.says(key));
        let before = decoder.mistakes.len();
        let mut values = Values {
            client_keys: client_keys.collect(),
            values: Vec::with_capacity(self.keys.len()),
        };
        for (key, kind) in self.keys {
            values.values.push((key, kind.decode(&mut fields, key, decoder)));
        }
        // Go checks the client last.
        if decoder.has_right_shapes_since(before)
            && let Err(text) = (self.check)(&values)
        {
            decoder.mistake_of(span, mark, text);
        }
        if self.has_client {
            decoder.checks_of(span, |decoder| HttpClientConfig::decode(&mut fields, decoder));
            decoder.finish(fields, &[]);
        } else {
            decoder.finish(fields, &[]);
        }
    }
}

/// The keys of an HTTP client that checks ask for.
const CLIENT_AUTHENTICATION: [&str; 4] = ["basic_auth", "bearer_token", "bearer_token_file", "authorization"];

impl Kind {
    fn decode(self, fields: &mut Fields<'_>, key: &str, decoder: &mut Decoder) -> Value {
        let default = match self {
            Self::Text(default) | Self::OneOf(default, ..) => Value::Text(default.to_owned()),
            Self::Secret => Value::Secret(Secret::default()),
            Self::Seconds(seconds) => Value::Ms(seconds * 1_000),
            Self::Texts => Value::Texts(Vec::new()),
            Self::Bool | Self::Int | Self::Tls | Self::Filters => Value::Other,
        };
        match self {
            Self::Secret => return Value::Secret(decoder.secret_of(fields, key)),
            Self::Texts => return Value::Texts(decoder.strings_of(fields, key)),
            _ => {}
        }
        let Some(node) = fields.take(key) else {
            return default;
        };
        let read = match self {
            Self::Text(_) => decoder.string(node).map(Value::Text),
            Self::OneOf(_, names, refusal) => decode_name(node, names, refusal, decoder),
            Self::Seconds(_) => decoder.duration_ms(node).map(Value::Ms),
            Self::Bool => decoder.bool(node).map(|_| Value::Other),
            Self::Int => decoder.int(node, "int").map(|_| Value::Other),
            Self::Tls => {
                TlsConfig::decode(node, decoder);
                None
            }
            Self::Filters => {
                decode_filters(node, decoder);
                None
            }
            Self::Secret | Self::Texts => None,
        };
        read.unwrap_or(default)
    }
}

fn decode_name(node: &Node, names: &[&str], refusal: &str, decoder: &mut Decoder) -> Option<Value> {
    let name = decoder.string(node)?;
    if !node.is_null() && !names.contains(&name.as_str()) {
        decoder.mistake_in(node, format!("{refusal} {name}", name = quoted(&name)));
    }
    Some(Value::Text(name))
}

fn decode_filters(node: &Node, decoder: &mut Decoder) {
    for item in decoder.items(node, "[]*aws.Filter").unwrap_or_default() {
        if let Some(mut fields) = decoder.fields(item, "aws.Filter") {
            decoder.text_of(&mut fields, "name");
            decoder.strings_of(&mut fields, "values");
            decoder.finish(fields, &[]);
        }
    }
}

impl Values<'_> {
    fn of(&self, key: &str) -> Option<&Value> {
        self.values
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    fn text(&self, key: &str) -> &str {
        match self.of(key) {
            Some(Value::Text(text)) => text,
            Some(Value::Secret(secret)) => secret.expose(),
            _ => "",
        }
    }

    fn texts(&self, key: &str) -> &[String] {
        match self.of(key) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    fn ms(&self, key: &str) -> i64 {
        match self.of(key) {
            Some(Value::Ms(ms)) => *ms,
            _ => 0,
        }
    }

    /// Whether its HTTP client is given `key`.
    fn client_has(&self, key: &str) -> bool {
        self.client_keys.contains(&key)
    }
}
