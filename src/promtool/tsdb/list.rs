//! `tsdb list`: one line a block.

use std::sync::Arc;

use tsdb::block::Block;
use tsdb::db::read_blocks;
use tsdb::fs::RealFs;

use super::{Terminal, data_dir, go_duration};
use crate::config::size::format_bytes;
use crate::promtool::command::Invocation;

const HEADER: [&str; 8] = [
    "BLOCK ULID",
    "MIN TIME",
    "MAX TIME",
    "DURATION",
    "NUM SAMPLES",
    "NUM CHUNKS",
    "NUM SERIES",
    "SIZE",
];

/// As wide a column is at least, and how much stands between it and the next.
const WIDTH_MIN: usize = 13;
const PADDING: usize = 2;

pub(super) fn run(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> Result<(), String> {
    let dir = data_dir(invocation)?;
    let blocks = read_blocks(&RealFs, &dir).map_err(|error| error.to_string())?;
    print(&blocks, true, invocation.bool("human-readable"), terminal);
    Ok(())
}

/// Prints blocks as lines of a table.
pub(super) fn print(blocks: &[Arc<Block>], with_header: bool, readable: bool, terminal: &mut Terminal<'_>) {
    let header = with_header.then(|| HEADER.map(str::to_owned));
    let rows: Vec<[String; 8]> = header
        .into_iter()
        .chain(blocks.iter().map(|block| row(block, readable)))
        .collect();
    print_rows(&rows, terminal);
}

/// Prints the lines of a table, its columns below each other.
pub(super) fn print_rows<const COLUMNS: usize>(rows: &[[String; COLUMNS]], terminal: &mut Terminal<'_>) {
    for row in rows {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            line.push_str(cell);
            // The last column is not filled up.
            if at + 1 < row.len() {
                let widest = rows.iter().map(|row| row[at].len()).max().unwrap_or(0);
                let width = (widest + PADDING).max(WIDTH_MIN);
                line.extend(std::iter::repeat_n(' ', width - cell.len()));
            }
        }
        terminal.print_line(line);
    }
}

fn row(block: &Block, readable: bool) -> [String; 8] {
    let meta = block.meta();
    [
        meta.ulid.to_string(),
        shown_time(meta.min_ms, readable),
        shown_time(meta.max_ms, readable),
        go_duration(meta.max_ms.saturating_sub(meta.min_ms)),
        meta.stats.num_samples.to_string(),
        meta.stats.num_chunks.to_string(),
        meta.stats.num_series.to_string(),
        shown_bytes(block.bytes(), readable),
    ]
}

/// A time in milliseconds, or as text.
pub(super) fn shown_time(t_ms: i64, readable: bool) -> String {
    match readable {
        true => jiff::Timestamp::from_second(t_ms / 1000).map_or_else(
            |_| t_ms.to_string(),
            |at| at.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        ),
        false => t_ms.to_string(),
    }
}

/// A size in bytes, or in larger units.
pub(super) fn shown_bytes(bytes: u64, readable: bool) -> String {
    match readable {
        true => format_bytes(i64::try_from(bytes).unwrap_or(i64::MAX)),
        false => bytes.to_string(),
    }
}
