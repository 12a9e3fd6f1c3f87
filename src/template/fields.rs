//! What stands behind a dot: fields of structs, entries of maps, methods of times and durations.

use std::sync::Arc;

use super::duration;
use super::functions::{Call, Function, Param};
use super::value::{Held, IntKind, Value};

/// What a name behind a dot gives.
pub(super) enum Found {
    /// A struct's field.
    Field(Value),
    /// A map's entry; of a missing key the zero value.
    Entry(Value),
    /// A field of a nil pointer.
    OfNil,
}

/// The field or entry `name` of `receiver`.
pub(super) fn field(receiver: &Value, name: &str) -> Option<Found> {
    let interface = |value: &Value| Value::Interface(Box::new(value.clone()));
    let found = match receiver {
        Value::Labels(labels) => Found::Entry(Value::text(labels.get(name).unwrap_or(""))),
        Value::Map(map) => Found::Entry(interface(map.get(name).unwrap_or(&Value::Nil))),
        Value::Sample(sample) => match (name, sample) {
            ("Labels" | "Value", None) => Found::OfNil,
            ("Labels", Some(sample)) => Found::Field(Value::Labels(sample.labels.clone())),
            ("Value", Some(sample)) => Found::Field(interface(&sample.value)),
            _ => return None,
        },
        Value::Alert(alert) => Found::Field(match name {
            "Labels" => Value::Labels(alert.labels.clone()),
            "ExternalLabels" => Value::Labels(alert.external_labels.clone()),
            "ExternalURL" => Value::Text(Arc::clone(&alert.external_url)),
            "Value" => interface(&alert.value),
            _ => return None,
        }),
        Value::Histogram(histogram) => Found::Field(match name {
            "Count" => Value::Float(histogram.count),
            "Sum" => Value::Float(histogram.sum),
            "ZeroCount" => Value::Float(histogram.zero_count),
            "ZeroThreshold" => Value::Float(histogram.zero_threshold),
            "Schema" => Value::Int(IntKind::Int32, i64::from(histogram.schema)),
            _ => return None,
        }),
        _ => return None,
    };
    Some(found)
}

/// The method `name` of `receiver`.
pub(super) fn method(receiver: &Value, name: &str) -> Option<Function> {
    let methods = match receiver {
        Value::Time(..) => TIME,
        Value::Duration(..) => DURATION,
        Value::Int(IntKind::Month | IntKind::Weekday, _) | Value::Histogram(_) => STRING,
        _ => return None,
    };
    methods.iter().find(|method| method.name == name).copied()
}

macro_rules! methods {
    ($($name:literal ($($param:ident),*) => $run:expr;)*) => {
        &[$(Function { name: $name, params: &[$(Param::$param),*], rest: None, run: $run }),*]
    };
}

const STRING: &[Function] = methods! {
    "String" () => |call| Ok(Value::text(super::print::shown(&call.this())));
};

