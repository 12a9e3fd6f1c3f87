//! Alerts as JSON for `POST /api/v2/alerts`, byte for byte as Prometheus sends them.
//!
//! Go writes `<`, `>`, `&` and the two line separators of Unicode as escapes, and leaves out annotations
//! and the generator's URL when there are none.

use std::sync::Arc;

use jiff::Timestamp;

use super::Alert;

/// The body of a request that tells of `alerts`.
pub(super) fn body(alerts: &[Arc<Alert>]) -> Vec<u8> {
    let mut out = String::with_capacity(512 * alerts.len());
    out.push('[');
    for (at, alert) in alerts.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_alert(&mut out, alert);
    }
    out.push(']');
    out.into_bytes()
}

fn push_alert(out: &mut String, alert: &Alert) {
    out.push('{');
    if !alert.annotations.is_empty() {
        out.push_str("\"annotations\":");
        push_map(out, alert.annotations.iter());
        out.push(',');
    }
    out.push_str("\"endsAt\":\"");
    push_time(out, alert.ends_at_ms);
    out.push_str("\",\"startsAt\":\"");
    push_time(out, alert.starts_at_ms);
    out.push_str("\",");
    if !alert.generator_url.is_empty() {
        out.push_str("\"generatorURL\":");
        push_text(out, &alert.generator_url);
        out.push(',');
    }
    out.push_str("\"labels\":");
    push_map(out, alert.labels.iter());
    out.push('}');
}

fn push_map<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push('{');
    for (at, (name, value)) in pairs.enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_text(out, name);
        out.push(':');
        push_text(out, value);
    }
    out.push('}');
}

/// A text in quotes, escaped as Go's `encoding/json` does.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A time as RFC 3339 has it, in UTC with milliseconds.
fn push_time(out: &mut String, at_ms: i64) {
    let extreme = if at_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(extreme);
    out.push_str(&at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
}

#[cfg(test)]
mod tests {
    use tsdb::model::Labels;

    use super::*;

    #[track_caller]
    fn check(alerts: &[Alert], json: &str) {
        let alerts: Vec<Arc<Alert>> = alerts.iter().cloned().map(Arc::new).collect();
        assert_eq!(String::from_utf8(body(&alerts)).unwrap(), json);
    }

    /// Recorded from Prometheus 3.5.3.
    #[test]
    fn alerts_are_written_as_prometheus_writes_them() {
        let first = Alert {
            labels: Labels::from_pairs([
                ("alertname", "A"),
                ("ext", "a<b>&é"),
                ("q", "a\"b\\c\u{2028}\u{7f}\u{1}\t"),
                ("shared", "own"),
                ("ünï", "x"),
            ]),
            annotations: Labels::from_sorted([("s", "<b>&'é\n 1"), ("z", "")].into_iter()),
            starts_at_ms: 1_795_197_014_184,
            ends_at_ms: 1_795_197_024_184,
            generator_url: "http://vm:29194/graph?g0.expr=vector%281%29+%3E+0&g0.tab=1".into(),
        };
        let second = Alert {
            labels: Labels::from_pairs([("alertname", "B")]),
            annotations: Labels::empty(),
            generator_url: String::new(),
            starts_at_ms: 0,
            ends_at_ms: 1,
        };
        check(
            &[first, second],
            concat!(
                r#"[{"annotations":{"s":"\u003cb\u003e\u0026'é\n 1","z":""},"#,
                r#""endsAt":"2026-11-20T17:50:24.184Z","startsAt":"2026-11-20T17:50:14.184Z","#,
                r#""generatorURL":"http://vm:29194/graph?g0.expr=vector%281%29+%3E+0\u0026g0.tab=1","#,
                r#""labels":{"alertname":"A","ext":"a\u003cb\u003e\u0026é","#,
                "\"q\":\"a\\\"b\\\\c\\u2028\u{7f}\\u0001\\t\",",
                r#""shared":"own","ünï":"x"}},"#,
                r#"{"endsAt":"1970-01-01T00:00:00.001Z","startsAt":"1970-01-01T00:00:00.000Z","#,
                r#""labels":{"alertname":"B"}}]"#,
            ),
        );
        check(&[], "[]");
    }

    #[test]
    fn times_before_and_beyond_the_calendar_stay_in_it() {
        let time = |at_ms| {
            let mut out = String::new();
            push_time(&mut out, at_ms);
            out
        };
        assert_eq!(time(-1), "1969-12-31T23:59:59.999Z");
        assert!(time(i64::MAX).starts_with("9999-12-30T"));
        assert!(time(i64::MIN).starts_with("-9999-01-02T"), "{}", time(i64::MIN));
    }
}
