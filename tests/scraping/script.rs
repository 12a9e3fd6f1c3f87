//! A job: its configuration and the pages its target answers with, one after the other.

use super::exporter::Page;

/// A job and what its target says.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) name: String,
    /// What the job's configuration says besides its name, path and target.
    pub(super) config: &'static str,
    pub(super) pages: Vec<Page>,
}

/// A job with good pages of the classic text format.
pub(super) fn text(name: &'static str, config: &'static str, pages: &[&str]) -> Script {
    mixed(name, config, pages.iter().map(|body| Page::text(body)))
}

/// A job with good pages of OpenMetrics.
pub(super) fn openmetrics(name: &'static str, config: &'static str, pages: &[&str]) -> Script {
    mixed(name, config, pages.iter().map(|body| Page::openmetrics(body)))
}

/// A job with pages of all kinds.
pub(super) fn mixed(
    name: &'static str,
    config: &'static str,
    pages: impl IntoIterator<Item = Page>,
) -> Script {
    let pages = pages.into_iter().collect();
    Script {
        name: name.to_owned(),
        config,
        pages,
    }
}

/// How many bad pages one job gets, so that no job takes long.
const BAD_MAX: usize = 7;

/// Jobs in which each of `bad` stands between two good pages, so that what it does to series shows.
pub(super) fn between(
    name: &str,
    config: &'static str,
    good: &Page,
    bad: impl IntoIterator<Item = Page>,
) -> Vec<Script> {
    let bad: Vec<Page> = bad.into_iter().collect();
    let jobs = bad.chunks(BAD_MAX).enumerate().map(|(number, bad)| {
        let mut pages = vec![good.clone()];
        for page in bad {
            pages.extend([page.clone(), good.clone()]);
        }
        Script {
            name: format!("{name}_{number}"),
            config,
            pages,
        }
    });
    jobs.collect()
}

impl Script {
    /// Writes the times: `@-5000` is five seconds before `from_ms` in milliseconds, `@s-5` in seconds.
    pub(super) fn at(mut self, from_ms: i64) -> Self {
        for page in &mut self.pages {
            page.rewrite(|body| times(body, from_ms));
        }
        self
    }
}

fn times(body: &str, from_ms: i64) -> String {
    let mut pieces = body.split('@');
    let mut text = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let (piece, in_seconds) = piece
            .strip_prefix('s')
            .map_or((piece, false), |piece| (piece, true));
        let end = piece
            .find(|c: char| !matches!(c, '-' | '+' | '0'..='9'))
            .unwrap_or(piece.len());
        let offset: i64 = piece[..end].parse().unwrap_or_else(|e| panic!("{e} in {piece}"));
        let written = match in_seconds {
            true => (from_ms / 1000 + offset).to_string(),
            false => (from_ms + offset).to_string(),
        };
        text += &written;
        text += &piece[end..];
    }
    text
}