const TIME: &[Function] = methods! {
    "Add" (Duration) => |call| Ok(Value::Time(call.time().plus_ns(call.duration(0)), Held::Plain));
    "AddDate" (Int, Int, Int) => |call| {
        let (years, months, days) = (call.int(0), call.int(1), call.int(2));
        Ok(Value::Time(call.time().plus_date(years, months, days), Held::Plain))
    };
    "After" (Time) => |call| Ok(Value::Bool(call.time() > call.time_at(0)));
    "Before" (Time) => |call| Ok(Value::Bool(call.time() < call.time_at(0)));
    "Compare" (Time) => |call| {
        let order = call.time().cmp(&call.time_at(0)) as i8;
        Ok(Value::Int(IntKind::Int, i64::from(order)))
    };
    "Day" () => |call| Ok(Value::Int(IntKind::Int, call.time().civil().day));
    "Equal" (Time) => |call| Ok(Value::Bool(call.time() == call.time_at(0)));
    "Format" (Text) => |call| Ok(Value::text(call.time().format(&call.text(0))));
    "Hour" () => |call| Ok(Value::Int(IntKind::Int, call.time().civil().hour));
    "IsZero" () => |call| Ok(Value::Bool(call.time().is_zero()));
    "Minute" () => |call| Ok(Value::Int(IntKind::Int, call.time().civil().minute));
    "Month" () => |call| Ok(Value::Int(IntKind::Month, call.time().civil().month));
    "Nanosecond" () => |call| Ok(Value::Int(IntKind::Int, call.time().civil().nanosecond));
    "Round" (Duration) => |call| Ok(Value::Time(call.time().rounded(call.duration(0)), Held::Plain));
    "Second" () => |call| Ok(Value::Int(IntKind::Int, call.time().civil().second));
    "String" () => |call| Ok(Value::text(call.time().to_string()));
    "Sub" (Time) => |call| Ok(Value::Duration(call.time().minus(call.time_at(0)), Held::Plain));
    "Truncate" (Duration) => |call| Ok(Value::Time(call.time().truncated(call.duration(0)), Held::Plain));
    "UTC" () => |call| Ok(Value::Time(call.time(), Held::Plain));
    "Unix" () => |call| Ok(Value::Int(IntKind::Int64, call.time().unix(1_000_000_000)));
    "UnixMicro" () => |call| Ok(Value::Int(IntKind::Int64, call.time().unix(1_000)));
    "UnixMilli" () => |call| Ok(Value::Int(IntKind::Int64, call.time().unix(1_000_000)));
    "UnixNano" () => |call| Ok(Value::Int(IntKind::Int64, call.time().unix(1)));
    "Weekday" () => |call| Ok(Value::Int(IntKind::Weekday, call.time().civil().weekday));
    "Year" () => |call| Ok(Value::Int(IntKind::Int, call.time().civil().year));
    "YearDay" () => |call| Ok(Value::Int(IntKind::Int, call.time().civil().day_of_year));
};

const DURATION: &[Function] = methods! {
    "Abs" () => |call| Ok(Value::Duration(call.this_ns().checked_abs().unwrap_or(i64::MAX), Held::Plain));
    "Hours" () => |call| Ok(Value::Float(duration::in_units(call.this_ns(), 3_600_000_000_000)));
    "Microseconds" () => |call| Ok(Value::Int(IntKind::Int64, call.this_ns() / 1_000));
    "Milliseconds" () => |call| Ok(Value::Int(IntKind::Int64, call.this_ns() / 1_000_000));
    "Minutes" () => |call| Ok(Value::Float(duration::in_units(call.this_ns(), 60_000_000_000)));
    "Nanoseconds" () => |call| Ok(Value::Int(IntKind::Int64, call.this_ns()));
    "Round" (Duration) => |call| {
        Ok(Value::Duration(duration::rounded(call.this_ns(), call.duration(0)), Held::Plain))
    };
    "Seconds" () => |call| Ok(Value::Float(duration::in_units(call.this_ns(), 1_000_000_000)));
    "String" () => |call| Ok(Value::text(duration::text(call.this_ns())));
    "Truncate" (Duration) => |call| {
        Ok(Value::Duration(duration::truncated(call.this_ns(), call.duration(0)), Held::Plain))
    };
};

impl Call<'_> {
    fn this(&self) -> Value {
        self.receiver.clone().unwrap_or(Value::Nil)
    }

    fn this_ns(&self) -> i64 {
        match &self.receiver {
            Some(Value::Duration(ns, _)) => *ns,
            _ => unreachable!("methods of durations are found on durations only"),
        }
    }

    fn time(&self) -> super::time::Time {
        match &self.receiver {
            Some(Value::Time(time, _)) => *time,
            _ => unreachable!("methods of times are found on times only"),
        }
    }

    fn time_at(&self, i: usize) -> super::time::Time {
        match self.args.get(i) {
            Some(Value::Time(time, _)) => *time,
            _ => unreachable!("the parameter's type was checked"),
        }
    }

    fn duration(&self, i: usize) -> i64 {
        match self.args.get(i) {
            Some(Value::Duration(ns, _)) => *ns,
            _ => unreachable!("the parameter's type was checked"),
        }
    }

    fn int(&self, i: usize) -> i64 {
        match self.args.get(i) {
            Some(Value::Int(_, n)) => *n,
            _ => unreachable!("the parameter's type was checked"),
        }
    }
}
