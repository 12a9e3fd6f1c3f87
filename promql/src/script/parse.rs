//! From a script's text to commands.

use tsdb::model::{Labels, Regex};

use super::starts::{Starts, start_line};
use crate::parser::literal::duration_ns;
use crate::parser::series::{SequenceValue, parse_series};

/// A command and the line it begins on, counted from one.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// A mistake in a script.
#[derive(Debug)]
pub(super) struct ScriptError {
    pub(super) line: usize,
    pub(super) text: String,
}

/// `load 5m`
#[derive(Debug)]
pub(super) struct Load {
    /// The time from one sample to the next.
    pub(super) gap_ms: i64,
    /// Classic histograms are stored as native ones too.
    pub(super) with_nhcb: bool,
    pub(super) series: Vec<LoadSeries>,
}

/// A series to be stored.
#[derive(Debug)]
pub(super) struct LoadSeries {
    pub(super) labels: Labels,
    pub(super) values: Vec<SequenceValue>,
    /// Since when each sample counts, relative to its own time; empty if not given.
    pub(super) starts_ms: Vec<Option<i64>>,
}

/// `eval …`
#[derive(Debug, Default)]
pub(super) struct Eval {
    pub(super) query: String,
    pub(super) at: When,
    pub(super) expect: Expect,
    /// Series in the order written.
    pub(super) series: Vec<(Labels, Vec<SequenceValue>)>,
    pub(super) scalar: Option<f64>,
    pub(super) string: Option<String>,
    /// The times of an expected range vector.
    pub(super) range_vector: Option<Period>,
}

/// Start, end and step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Period {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) step_ms: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    Instant(i64),
    Range(Period),
}

impl Default for When {
    fn default() -> Self {
        Self::Instant(0)
    }
}

/// What is expected besides the value.
#[derive(Debug, Default)]
pub(super) struct Expect {
    pub(super) ordered: bool,
    pub(super) fail: Option<Pattern>,
    pub(super) warn: Vec<Pattern>,
    pub(super) info: Vec<Pattern>,
    pub(super) no_warn: bool,
    pub(super) no_info: bool,
}

/// What a message must be like.
#[derive(Debug)]
pub(super) enum Pattern {
    Any,
    Text(String),
    Regex(Regex),
}

impl Pattern {
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(expected) => expected == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Text(text) => write!(f, "message {text:?}"),
            Self::Regex(regex) => write!(f, "pattern {:?}", regex.as_str()),
        }
    }
}

/// All commands of a script; one that cannot be read does not keep the others from being.
pub(super) fn commands(text: &str) -> Vec<Result<Command, ScriptError>> {
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| {
            let line = line.trim();
            if line.starts_with('#') { "" } else { line }
        })
        .collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let first = at;
        at += 1;
        if lines[first].is_empty() {
            continue;
        }
        let word = lines[first]
            .split([' ', '\t'])
            .next()
            .unwrap_or("")
            .to_lowercase();
        let mut block: &[&str] = &[];
        if word.starts_with("load") || word.starts_with("eval") {
            let end = lines[at..].iter().position(|line| line.is_empty());
            let end = end.map_or(lines.len(), |end| at + end);
            block = &lines[at..end];
        }
        let kind = match word.as_str() {
            "clear" => Ok((Kind::Clear, 0)),
            word if word.starts_with("load") => {
                load(lines[first], block).map(|load| (Kind::Load(load), block.len()))
            }
            word if word.starts_with("eval") => {
                eval(lines[first], block).map(|(eval, used)| (Kind::Eval(Box::new(eval)), used))
            }
            _ => Err(format!("invalid command \"{}\"", lines[first])),
        };
        let line = first + 1;
        found.push(match kind {
            Ok((kind, used)) => {
                at += used;
                Ok(Command { line, kind })
            }
            Err(text) => {
                at += block.len();
                Err(ScriptError { line, text })
            }
        });
    }
    found
}

fn load(line: &str, block: &[&str]) -> Result<Load, String> {
    let (word, step) = split_word(line);
    let with_nhcb = match word {
        "load" => false,
        "load_with_nhcb" => true,
        _ => return Err("invalid load command. (load[_with_nhcb] <step:duration>)".to_owned()),
    };
    let gap_ms = duration_ms(step).map_err(|e| format!("invalid step definition \"{step}\": {e}"))?;
    let mut series = Vec::new();
    let mut pending: Option<Starts> = None;
    for line in block {
        if let Some(starts) = start_line(line)? {
            if pending.replace(starts).is_some() {
                return Err("@st line has no following sample line".to_owned());
            }
            continue;
        }
        let (labels, values) = parse_series(line).map_err(|e| e.to_string())?;
        let starts_ms = match pending.take() {
            None => Vec::new(),
            Some((of, _)) if of != labels => {
                return Err("@st metric does not match the following sample line metric".to_owned());
            }
            Some((_, starts)) if starts.len() != values.len() => {
                return Err(format!(
                    "@st line has {} values but sample line has {}",
                    starts.len(),
                    values.len()
                ));
            }
            Some((_, starts)) => starts,
        };
        // Of two lines about one series the later counts.
        series.retain(|known: &LoadSeries| known.labels != labels);
        series.push(LoadSeries {
            labels,
            values,
            starts_ms,
        });
    }
    if pending.is_some() {
        return Err("@st line has no following sample line".to_owned());
    }
    Ok(Load {
        gap_ms,
        with_nhcb,
        series,
    })
}

