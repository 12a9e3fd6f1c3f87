//! A set of samples as each server wants it: blocks for Prometheus and ours, a directory that VictoriaMetrics
//! has filled by its import. Made once and kept in `target/tmp`; servers work on copies.

use std::fs;
use std::path::{Path, PathBuf};

use tsdb::block::{BlockWriter, ChunkToWrite, Meta, Ulid};
use tsdb::chunk::encode::encode;
use tsdb::chunk::segment::SEGMENT_BYTES_MAX;
use tsdb::fs::RealFs;
use tsdb::model::Columns;

use super::Result;
use super::client::Connection;
use super::data::{START_MS, Series, Set};
use super::server::Server;

/// As Prometheus cuts them.
const SAMPLES_PER_CHUNK: usize = 120;
/// Import requests hold at least so much.
const REQUEST_BYTES: usize = 1 << 20;

/// Where a set lies.
pub(crate) struct Stored {
    pub(crate) blocks: PathBuf,
    /// If there is a VictoriaMetrics.
    pub(crate) victoria: Option<PathBuf>,
}

/// Finds what an earlier run has kept, or makes it; `victoria` is VictoriaMetrics' binary.
pub(crate) fn stored(make: impl FnOnce() -> Result<Set>, victoria: Option<&Path>) -> Result<Stored> {
    let set = make()?;
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("query-bench-{}", set.version));
    fs::create_dir_all(&kept)?;
    let blocks = kept.join("blocks");
    if !blocks.exists() {
        println!(
            "making the blocks of {} (kept in {})",
            set.version,
            kept.display()
        );
        let work = tempfile::tempdir_in(&kept)?;
        let data = work.path().join("data");
        write_blocks(&set, &data)?;
        fs::rename(&data, &blocks)?;
    }
    let victoria = match victoria {
        None => None,
        Some(binary) => {
            let filled = kept.join("victoria");
            if !filled.exists() {
                println!("importing {} into VictoriaMetrics", set.version);
                let work = tempfile::tempdir_in(&kept)?;
                let data = work.path().join("data");
                let mut server = Server::victoria(binary, None, &data)?;
                import(&set, server.connection())?;
                server.stop()?;
                fs::rename(&data, &filled)?;
            }
            Some(filled)
        }
    };
    Ok(Stored { blocks, victoria })
}

fn write_blocks(set: &Set, data: &Path) -> Result<()> {
    fs::create_dir_all(data)?;
    let end_ms = START_MS + set.span_ms;
    let mut words: Vec<&str> = set
        .series
        .iter()
        .flat_map(|s| s.labels.iter())
        .flat_map(|(n, v)| [n, v])
        .collect();
    words.sort_unstable();
    words.dedup();
    let mut from_ms = START_MS.div_euclid(set.block_ms) * set.block_ms;
    while from_ms < end_ms {
        let to_ms = from_ms + set.block_ms;
        let ulid = Ulid::new(from_ms, u128::from(from_ms.unsigned_abs()));
        // A block ends where its last sample may lie.
        let meta = Meta::of_head(ulid, from_ms.max(START_MS), to_ms.min(end_ms));
        let mut writer = BlockWriter::create(&RealFs, data, meta, SEGMENT_BYTES_MAX)?;
        for word in &words {
            writer.add_symbol(word)?;
        }
        for series in &set.series {
            let mut columns = Columns::default();
            series
                .between(from_ms, to_ms)
                .for_each(|(at_ms, v)| columns.push(at_ms, v));
            let encoded = encode(&columns, SAMPLES_PER_CHUNK);
            let chunks = encoded.iter().map(|chunk| ChunkToWrite {
                min_ms: chunk.min_ms,
                max_ms: chunk.max_ms,
                encoding: chunk.encoding,
                bytes: &chunk.bytes,
            });
            writer.add_series(series.labels.iter(), chunks)?;
        }
        writer.finish()?;
        from_ms = to_ms;
    }
    Ok(())
}

fn import(set: &Set, connection: &mut Connection) -> Result<()> {
    let mut body = String::new();
    let mut send = |body: &mut String, least: usize| -> Result<()> {
        if body.len() < least {
            return Ok(());
        }
        let request = Connection::request("POST", "/api/v1/import", body);
        body.clear();
        match connection.ask(&request)?.status {
            200 | 204 => Ok(()),
            status => Err(format!("import: status {status}").into()),
        }
    };
    for series in &set.series {
        push_line(&mut body, series, set.span_ms)?;
        send(&mut body, REQUEST_BYTES)?;
    }
    send(&mut body, 1)?;
    connection.ask(&Connection::request("GET", "/internal/force_flush", ""))?;
    Ok(())
}

/// A series as a line of JSON.
fn push_line(out: &mut String, series: &Series, span_ms: i64) -> Result<()> {
    let labels: std::collections::BTreeMap<&str, &str> = series.labels.iter().collect();
    out.push_str(&format!(
        "{{\"metric\":{},\"values\":[",
        serde_json::to_string(&labels)?
    ));
    let samples: Vec<(i64, f64)> = series.between(START_MS, START_MS + span_ms).collect();
    for (at, (_, value)) in samples.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        match value.is_finite() {
            true => out.push_str(&format!("{comma}{value}")),
            false => out.push_str(&format!("{comma}\"{}\"", promql::format::plain(*value))),
        }
    }
    out.push_str("],\"timestamps\":[");
    for (at, (at_ms, _)) in samples.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        out.push_str(&format!("{comma}{at_ms}"));
    }
    out.push_str("]}\n");
    Ok(())
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().ok_or("an entry without a name")?);
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
