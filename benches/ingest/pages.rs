//! What targets answer with: recorded or made pages, packed.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::Result;

/// The pages that targets answer with in turn, ready to be sent.
pub(crate) struct Pages {
    pub(crate) answers: Vec<Vec<u8>>,
    /// Of the first of them.
    pub(crate) samples: usize,
}

impl Pages {
    /// Those in a directory, or made ones.
    pub(crate) fn new(directory: Option<&Path>) -> Result<Self> {
        let texts = match directory {
            Some(directory) => recorded(directory)?,
            None => (0..40).map(made).collect(),
        };
        let samples = texts.first().map_or(0, |page| {
            page.lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .count()
        });
        let answers = texts.iter().map(|page| answer(page)).collect::<Result<_>>()?;
        Ok(Self { answers, samples })
    }
}

/// Pages of one recording in the order of their names, unpacked.
fn recorded(directory: &Path) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "gz"))
        .collect();
    files.sort();
    // The first recording alone: its pages follow each other.
    let recording = |path: &PathBuf| {
        path.file_name()
            .and_then(|n| n.to_str())
            .and_then(|n| n.split('.').next())
            .map(str::to_owned)
    };
    let first = files.first().and_then(recording);
    files.retain(|path| recording(path) == first);
    let unpack = |path: &PathBuf| -> Result<String> {
        let mut page = String::new();
        GzDecoder::new(std::fs::File::open(path)?).read_to_string(&mut page)?;
        Ok(page)
    };
    files.iter().map(unpack).collect()
}

/// A page like a node exporter's: constants, counters at different speeds, gauges that wander.
fn made(step: u64) -> String {
    use std::fmt::Write;
    let mut page = String::new();
    for family in 0..130u64 {
        let (name, series) = (format!("node_family_{family}"), [1, 2, 4, 9][family as usize % 4]);
        let kind = if family % 3 == 2 { "gauge" } else { "counter" };
        let written = write!(
            page,
            "# HELP {name} What family {family} counts.\n# TYPE {name} {kind}\n"
        );
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        for number in 0..series {
            let seed = family * 31 + number;
            let value = match family % 3 {
                0 => (seed % 97) as f64,
                1 => (seed * 1000 + step * (seed % 13)) as f64,
                _ => ((seed * 7 + step * 3) % 1013) as f64 / 8.0,
            };
            let written = match series {
                1 => writeln!(page, "{name} {value}"),
                _ => writeln!(page, "{name}{{device=\"dev{number}\",mode=\"idle\"}} {value}"),
            };
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
    }
    page
}

fn answer(page: &str) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(page.as_bytes())?;
    let body = encoder.finish()?;
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Encoding: gzip\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    Ok(answer)
}
