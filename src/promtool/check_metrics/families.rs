//! A page as families of metrics, as client libraries build them from it.
//!
//! A line `x_bucket`, `x_count` or `x_sum` belongs to the histogram or summary `x` if that was declared
//! before; its `le` or `quantile` is no label then. What is refused, and the words, are those of
//! Prometheus' common library.

use std::collections::{BTreeMap, HashMap};

use super::family::{Family, FamilyKind, Metric};
use super::reader::{NameOf, PageError, Reader};
use crate::config::ValidationScheme;
use crate::config::quote::quoted;
use crate::exposition::{Quoted, parse_float};

/// All families of a page that have metrics, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Families {
    families: Vec<Family>,
    metrics: Vec<Metric>,
}

impl Families {
    /// Reads a page.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn parse(page: &[u8], scheme: ValidationScheme) -> Result<Self, PageError> {
        let mut parser = Parser {
            reader: Reader::new(page),
            scheme,
            found: Self::default(),
            by_name: HashMap::new(),
            complex: HashMap::new(),
        };
        while parser.line()? {}
        let mut found = parser.found;
        found.families.retain(|family| !family.metrics.is_empty());
        found.families.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Family> {
        self.families.iter()
    }

    pub(super) fn metrics_of(&self, family: &Family) -> impl Iterator<Item = &Metric> {
        family
            .metrics
            .iter()
            .filter_map(|metric| self.metrics.get(*metric))
    }

    pub(super) fn first_metric(&self, family: &Family) -> Option<&Metric> {
        self.metrics_of(family).next()
    }
}

/// Which part of a histogram or summary a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Own,
    Count,
    Sum,
}

/// A line as far as it is read.
#[derive(Debug, Default)]
struct Line {
    family: Option<usize>,
    part: Part,
    labels: Vec<(String, String)>,
    /// The value of `le` or `quantile`.
    own_value: Option<f64>,
}

struct Parser<'p> {
    reader: Reader<'p>,
    scheme: ValidationScheme,
    found: Families,
    by_name: HashMap<String, usize>,
    /// Metrics of histograms and summaries by family and labels.
    complex: HashMap<(usize, BTreeMap<String, String>), usize>,
}

