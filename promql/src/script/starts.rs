//! `@st` lines of a `load`: since when the samples of the next line count.
//!
//! | written | start times, relative to each sample's |
//! |---|---|
//! | `_`, `_x3` | one unknown, three unknown |
//! | `-1m` | a minute before |
//! | `-1mx2` | thrice a minute before |
//! | `-1m-30sx2` | 1m, 1m30s and 2m before |

use tsdb::model::Labels;

use super::parse::{duration_ms, split_word};
use crate::parser::series::parse_metric;

/// A series, and since when each of its samples counts.
pub(super) type Starts = (Labels, Vec<Option<i64>>);

/// `metric@st -1m -2mx3`: since when the samples of the next line count.
pub(super) fn start_line(line: &str) -> Result<Option<Starts>, String> {
    let (metric, values) = split_word(line);
    let Some(metric) = metric.strip_suffix("@st") else {
        return Ok(None);
    };
    let labels = parse_metric(metric).map_err(|e| format!("invalid @st line metric \"{metric}\": {e}"))?;
    let mut starts = Vec::new();
    for item in values.split_whitespace() {
        start_item(item, &mut starts)
            .map_err(|e| format!("invalid @st sequence: invalid ST item \"{item}\": {e}"))?;
    }
    Ok(Some((labels, starts)))
}

/// `_`, `_x3`, `-1m`, `-1mx3`, `-1m+10sx3`
fn start_item(item: &str, into: &mut Vec<Option<i64>>) -> Result<(), String> {
    let count = |text: &str| {
        text.parse::<usize>()
            .map_err(|_| "invalid repeat count".to_owned())
    };
    if let Some(times) = item.strip_prefix('_') {
        let times = if times.is_empty() {
            1
        } else {
            count(times.strip_prefix('x').ok_or("expected x<count>")?)?
        };
        into.extend(std::iter::repeat_n(None, times));
        return Ok(());
    }
    let (item, times) = match item.split_once('x') {
        Some((item, times)) => (item, count(times)? + 1),
        None => (item, 1),
    };
    let signed = |text: &str| -> Result<i64, String> {
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        Ok(sign * duration_ms(text)?)
    };
    let step_at = item.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
    let (base, step) = match step_at {
        Some((at, _)) => (signed(&item[..at])?, signed(&item[at..])?),
        None => (signed(item)?, 0),
    };
    into.extend((0..times).map(|i| Some(base + step * i64::try_from(i).unwrap_or(0))));
    Ok(())
}