/// Reads an `eval` command; also tells how many lines of the block belong to it.
fn eval(line: &str, block: &[&str]) -> Result<(Eval, usize), String> {
    let (word, rest) = split_word(line);
    let mut eval = Eval::default();
    match word.strip_prefix("eval") {
        Some("") => {}
        Some("_fail") => eval.expect.fail = Some(Pattern::Any),
        Some("_warn") => eval.expect.warn.push(Pattern::Any),
        Some("_info") => eval.expect.info.push(Pattern::Any),
        Some("_ordered") => eval.expect.ordered = true,
        _ => return Err(format!("invalid command \"{word}\"")),
    }
    let is_instant = head(&mut eval, rest)?;
    for (at, line) in block.iter().enumerate() {
        if let Some(message) = line.strip_prefix("expected_fail_message") {
            eval.expect.fail = Some(Pattern::Text(message.trim().to_owned()));
            return Ok((eval, at + 1));
        }
        if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
            let regex = Regex::new(pattern.trim()).map_err(|e| e.to_string())?;
            eval.expect.fail = Some(Pattern::Regex(regex));
            return Ok((eval, at + 1));
        }
        if let Some(period) = line.strip_prefix("expect range vector") {
            eval.range_vector = Some(from_to_step(period)?.0);
        } else if let Some(text) = line.strip_prefix("expect string") {
            let text = crate::parser::literal::unquote(text.trim())
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or("expected string literal not valid - check that the string is correctly quoted")?;
            eval.string = Some(text);
        } else if line.split(' ').next() == Some("expect") {
            expect(&mut eval.expect, line)?;
        } else if let Some(number) = number(line) {
            eval.scalar = Some(number);
            return Ok((eval, at + 1));
        } else {
            let (labels, values) = parse_series(line).map_err(|e| e.to_string())?;
            if values.len() > 1 && is_instant && eval.range_vector.is_none() {
                return Err(
                    "expecting multiple values in instant evaluation not allowed. consider using \
                     'expect range vector' directive to enable a range vector result for an instant query"
                        .to_owned(),
                );
            }
            match eval.series.iter_mut().find(|(known, _)| *known == labels) {
                Some(known) => known.1 = values,
                None => eval.series.push((labels, values)),
            }
        }
    }
    Ok((eval, block.len()))
}

/// `instant at 5m query` or `range from 0 to 5m step 1m query`; whether it is the former.
fn head(eval: &mut Eval, rest: &str) -> Result<bool, String> {
    let (word, rest) = split_word(rest);
    match word {
        "instant" => {
            let (at, query) = match split_word(rest) {
                ("at", rest) => split_word(rest),
                _ => ("0", rest),
            };
            let at_ms = duration_ms(at).map_err(|e| format!("invalid timestamp definition \"{at}\": {e}"))?;
            eval.at = When::Instant(at_ms);
            query.clone_into(&mut eval.query);
            Ok(true)
        }
        "range" => {
            let (period, query) = from_to_step(rest)?;
            eval.at = When::Range(period);
            query.clone_into(&mut eval.query);
            Ok(false)
        }
        _ => Err(
            "invalid evaluation command. Must be either 'eval instant [at <offset:duration>] <query>' \
             or 'eval range from <from> to <to> step <step> <query>'"
                .to_owned(),
        ),
    }
}

/// `from 0 to 5m step 1m`, and what follows.
fn from_to_step(text: &str) -> Result<(Period, &str), String> {
    let mut rest = text;
    let mut next = |keyword: &str| {
        let (word, after) = split_word(rest);
        if word != keyword {
            return Err(format!("expected '{keyword}', found '{word}'"));
        }
        let (value, after) = split_word(after);
        rest = after;
        duration_ms(value).map_err(|e| format!("invalid {keyword} definition \"{value}\": {e}"))
    };
    let period = Period {
        start_ms: next("from")?,
        end_ms: next("to")?,
        step_ms: next("step")?,
    };
    if period.end_ms < period.start_ms {
        return Err("invalid test definition, end timestamp is before start timestamp".to_owned());
    }
    Ok((period, rest))
}

fn expect(expect: &mut Expect, line: &str) -> Result<(), String> {
    let (_, rest) = split_word(line);
    let (kind, rest) = split_word(rest);
    let pattern = match rest.split_once(':') {
        Some(("msg", text)) => Pattern::Text(text.trim().to_owned()),
        Some(("regex", text)) => Pattern::Regex(Regex::new(text.trim()).map_err(|e| e.to_string())?),
        None if rest.is_empty() => Pattern::Any,
        _ => return Err(format!("invalid token {rest} after {kind}")),
    };
    match kind {
        "ordered" => expect.ordered = true,
        "fail" if expect.fail.is_some() => {
            return Err("invalid expect lines, multiple expect fail lines are not allowed".to_owned());
        }
        "fail" => expect.fail = Some(pattern),
        "warn" => expect.warn.push(pattern),
        "info" => expect.info.push(pattern),
        "no_warn" => expect.no_warn = true,
        "no_info" => expect.no_info = true,
        _ => return Err(format!("invalid expected error/annotation type {kind}")),
    }
    Ok(())
}

/// The first word, and what follows the spaces after it.
pub(super) fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.find([' ', '\t']) {
        Some(end) => (&text[..end], text[end..].trim_start()),
        None => (text, ""),
    }
}

pub(super) fn duration_ms(text: &str) -> Result<i64, String> {
    Ok(duration_ns(text)? / 1_000_000)
}

/// A line that is nothing but a number.
fn number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    if let Some(hex) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(|n| sign * n as f64);
    }
    text.parse().ok()
}
