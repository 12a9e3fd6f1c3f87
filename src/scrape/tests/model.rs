//! Random pages through the positional cache and through a plain model of Prometheus' cache: maps by text,
//! sets of series before and now.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::cycle::Scraped;
use super::{config, samples};
use crate::config::scrape::ScrapeConfig;

/// One line of a page; the number chooses the series.
#[derive(Clone, Debug)]
enum Line {
    Sample(u8, u8),
    Timed(u8, u8),
    Help(u8),
    Broken,
}

#[derive(Clone, Debug)]
enum Scrape {
    Page(Vec<Line>),
    /// The last page, with one line replaced, inserted or removed.
    Edited(usize, u8, Line),
    Failure,
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        20 => (0u8..12, any::<u8>()).prop_map(|(series, value)| Line::Sample(series, value)),
        3 => (0u8..12, any::<u8>()).prop_map(|(series, value)| Line::Timed(series, value)),
        4 => (0u8..4).prop_map(Line::Help),
        1 => Just(Line::Broken),
    ]
}

fn scrape() -> impl Strategy<Value = Scrape> {
    prop_oneof![
        3 => prop::collection::vec(line(), 0..14).prop_map(Scrape::Page),
        6 => (0usize..14, 0u8..3, line()).prop_map(|(at, how, line)| Scrape::Edited(at, how, line)),
        1 => Just(Scrape::Failure),
    ]
}

/// Series 0 to 9 have a text each; 10 and 11 are 8 and 9 written in another order.
fn text(series: u8) -> String {
    match series {
        8 => "m{x=\"8\",y=\"1\"}".into(),
        9 => "m{x=\"9\",y=\"1\"}".into(),
        10 => "m{y=\"1\",x=\"8\"}".into(),
        11 => "m{y=\"1\",x=\"9\"}".into(),
        n if n % 2 == 0 => format!("s{n}"),
        n => format!("s{n}{{x=\"1\"}}"),
    }
}

fn stored_as(series: u8) -> String {
    match series {
        8 | 10 => "__name__=m,x=8,y=1".into(),
        9 | 11 => "__name__=m,x=9,y=1".into(),
        n if n % 2 == 0 => format!("__name__=s{n}"),
        n => format!("__name__=s{n},x=1"),
    }
}

fn render(page: &[Line], at_ms: i64) -> String {
    let mut out = String::new();
    for line in page {
        match line {
            Line::Sample(series, value) => out += &format!("{} {value}\n", text(*series)),
            Line::Timed(series, value) => out += &format!("{} {value} {}\n", text(*series), at_ms - 500),
            Line::Help(family) => out += &format!("# HELP s{family} Helps.\n"),
            Line::Broken => out += "!\n",
        }
    }
    out
}

/// What Prometheus' scrape loop keeps and does.
#[derive(Default)]
struct Model {
    /// By text: whether it is in the cache.
    known: BTreeSet<String>,
    previous: BTreeSet<String>,
    samples: BTreeMap<String, Vec<(i64, Option<f64>)>>,
    added: usize,
}

impl Model {
    fn scrape(&mut self, page: Option<&[Line]>, limit: usize, at_ms: i64) {
        let mut seen = BTreeSet::new();
        let mut current = BTreeSet::new();
        let mut rows = Vec::new();
        let (mut failed, mut appended) = (page.is_none(), 0);
        self.added = 0;
        for line in page.unwrap_or(&[]) {
            let (series, value, timed) = match *line {
                Line::Sample(series, value) => (series, value, false),
                Line::Timed(series, value) => (series, value, true),
                Line::Help(_) => continue,
                Line::Broken => {
                    failed = true;
                    break;
                }
            };
            let was_known = self.known.contains(&text(series));
            let repeated = was_known && !seen.insert(text(series));
            if repeated && !timed {
                continue;
            }
            appended += 1;
            if limit > 0 && appended > limit {
                failed = true;
                continue;
            }
            if !was_known {
                self.known.insert(text(series));
                seen.insert(text(series));
                self.added += 1;
            }
            if !timed {
                current.insert(stored_as(series));
            }
            rows.push((
                stored_as(series),
                if timed { at_ms - 500 } else { at_ms },
                f64::from(value),
            ));
        }
        let any = page.is_some_and(|page| !render(page, 0).is_empty());
        if !failed {
            for (series, at_ms, value) in rows {
                self.store(series, at_ms, Some(value));
            }
            if any {
                self.known.retain(|text| seen.contains(text));
            }
        }
        for series in std::mem::replace(&mut self.previous, current.clone()) {
            if !current.contains(&series) {
                self.store(series, at_ms, None);
            }
        }
    }

    fn store(&mut self, series: String, at_ms: i64, value: Option<f64>) {
        let samples = self.samples.entry(series).or_default();
        if samples.last().is_none_or(|&(last_ms, _)| last_ms < at_ms) {
            samples.push((at_ms, value));
        }
    }
}

fn edit(page: &mut Vec<Line>, at: usize, how: u8, line: Line) {
    let at = at.min(page.len());
    match how {
        0 => page.insert(at, line),
        1 if at < page.len() => page[at] = line,
        _ if at < page.len() => drop(page.remove(at)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_positional_cache_stores_what_prometheus_cache_would(
        scrapes in prop::collection::vec(scrape(), 1..12),
        limit in prop_oneof![3 => Just(0usize), 1 => 3usize..10],
    ) {
        let mut scraped = Scraped::new(ScrapeConfig { sample_limit: limit as u64, ..config() });
        let mut model = Model::default();
        let mut page = Vec::new();
        for scrape in scrapes {
            match scrape {
                Scrape::Page(lines) => page = lines,
                Scrape::Edited(at, how, line) => edit(&mut page, at, how, line),
                Scrape::Failure => {
                    model.scrape(None, limit, scraped.at_ms + 1000);
                    scraped.fail();
                    continue;
                }
            }
            let at_ms = scraped.at_ms + 1000;
            let outcome = scraped.page(&render(&page, at_ms));
            model.scrape(Some(&page), limit, at_ms);
            prop_assert_eq!(outcome.counts.added, model.added, "series added at {}", at_ms);
        }
        for series in 0..10 {
            let expected = model.samples.get(&stored_as(series)).cloned().unwrap_or_default();
            prop_assert_eq!(samples(&scraped.store, &stored_as(series)), expected, "{}", stored_as(series));
        }
    }
}
