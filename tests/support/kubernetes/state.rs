//! The objects of the fake cluster, their versions, and the log of what happened to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

/// Kinds with their API and their name in it.
const KINDS: [(&str, &str, &str); 9] = [
    ("Node", "v1", "nodes"),
    ("Namespace", "v1", "namespaces"),
    ("Pod", "v1", "pods"),
    ("Service", "v1", "services"),
    ("Endpoints", "v1", "endpoints"),
    ("EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
    ("Ingress", "networking.k8s.io/v1", "ingresses"),
    ("ReplicaSet", "apps/v1", "replicasets"),
    ("Job", "batch/v1", "jobs"),
];

/// A way to fail.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Trouble {
    /// None.
    #[default]
    None,
    /// Every request is answered with this status.
    Status(u16),
    /// Nothing is ever answered.
    Hang,
    /// Answers come late.
    Slow(Duration),
    /// Lists and events break off within, and so does the connection.
    Truncated,
    /// Lists and events break off within, as if that were all.
    TruncatedJson,
    /// Lists are good and streams say nothing.
    Silent,
    /// Lists are good and streams are refused as too old.
    Expired,
    /// The second page of a list is always too old.
    PagesExpire,
    /// What is answered is no JSON.
    Html,
}

#[derive(Debug)]
pub(super) struct State {
    version: u64,
    /// By plural, namespace, name.
    objects: BTreeMap<(String, String, String), Value>,
    log: Vec<Happened>,
    /// Changes up to this version are forgotten.
    forgotten: u64,
    pub(super) dropped: u64,
    pub(super) ended: u64,
    pub(super) bookmarks: u64,
    pub(super) trouble: Trouble,
    pub(super) forbidden: BTreeSet<String>,
    pub(super) token: String,
    pub(super) page_max: usize,
    pub(super) requests: Vec<String>,
}

/// A change: the object before and after.
#[derive(Debug)]
struct Happened {
    version: u64,
    plural: String,
    before: Option<Value>,
    after: Option<Value>,
}

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) plural: String,
    /// Empty for all.
    pub(super) namespace: String,
    pub(super) label: String,
    pub(super) field: String,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: 1000,
            objects: BTreeMap::new(),
            log: Vec::new(),
            forgotten: 0,
            dropped: 0,
            ended: 0,
            bookmarks: 0,
            trouble: Trouble::None,
            forbidden: BTreeSet::new(),
            token: super::TOKEN.to_owned(),
            page_max: usize::MAX,
            requests: Vec::new(),
        }
    }
}

fn text<'v>(object: &'v Value, path: &[&str]) -> &'v str {
    let value = path.iter().fold(object, |value, key| &value[*key]);
    value.as_str().unwrap_or_default()
}

