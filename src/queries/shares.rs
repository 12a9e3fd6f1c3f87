//! Memory of queries: what one may hold, and what all may hold together, the most urgent last to go without.
//!
//! ```text
//! --query.max-total-bytes ┬ alerts: all of it
//!                         ├ recording rules: 7/8
//!                         └ ad hoc: 3/4, within the 7/8
//! ```
//!
//! Each query has a budget of `--query.max-bytes` below that of its class.

use tsdb::query::{Budget, OverBudget};

use super::Class;

/// The budgets of all queries.
#[derive(Clone, Debug)]
pub struct Shares {
    alerts: Budget,
    recordings: Budget,
    ad_hoc: Budget,
    query_bytes_max: usize,
}

impl Shares {
    /// `--query.max-bytes` and `--query.max-total-bytes`; `usize::MAX` is no limit. `total_name` is what the
    /// limit of all is called when it does not suffice.
    pub fn new(query_bytes_max: usize, total_bytes_max: usize, total_name: &'static str) -> Self {
        let part = |eighths: usize| match total_bytes_max {
            usize::MAX => usize::MAX,
            bytes => bytes / 8 * eighths + bytes % 8 * eighths / 8,
        };
        let alerts = Budget::new(total_name, total_bytes_max);
        let recordings = alerts.child("what --query.max-total-bytes leaves beside alerts", part(7));
        let ad_hoc = recordings.child("what --query.max-total-bytes leaves beside rules", part(6));
        Self {
            alerts,
            recordings,
            ad_hoc,
            query_bytes_max,
        }
    }

    /// No limits.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX, usize::MAX, "--query.max-total-bytes")
    }

    /// The budget of one more query.
    pub fn query(&self, class: Class) -> Budget {
        let parent = match class {
            Class::Alert => &self.alerts,
            Class::Recording => &self.recordings,
            Class::AdHoc => &self.ad_hoc,
        };
        parent.child("--query.max-bytes", self.query_bytes_max)
    }

    /// Whether a query was refused for what others hold, too.
    pub(super) fn is_shared(&self, over: &OverBudget) -> bool {
        [&self.alerts, &self.recordings]
            .iter()
            .any(|budget| budget.is_limit_of(over))
    }

    /// Bytes that all queries hold.
    pub fn held_bytes(&self) -> usize {
        self.alerts.held_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ad_hoc_queries_cannot_have_rules_can_and_alerts_can_have_all() {
        let shares = Shares::new(usize::MAX, 800, "all");
        let _ad_hoc = shares.query(Class::AdHoc).charge(600).expect("three quarters");
        let refused = shares.query(Class::AdHoc).charge(1).expect_err("no more");
        assert!(!shares.is_shared(&refused), "{refused}");
        let _recording = shares
            .query(Class::Recording)
            .charge(100)
            .expect("an eighth more");
        let refused = shares.query(Class::Recording).charge(1).expect_err("no more");
        assert!(shares.is_shared(&refused), "{refused}");
        let _alert = shares.query(Class::Alert).charge(100).expect("the last eighth");
        let refused = shares.query(Class::Alert).charge(1).expect_err("no more");
        assert!(shares.is_shared(&refused), "{refused}");
        assert_eq!(shares.held_bytes(), 800);
    }

    #[test]
    fn one_query_has_its_own_limit() {
        let shares = Shares::new(100, usize::MAX, "all");
        let refused = shares.query(Class::Alert).charge(101).expect_err("too much");
        assert!(refused.to_string().contains("--query.max-bytes"), "{refused}");
        assert!(!shares.is_shared(&refused));
    }
}
