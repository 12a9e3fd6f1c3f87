//! Histogram literals: `{{schema:1 sum:0.3 count:3 z_bucket:7 z_bucket_w:0.05 buckets:[5 10] offset:-3}}`.
//!
//! | key | field | value |
//! |---|---|---|
//! | `schema` | schema | whole number; -53 for listed bounds |
//! | `sum`, `count` | sum, count | number |
//! | `z_bucket`, `z_bucket_w` | zero count, zero threshold | number |
//! | `buckets`, `n_buckets` | counts of the positive and negative buckets | numbers in brackets |
//! | `offset`, `n_offset` | the index of the first of them | whole number |
//! | `custom_values` | bounds for schema -53 | numbers in brackets |
//! | `counter_reset_hint` | hint | `unknown reset not_reset gauge` |

use tsdb::model::histogram::Span as Buckets;
use tsdb::model::{FloatHistogram, ResetHint};

use super::whole_number;
use crate::parser::Span;
use crate::parser::grammar::{Parsed, Parser};
use crate::parser::token::{Descriptor, Kind};

/// What to say about a word that does not fit.
#[derive(Clone, Copy)]
struct Place {
    context: &'static str,
    expected: &'static str,
}

/// Up to the end of the first entry, nothing tells Prometheus that this is a histogram.
const FIRST: Place = Place {
    context: "series values",
    expected: "",
};

const LATER: Place = Place {
    context: "histogram description",
    expected: "histogram description key, e.g. buckets:[5 10 7]",
};

/// What was written, key by key.
#[derive(Default)]
struct Description {
    given: Vec<Descriptor>,
    histogram: FloatHistogram,
    offset: i32,
    negative_offset: i32,
}

impl Parser<'_> {
    /// A literal, and whether it says its counter reset hint.
    pub(super) fn histogram(&mut self) -> Parsed<(FloatHistogram, bool)> {
        self.take()?;
        let mut description = Description::default();
        let mut is_first = true;
        loop {
            // A space may stand before the end, and, if nothing else does, between the braces.
            let space = self.take_if(Kind::Space)?;
            let token = self.peek()?;
            match token.kind {
                Kind::CloseHistogram => {
                    self.take()?;
                    return Ok(description.finish());
                }
                Kind::Descriptor(key) if is_first == space.is_none() => {
                    self.take()?;
                    self.entry(key, &mut description)?;
                }
                _ => return self.unexpected_in_histogram(if is_first { FIRST } else { LATER }),
            }
            is_first = false;
        }
    }

    fn entry(&mut self, key: Descriptor, description: &mut Description) -> Parsed<()> {
        let place = if description.given.is_empty() {
            FIRST
        } else {
            LATER
        };
        self.expect_series(Kind::Colon, place)?;
        let is_again = description.given.contains(&key);
        let histogram = &mut description.histogram;
        match key {
            Descriptor::Schema => histogram.schema = self.whole(place)?,
            Descriptor::Sum => histogram.sum = self.any_number(place)?,
            Descriptor::Count => histogram.count = self.any_number(place)?,
            Descriptor::ZeroBucket => histogram.zero_count = self.any_number(place)?,
            Descriptor::ZeroBucketWidth => histogram.zero_threshold = self.unsigned_number(place)?,
            Descriptor::Buckets => histogram.positive_buckets = self.numbers(place)?,
            Descriptor::NegativeBuckets => histogram.negative_buckets = self.numbers(place)?,
            Descriptor::CustomValues => histogram.custom_bounds = self.numbers(place)?,
            Descriptor::Offset => description.offset = self.whole(place)?,
            Descriptor::NegativeOffset => description.negative_offset = self.whole(place)?,
            Descriptor::CounterResetHint => histogram.reset_hint = self.hint(place)?,
        }
        if is_again {
            let text = format!("duplicate key \"{}\" in histogram", key.as_str());
            return self.fail(Span::default(), text);
        }
        description.given.push(key);
        Ok(())
    }

    fn hint(&mut self, place: Place) -> Parsed<ResetHint> {
        match self.peek()?.kind {
            Kind::ResetHint(hint) => {
                self.take()?;
                Ok(hint)
            }
            _ => self.unexpected_in_histogram(place),
        }
    }

    fn whole(&mut self, place: Place) -> Parsed<i32> {
        let negative = self.take_if(Kind::Subtract)?.is_some();
        let token = self.expect_series(Kind::Number, place)?;
        match whole_number(token.text(self.input())) {
            Ok(value) => {
                // Prometheus narrows without looking; what does not fit is no schema or index anyway.
                let value = i32::try_from(value).unwrap_or(i32::MAX);
                Ok(if negative { -value } else { value })
            }
            Err(error) => self.fail(
                token.span,
                format!("invalid repetition in series values: {error}"),
            ),
        }
    }

    fn any_number(&mut self, place: Place) -> Parsed<f64> {
        match self.peek()?.kind {
            Kind::Subtract => {
                self.take()?;
                Ok(-self.unsigned_number(place)?)
            }
            Kind::Add => {
                self.take()?;
                self.unsigned_number(place)
            }
            _ => self.unsigned_number(place),
        }
    }

    fn unsigned_number(&mut self, place: Place) -> Parsed<f64> {
        match self.peek()?.kind {
            Kind::Number | Kind::Duration => Ok(self.number()?.value),
            _ => self.unexpected_in_histogram(place),
        }
    }

    /// `[1 2 3]`; a space may stand before the bracket's end.
    fn numbers(&mut self, place: Place) -> Parsed<Vec<f64>> {
        self.expect_series(Kind::LeftBracket, place)?;
        let mut numbers = vec![self.any_number(place)?];
        loop {
            let space = self.take_if(Kind::Space)?;
            if self.take_if(Kind::RightBracket)?.is_some() {
                return Ok(numbers);
            }
            if space.is_none() {
                return self.unexpected_in_histogram(place);
            }
            numbers.push(self.any_number(place)?);
        }
    }

    fn expect_series(&mut self, kind: Kind, place: Place) -> Parsed<crate::parser::token::Token> {
        match self.take_if(kind)? {
            Some(token) => Ok(token),
            None => self.unexpected_in_histogram(place),
        }
    }

    fn unexpected_in_histogram<T>(&mut self, place: Place) -> Parsed<T> {
        self.unexpected(place.context, place.expected)
    }
}

impl Description {
    fn finish(mut self) -> (FloatHistogram, bool) {
        let spans = |offset, buckets: &[f64]| match u32::try_from(buckets.len()) {
            Ok(length) if length > 0 => vec![Buckets { offset, length }],
            _ => Vec::new(),
        };
        self.histogram.positive_spans = spans(self.offset, &self.histogram.positive_buckets);
        self.histogram.negative_spans = spans(self.negative_offset, &self.histogram.negative_buckets);
        (self.histogram, self.given.contains(&Descriptor::CounterResetHint))
    }
}
