//! Jobs to which something happens in the middle of the run: a reload of the configuration, or of a file
//! of targets. When it happens is not the same for two servers, so only the order of things is compared.

use super::script::{Script, text};

/// A job before and after the reload; what is `None` is not there then.
#[derive(Clone, Debug)]
pub(super) struct Changing {
    pub(super) script: Script,
    pub(super) targets: [Targets; 2],
    /// The job's configuration after the reload.
    pub(super) after: Option<&'static str>,
}

/// The targets of a job.
#[derive(Clone, Copy, Debug)]
pub(super) enum Targets {
    /// In the configuration, by their label `instance`.
    Static(&'static [&'static str]),
    /// In a file that says first this, later that, and at last the first again.
    File([&'static [&'static str]; 2]),
}

const ONE: Targets = Targets::Static(&["one"]);
const TWO: Targets = Targets::Static(&["one", "two"]);

fn changing(
    name: &'static str,
    before: &'static str,
    after: Option<&'static str>,
    targets: [Targets; 2],
) -> Changing {
    let body = format!("a{{of=\"{name}\"}} 1\nb{{of=\"{name}\",zone=\"z\"}} 2\n");
    Changing {
        script: text(name, before, &[&body]),
        targets,
        after,
    }
}

pub(super) fn jobs() -> Vec<Changing> {
    let file = |early, late| [Targets::File([early, late]); 2];
    vec![
        changing("unchanged", "", Some(""), [ONE; 2]),
        changing("job_removed", "", None, [ONE; 2]),
        changing("target_removed", "", Some(""), [TWO, ONE]),
        changing("target_added", "", Some(""), [ONE, TWO]),
        changing(
            "file_target_removed",
            "",
            Some(""),
            file(&["one", "two"], &["one"]),
        ),
        changing("file_emptied", "", Some(""), file(&["one"], &[])),
        changing(
            "target_limit",
            "target_limit: 1",
            Some("target_limit: 1"),
            file(&["one"], &["one", "two"]),
        ),
        changing(
            "target_limit_lifted",
            "target_limit: 1",
            Some("target_limit: 2"),
            [TWO; 2],
        ),
        changing("target_limit_set", "", Some("target_limit: 1"), [TWO; 2]),
        changing(
            "timeout_changed",
            "scrape_timeout: 900ms",
            Some("scrape_timeout: 800ms"),
            [ONE; 2],
        ),
        changing(
            "interval_changed",
            "",
            Some("scrape_interval: 500ms\n    scrape_timeout: 500ms"),
            [ONE; 2],
        ),
        changing(
            "honor_changed",
            "honor_labels: true",
            Some("honor_labels: false"),
            [ONE; 2],
        ),
        changing("times_changed", "", Some("honor_timestamps: false"), [ONE; 2]),
        changing(
            "limit_changed",
            "sample_limit: 5",
            Some("sample_limit: 1"),
            [ONE; 2],
        ),
        changing("label_limit_changed", "", Some("label_limit: 4"), [ONE; 2]),
        changing("body_limit_changed", "", Some("body_size_limit: 10B"), [ONE; 2]),
        changing(
            "sample_dropped",
            "",
            Some("metric_relabel_configs: [{source_labels: [zone], regex: z, action: drop}]"),
            [ONE; 2],
        ),
        changing(
            "sample_kept",
            "metric_relabel_configs: [{source_labels: [zone], regex: z, action: drop}]",
            Some(""),
            [ONE; 2],
        ),
        changing(
            "target_dropped",
            "",
            Some("relabel_configs: [{action: drop}]"),
            [ONE; 2],
        ),
        changing(
            "label_added",
            "",
            Some("relabel_configs: [{target_label: zone, replacement: here}]"),
            [ONE; 2],
        ),
    ]
}
