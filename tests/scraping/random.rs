//! Pages put together by chance, always the same ones: lines come, go, change places, are repeated, break off.

use super::script::{Script, text};

/// How many jobs of each kind, and how many pages each.
const JOBS: u64 = 3;
const PAGES: usize = 18;

/// Numbers that look random enough: a linear congruence.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn once_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }

    fn page(&mut self, kind: Kind, number: usize) -> String {
        let mut lines: Vec<String> = Vec::new();
        let length = if self.once_in(8) { 0 } else { self.below(14) };
        // Most pages keep to one order, as real ones do; some are shuffled.
        let is_shuffled = self.once_in(4);
        for place in 0..length {
            let series = if is_shuffled { self.below(10) } else { place };
            if !is_shuffled && self.once_in(6) {
                continue;
            }
            lines.push(self.line(kind, series, number));
            if self.once_in(9) {
                let repeated = lines[self.below(lines.len() as u64) as usize].clone();
                lines.push(repeated);
            }
        }
        if self.once_in(5) {
            lines.push("broken{\n".to_owned());
            let at = self.below(lines.len() as u64) as usize;
            let last = lines.len() - 1;
            lines.swap(at, last);
        }
        lines.concat()
    }

    fn line(&mut self, kind: Kind, series: u64, number: usize) -> String {
        let name = match series {
            0..=3 => format!("a{{x=\"{series}\"}}"),
            // One series in two spellings.
            4 => ["b", "b{}"][self.below(2) as usize].to_owned(),
            5 => "drop_me".to_owned(),
            6 => return format!("# TYPE a {}\n", ["gauge", "counter"][self.below(2) as usize]),
            7 => return "# a comment\n".to_owned(),
            8 => return "\n".to_owned(),
            _ => format!("c{{n=\"{}\"}}", self.below(3)),
        };
        let value = self.below(3);
        let has_time = matches!(kind, Kind::Times | Kind::TimesTracked) && self.once_in(3);
        match has_time {
            // They mostly go on from page to page, and all lie before the first scrape.
            true => {
                let at = -60_000 + 1000 * number as i64 + 300 * self.below(5) as i64;
                format!("{name} {value} @{at}\n")
            }
            false => format!("{name} {value}\n"),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Limited,
    Times,
    TimesTracked,
}

const DROP: &str = "metric_relabel_configs: [{source_labels: [__name__], regex: drop_.*, action: drop}]";
const LIMITED: &str = "sample_limit: 6";
const TRACKED: &str = "track_timestamps_staleness: true";

pub(super) fn scripts() -> Vec<Script> {
    let kinds = [
        ("random", DROP, Kind::Plain),
        ("random_limited", LIMITED, Kind::Limited),
        ("random_times", DROP, Kind::Times),
        ("random_times_tracked", TRACKED, Kind::TimesTracked),
    ];
    let jobs = kinds.into_iter().flat_map(|(name, config, kind)| {
        (0..JOBS).map(move |number| {
            let mut dice = Dice(number + 1);
            let mut pages: Vec<String> = (0..PAGES).map(|page| dice.page(kind, page)).collect();
            pages.push("a 1\n".to_owned());
            let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
            text(&format!("{name}_{number}"), config, &pages)
        })
    });
    jobs.collect()
}
