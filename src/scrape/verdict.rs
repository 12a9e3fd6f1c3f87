//! Rows that the storage did not take: counted, or, if it only forgot the series, resolved and stored again.

use tracing::{debug, warn};
use tsdb::batch::{AppendOptions, Batch};

use super::cache::LineCache;
use super::cycle::Setting;
use super::labels::finish;
use super::page::{Origin, Refused};
use crate::exposition::{Entry, Format, Parser};

/// Rows that were not taken since their series is gone.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// Rows of series that the head has dropped since: where from, when, value.
    pub(super) rows: Vec<(Origin, i64, u64)>,
    /// Reported series are among the dropped ones.
    pub(super) report: bool,
}

/// Reads the page once more for the labels of `rows`, which are in its order, and stores the rows.
pub(super) fn resolve_again(
    setting: Setting<'_>,
    page: &[u8],
    format: Format,
    rows: &[(Origin, i64, u64)],
    cache: &mut LineCache,
) {
    let mut parser = Parser::new(page, format);
    let mut batch = Batch::at(setting.at_ms);
    let mut labels = Vec::new();
    let mut rows = rows.iter().peekable();
    while let Some(&&(origin, at_ms, bits)) = rows.peek() {
        parser.skip_blank_lines();
        let at = parser.position();
        match parser.next() {
            Ok(Some(Entry::Series)) if at == origin.at as usize => rows.next(),
            Ok(Some(_)) => continue,
            // The page was read to its end before.
            Ok(None) | Err(_) => break,
        };
        if parser.labels(&mut labels).is_err() {
            continue;
        }
        let Ok(Some(labels)) = finish(&labels, &setting.target.labels, setting.config) else {
            continue;
        };
        match setting.storage.resolve(&labels, &mut batch) {
            Ok(series) => {
                cache.line_mut(origin.line as usize).set_series_ref(series);
                batch.push_at(series, at_ms, bits);
            }
            Err(error) => debug!(%error, %labels, "Series could not be made again"),
        }
    }
    if let Err(error) = setting.storage.append(&mut batch, &AppendOptions::default()) {
        tracing::error!(%error, target = setting.target.url, "Scrape commit failed");
    }
}

/// Counts refused samples and says so in the log.
pub(super) fn count(setting: Setting<'_>, refused: Refused) {
    let (metrics, target) = (setting.metrics, &setting.target.url);
    if refused.out_of_order > 0 {
        metrics.out_of_order.add(refused.out_of_order as f64);
        warn!(
            num_dropped = refused.out_of_order,
            target, "Error on ingesting out-of-order samples"
        );
    }
    if refused.duplicate > 0 {
        metrics.duplicates.add(refused.duplicate as f64);
        warn!(
            num_dropped = refused.duplicate,
            target, "Error on ingesting samples with different value but same timestamp"
        );
    }
    if refused.no_room > 0 {
        debug!(
            num_dropped = refused.no_room,
            target, "New series are refused for want of room on the disk"
        );
    }
    if refused.beyond_limit > 0 {
        warn!(
            num_dropped = refused.beyond_limit,
            target,
            "Samples of new series are not stored: there are as many series as --storage.tsdb.max-series allows"
        );
    }
    if refused.out_of_bounds > 0 {
        metrics.out_of_bounds.add(refused.out_of_bounds as f64);
        warn!(
            num_dropped = refused.out_of_bounds,
            target, "Error on ingesting samples that are too old or are too far into the future"
        );
    }
}
