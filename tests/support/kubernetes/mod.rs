//! A Kubernetes API server inside the test: it holds objects, lists them in pages and streams their changes.
//!
//! Over TLS, for those who bring its token, and good enough for Prometheus' own client. It can be made to fail in
//! the ways that real ones do. It knows nothing of what objects mean. Start with [`FakeApi::start`].
//!
//! ```text
//! the test ─ put, delete, expire, trouble ─▶ State (objects and a log of changes) ◀─ list, watch ─ clients
//! ```

mod serve;
mod state;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use serde_json::Value;
use tokio::sync::watch;

use state::State;
pub(crate) use state::Trouble;

/// The token that opens the API.
pub(crate) const TOKEN: &str = "letmein-0123456789";

/// The server. It ends with the process that the test is.
#[derive(Clone, Debug)]
pub(crate) struct FakeApi {
    address: SocketAddr,
    /// The certificate to trust, PEM.
    pub(crate) certificate: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: std::sync::Mutex<State>,
    /// Counts what streams and hanging answers must look at.
    changed: watch::Sender<u64>,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

impl FakeApi {
    /// An empty cluster on a free port.
    pub(crate) fn start() -> Self {
        Self::with_certificate(false)
    }

    /// One whose certificate has expired.
    pub(crate) fn expired() -> Self {
        Self::with_certificate(true)
    }

    fn with_certificate(has_expired: bool) -> Self {
        let shared = Arc::new(Shared {
            state: std::sync::Mutex::default(),
            changed: watch::Sender::new(0),
        });
        let (ready, started) = channel();
        let served = Arc::clone(&shared);
        std::thread::spawn(move || serve::run(&served, has_expired, &ready));
        let (address, certificate) = started.recv().expect("the API server starts");
        Self {
            address,
            certificate,
            shared,
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Writes the account of a pod into a directory, as a cluster mounts it.
    pub(crate) fn write_account(&self, directory: &Path, namespace: &str) -> PathBuf {
        let files = [
            ("token", TOKEN),
            ("ca.crt", &self.certificate),
            ("namespace", namespace),
        ];
        for (name, text) in files {
            std::fs::write(directory.join(name), text).expect("write the account");
        }
        directory.to_owned()
    }

    /// Makes an object what it is from now on; `kind`, `metadata.name` and `metadata.namespace` say which.
    pub(crate) fn put(&self, object: Value) {
        self.shared.state().put(object);
        self.shared.tell();
    }

    /// Changes an object that is there.
    pub(crate) fn change(&self, plural: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self
            .get(plural, namespace, name)
            .unwrap_or_else(|| panic!("there is no {plural} {namespace}/{name}"));
        change(&mut object);
        self.put(object);
    }

    /// Counts an object as changed, although nothing of it is different.
    pub(crate) fn touch(&self, plural: &str) {
        let objects = self.shared.state().all(plural);
        for object in objects {
            self.put(object);
        }
    }

    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.shared.state().get(plural, namespace, name)
    }

    /// Removes an object.
    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) {
        self.shared.state().delete(plural, namespace, name);
        self.shared.tell();
    }

    /// Forgets the past: streams that are behind end with 410.
    pub(crate) fn expire(&self) {
        self.shared.state().expire();
        self.shared.tell();
    }

    /// Breaks every stream of changes without a word.
    pub(crate) fn drop_streams(&self) {
        self.shared.state().drop_streams();
        self.shared.tell();
    }

    /// Ends every stream of changes in good order.
    pub(crate) fn end_streams(&self) {
        self.shared.state().end_streams();
        self.shared.tell();
    }

    /// Sends a bookmark on every stream.
    pub(crate) fn bookmark(&self) {
        self.shared.state().bookmark();
        self.shared.tell();
    }

    /// Fails from now on in the given way.
    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.shared.state().trouble = trouble;
        self.shared.tell();
    }

    /// Lets nobody see a kind of object any more.
    pub(crate) fn forbid(&self, plural: &str) {
        self.shared.state().forbidden.insert(plural.to_owned());
    }

    /// Asks for another token from now on.
    pub(crate) fn rotate_token(&self, token: &str) {
        self.shared.state().token = token.to_owned();
    }

    /// How many objects a page may hold at most, whatever limit is asked for.
    pub(crate) fn limit_pages(&self, objects: usize) {
        self.shared.state().page_max = objects;
    }

    /// Paths and queries of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.state().requests.clone()
    }
}
