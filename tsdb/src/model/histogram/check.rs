//! What a histogram must satisfy to be stored; texts are Prometheus'.

use std::fmt;

use super::{CUSTOM_BUCKETS_SCHEMA, EXPONENTIAL_SCHEMAS, FloatHistogram, Histogram, IntHistogram, Span};

/// A histogram that contradicts itself, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramError {
    text: String,
}

impl fmt::Display for HistogramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for HistogramError {}

fn refused<T>(text: impl Into<String>) -> Result<T, HistogramError> {
    Err(HistogramError { text: text.into() })
}

trait On<T> {
    /// Says where an error was found.
    fn on(self, place: &str) -> Result<T, HistogramError>;
}

impl<T> On<T> for Result<T, HistogramError> {
    fn on(self, place: &str) -> Self {
        self.map_err(|error| HistogramError {
            text: format!("{place}: {}", error.text),
        })
    }
}

impl Histogram {
    /// Whether the histogram can be stored.
    ///
    /// # Errors
    /// Prometheus' text of what contradicts what.
    pub fn validate(&self) -> Result<(), HistogramError> {
        match self {
            Self::Integer(histogram) => histogram.validate(),
            Self::Float(histogram) => histogram.validate(),
        }
    }
}

impl IntHistogram {
    /// See [`Histogram::validate`].
    ///
    /// # Errors
    /// As there.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let negative = absolute(&self.negative_deltas);
        let positive = absolute(&self.positive_deltas);
        let parts = Parts {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            has_zero_count: self.zero_count != 0,
            positive: (&self.positive_spans, positive.len()),
            negative: (&self.negative_spans, negative.len()),
            custom_bounds: &self.custom_bounds,
        };
        parts.validate()?;
        let mut sum = u128::from(self.zero_count);
        for (side, counts) in [("negative side", negative), ("positive side", positive)] {
            for (at, count) in (1..).zip(counts) {
                let Ok(count) = u64::try_from(count) else {
                    return negative_count(at, &count.to_string()).on(side);
                };
                sum += u128::from(count);
            }
        }
        let count = self.count;
        let found = format!("{sum} observations found in buckets, but the Count field is {count}");
        if self.sum.is_nan() {
            if sum > u128::from(count) {
                return refused(format!(
                    "{found}: histogram's observation count should be at least the number of observations found in the buckets"
                ));
            }
        } else if sum != u128::from(count) {
            return refused(format!(
                "{found}: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
            ));
        }
        Ok(())
    }
}

impl FloatHistogram {
    /// See [`Histogram::validate`].
    ///
    /// # Errors
    /// As there.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let parts = Parts {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            has_zero_count: self.zero_count != 0.0,
            positive: (&self.positive_spans, self.positive_buckets.len()),
            negative: (&self.negative_spans, self.negative_buckets.len()),
            custom_bounds: &self.custom_bounds,
        };
        parts.validate()?;
        let below_zero = |counts: &[f64]| {
            let found = (1..).zip(counts).find(|(_, count)| **count < 0.0);
            found.map_or(Ok(()), |(at, count)| negative_count(at, &count.to_string()))
        };
        below_zero(&self.negative_buckets).on("negative side")?;
        if self.zero_count < 0.0 {
            return refused(format!(
                "zero bucket has observation count of {}: {NEGATIVE_BUCKET}",
                self.zero_count
            ));
        }
        if self.count < 0.0 {
            return refused(format!(
                "observation count is  {}: histogram's observation count is negative",
                self.count
            ));
        }
        below_zero(&self.positive_buckets).on("positive side")
    }
}

const NEGATIVE_BUCKET: &str = "histogram has a bucket whose observation count is negative";

fn negative_count(at: usize, count: &str) -> Result<(), HistogramError> {
    refused(format!(
        "bucket number {at} has observation count of {count}: {NEGATIVE_BUCKET}"
    ))
}

/// Counts of buckets given by differences; a sum beyond 64 bits shows as a negative count.
fn absolute(deltas: &[i64]) -> Vec<i64> {
    super::resolution::absolute(deltas).collect()
}

