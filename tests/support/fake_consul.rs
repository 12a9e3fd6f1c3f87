//! A Consul agent inside the test: a catalog that the test changes, and questions that wait for a change.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::fake_api::{Asked, FakeApi, Reply};

/// The agent.
pub(crate) struct FakeConsul {
    pub(crate) api: FakeApi,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Grows with each change.
    index: u64,
    services: BTreeMap<String, Service>,
    /// What every question is answered, instead.
    failure: Option<Reply>,
}

struct Service {
    tags: Vec<String>,
    /// JSON.
    instances: String,
}

impl FakeConsul {
    /// An agent of the datacenter `dc1`, whose catalog is empty.
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                index: 1,
                ..State::default()
            }),
            ..Shared::default()
        });
        let answering = Arc::clone(&shared);
        Self {
            api: FakeApi::start(move |asked| answering.answer(asked)),
            shared,
        }
    }

    /// Registers a service or changes it; `instances` is a JSON list.
    pub(crate) fn set(&self, name: &str, tags: &[&str], instances: &str) {
        let service = Service {
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            instances: instances.to_owned(),
        };
        self.change(|state| drop(state.services.insert(name.to_owned(), service)));
    }

    /// Deregisters a service.
    pub(crate) fn remove(&self, name: &str) {
        self.change(|state| drop(state.services.remove(name)));
    }

    /// Answers everything so until told otherwise.
    pub(crate) fn fail(&self, failure: Option<Reply>) {
        self.change(|state| state.failure = failure);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self
            .shared
            .state
            .lock()
            .expect("nothing panics while it holds this");
        change(&mut state);
        state.index += 1;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn answer(&self, asked: &Asked) -> Reply {
        let state = self.state.lock().expect("nothing panics while it holds this");
        let known = asked.parameter("index").and_then(|index| index.parse().ok());
        let wait = asked
            .parameter("wait")
            .and_then(|wait| wait.strip_suffix("ms")?.parse().ok());
        let is_known = |state: &mut State| Some(state.index) == known;
        let wait = Duration::from_millis(wait.unwrap_or(0));
        let waited = self.changed.wait_timeout_while(state, wait, is_known);
        let (state, _) = waited.expect("nothing panics while it holds this");
        if let Some(failure) = &state.failure {
            return failure.clone();
        }
        let index = format!("X-Consul-Index: {}\r\n", state.index);
        let segments: Vec<&str> = asked.path.split('/').collect();
        match segments[..] {
            ["", "v1", "agent", "self"] => Reply::json(r#"{"Config":{"Datacenter":"dc1"},"Stats":{"a":{}}}"#),
            ["", "v1", "catalog", "services"] => {
                let services = state.services.iter();
                let listed: Vec<String> = services
                    .map(|(name, service)| format!("{name:?}:{:?}", service.tags))
                    .collect();
                Reply::Whole(200, index, format!("{{{}}}", listed.join(",")))
            }
            ["", "v1", "health", "service", name] => {
                let instances = state
                    .services
                    .get(name)
                    .map_or("[]", |service| &service.instances);
                Reply::Whole(200, index, instances.to_owned())
            }
            _ => Reply::error(404, "no such page"),
        }
    }
}
