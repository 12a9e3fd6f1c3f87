//! A native histogram as the API shows it: count, sum, and each bucket that holds something.

use promql::format;
use tsdb::model::FloatHistogram;
use tsdb::model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};

use super::json::push_display;

/// Which ends belong to a bucket.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Boundary {
    OpenLeft = 0,
    OpenRight = 1,
    Closed = 3,
}

/// Appends the JSON of one histogram.
pub(super) fn push(out: &mut String, h: &FloatHistogram) {
    out.push_str("{\"count\":\"");
    format::push_json(out, h.count);
    out.push_str("\",\"sum\":\"");
    format::push_json(out, h.sum);
    out.push('"');
    let mut first = true;
    let mut bucket = |boundary: Boundary, lower: f64, upper: f64, count: f64| {
        if count == 0.0 {
            return;
        }
        out.push_str(if std::mem::take(&mut first) {
            ",\"buckets\":["
        } else {
            ","
        });
        push_display(out, format_args!("[{},\"", boundary as u8));
        format::push_json(out, lower);
        out.push_str("\",\"");
        format::push_json(out, upper);
        out.push_str("\",\"");
        format::push_json(out, count);
        out.push_str("\"]");
    };
    let mut negative: Vec<(i32, f64)> = buckets(&h.negative_spans, &h.negative_buckets).collect();
    negative.reverse();
    for (index, count) in negative {
        let (near, far) = (bound(h, index - 1), bound(h, index));
        bucket(Boundary::OpenRight, -far, -near, count);
    }
    if h.schema != CUSTOM_BUCKETS_SCHEMA {
        bucket(
            Boundary::Closed,
            -h.zero_threshold,
            h.zero_threshold,
            h.zero_count,
        );
    }
    for (index, count) in buckets(&h.positive_spans, &h.positive_buckets) {
        bucket(Boundary::OpenLeft, bound(h, index - 1), bound(h, index), count);
    }
    out.push_str(if first { "}" } else { "]}" });
}

/// (bucket index, count) of all buckets in the spans.
fn buckets<'a>(spans: &'a [Span], counts: &'a [f64]) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut next = 0i32;
    let indices = spans.iter().flat_map(move |span| {
        next = next.wrapping_add(span.offset);
        let from = next;
        next = next.wrapping_add(span.length as i32);
        from..next
    });
    indices.zip(counts.iter().copied())
}

/// The upper bound of bucket `index`, on the positive side.
fn bound(h: &FloatHistogram, index: i32) -> f64 {
    if h.schema == CUSTOM_BUCKETS_SCHEMA {
        return match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(at) => h.custom_bounds.get(at).copied().unwrap_or(f64::INFINITY),
        };
    }
    // 2^(index / 2^schema)
    (f64::from(index) * (-f64::from(h.schema)).exp2()).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_listed_from_the_most_negative_and_empty_ones_left_out() {
        let h = FloatHistogram {
            count: 6.0,
            sum: 2.5,
            zero_threshold: 0.5,
            zero_count: 1.0,
            positive_spans: vec![Span { offset: 1, length: 2 }],
            positive_buckets: vec![2.0, 0.0],
            negative_spans: vec![Span { offset: 0, length: 2 }],
            negative_buckets: vec![1.0, 2.0],
            ..FloatHistogram::default()
        };
        let mut out = String::new();
        push(&mut out, &h);
        assert_eq!(
            out,
            r#"{"count":"6","sum":"2.5","buckets":[[1,"-2","-1","2"],[1,"-1","-0.5","1"],[3,"-0.5","0.5","1"],[0,"1","2","2"]]}"#
        );
    }
}