/// What both forms share.
struct Parts<'a> {
    schema: i32,
    zero_threshold: f64,
    has_zero_count: bool,
    /// Spans, and how many buckets there are.
    positive: (&'a [Span], usize),
    negative: (&'a [Span], usize),
    custom_bounds: &'a [f64],
}

impl Parts<'_> {
    fn validate(&self) -> Result<(), HistogramError> {
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            self.validate_custom_bounds().on("custom buckets")?;
            let broken = [
                (self.has_zero_count, "must have zero count of 0"),
                (self.zero_threshold != 0.0, "must have zero threshold of 0"),
                (!self.negative.0.is_empty(), "must not have negative spans"),
                (self.negative.1 > 0, "must not have negative buckets"),
            ];
            return match broken.iter().find(|(broken, _)| *broken) {
                Some((_, rule)) => refused(format!("custom buckets: {rule}")),
                None => Ok(()),
            };
        }
        if !EXPONENTIAL_SCHEMAS.contains(&self.schema) {
            return refused(format!(
                "histogram has an invalid schema, which must be between {} and {} for exponential buckets, \
                 or {CUSTOM_BUCKETS_SCHEMA} for custom buckets, got schema {}",
                EXPONENTIAL_SCHEMAS.start(),
                EXPONENTIAL_SCHEMAS.end(),
                self.schema
            ));
        }
        validate_spans(self.positive, 1).on("positive side")?;
        validate_spans(self.negative, 1).on("negative side")?;
        if self.custom_bounds.is_empty() {
            Ok(())
        } else {
            refused("histogram with exponential schema must not have custom bounds")
        }
    }

    fn validate_custom_bounds(&self) -> Result<(), HistogramError> {
        let mut before = f64::NEG_INFINITY;
        for (at, &bound) in self.custom_bounds.iter().enumerate() {
            if bound.is_nan() {
                return refused("histogram custom bounds must not be NaN");
            }
            if at > 0 && bound <= before {
                return refused(format!(
                    "previous bound is {before:.6} and current is {bound:.6}: histogram custom bounds must be in strictly increasing order"
                ));
            }
            before = bound;
        }
        if before == f64::INFINITY {
            return refused(
                "last +Inf bound must not be explicitly defined: histogram custom bounds must be finite",
            );
        }
        validate_spans(self.positive, 0)?;
        let (spans, _) = self.positive;
        let reach: i64 = spans
            .iter()
            .map(|span| i64::from(span.length) + i64::from(span.offset))
            .sum();
        let bounds = self.custom_bounds.len();
        if i64::try_from(bounds + 1).is_ok_and(|most| most < reach) {
            return refused(format!(
                "only {bounds} custom bounds defined which is insufficient to cover total span length of {reach}: \
                 histogram custom bounds are too few"
            ));
        }
        Ok(())
    }
}

/// Spans from number `from` on must not lead back.
fn validate_spans((spans, buckets): (&[Span], usize), from: usize) -> Result<(), HistogramError> {
    for (at, span) in spans.iter().enumerate().skip(from) {
        if span.offset < 0 {
            return refused(format!(
                "span number {} with offset {}: histogram has a span whose offset is negative",
                at + 1,
                span.offset
            ));
        }
    }
    let needed = super::bucket_count(spans);
    if needed != buckets as u64 {
        return refused(format!(
            "spans need {needed} buckets, have {buckets} buckets: histogram spans specify different number of buckets than provided"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> IntHistogram {
        IntHistogram {
            count: 6,
            zero_count: 1,
            positive_spans: vec![Span { offset: 0, length: 2 }],
            positive_deltas: vec![2, 1],
            ..IntHistogram::default()
        }
    }

    #[track_caller]
    fn check_refused(change: impl FnOnce(&mut IntHistogram), text: &str) {
        let mut histogram = good();
        assert_eq!(histogram.validate(), Ok(()));
        change(&mut histogram);
        assert_eq!(histogram.validate().unwrap_err().to_string(), text);
    }

    #[test]
    fn what_contradicts_itself_is_refused_in_prometheus_words() {
        check_refused(
            |h| h.count = 5,
            "6 observations found in buckets, but the Count field is 5: histogram's observation count should \
             equal the number of observations found in the buckets (in absence of NaN)",
        );
        check_refused(
            |h| h.positive_deltas = vec![2, -3],
            "positive side: bucket number 2 has observation count of -1: histogram has a bucket whose \
             observation count is negative",
        );
        check_refused(
            |h| h.positive_spans[0].length = 3,
            "positive side: spans need 3 buckets, have 2 buckets: histogram spans specify different number of \
             buckets than provided",
        );
        check_refused(
            |h| h.schema = 9,
            "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 \
             for custom buckets, got schema 9",
        );
        check_refused(
            |h| h.custom_bounds = vec![1.0],
            "histogram with exponential schema must not have custom bounds",
        );
    }

    #[test]
    fn custom_bounds_ascend_and_suffice() {
        let custom = |bounds: &[f64]| {
            let histogram = FloatHistogram {
                schema: CUSTOM_BUCKETS_SCHEMA,
                positive_spans: vec![Span { offset: 1, length: 2 }],
                positive_buckets: vec![1.0, 2.0],
                custom_bounds: bounds.to_vec(),
                ..FloatHistogram::default()
            };
            histogram.validate().err().map(|error| error.to_string())
        };
        assert_eq!(custom(&[1.0, 2.0]), None);
        assert_eq!(
            custom(&[1.0]).unwrap(),
            "custom buckets: only 1 custom bounds defined which is insufficient to cover total span length of \
             3: histogram custom bounds are too few"
        );
        assert_eq!(
            custom(&[2.0, 1.0]).unwrap(),
            "custom buckets: previous bound is 2.000000 and current is 1.000000: histogram custom bounds must \
             be in strictly increasing order"
        );
    }
}
