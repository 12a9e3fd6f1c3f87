//! Tables: a row a query, a line a group, and what is not as it should be.

use super::Result;
use super::answer::Samples;
use super::queries::{Group, Query};
use super::server::Server;

/// What one server needed in one round.
pub(crate) struct Cell {
    pub(crate) wall_ms: f64,
    pub(crate) cpu_ms: f64,
}

/// One query, measured.
pub(crate) struct Row {
    series: usize,
    samples: usize,
    /// VictoriaMetrics answers something else.
    differs: bool,
    /// Of each server, round by round.
    pub(crate) cells: Vec<Vec<Cell>>,
}

impl Row {
    pub(crate) fn new(samples: &Samples, differs: bool, servers: usize) -> Self {
        let mut cells = Vec::new();
        cells.resize_with(servers, Vec::new);
        Self {
            series: samples.series(),
            samples: samples.len(),
            differs,
            cells,
        }
    }

    fn wall_ms(&self, server: usize) -> f64 {
        median(self.cells[server].iter().map(|cell| cell.wall_ms))
    }

    /// The median of the rounds' ratios to Prometheus.
    fn ratio(&self, server: usize, of: impl Fn(&Cell) -> f64) -> f64 {
        let rounds = self.cells[server].iter().zip(&self.cells[1]);
        median(rounds.map(|(ours, theirs)| of(ours) / of(theirs)))
    }

    /// The peers beside whom ours is slow.
    fn slower_than(&self) -> Vec<usize> {
        let ours = self.wall_ms(0);
        let is_slow = |peer: &usize| {
            let theirs = self.wall_ms(*peer);
            ours > (theirs * 1.1).max(theirs + 0.3)
        };
        (1..self.cells.len()).filter(is_slow).collect()
    }

    pub(crate) fn print(&self, query: &Query) {
        print!("{:<10} {:>6} {:>7}", query.at.name(), self.series, self.samples);
        for at in 0..3 {
            match self.cells.get(at) {
                Some(_) => print!(
                    " {:>9.2}{}",
                    self.wall_ms(at),
                    if at > 1 && self.differs { "~" } else { " " }
                ),
                None => print!(" {:>9} ", "-"),
            }
        }
        let mark = if self.slower_than().is_empty() { ' ' } else { '!' };
        println!(
            " {:>6.3}{mark}{:>6.3}  {}",
            self.ratio(0, |cell| cell.wall_ms),
            self.ratio(0, |cell| cell.cpu_ms),
            query.expression
        );
    }
}

/// The head of a group's table.
pub(crate) fn head(title: &str, servers: &[Server]) {
    print!(
        "\n{title}: median ms\n{:<10} {:>6} {:>7}",
        "at", "series", "samples"
    );
    for at in 0..3 {
        print!(" {:>9} ", servers.get(at).map_or("", |server| server.name));
    }
    println!(" {:>6} {:>6}  query", "ratio", "CPU");
}

/// What is said at the end.
#[derive(Default)]
pub(crate) struct Summary {
    lines: Vec<String>,
    slow: Vec<String>,
    pub(crate) differences: Vec<String>,
}

impl Summary {
    pub(crate) fn add(&mut self, group: &Group, rows: &[Row]) {
        let wall = |server: usize| {
            let answered = rows.iter().filter(move |row| row.cells.len() > server);
            geometric_mean(answered.map(move |row| row.ratio(server, |cell| cell.wall_ms)))
        };
        let cpu = geometric_mean(rows.iter().map(|row| row.ratio(0, |cell| cell.cpu_ms)));
        let line = format!(
            "{:<20} {:>7} {:>7.3} {:>6.2} {cpu:>7.3} {:>9.3}",
            group.title,
            rows.len(),
            wall(0),
            group.aim,
            wall(2)
        );
        self.lines.push(line);
        for (query, row) in group.queries.iter().zip(rows) {
            for peer in row.slower_than() {
                self.slow.push(format!(
                    "{} ({}): {:.2} ms, {} {:.2} ms",
                    query.expression,
                    query.at.name(),
                    row.wall_ms(0),
                    ["ours", "prometheus", "victoria"][peer],
                    row.wall_ms(peer)
                ));
            }
        }
    }

    pub(crate) fn print(&self) {
        println!("\ngeometric means of the ratios to prometheus");
        println!(
            "{:<20} {:>7} {:>7} {:>6} {:>7} {:>9}",
            "group", "queries", "ours", "aim", "CPU", "victoria"
        );
        self.lines.iter().for_each(|line| println!("{line}"));
        println!(
            "slower than a peer by more than a tenth and 0.3 ms: {}",
            self.slow.len()
        );
        self.slow.iter().for_each(|line| println!("  {line}"));
    }

    /// An error where answers differ.
    pub(crate) fn verdict(&self) -> Result<()> {
        if self.differences.is_empty() {
            return Ok(());
        }
        Err(format!(
            "answers that are not Prometheus':\n{}",
            self.differences.join("\n")
        )
        .into())
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn geometric_mean(ratios: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = ratios
        .filter(|r| r.is_finite() && *r > 0.0)
        .map(f64::ln)
        .collect();
    (logs.iter().sum::<f64>() / logs.len() as f64).exp()
}