impl Parser<'_> {
    /// Reads a line; `false` at the end.
    fn line(&mut self) -> Result<bool, PageError> {
        self.reader.line += 1;
        loop {
            if !self.reader.advance() {
                return Ok(false);
            }
            if !self.reader.is_blank() {
                break;
            }
        }
        match self.reader.byte {
            b'\n' => Ok(()),
            b'#' => self.comment(),
            b'{' => self.metric_in_braces(),
            _ => self.metric(),
        }?;
        Ok(true)
    }

    fn comment(&mut self) -> Result<(), PageError> {
        let reader = &mut self.reader;
        reader.skip_blanks()?;
        let keyword = reader.word()?;
        if reader.byte == b'\n' {
            return Ok(());
        }
        let is_help = keyword == b"HELP";
        if !is_help && keyword != b"TYPE" {
            while reader.byte != b'\n' {
                reader.read()?;
            }
            return Ok(());
        }
        reader.skip_blanks()?;
        let name = reader.name(NameOf::Metric)?;
        if reader.byte == b'\n' {
            return Ok(());
        }
        if !reader.is_blank() {
            return Err(reader.error("invalid metric name in comment"));
        }
        let (family, _) = self.family_of(&name)?;
        self.reader.skip_blanks()?;
        if self.reader.byte == b'\n' {
            return Ok(());
        }
        if is_help {
            self.help(family)
        } else {
            self.kind(family)
        }
    }

    fn help(&mut self, family: usize) -> Result<(), PageError> {
        let family = &mut self.found.families[family];
        if family.has_help {
            let name = quoted(&family.name);
            return Err(self
                .reader
                .error(format!("second HELP line for metric name {name}")));
        }
        self.reader.rest_of_line(true)?;
        family.has_help = true;
        Ok(())
    }

    fn kind(&mut self, family: usize) -> Result<(), PageError> {
        let family = &mut self.found.families[family];
        if family.kind.is_some() {
            let name = quoted(&family.name);
            return Err(self.reader.error(format!(
                "second TYPE line for metric name {name}, or TYPE reported after samples"
            )));
        }
        let text = self.reader.rest_of_line(false)?;
        let text = String::from_utf8_lossy(&text);
        match FamilyKind::parse(&text) {
            Some(kind) => family.kind = Some(kind),
            None => {
                let text = quoted(&text);
                return Err(self.reader.error(format!("unknown metric type {text}")));
            }
        }
        Ok(())
    }

    /// The family that a name belongs to, a new one if there is none.
    fn family_of(&mut self, name: &str) -> Result<(usize, Part), PageError> {
        if !self.scheme.is_metric_name(name) {
            return Err(self.reader.error(format!("invalid metric name {}", quoted(name))));
        }
        if let Some(family) = self.by_name.get(name) {
            return Ok((*family, Part::Own));
        }
        let suffixes = [
            ("_count", Part::Count),
            ("_sum", Part::Sum),
            ("_bucket", Part::Own),
        ];
        for (suffix, part) in suffixes {
            let Some(base) = name.strip_suffix(suffix).filter(|base| !base.is_empty()) else {
                continue;
            };
            let family = self.by_name.get(base).copied();
            let kind = family.and_then(|family| self.found.families[family].kind);
            let takes_it = kind.is_some_and(|kind| {
                kind.is_histogram() || (kind == FamilyKind::Summary && suffix != "_bucket")
            });
            if let (Some(family), true) = (family, takes_it) {
                return Ok((family, part));
            }
        }
        let family = self.found.families.len();
        self.found.families.push(Family {
            name: name.to_owned(),
            ..Family::default()
        });
        self.by_name.insert(name.to_owned(), family);
        Ok((family, Part::Own))
    }

    /// The family of a sample; what has no type by now has none.
    fn begin(&mut self, name: &str, line: &mut Line) -> Result<(), PageError> {
        let (family, part) = self.family_of(name)?;
        let kind = &mut self.found.families[family].kind;
        kind.get_or_insert(FamilyKind::Untyped);
        (line.family, line.part) = (Some(family), part);
        Ok(())
    }

    fn metric(&mut self) -> Result<(), PageError> {
        let mut line = Line::default();
        let name = self.reader.name(NameOf::Metric)?;
        if name.is_empty() {
            return Err(self.reader.error("invalid metric name"));
        }
        self.begin(&name, &mut line)?;
        self.reader.skip_blanks_here()?;
        if self.reader.byte == b'{' {
            self.labels(&mut line, false)?;
        }
        self.value(line)
    }

    /// `{"metric name", label="value"} 1`
    fn metric_in_braces(&mut self) -> Result<(), PageError> {
        let mut line = Line::default();
        self.labels(&mut line, true)?;
        self.value(line)
    }

    fn labels(&mut self, line: &mut Line, has_name_inside: bool) -> Result<(), PageError> {
        loop {
            self.reader.skip_blanks()?;
            if self.reader.byte == b'}' {
                break;
            }
            let name = self.reader.name(NameOf::Label)?;
            if name.is_empty() {
                let metric = self.shown_family(line);
                return Err(self
                    .reader
                    .error(format!("invalid label name for metric {metric}")));
            }
            self.reader.skip_blanks_here()?;
            if self.reader.byte == b'=' {
                self.label(name, line)?;
            } else {
                self.name_inside(&name, line, has_name_inside)?;
            }
            match self.reader.byte {
                b',' => {}
                _ => break,
            }
        }
        if line.family.is_none() {
            return Err(self.reader.error("invalid metric name"));
        }
        self.reader.skip_blanks()
    }

    fn name_inside(&mut self, name: &str, line: &mut Line, has_name_inside: bool) -> Result<(), PageError> {
        let reader = &self.reader;
        if !has_name_inside {
            let found = reader.shown_byte();
            return Err(reader.error(format!("expected '=' after label name, found {found}")));
        }
        if line.family.is_some() {
            let metric = self.shown_family(line);
            return Err(reader.error(format!("multiple metric names for metric {metric}")));
        }
        if !matches!(reader.byte, b',' | b'}') {
            let found = reader.shown_byte();
            return Err(reader.error(format!("unexpected end of metric name {found}")));
        }
        self.begin(name, line)
    }

    fn shown_family(&self, line: &Line) -> String {
        let name = line.family.map_or("", |family| &self.found.families[family].name);
        quoted(name)
    }

    /// A label whose name and `=` are read; then the byte read last is `,` or `}`.
    fn label(&mut self, name: String, line: &mut Line) -> Result<(), PageError> {
        let reader = &mut self.reader;
        if name == "__name__" {
            return Err(reader.error("label name \"__name__\" is reserved"));
        }
        if !self.scheme.is_label_name(&name) {
            return Err(reader.error(format!("invalid label name {}", quoted(&name))));
        }
        if line.labels.iter().any(|(other, _)| *other == name) {
            let metric = self.shown_family(line);
            return Err(self
                .reader
                .error(format!("duplicate label names for metric {metric}")));
        }
        reader.skip_blanks()?;
        if reader.byte != b'"' {
            let found = reader.shown_byte();
            return Err(reader.error(format!("expected '\"' at start of label value, found {found}")));
        }
        let value = reader.label_value()?;
        let value = String::from_utf8(value).map_err(|error| {
            let shown = Quoted(error.as_bytes()).to_string();
            reader.error(format!("invalid label value {shown}"))
        })?;
        let own_label = line
            .family
            .and_then(|family| self.found.families[family].kind?.own_label());
        if own_label == Some(name.as_str()) {
            let Ok(number) = parse_float(value.as_bytes()) else {
                let (name, value) = (name.as_str(), quoted(&value));
                return Err(reader.error(format!("expected float as value for '{name}' label, got {value}")));
            };
            line.own_value = Some(number);
        } else {
            line.labels.push((name, value.clone()));
        }
        reader.skip_blanks()?;
        match reader.byte {
            b',' | b'}' => Ok(()),
            _ => Err(reader.error(format!("unexpected end of label value {}", quoted(&value)))),
        }
    }

    fn value(&mut self, line: Line) -> Result<(), PageError> {
        let family = line
            .family
            .unwrap_or_else(|| unreachable!("the caller has read a name"));
        let word = self.reader.word()?;
        let Ok(value) = parse_float(&word) else {
            let word = quoted(&String::from_utf8_lossy(&word));
            return Err(self.reader.error(format!("expected float as value, got {word}")));
        };
        self.add(family, line, value)?;
        if self.reader.byte == b'\n' {
            return Ok(());
        }
        self.reader.skip_blanks()?;
        let time = self.reader.word()?;
        let time = String::from_utf8_lossy(&time);
        if time.parse::<i64>().is_err() {
            let time = quoted(&time);
            return Err(self
                .reader
                .error(format!("expected integer as timestamp, got {time}")));
        }
        let rest = self.reader.rest_of_line(false)?;
        if rest.is_empty() {
            return Ok(());
        }
        let rest = quoted(&String::from_utf8_lossy(&rest));
        Err(self
            .reader
            .error(format!("spurious string after timestamp: {rest}")))
    }

    fn add(&mut self, family_index: usize, line: Line, value: f64) -> Result<(), PageError> {
        let family = &mut self.found.families[family_index];
        let kind = family.kind.unwrap_or(FamilyKind::Untyped);
        let metrics = &mut self.found.metrics;
        let metric = if kind.own_label().is_some() {
            let key = (family_index, line.labels.iter().cloned().collect());
            *self.complex.entry(key).or_insert_with(|| {
                family.metrics.push(metrics.len());
                metrics.push(Metric::default());
                metrics.len() - 1
            })
        } else {
            family.metrics.push(metrics.len());
            metrics.push(Metric::default());
            metrics.len() - 1
        };
        let metric = &mut metrics[metric];
        // All lines of a histogram have the same labels.
        metric.labels = line.labels;
        let name = || quoted(&family.name);
        match (kind, line.part, line.own_value) {
            (FamilyKind::Summary, Part::Own, Some(quantile)) if !quantile.is_nan() => metric.quantiles += 1,
            (kind, Part::Count, _) if kind.is_histogram() && value < 0.0 => {
                return Err(self
                    .reader
                    .error(format!("negative count for histogram {}", name())));
            }
            (kind, Part::Own, Some(bound)) if kind.is_histogram() && !bound.is_nan() => {
                if value < 0.0 {
                    return Err(self
                        .reader
                        .error(format!("negative bucket population for histogram {}", name())));
                }
                metric.buckets += 1;
            }
            _ => {}
        }
        Ok(())
    }
}
