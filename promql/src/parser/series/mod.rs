//! Series descriptions: the notation in which unit tests of rules and test scripts write samples.
//!
//! | written | samples |
//! |---|---|
//! | `1 2.5 -3 NaN Inf` | these numbers |
//! | `_`, `_x3` | one gap, three gaps |
//! | `stale` | the staleness marker |
//! | `5x2` | 5 5 5: one more than the figure says |
//! | `1+2x3`, `1-2x3` | 1 3 5 7, and 1 -1 -3 -5 |
//! | `{{schema:0 count:3 buckets:[1 2]}}` | a native histogram |
//! | `{{…}}x2`, `{{…}}+{{…}}x2` | three of them, the second form growing |
//!
//! A description is a label set, then samples; `metric{a="b"} 1+2x10 _ stale`. Start with [`parse_series`].

mod histogram;
mod labels;

use tsdb::model::{FloatHistogram, Labels, stale_marker};

use super::ParseErrors;
use super::grammar::{Parsed, Parser};
use super::token::{Kind, Token};

/// One place in a sequence of samples.
#[derive(Clone, Debug, PartialEq)]
pub enum SequenceValue {
    /// No sample here.
    Omitted,
    /// A number, or the staleness marker.
    Float(f64),
    /// A native histogram.
    Histogram {
        /// The histogram.
        histogram: Box<FloatHistogram>,
        /// `counter_reset_hint:…` was written, so that an expectation includes it.
        is_hint_given: bool,
    },
}

/// How many samples one description may stand for. Prometheus has no limit and takes the memory.
const SAMPLES_MAX: usize = 10_000_000;

/// Reads a series description.
///
/// # Errors
/// When Prometheus would refuse it, in the same words.
pub fn parse_series(text: &str) -> Result<(Labels, Vec<SequenceValue>), ParseErrors> {
    Parser::for_series(text)
        .series()
        .map_err(|error| ParseErrors::from(*error))
}

/// Reads a label set as scripts write it: `metric{label="value"}`.
///
/// # Errors
/// When Prometheus would refuse it, in the same words.
pub fn parse_metric(text: &str) -> Result<Labels, ParseErrors> {
    Parser::new(text, super::ParserOptions::all())
        .lone_metric()
        .map_err(|error| ParseErrors::from(*error))
}

