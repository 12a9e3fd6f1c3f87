//! What queries returned, kept by series and time.

use std::collections::BTreeMap;

use serde_json::Value;

/// The bits of the values of one series by time in milliseconds. All NaN are one.
pub(crate) type Points = BTreeMap<i64, u64>;

/// Series, by their labels as JSON with sorted names.
pub(crate) type Samples = BTreeMap<String, Points>;

/// The bits of a value as it is written in answers and by promtool.
#[track_caller]
pub(crate) fn bits(text: &str) -> u64 {
    let value: f64 = text
        .parse()
        .unwrap_or_else(|e| panic!("{text:?} is not a number: {e}"));
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// The samples of a range selector's answer; each time of a series must be there once and in order.
#[track_caller]
pub(crate) fn of_matrix(data: &Value) -> Samples {
    assert_eq!(data["resultType"], "matrix", "{data}");
    let mut all = Samples::new();
    for series in data["result"].as_array().into_iter().flatten() {
        let key = series["metric"].to_string();
        let mut points = Points::new();
        for pair in series["values"].as_array().into_iter().flatten() {
            let time_s = pair[0].as_f64().expect("a time");
            let at_ms = (time_s * 1000.0).round() as i64;
            let last = points.last_key_value().map_or(i64::MIN, |last| *last.0);
            assert!(at_ms > last, "{key}: {at_ms} after {last}");
            points.insert(at_ms, bits(pair[1].as_str().expect("a value")));
        }
        assert!(all.insert(key.clone(), points).is_none(), "{key} is there twice");
    }
    all
}

/// How many samples there are.
pub(crate) fn count(all: &Samples) -> usize {
    all.values().map(BTreeMap::len).sum()
}

/// Adds what is new; what is known must have the same value.
#[track_caller]
pub(crate) fn learn(known: &mut Samples, seen: &Samples) {
    for (series, points) in seen {
        let known = known.entry(series.clone()).or_default();
        for (&at_ms, &bits) in points {
            let before = *known.entry(at_ms).or_insert(bits);
            assert_eq!(
                f64::from_bits(before).to_bits(),
                bits,
                "{series} at {at_ms} has changed"
            );
        }
    }
}

/// The samples of `expected` that `found` lacks or has with another value: how many, and the first ten.
pub(crate) fn missing(expected: &Samples, found: &Samples) -> Option<String> {
    let nothing = Points::new();
    let (mut count, mut first) = (0, Vec::new());
    for (series, points) in expected {
        let there = found.get(series).unwrap_or(&nothing);
        for (at_ms, bits) in points {
            let other = there.get(at_ms);
            if other != Some(bits) {
                count += 1;
                if first.len() < 10 {
                    let (value, other) = (f64::from_bits(*bits), other.map(|bits| f64::from_bits(*bits)));
                    first.push(format!("{series} {value} at {at_ms}, found {other:?}"));
                }
            }
        }
    }
    (count > 0).then(|| format!("{count} of {}:\n{}", self::count(expected), first.join("\n")))
}

/// The samples in `from_ms ..= through_ms`.
pub(crate) fn between(all: &Samples, from_ms: i64, through_ms: i64) -> Samples {
    let cut = |points: &Points| -> Points {
        points
            .range(from_ms..=through_ms)
            .map(|(at_ms, bits)| (*at_ms, *bits))
            .collect()
    };
    let parts = all.iter().map(|(series, points)| (series.clone(), cut(points)));
    parts.filter(|(_, points)| !points.is_empty()).collect()
}
