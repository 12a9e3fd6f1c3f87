//! How many bytes does a sample take in a block, and how many in Prometheus' own of the same samples?
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `DEUCALION_BLOCKS_PAGES` | directory of recorded pages, `JOB.SECONDS.gz` in the text format, 15 s apart | nothing is done without |
//! | `DEUCALION_BLOCKS_HOURS` | how many hours the recordings are repeated, four more than are to be merged | 10 |
//! | `PEERS` | directory of `bin/promtool` and `bin/prometheus`; without them only ours is told | `peers` in the temporary directory |
//!
//! Counters go on where a recording is repeated. Sizes are those of the files, index and all. The length of
//! chunks and the reading of one instant are told beside, since long chunks cost something there.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use tsdb::batch::{AppendOptions, Appendable, Batch, SeriesRef};
use tsdb::block::Block;
use tsdb::db::{Db, DbOptions, read_blocks};
use tsdb::fs::RealFs;
use tsdb::model::Labels;
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const HOUR_MS: i64 = 3_600_000;
const STEP_MS: i64 = 15_000;
/// A multiple of six hours.
const START_MS: i64 = 1_699_920_000_000;

/// One series of a recording: its values page by page.
#[derive(Debug)]
struct Recorded {
    labels: Labels,
    is_counter: bool,
    values: Vec<Option<f64>>,
}

impl Recorded {
    fn value(&self, step: i64) -> Option<f64> {
        let pages = self.values.len() as i64;
        let (round, page) = (step / pages, step % pages);
        let value = self.values[page as usize]?;
        let (first, last) = (self.values[0], self.values[pages as usize - 1]);
        match (self.is_counter, first, last) {
            (true, Some(first), Some(last)) if last > first => Some(value + round as f64 * (last - first)),
            _ => Some(value),
        }
    }
}

fn main() -> Result<()> {
    let Some(pages) = std::env::var_os("DEUCALION_BLOCKS_PAGES").map(PathBuf::from) else {
        println!("DEUCALION_BLOCKS_PAGES names no directory of recorded pages");
        return Ok(());
    };
    let hours = std::env::var("DEUCALION_BLOCKS_HOURS").ok();
    let hours: i64 = hours.and_then(|n| n.parse().ok()).unwrap_or(10);
    let recorded = read_pages(&pages)?;
    println!("{} series, {hours} h", recorded.len());
    let home = tempfile::tempdir()?;
    let ours = sizes_of_ours(&recorded, hours, true, &home.path().join("long"))?;
    let plain = sizes_of_ours(&recorded, hours, false, &home.path().join("plain"))?;
    let theirs = sizes_of_theirs(&recorded, hours, home.path())?;
    println!("hours  ours   120 samples a chunk  Prometheus  ratio");
    for (&length, size) in &ours {
        let other = |sizes: &BTreeMap<i64, f64>| sizes.get(&length).copied().unwrap_or(f64::NAN);
        println!(
            "{length:5}  {size:5.3}  {:19.3}  {:10.3}  {:5.3}",
            other(&plain),
            other(&theirs),
            size / other(&theirs)
        );
    }
    Ok(())
}

/// The pages of each job, in the order of their seconds, as series.
fn read_pages(dir: &Path) -> Result<Vec<Recorded>> {
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".gz") {
            names.push(name);
        }
    }
    names.sort();
    let mut series: BTreeMap<(String, String), Recorded> = BTreeMap::new();
    let mut pages: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        let job = name.split('.').next().unwrap_or("").to_owned();
        let page = *pages
            .entry(job.clone())
            .and_modify(|page| *page += 1)
            .or_insert(0);
        let mut text = String::new();
        GzDecoder::new(std::fs::File::open(dir.join(&name))?).read_to_string(&mut text)?;
        let mut counts = false;
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                counts = !kind.ends_with(" gauge") && !kind.ends_with(" untyped");
            }
            let Some((name, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else {
                continue;
            };
            let recorded = series
                .entry((job.clone(), name.to_owned()))
                .or_insert_with(|| Recorded {
                    labels: labels(name, &job),
                    is_counter: counts && !name.contains("quantile=\""),
                    values: Vec::new(),
                });
            recorded.values.resize(page, None);
            recorded.values.push(Some(value.parse()?));
        }
    }
    for ((job, _), recorded) in &mut series {
        recorded.values.resize(pages[job] + 1, None);
    }
    Ok(series.into_values().collect())
}

