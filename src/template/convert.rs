//! From whatever a template holds to a float, as `humanize` and its like take it.

use super::number;
use super::print::quoted;
use super::value::{Held, IntKind, Value};

/// The float in `value`.
pub(super) fn to_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(v) => Ok(*v),
        Value::Text(text) => number::parse_float(text)
            .map_err(|error| format!("strconv.ParseFloat: parsing {}: {error}", quoted(text))),
        Value::Int(IntKind::Int | IntKind::Int64, n) => Ok(*n as f64),
        Value::Duration(ns, Held::Plain) => Ok(super::duration::in_units(*ns, 1_000_000_000)),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}
