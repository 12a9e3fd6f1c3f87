//! What the web shows of the other components: plain data and the traits that bring it.
//!
//! The components do not know the web; `app` implements these traits by asking them.

use std::sync::Arc;

use tsdb::db::SeriesExemplars;
use tsdb::model::{Labels, Matcher, Metadata};

/// Everything that the web needs to know of the rest of the server.
#[derive(Clone, Debug)]
pub struct Views {
    /// What is scraped.
    pub targets: Arc<dyn TargetsView>,
    /// What is evaluated.
    pub rules: Arc<dyn RulesView>,
    /// Who is told.
    pub alertmanagers: Arc<dyn AlertmanagersView>,
    /// What is stored beside samples, and can be done to all that is stored.
    pub storage: Arc<dyn StorageView>,
    /// How the server is doing.
    pub status: Arc<dyn StatusView>,
    /// What it can be told to do.
    pub lifecycle: Arc<dyn Lifecycle>,
    /// Where samples that others send are stored, if they may.
    pub receiver: Option<Arc<dyn WriteReceiver>>,
}

/// Whether the last scrape went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// Not scraped yet.
    Unknown,
    /// It went well.
    Up,
    /// It failed.
    Down,
}

impl Health {
    /// `unknown`, `up`, `down`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// One target that is scraped.
#[derive(Clone, Debug)]
pub struct ActiveTarget {
    /// Labels before relabelling, `__meta_…` included.
    pub discovered_labels: Labels,
    /// Labels after relabelling, those that begin with `__` left out.
    pub labels: Labels,
    /// Job name.
    pub scrape_pool: String,
    /// The URL with parameters.
    pub scrape_url: String,
    /// The same with localhost replaced by the external host name.
    pub global_url: String,
    /// The last scrape's error, empty if none.
    pub last_error: String,
    /// When the last scrape began, ms since the epoch; `None` before the first.
    pub last_scrape_ms: Option<i64>,
    /// How long the last scrape took, in seconds.
    pub last_scrape_duration_s: f64,
    /// Whether it went well.
    pub health: Health,
    /// As configured, in milliseconds.
    pub scrape_interval_ms: i64,
    /// As configured, in milliseconds.
    pub scrape_timeout_ms: i64,
}

/// One target that relabelling dropped.
#[derive(Clone, Debug)]
pub struct DroppedTarget {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// Job name.
    pub scrape_pool: String,
}

/// What is scraped.
pub trait TargetsView: Send + Sync + std::fmt::Debug {
    /// Names of all pools, sorted.
    fn pools(&self) -> Vec<String>;
    /// All targets, by pool and in the pool's order.
    fn active(&self) -> Vec<ActiveTarget>;
    /// Targets that relabelling dropped, as many as are kept.
    fn dropped(&self) -> Vec<DroppedTarget>;
    /// How many were dropped, by pool.
    fn dropped_counts(&self) -> Vec<(String, usize)>;
    /// What active targets say of their metrics: (target labels, metric, metadata).
    fn metadata(&self) -> Vec<(Labels, String, Metadata)>;
}

/// State of an alert or alerting rule; ordered by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertState {
    /// Not evaluated yet.
    Unknown,
    /// Does not hold.
    Inactive,
    /// Holds, but not for long enough.
    Pending,
    /// Holds for long enough.
    Firing,
}

impl AlertState {
    /// `unknown`, `inactive`, `pending`, `firing`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One alert that is pending or firing.
#[derive(Clone, Debug)]
pub struct AlertView {
    /// With `alertname`.
    pub labels: Labels,
    /// Expanded.
    pub annotations: Labels,
    /// Pending or firing.
    pub state: AlertState,
    /// Since when it holds, ms since the epoch.
    pub active_at_ms: i64,
    /// Since when it is kept firing although it no longer holds.
    pub keep_firing_since_ms: Option<i64>,
    /// The value, as a float's shortest text.
    pub value: f64,
}

/// How the last evaluation of a rule went.
#[derive(Clone, Debug)]
pub struct RuleView {
    /// Metric or alert name.
    pub name: String,
    /// The expression, pretty-printed as Prometheus prints expressions.
    pub query: String,
    /// The rule's own labels.
    pub labels: Labels,
    /// `unknown`, `ok` or `err`.
    pub health: &'static str,
    /// Empty if it went well.
    pub last_error: String,
    /// When, ms since the epoch; `None` before the first.
    pub last_evaluation_ms: Option<i64>,
    /// How long it took, in seconds.
    pub evaluation_time_s: f64,
    /// What only alerting rules have.
    pub alerting: Option<AlertingView>,
}

/// What only alerting rules have.
#[derive(Clone, Debug)]
pub struct AlertingView {
    /// The worst state of its alerts.
    pub state: AlertState,
    /// `for`, in seconds.
    pub hold_duration_s: f64,
    /// `keep_firing_for`, in seconds.
    pub keep_firing_for_s: f64,
    /// Templates as written.
    pub annotations: Labels,
    /// Pending and firing alerts.
    pub alerts: Vec<AlertView>,
}

/// A group of rules.
#[derive(Clone, Debug)]
pub struct RuleGroupView {
    /// Its name.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// Evaluation interval in seconds.
    pub interval_s: f64,
    /// At most so many alerts or series a rule; 0 for no limit.
    pub limit: u64,
    /// In the order of the file.
    pub rules: Vec<RuleView>,
    /// How long the last evaluation took, in seconds.
    pub evaluation_time_s: f64,
    /// When, ms since the epoch; `None` before the first.
    pub last_evaluation_ms: Option<i64>,
}

/// What is evaluated.
pub trait RulesView: Send + Sync + std::fmt::Debug {
    /// All groups, sorted by file and name.
    fn groups(&self) -> Vec<RuleGroupView>;
}

/// Who is told of alerts.
pub trait AlertmanagersView: Send + Sync + std::fmt::Debug {
    /// URLs of those that alerts are sent to.
    fn active(&self) -> Vec<String>;
    /// URLs of those that relabelling dropped.
    fn dropped(&self) -> Vec<String>;
}

/// What is stored beside samples, and can be done to all that is stored.
pub trait StorageView: Send + Sync + std::fmt::Debug {
    /// Exemplars in `from_ms ..= through_ms` of series that satisfy all matchers of any of `selectors`.
    fn exemplars(&self, from_ms: i64, through_ms: i64, selectors: &[Vec<Matcher>]) -> Vec<SeriesExemplars>;
    /// Deletes samples in `from_ms ..= through_ms` of the series that satisfy all `matchers`; blocks until done.
    ///
    /// # Errors
    /// With the text of what went wrong.
    fn delete(&self, from_ms: i64, through_ms: i64, matchers: &[Matcher]) -> Result<(), String>;
    /// Rewrites blocks without what was deleted; blocks until done.
    ///
    /// # Errors
    /// With the text of what went wrong.
    fn clean_tombstones(&self) -> Result<(), String>;
    /// Copies all that is stored into a new directory of this name below `snapshots`; blocks until done.
    ///
    /// # Errors
    /// With the text of what went wrong.
    fn snapshot(&self, skip_head: bool, name: &str) -> Result<(), String>;
}

/// A name with a count, for `/api/v1/status/tsdb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCount {
    /// Label name, metric name or `name=value`.
    pub name: String,
    /// Series, values or bytes.
    pub value: u64,
}

