//! A sample's final labels: the page's, the target's, then `metric_relabel_configs`; and their limits.

use std::fmt::Write;

use tsdb::model::labels::write_quoted;
use tsdb::model::{Labels, LabelsBuilder, METRIC_NAME};

use crate::config::scrape::ScrapeConfig;
use crate::exposition::RawLabel;
use crate::relabel::relabel;

/// Why a sample's labels fail the whole page.
#[derive(Debug)]
pub(super) enum LabelProblem {
    /// A limit of labels: also counted.
    Limit(String),
    Invalid(String),
}

/// The labels that a sample is stored under; `None` if relabelling drops it.
///
/// # Errors
/// When they break a limit or are no labels of a series.
pub(super) fn finish(
    page: &[RawLabel<'_>],
    target: &Labels,
    config: &ScrapeConfig,
) -> Result<Option<Labels>, LabelProblem> {
    let mut labels = LabelsBuilder::new();
    for (name, value) in page {
        labels.set(name, value);
    }
    add_target_labels(page, target, config.honor_labels, &mut labels);
    if !relabel(&config.metric_relabel_configs, &mut labels) || labels.is_empty() {
        return Ok(None);
    }
    let labels = labels.build();
    let repeated = repeated_name(page);
    check(&labels, repeated.map_or(0, |(_, count)| count), config)?;
    if let Some((name, _)) = repeated {
        return Err(LabelProblem::Invalid(format!(
            "label name \"{name}\" is not unique: invalid sample"
        )));
    }
    Ok(Some(labels))
}

fn add_target_labels(page: &[RawLabel<'_>], target: &Labels, honor: bool, labels: &mut LabelsBuilder) {
    if honor {
        for (name, value) in target.iter() {
            // A label that the page gives an empty value keeps the target's away too.
            if !page.iter().any(|(other, _)| other == name) {
                labels.set(name, value);
            }
        }
        return;
    }
    let mut moved: Vec<(String, String)> = Vec::new();
    for (name, value) in target.iter() {
        if let Some(exposed) = labels.get(name) {
            moved.push((name.to_owned(), exposed.to_owned()));
        }
        labels.set(name, value);
    }
    moved.sort_by_key(|(name, _)| name.len());
    for (mut name, value) in moved {
        loop {
            name.insert_str(0, "exported_");
            if labels.get(&name).is_none() {
                break;
            }
        }
        labels.set(&name, &value);
    }
}

/// The first name that the page says more than once, and how many labels are too many.
fn repeated_name<'a>(page: &'a [RawLabel<'_>]) -> Option<(&'a str, usize)> {
    let mut names: Vec<&str> = page.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    let mut repeated = names.windows(2).filter(|pair| pair[0] == pair[1]);
    let name = repeated.next()?[0];
    Some((name, 1 + repeated.count()))
}

fn check(labels: &Labels, repeated: usize, config: &ScrapeConfig) -> Result<(), LabelProblem> {
    let Some(metric) = labels.get(METRIC_NAME) else {
        return Err(LabelProblem::Invalid(format!(
            "missing metric name ({METRIC_NAME} label)"
        )));
    };
    let scheme = config.metric_name_validation_scheme;
    if !scheme.is_metric_name(metric) || labels.iter().any(|(name, _)| !scheme.is_label_name(name)) {
        return Err(LabelProblem::Invalid(format!(
            "invalid metric name or label names: {labels}"
        )));
    }
    check_limits(labels, repeated, metric, config)
}

fn check_limits(
    labels: &Labels,
    repeated: usize,
    metric: &str,
    config: &ScrapeConfig,
) -> Result<(), LabelProblem> {
    let exceeds = |size: usize, limit: u64| limit > 0 && size as u64 > limit;
    let (count, limit) = (labels.len() + repeated, config.label_limit);
    let metric = short(metric);
    if exceeds(count, limit) {
        return Err(LabelProblem::Limit(format!(
            "label_limit exceeded (metric: {metric}, number of labels: {count}, limit: {limit})"
        )));
    }
    let (name_limit, value_limit) = (config.label_name_length_limit, config.label_value_length_limit);
    if name_limit == 0 && value_limit == 0 {
        return Ok(());
    }
    for (name, value) in labels.iter() {
        let length = name.len();
        if exceeds(length, name_limit) {
            let name = short(name);
            return Err(LabelProblem::Limit(format!(
                "label_name_length_limit exceeded (metric: {metric}, label name: {name}, length: {length}, \
                 limit: {name_limit})"
            )));
        }
        let length = value.len();
        if exceeds(length, value_limit) {
            let mut text = format!(
                "label_value_length_limit exceeded (metric: {metric}, label name: {}, value: ",
                short(name)
            );
            let written = write_quoted(&mut text, short(value))
                .and_then(|()| write!(text, ", length: {length}, limit: {value_limit})"));
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
            return Err(LabelProblem::Limit(text));
        }
    }
    Ok(())
}

/// The first fifty characters, which is what Prometheus shows.
fn short(text: &str) -> &str {
    let end = text.char_indices().nth(50).map_or(text.len(), |(end, _)| end);
    &text[..end]
}