/// `name{a="b",…}` with the labels of a target.
fn labels(text: &str, job: &str) -> Labels {
    let (name, rest) = text.split_once('{').unwrap_or((text, "}"));
    let mut pairs = vec![("__name__".to_owned(), name.to_owned())];
    let mut rest = rest.trim_end_matches('}');
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = after.char_indices();
        let mut end = after.len();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => value.extend(
                    chars
                        .next()
                        .map(|(_, escaped)| if escaped == 'n' { '\n' } else { escaped }),
                ),
                other => value.push(other),
            }
        }
        pairs.push((label.trim_matches([',', ' ']).to_owned(), value));
        rest = &after[end..];
    }
    pairs.push(("instance".to_owned(), format!("{job}.example.com:9100")));
    pairs.push(("job".to_owned(), job.to_owned()));
    pairs.retain(|(_, value)| !value.is_empty());
    pairs.sort();
    pairs.dedup_by(|a, b| a.0 == b.0);
    Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Bytes a sample by the length of the block in hours.
fn sizes(blocks: &[Arc<Block>]) -> BTreeMap<i64, f64> {
    let mut sums: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for block in blocks {
        let meta = block.meta();
        // The first may begin late.
        let hours = (meta.max_ms - meta.min_ms + HOUR_MS / 2) / HOUR_MS;
        let sum = sums.entry(hours).or_default();
        sum.0 += block.bytes();
        sum.1 += meta.stats.num_samples;
        let per_chunk = meta.stats.num_samples / meta.stats.num_chunks.max(1);
        println!(
            "  {hours} h: {} samples, {per_chunk} a chunk, {} bytes of chunks, {} of index",
            meta.stats.num_samples,
            block.segments().bytes(),
            block.index().bytes()
        );
    }
    sums.into_iter()
        .map(|(hours, (bytes, samples))| (hours, bytes as f64 / samples as f64))
        .collect()
}

fn sizes_of_ours(
    recorded: &[Recorded],
    hours: i64,
    long_chunks: bool,
    dir: &Path,
) -> Result<BTreeMap<i64, f64>> {
    println!(
        "{}",
        if long_chunks {
            "ours"
        } else {
            "ours, 120 samples a chunk"
        }
    );
    let options = DbOptions {
        long_chunks,
        retention_ms: 0,
        ..DbOptions::default()
    };
    let db = Db::open(Arc::new(RealFs), dir, options, START_MS)?;
    let mut refs: Vec<SeriesRef> = vec![SeriesRef::default(); recorded.len()];
    let mut batch = Batch::at(START_MS);
    let mut maintaining = Duration::ZERO;
    // So much longer, that the last block is cut.
    for step in 0..(hours + 2) * HOUR_MS / STEP_MS {
        let now_ms = START_MS + step * STEP_MS;
        batch.clear(now_ms);
        for (series, number) in recorded.iter().zip(&mut refs) {
            if let Some(value) = series.value(step) {
                if *number == SeriesRef::default() {
                    *number = db.resolve(&series.labels, &mut batch)?;
                }
                batch.push(*number, value.to_bits());
            }
        }
        let receipt = db.append(&mut batch, &AppendOptions::default())?;
        if receipt.unknown_series > 0 {
            refs.fill(SeriesRef::default());
        }
        if step % 40 == 39 {
            let began = Instant::now();
            db.maintain(now_ms)?;
            maintaining += began.elapsed();
        }
    }
    let blocks = read_blocks(&RealFs, dir)?;
    println!("  {maintaining:?} of maintenance");
    read_instants(&db, hours)?;
    db.close()?;
    Ok(sizes(&blocks))
}

