//! Whether two answers say the same.

use serde_json::Value;

/// How far apart two numbers may be, relative to the larger.
const TOLERANCE: f64 = 1e-9;

fn same_number(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else {
        return false;
    };
    (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

/// The first difference between two JSON values; numbers in texts are compared as numbers.
pub(super) fn difference(ours: &Value, theirs: &Value, path: &str) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            names
                .into_iter()
                .find_map(|name| match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => difference(a, b, &format!("{path}.{name}")),
                    (Some(a), None) => Some(format!("{path}.{name}: only ours has it: {a}")),
                    (None, Some(b)) => Some(format!("{path}.{name}: only theirs has it: {b}")),
                    (None, None) => None,
                })
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Some(format!("{path}: {} entries, theirs has {}", a.len(), b.len()));
            }
            a.iter()
                .zip(b)
                .enumerate()
                .find_map(|(at, (a, b))| difference(a, b, &format!("{path}[{at}]")))
        }
        (Value::String(a), Value::String(b)) => {
            (!same_number(a, b)).then(|| format!("{path}: ours {a:?}, theirs {b:?}"))
        }
        (a, b) => (a != b).then(|| format!("{path}: ours {a}, theirs {b}")),
    }
}

/// Sorts the series of a vector by their labels, for answers whose order means nothing.
pub(super) fn sort_result(data: &mut Value) {
    if let Some(Value::Array(series)) = data.get_mut("result") {
        series.sort_by_cached_key(|series| series["metric"].to_string());
    }
}

/// Sorts a list of texts.
pub(super) fn sort_texts(list: Option<&mut Value>) {
    if let Some(Value::Array(texts)) = list {
        texts.sort_by_cached_key(ToString::to_string);
    }
}
