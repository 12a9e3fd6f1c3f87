//! What is stored in a history: series, and values of which none is like another.

use tsdb::model::{FloatHistogram, Histogram, IntHistogram, Labels, Span};

/// The labels of a series.
pub(crate) fn labels(series: usize) -> Labels {
    let (name, instance) = (format!("m{}", series % 4), series.to_string());
    Labels::from_pairs([
        ("__name__", name.as_str()),
        ("instance", &instance),
        ("job", "test"),
    ])
}

/// A histogram that no other is the same as.
pub(crate) fn histogram(series: usize, value: u64) -> Histogram {
    let spans = vec![Span {
        offset: (value % 3) as i32,
        length: 1 + (value % 2) as u32,
    }];
    let sum = value as f64;
    if series.is_multiple_of(2) {
        return Histogram::Integer(IntHistogram {
            count: value * if value.is_multiple_of(2) { 1 } else { 2 },
            sum,
            positive_deltas: if value.is_multiple_of(2) {
                vec![value.cast_signed()]
            } else {
                vec![value.cast_signed(), 0]
            },
            positive_spans: spans,
            ..IntHistogram::default()
        });
    }
    Histogram::Float(FloatHistogram {
        count: sum * spans[0].length as f64,
        sum,
        positive_buckets: vec![sum; spans[0].length as usize],
        positive_spans: spans,
        ..FloatHistogram::default()
    })
}
