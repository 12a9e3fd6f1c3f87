//! `--enable-feature`: which names Prometheus knows, and what becomes of each here.

use std::collections::BTreeSet;

/// What becomes of a feature that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is switched on.
    Built,
    /// It is refused: known to Prometheus, not built here.
    Unbuilt,
    /// It is always on or without effect, as in Prometheus; the log says so.
    Settled,
}

/// Every feature that Prometheus knows, with its verdict and, if it is settled, what the log says.
pub const FEATURES: &[(&str, Verdict, &str)] = &[
    ("auto-reload-config", Verdict::Built, ""),
    ("concurrent-rule-eval", Verdict::Built, ""),
    ("created-timestamp-zero-ingestion", Verdict::Unbuilt, ""),
    ("delayed-compaction", Verdict::Unbuilt, ""),
    ("exemplar-storage", Verdict::Built, ""),
    ("extra-scrape-metrics", Verdict::Built, ""),
    ("fast-startup", Verdict::Settled, FAST_STARTUP),
    ("histograms-st-encoding", Verdict::Unbuilt, ""),
    ("memory-snapshot-on-shutdown", Verdict::Settled, SNAPSHOT),
    ("metadata-wal-records", Verdict::Unbuilt, ""),
    ("native-histograms", Verdict::Settled, NATIVE_HISTOGRAMS),
    ("old-ui", Verdict::Unbuilt, ""),
    ("ooo-native-histograms", Verdict::Settled, PERMANENT),
    ("otlp-deltatocumulative", Verdict::Unbuilt, ""),
    ("otlp-native-delta-ingestion", Verdict::Unbuilt, ""),
    ("promql-binop-fill-modifiers", Verdict::Built, ""),
    ("promql-delayed-name-removal", Verdict::Built, ""),
    ("promql-duration-expr", Verdict::Settled, PERMANENT),
    ("promql-experimental-functions", Verdict::Built, ""),
    ("promql-extended-range-selectors", Verdict::Built, ""),
    ("promql-per-step-stats", Verdict::Built, ""),
    ("search-api", Verdict::Unbuilt, ""),
    ("st-storage", Verdict::Unbuilt, ""),
    ("st-synthesis", Verdict::Unbuilt, ""),
    ("type-and-unit-labels", Verdict::Unbuilt, ""),
    ("use-start-timestamps", Verdict::Unbuilt, ""),
    ("use-uncached-io", Verdict::Unbuilt, ""),
    ("xor2-encoding", Verdict::Unbuilt, ""),
];

const PERMANENT: &str = "it is always on";
const NATIVE_HISTOGRAMS: &str = "scrape_native_histograms in the configuration decides instead";
const SNAPSHOT: &str = "how fast the server restarts does not depend on it here";
const FAST_STARTUP: &str = SNAPSHOT;

/// The features switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    names: BTreeSet<String>,
}

impl Features {
    /// The features of lists separated by commas, and what the log should say of some.
    ///
    /// # Errors
    /// When a feature is not built, by name; all of them together.
    pub fn parse(lists: &[String]) -> Result<(Self, Vec<String>), String> {
        let mut features = Self::default();
        let mut warnings = Vec::new();
        let mut unbuilt = Vec::new();
        for name in lists.iter().flat_map(|list| list.split(',')) {
            match FEATURES.iter().find(|row| row.0 == name) {
                Some((_, Verdict::Built, _)) => {
                    features.names.insert(name.to_owned());
                }
                Some((_, Verdict::Unbuilt, _)) => unbuilt.push(name),
                Some((_, Verdict::Settled, why)) => {
                    warnings.push(format!("--enable-feature={name} has no effect: {why}"));
                }
                None => warnings.push(format!("Unknown option for --enable-feature: {name}")),
            }
        }
        if unbuilt.is_empty() {
            return Ok((features, warnings));
        }
        let names = unbuilt.join(", ");
        Err(format!(
            "--enable-feature={names} is not supported by Deucalion yet"
        ))
    }

    /// Whether `name` is switched on.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The features switched on, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}
