//! What a group shall be: the contents of rule files, parsed, before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use promql::parser::Expr;
use tsdb::model::Labels;

/// What the configuration lets the templates of alerts see.
#[derive(Clone, Debug, Default)]
pub struct External {
    /// `$externalLabels`
    pub labels: Labels,
    /// `$externalURL`
    pub url: Arc<str>,
}

/// A group as written.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    /// Its name, unique in its file.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// How often it is evaluated.
    pub interval_ms: i64,
    /// Most series or alerts of a rule; 0 for any.
    pub limit: u64,
    /// How far in the past it looks; `None` leaves it to the configuration.
    pub query_offset_ms: Option<i64>,
    /// Its rules.
    pub rules: Vec<RuleSpec>,
}

/// A rule as written, the labels of its group merged in.
#[derive(Clone, Debug)]
pub struct RuleSpec {
    /// The metric it records or the alert's name.
    pub name: String,
    /// Its expression.
    pub expr: Expr,
    /// Labels to add, empty ones to remove; templates in alerts.
    pub labels: BTreeMap<String, String>,
    /// What only alerts have.
    pub alert: Option<AlertSpec>,
}

/// What only alerts have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertSpec {
    /// How long it is pending.
    pub for_ms: i64,
    /// How long it fires on.
    pub keep_firing_for_ms: i64,
    /// Templates.
    pub annotations: BTreeMap<String, String>,
}

impl GroupSpec {
    /// `file;name`: what tells groups apart.
    pub fn key(&self) -> String {
        format!("{};{}", self.file, self.name)
    }

    /// Whether a group made from one need not be touched to be as the other says.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.file == other.file
            && self.interval_ms == other.interval_ms
            && self.limit == other.limit
            && self.query_offset_ms == other.query_offset_ms
            && self.rules.len() == other.rules.len()
            && self.rules.iter().zip(&other.rules).all(|(a, b)| a.is_same(b))
    }
}

impl RuleSpec {
    /// Positions in the file do not matter, and neither does how the expression is laid out.
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.labels == other.labels
            && self.alert == other.alert
            && self.expr.to_string() == other.expr.to_string()
    }
}
