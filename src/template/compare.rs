//! Go's built-ins over any value: comparisons, `index`, `slice`, `len`.

use std::cmp::Ordering;
use std::sync::Arc;

use super::print;
use super::value::{Held, IntKind, Value};

/// What comparisons know of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basic {
    Bool,
    Complex,
    Int,
    Float,
    Text,
    Uint,
}

fn basic(value: &Value) -> Option<Basic> {
    match value {
        Value::Bool(_) => Some(Basic::Bool),
        Value::Int(IntKind::Uint8, _) => Some(Basic::Uint),
        Value::Int(..) | Value::Duration(_, Held::Plain) => Some(Basic::Int),
        Value::Float(_) => Some(Basic::Float),
        Value::Complex(..) => Some(Basic::Complex),
        Value::Text(_) | Value::Html(_) => Some(Basic::Text),
        _ => None,
    }
}

/// Order of two values of basic types; `None` where there is none (NaN).
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a) | Value::Html(a), Value::Text(b) | Value::Html(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Complex(a, x), Value::Complex(b, y)) => (a == b && x == y).then_some(Ordering::Equal),
        (Value::Int(_, a) | Value::Duration(a, _), Value::Int(_, b) | Value::Duration(b, _)) => {
            Some(a.cmp(b))
        }
        _ => None,
    }
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!(
        "incompatible types for comparison: {} and {}",
        a.type_name(),
        b.type_name()
    )
}

/// `eq a b c`: whether `a` is any of the others.
pub(super) fn equal_any(a: &Value, others: &[Value]) -> Result<bool, String> {
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for b in others {
        if equal(a, b.inner())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (basic(a), basic(b)) {
        (Some(x), Some(y)) if x == y || is_whole(x) && is_whole(y) => {
            Ok(order(a, b) == Some(Ordering::Equal))
        }
        (None, None) => equal_others(a, b),
        _ if matches!(a, Value::Nil) || matches!(b, Value::Nil) => Ok(false),
        _ => Err(incompatible(a, b)),
    }
}

fn is_whole(kind: Basic) -> bool {
    matches!(kind, Basic::Int | Basic::Uint)
}

/// Equality of what is neither number nor text: nil, pointers, times; maps and slices have none.
fn equal_others(a: &Value, b: &Value) -> Result<bool, String> {
    let is_nil = |value: &Value| matches!(value, Value::Nil | Value::Sample(None));
    match (a, b) {
        _ if is_nil(a) || is_nil(b) => Ok(is_nil(a) == is_nil(b)),
        (_, Value::Labels(_) | Value::Map(_) | Value::Result(_)) => Err(format!(
            "non-comparable type {}: {}",
            print::shown(b),
            b.type_name()
        )),
        (Value::Time(a, held), Value::Time(b, other)) => {
            // Two pointers are equal only where they are one.
            Ok(held == other && *held == Held::Plain && a == b)
        }
        (Value::Sample(Some(a)), Value::Sample(Some(b))) => Ok(Arc::ptr_eq(a, b)),
        (Value::Histogram(a), Value::Histogram(b)) => Ok(Arc::ptr_eq(a, b)),
        _ => Ok(false),
    }
}

/// `lt a b`
pub(super) fn less(a: &Value, b: &Value) -> Result<bool, String> {
    let (Some(x), Some(y)) = (basic(a), basic(b)) else {
        return Err("invalid type for comparison".to_owned());
    };
    match (x, y) {
        _ if x != y && !(is_whole(x) && is_whole(y)) => Err(incompatible(a, b)),
        (Basic::Bool | Basic::Complex, _) => Err("invalid type for comparison".to_owned()),
        _ => Ok(order(a, b) == Some(Ordering::Less)),
    }
}

/// `le a b`
pub(super) fn less_or_equal(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(less(a, b)? || equal(a, b)?)
}

/// `len a`
pub(super) fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) | Value::Html(text) => text.len(),
        Value::Labels(labels) => labels.len(),
        Value::Map(map) => map.len(),
        Value::Result(samples) => samples.len(),
        Value::Sample(None) => return Err("len of nil pointer".to_owned()),
        Value::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        other => {
            return Err(format!(
                "len of type {}",
                other.type_name().trim_start_matches('*')
            ));
        }
    };
    Ok(Value::int(length))
}

/// An index into a slice or text of `capacity` elements.
fn index_of(index: &Value, capacity: usize) -> Result<usize, String> {
    match index.inner() {
        Value::Int(_, i) | Value::Duration(i, Held::Plain) => usize::try_from(*i)
            .ok()
            .filter(|&i| i <= capacity)
            .ok_or_else(|| format!("index out of range: {i}")),
        Value::Nil => Err("cannot index slice/array with nil".to_owned()),
        other => Err(format!(
            "cannot index slice/array with type {}",
            other.type_name()
        )),
    }
}

/// `index a i j`: a\[i\]\[j\]
pub(super) fn index(item: &Value, indexes: &[Value]) -> Result<Value, String> {
    if matches!(item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    let mut item = item.clone();
    for index in indexes {
        item = match item.inner() {
            Value::Text(text) | Value::Html(text) => {
                let i = index_of(index, text.len())?;
                let byte = text
                    .as_bytes()
                    .get(i)
                    .ok_or("reflect: string index out of range")?;
                Value::Int(IntKind::Uint8, i64::from(*byte))
            }
            Value::Result(samples) => {
                let i = index_of(index, samples.len())?;
                let sample = samples.get(i).ok_or("reflect: slice index out of range")?;
                Value::Sample(Some(Arc::clone(sample)))
            }
            Value::Labels(labels) => Value::text(labels.get(&key(index)?).unwrap_or("")),
            Value::Map(map) => {
                let value = map.get(&*key(index)?).cloned().unwrap_or(Value::Nil);
                Value::Interface(Box::new(value))
            }
            Value::Nil | Value::Sample(None) => return Err("index of nil pointer".to_owned()),
            other => {
                let name = other.type_name().trim_start_matches('*');
                return Err(format!("can't index item of type {name}"));
            }
        };
    }
    Ok(item)
}

fn key(index: &Value) -> Result<Arc<str>, String> {
    match index.inner() {
        Value::Text(text) => Ok(Arc::clone(text)),
        Value::Nil => Err("value is nil; should be of type string".to_owned()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

/// `slice a i j`: a\[i:j\]
pub(super) fn slice(item: &Value, indexes: &[Value]) -> Result<Value, String> {
    let length = match item {
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        _ if indexes.len() > 3 => return Err(format!("too many slice indexes: {}", indexes.len())),
        Value::Text(_) | Value::Html(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::Text(text) | Value::Html(text) => text.len(),
        Value::Result(samples) => samples.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = index_of(index, length)?;
    }
    let [from, to, capacity] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > capacity {
        return Err(format!("invalid slice index: {to} > {capacity}"));
    }
    let cut = |text: &str| String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned();
    Ok(match item {
        Value::Html(text) => Value::Html(cut(text).into()),
        Value::Text(text) => Value::text(cut(text)),
        Value::Result(samples) => Value::Result(Arc::from(&samples[from..to])),
        _ => unreachable!("other types were refused above"),
    })
}