impl Parser<'_> {
    fn lone_metric(&mut self) -> Parsed<Labels> {
        let labels = self.metric()?;
        self.expect_end()?;
        Ok(labels)
    }

    fn series(&mut self) -> Parsed<(Labels, Vec<SequenceValue>)> {
        let labels = self.metric()?;
        let mut values = Vec::new();
        // A run of spaces is one token; one may stand at the end.
        while self.take_if(Kind::Space)?.is_some() {
            if matches!(self.peek()?.kind, Kind::Space | Kind::End) {
                continue;
            }
            self.item(&mut values)?;
        }
        match self.peek()?.kind {
            Kind::End => Ok((labels, values)),
            _ => self.unexpected("series values", ""),
        }
    }

    fn item(&mut self, values: &mut Vec<SequenceValue>) -> Parsed<()> {
        let token = self.peek()?;
        match token.kind {
            Kind::Blank => {
                self.take()?;
                let count = match self.take_if(Kind::Times)? {
                    Some(_) => self.repetitions()?,
                    None => 1,
                };
                self.room(values, count)?;
                values.extend(std::iter::repeat_n(SequenceValue::Omitted, count));
                Ok(())
            }
            Kind::OpenHistogram => self.histograms(values),
            _ => self.floats(token, values),
        }
    }

    /// `1`, `1x3`, `1+2x3`
    fn floats(&mut self, token: Token, values: &mut Vec<SequenceValue>) -> Parsed<()> {
        let mut value = self.series_value(token)?;
        let mut step = 0.0;
        let sign = self.peek()?;
        let is_growing = matches!(sign.kind, Kind::Add | Kind::Subtract);
        if is_growing {
            step = self.signed_number()?;
        }
        let times = self.take_if(Kind::Times)?;
        if times.is_none() {
            if is_growing {
                return self.unexpected("series values", "");
            }
            values.push(SequenceValue::Float(value));
            return Ok(());
        }
        let count = self.repetitions()?;
        self.room(values, count)?;
        for _ in 0..=count {
            values.push(SequenceValue::Float(value));
            // Nothing is added to what is only repeated: the staleness marker must keep its bits.
            if is_growing {
                value += step;
            }
        }
        Ok(())
    }

    fn series_value(&mut self, token: Token) -> Parsed<f64> {
        match token.kind {
            Kind::Identifier => {
                self.take()?;
                if token.text(self.input()) != "stale" {
                    return self.unexpected_token(token, "series values", "number or \"stale\"");
                }
                Ok(stale_marker())
            }
            Kind::Number | Kind::Duration => Ok(self.number()?.value),
            Kind::Add | Kind::Subtract => self.signed_number(),
            _ => self.unexpected("series values", ""),
        }
    }

    /// A sign and a number.
    fn signed_number(&mut self) -> Parsed<f64> {
        let sign = self.take()?;
        match self.peek()?.kind {
            Kind::Number | Kind::Duration => {
                let value = self.number()?.value;
                Ok(if sign.kind == Kind::Subtract {
                    -value
                } else {
                    value
                })
            }
            _ => self.unexpected("series values", ""),
        }
    }

    /// How often something is repeated.
    fn repetitions(&mut self) -> Parsed<usize> {
        let token = self.peek()?;
        if token.kind != Kind::Number {
            return self.unexpected("series values", "");
        }
        self.take()?;
        match whole_number(token.text(self.input())) {
            Ok(count) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            Err(error) => self.fail(
                token.span,
                format!("invalid repetition in series values: {error}"),
            ),
        }
    }

    fn histograms(&mut self, values: &mut Vec<SequenceValue>) -> Parsed<()> {
        let (mut base, mut is_hint_given) = self.histogram()?;
        let sign = self.peek()?.kind;
        let mut step = None;
        if matches!(sign, Kind::Add | Kind::Subtract) {
            self.take()?;
            if self.peek()?.kind != Kind::OpenHistogram {
                return self.unexpected("series values", "");
            }
            let (histogram, hint) = self.histogram()?;
            // The hint of the increment decides for all, as in Prometheus.
            is_hint_given = hint;
            step = Some((histogram, sign == Kind::Subtract));
        }
        let times = self.take_if(Kind::Times)?;
        let count = match (times, &step) {
            (Some(_), _) => self.repetitions()?,
            (None, Some(_)) => return self.unexpected("series values", ""),
            (None, None) => 0,
        };
        self.room(values, count)?;
        for i in 0..=count {
            if let Some((step, is_falling)) = &step
                && i > 0
            {
                self.add_step(&mut base, step, *is_falling)?;
            }
            values.push(SequenceValue::Histogram {
                histogram: Box::new(base.clone()),
                is_hint_given,
            });
        }
        Ok(())
    }

    /// Adds the step to a histogram, or takes it away.
    fn add_step(&self, base: &mut FloatHistogram, step: &FloatHistogram, is_falling: bool) -> Parsed<()> {
        if base.schema > step.schema {
            return self.fail_at_last(format!(
                "error combining histograms: cannot merge from schema {} to {}",
                step.schema, base.schema
            ));
        }
        let met = if is_falling {
            base.subtract(step)
        } else {
            base.add(step)
        };
        match met {
            Ok(_) => Ok(()),
            Err(error) => self.fail_at_last(error.to_string()),
        }
    }

    fn room(&self, values: &[SequenceValue], more: usize) -> Parsed<()> {
        if more <= SAMPLES_MAX && values.len() + more <= SAMPLES_MAX {
            return Ok(());
        }
        self.fail_at_last(format!(
            "a series description stands for at most {SAMPLES_MAX} samples"
        ))
    }
}

/// A number as `strconv.ParseUint(text, 10, 64)` reads it, with its complaints.
fn whole_number(text: &str) -> Result<u64, String> {
    let complain = |why: &str| format!("strconv.ParseUint: parsing {}: {why}", super::token::quoted(text));
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(complain("invalid syntax"));
    }
    text.parse().map_err(|_| complain("value out of range"))
}

#[cfg(test)]
mod tests;
