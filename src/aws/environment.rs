//! What the process would know: variables and the time. Passed in, so that tests need neither.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;
type Clock = dyn Fn() -> Timestamp + Send + Sync;

/// Variables and a clock. Cloning shares them.
#[derive(Clone)]
pub struct Environment {
    variables: Arc<Variables>,
    clock: Arc<Clock>,
}

/// Without the variables, some of which are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

impl Environment {
    /// The variables and the clock of this process.
    pub fn of_process() -> Self {
        Self {
            variables: Arc::new(|name| std::env::var(name).ok()),
            clock: Arc::new(Timestamp::now),
        }
    }

    /// These variables and this clock.
    pub fn new(
        variables: impl IntoIterator<Item = (&'static str, String)>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let variables: BTreeMap<&str, String> = variables.into_iter().collect();
        Self {
            variables: Arc::new(move |name| variables.get(name).cloned()),
            clock: Arc::new(clock),
        }
    }

    /// A variable; an empty one counts as none, as it does to the SDK.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    /// The first of these variables that is there.
    pub fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Whether a variable says `true`.
    pub fn says_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The file that a variable names, else one in the folder `.aws` at home.
    pub(super) fn shared_file(&self, variable: &str, name: &str) -> PathBuf {
        match self.get(variable) {
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(self.get("HOME").unwrap_or_default())
                .join(".aws")
                .join(name),
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
