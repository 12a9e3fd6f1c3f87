//! `tsdb`: looking into a data directory, and making blocks. Directories are read without being changed, also
//! while a server has them.

mod analyze;
mod create_blocks;
mod dump;
mod list;
mod retention;

use std::path::{Path, PathBuf};

use super::command::Invocation;
use super::{FAILED, OK, Terminal};

/// Runs one of the commands.
pub(super) fn run(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> u8 {
    let outcome = match invocation.command().as_str() {
        "tsdb list" => list::run(invocation, terminal),
        "tsdb retention" => retention::run(invocation, terminal),
        "tsdb analyze" => analyze::run(invocation, terminal),
        "tsdb dump-openmetrics" => dump::run(invocation, dump::Format::OpenMetrics, terminal),
        "tsdb create-blocks-from openmetrics" => create_blocks::run(invocation, terminal),
        _ => match invocation.text("format") {
            "seriesjson" => dump::run(invocation, dump::Format::Series, terminal),
            _ => dump::run(invocation, dump::Format::Samples, terminal),
        },
    };
    match outcome {
        Ok(()) => OK,
        Err(text) => {
            terminal.complain_line(text);
            FAILED
        }
    }
}

/// The data directory that is meant.
fn data_dir(invocation: &Invocation<'_>) -> Result<PathBuf, String> {
    let named = match invocation.text("db path") {
        "" => "data/",
        named => named,
    };
    let dir = Path::new(named);
    match dir.metadata() {
        Ok(_) => Ok(dir.to_owned()),
        Err(error) => Err(format!("opening storage failed: {named}: {error}")),
    }
}

/// A duration as Go prints it: `1h30m0s`, `1.5s`, `20ms`.
fn go_duration(duration_ms: i64) -> String {
    let sign = if duration_ms < 0 { "-" } else { "" };
    let ms = duration_ms.unsigned_abs();
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1000 {
        return format!("{sign}{ms}ms");
    }
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let fraction = match ms % 1000 {
        0 => String::new(),
        part => format!(".{part:03}").trim_end_matches('0').to_owned(),
    };
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}{fraction}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}{fraction}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (ms, text) in [
            (0, "0s"),
            (20, "20ms"),
            (1_500, "1.5s"),
            (90_000, "1m30s"),
            (7_200_000, "2h0m0s"),
            (7_199_999, "1h59m59.999s"),
        ] {
            assert_eq!(go_duration(ms), text);
        }
    }
}