impl State {
    pub(super) fn put(&mut self, mut object: Value) {
        let kind = text(&object, &["kind"]).to_owned();
        let (_, api, plural) = KINDS
            .iter()
            .find(|(known, ..)| *known == kind)
            .expect("a known kind");
        self.version += 1;
        object["apiVersion"] = json!(api);
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let name = text(&object, &["metadata", "name"]).to_owned();
        let namespace = text(&object, &["metadata", "namespace"]).to_owned();
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{kind}-{namespace}-{name}"));
        }
        let key = ((*plural).to_owned(), namespace, name);
        let before = self.objects.insert(key, object.clone());
        self.note(plural, before, Some(object));
    }

    pub(super) fn delete(&mut self, plural: &str, namespace: &str, name: &str) {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        if let Some(mut before) = self.objects.remove(&key) {
            self.version += 1;
            before["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.note(plural, Some(before), None);
        }
    }

    fn note(&mut self, plural: &str, before: Option<Value>, after: Option<Value>) {
        self.log.push(Happened {
            version: self.version,
            plural: plural.to_owned(),
            before,
            after,
        });
    }

    pub(super) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        self.objects.get(&key).cloned()
    }

    pub(super) fn all(&self, plural: &str) -> Vec<Value> {
        let objects = self.objects.iter().filter(|((p, ..), _)| p == plural);
        objects.map(|(_, object)| object.clone()).collect()
    }

    pub(super) fn expire(&mut self) {
        self.version += 1;
        self.forgotten = self.version;
        self.log.clear();
    }

    pub(super) fn drop_streams(&mut self) {
        self.dropped += 1;
    }

    pub(super) fn end_streams(&mut self) {
        self.ended += 1;
    }

    pub(super) fn bookmark(&mut self) {
        self.version += 1;
        self.bookmarks += 1;
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Whether changes since `version` are still known.
    pub(super) fn remembers(&self, version: u64) -> bool {
        version >= self.forgotten
    }

    /// A page of a list, in the API's own form.
    pub(super) fn list(&self, asked: &Asked, limit: usize, next: &str) -> Result<Value, Value> {
        let skipped: usize = next.parse().unwrap_or(0);
        if skipped > 0 && self.trouble == Trouble::PagesExpire {
            return Err(status(
                410,
                "Expired",
                "The provided continue parameter is too old",
            ));
        }
        let found = self
            .objects
            .iter()
            .filter(|((plural, ..), _)| *plural == asked.plural);
        let found: Vec<&Value> = found
            .map(|(_, object)| object)
            .filter(|o| asked.wants(o))
            .collect();
        let items: Vec<&&Value> = found.iter().skip(skipped).take(limit).collect();
        let shown = skipped + items.len();
        let next = if shown < found.len() {
            shown.to_string()
        } else {
            String::new()
        };
        let (kind, api, _) = KINDS
            .iter()
            .find(|(.., plural)| *plural == asked.plural)
            .expect("a known kind");
        Ok(json!({
            "kind": format!("{kind}List"),
            "apiVersion": api,
            "metadata": {"resourceVersion": self.version.to_string(), "continue": next},
            "items": items,
        }))
    }

    /// The events since a version, in the API's own form, and the version that they lead to.
    pub(super) fn events(&self, asked: &Asked, since: u64) -> Vec<Value> {
        let new = self
            .log
            .iter()
            .filter(|happened| happened.version > since && happened.plural == asked.plural);
        new.filter_map(|happened| {
            let before = happened.before.as_ref().filter(|object| asked.wants(object));
            let after = happened.after.as_ref().filter(|object| asked.wants(object));
            let (kind, object) = match (before, after) {
                (None, None) => return None,
                (None, Some(after)) => ("ADDED", after.clone()),
                (Some(_), Some(after)) => ("MODIFIED", after.clone()),
                (Some(before), None) => ("DELETED", before.clone()),
            };
            let mut object = object;
            object["metadata"]["resourceVersion"] = json!(happened.version.to_string());
            Some(json!({"type": kind, "object": object}))
        })
        .collect()
    }

    /// The whole list as events, and the bookmark that says that this was all.
    pub(super) fn list_events(&self, asked: &Asked) -> Vec<Value> {
        let found = self
            .objects
            .iter()
            .filter(|((plural, ..), _)| *plural == asked.plural);
        let wanted = found
            .map(|(_, object)| object)
            .filter(|object| asked.wants(object));
        let mut events: Vec<Value> = wanted
            .map(|object| json!({"type": "ADDED", "object": object}))
            .collect();
        let mut end = self.bookmark_event(asked);
        end["object"]["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        events.push(end);
        events
    }

    /// A bookmark of now.
    pub(super) fn bookmark_event(&self, asked: &Asked) -> Value {
        let (kind, api, _) = KINDS
            .iter()
            .find(|(.., plural)| *plural == asked.plural)
            .expect("a known kind");
        let version = self.version.to_string();
        json!({"type": "BOOKMARK", "object": {
            "kind": kind, "apiVersion": api, "metadata": {"resourceVersion": version},
        }})
    }
}

/// The API's own form of an error.
pub(super) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

impl Asked {
    fn wants(&self, object: &Value) -> bool {
        let is_here = self.namespace.is_empty() || text(object, &["metadata", "namespace"]) == self.namespace;
        let labels = self.label.split(',').filter(|term| !term.is_empty()).all(|term| {
            let labels = &object["metadata"]["labels"];
            match term
                .split_once("!=")
                .map(|pair| (pair, false))
                .or(term.split_once('=').map(|pair| (pair, true)))
            {
                Some(((name, value), wanted)) => (text(labels, &[name]) == value) == wanted,
                None => !labels[term].is_null(),
            }
        });
        let fields = self.field.split(',').filter(|term| !term.is_empty()).all(|term| {
            let (path, value) = term.split_once('=').unwrap_or((term, ""));
            let path: Vec<&str> = path.split('.').collect();
            text(object, &path) == value
        });
        is_here && labels && fields
    }
}