/// `/api/v1/status/tsdb`
#[derive(Clone, Debug, Default)]
pub struct TsdbStatus {
    /// Series in the head.
    pub series: u64,
    /// Distinct label pairs in the head.
    pub label_pairs: u64,
    /// Chunks in the head.
    pub chunks: i64,
    /// The earliest sample of the head, ms.
    pub min_time_ms: i64,
    /// The latest sample of the head, ms.
    pub max_time_ms: i64,
    /// Series by metric name, descending.
    pub series_by_metric: Vec<NamedCount>,
    /// Values by label name, descending.
    pub values_by_label: Vec<NamedCount>,
    /// Bytes of values by label name, descending.
    pub bytes_by_label: Vec<NamedCount>,
    /// Series by label pair, descending.
    pub series_by_pair: Vec<NamedCount>,
}

/// `/api/v1/status/runtimeinfo`, without what the web knows itself.
#[derive(Clone, Debug, Default)]
pub struct RuntimeStatus {
    /// When the process began, ms since the epoch.
    pub start_time_ms: i64,
    /// Working directory.
    pub working_directory: String,
    /// Whether the last reload went well.
    pub reload_config_success: bool,
    /// When that was, ms since the epoch.
    pub last_config_time_ms: i64,
    /// How often the WAL or a block was found damaged.
    pub corruption_count: u64,
    /// `15d or 10GiB`
    pub storage_retention: String,
}

/// How far the replay of the WAL is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalReplay {
    /// The first segment.
    pub min: i64,
    /// The last segment.
    pub max: i64,
    /// The segment being read.
    pub current: i64,
}

/// How the server is doing.
pub trait StatusView: Send + Sync + std::fmt::Debug {
    /// The configuration as meant, as YAML, secrets hidden.
    fn config_yaml(&self) -> String;
    /// All flags with their values, hidden ones too, sorted by name.
    fn flags(&self) -> Vec<(String, String)>;
    /// Runtime facts.
    fn runtime(&self) -> RuntimeStatus;
    /// Head statistics, at most `limit` entries a list.
    fn tsdb(&self, limit: usize) -> TsdbStatus;
    /// Descriptions of the blocks, each a JSON object, by the start of their range.
    fn blocks(&self) -> Vec<String>;
    /// Progress of the replay.
    fn wal_replay(&self) -> WalReplay;
    /// Whether queries can be answered: storage is open and the first configuration loaded.
    fn is_ready(&self) -> bool;
    /// Why nothing is stored any more, if that is so until a restart; queries go on.
    fn lost(&self) -> Option<String>;
    /// Global external labels, for `/graph` links and federation.
    fn external_labels(&self) -> Labels;
}

/// Takes remote-write requests.
pub trait WriteReceiver: Send + Sync + std::fmt::Debug {
    /// Stores a request that came at `now_ms`; blocks until done.
    ///
    /// # Errors
    /// The HTTP status, and what is wrong.
    fn receive(
        &self,
        content_type: &str,
        encoding: &str,
        body: &[u8],
        now_ms: i64,
    ) -> Result<(), (u16, String)>;
}

/// What the server can be told to do.
pub trait Lifecycle: Send + Sync + std::fmt::Debug {
    /// Loads the configuration anew, all or nothing; blocks until done.
    ///
    /// # Errors
    /// With the text that says why nothing changed.
    fn reload(&self) -> Result<(), String>;
    /// Begins an orderly shutdown.
    fn quit(&self);
}
