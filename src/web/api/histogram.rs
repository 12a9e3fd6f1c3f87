//! A native histogram as the API shows it: count, sum, and each bucket that holds something.

use promql::format;
use tsdb::model::FloatHistogram;
use tsdb::model::histogram::Bucket;

use super::json::push_display;

/// Which ends belong to a bucket, as the API numbers them.
fn boundary(bucket: &Bucket) -> u8 {
    match (bucket.lower_inclusive, bucket.upper_inclusive) {
        (false, true) => 0,
        (true, false) => 1,
        (false, false) => 2,
        (true, true) => 3,
    }
}

/// Appends the JSON of one histogram.
pub(super) fn push(out: &mut String, h: &FloatHistogram) {
    out.push_str("{\"count\":\"");
    format::push_json(out, h.count);
    out.push_str("\",\"sum\":\"");
    format::push_json(out, h.sum);
    out.push('"');
    let mut first = true;
    for bucket in h.ascending().filter(|bucket| bucket.count != 0.0) {
        out.push_str(if std::mem::take(&mut first) {
            ",\"buckets\":["
        } else {
            ","
        });
        push_display(out, format_args!("[{},\"", boundary(&bucket)));
        format::push_json(out, bucket.lower);
        out.push_str("\",\"");
        format::push_json(out, bucket.upper);
        out.push_str("\",\"");
        format::push_json(out, bucket.count);
        out.push_str("\"]");
    }
    out.push_str(if first { "}" } else { "]}" });
}

#[cfg(test)]
mod tests {
    use tsdb::model::Span;

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