/// What it takes to read what an instant query of all series reads: five minutes, at many times.
fn read_instants(db: &Db, hours: i64) -> Result<()> {
    let (mut spent, mut reads) = (Duration::ZERO, 0u32);
    let mut columns = Columns::default();
    for hour in 1..hours {
        let at_ms = START_MS + hour * HOUR_MS + HOUR_MS / 2;
        let want = Selection::new(vec![], at_ms - 5 * 60_000, at_ms);
        let read = db.open(std::slice::from_ref(&want), &Budget::unlimited(), &Cancel::new())?;
        let mut cursor = read.cursor();
        let began = Instant::now();
        for series in 0..read.rosters[0].len() {
            cursor.read(0, series, want.from_ms, want.through_ms, &mut columns)?;
            reads += 1;
        }
        spent += began.elapsed();
    }
    println!("  {:?} to read five minutes of a series", spent / reads.max(1));
    Ok(())
}

fn peer(name: &str) -> Option<PathBuf> {
    let peers = std::env::var_os("PEERS").map_or_else(|| std::env::temp_dir().join("peers"), PathBuf::from);
    Some(peers.join("bin").join(name)).filter(|path| path.is_file())
}

/// The same samples in blocks that promtool makes and Prometheus merges.
fn sizes_of_theirs(recorded: &[Recorded], hours: i64, home: &Path) -> Result<BTreeMap<i64, f64>> {
    let (Some(promtool), Some(prometheus)) = (peer("promtool"), peer("prometheus")) else {
        println!("skipped: promtool and prometheus are not installed");
        return Ok(BTreeMap::new());
    };
    println!("Prometheus");
    let (file, dir) = (home.join("samples.om"), home.join("theirs"));
    write_openmetrics(recorded, hours, &file)?;
    let made = Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics", "-q"])
        .args([&file, &dir])
        .output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into());
    }
    std::fs::remove_file(&file)?;
    let short = sizes(&read_blocks(&RealFs, &dir)?);
    merge(&prometheus, &dir, home)?;
    let mut all = sizes(&read_blocks(&RealFs, &dir)?);
    all.extend(short);
    Ok(all)
}

fn write_openmetrics(recorded: &[Recorded], hours: i64, file: &Path) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for series in recorded {
        let pairs = series.labels.iter().filter(|(name, _)| *name != "__name__");
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value:?}")).collect();
        let labels = format!("{}{{{}}}", series.labels.metric_name(), pairs.join(","));
        for step in 0..hours * HOUR_MS / STEP_MS {
            if let Some(value) = series.value(step) {
                let seconds = (START_MS + step * STEP_MS) as f64 / 1000.0;
                writeln!(out, "{labels} {value:?} {seconds:.3}")?;
            }
        }
    }
    writeln!(out, "# EOF")?;
    Ok(out
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()?)
}

/// Has Prometheus merge the blocks: it begins a minute after its start.
fn merge(prometheus: &Path, dir: &Path, home: &Path) -> Result<()> {
    struct Running(Child);
    impl Drop for Running {
        fn drop(&mut self) {
            // It has nothing to lose.
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
    let config = home.join("prometheus.yml");
    std::fs::write(&config, "")?;
    let child = Command::new(prometheus)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.display()))
        .args([
            "--storage.tsdb.retention.time=100y",
            "--web.listen-address=127.0.0.1:0",
        ])
        .args([
            "--storage.tsdb.max-block-duration=6h",
            "--storage.tsdb.min-block-duration=2h",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let _running = Running(child);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(180) {
        std::thread::sleep(Duration::from_secs(2));
        let is_merged = |block: &Arc<Block>| block.meta().max_ms - block.meta().min_ms > 5 * HOUR_MS;
        if read_blocks(&RealFs, dir).is_ok_and(|blocks| blocks.iter().any(is_merged)) {
            return Ok(());
        }
    }
    println!("skipped: Prometheus has not merged the blocks");
    Ok(())
}
