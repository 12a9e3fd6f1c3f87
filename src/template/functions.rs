//! The functions that templates can call: Prometheus' and Go's, in one table.

use std::collections::BTreeMap;
use std::sync::Arc;

use tsdb::model::Regex;

use super::time::Time;
use super::value::{Held, Sample, Value};
use super::{Environment, compare, convert, duration, escape, host, humanize, print, printf, title};

/// The type that a parameter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Param {
    Any,
    Text,
    Result,
    Sample,
    Int,
    Duration,
    Time,
}

impl Param {
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Result => "template.queryResult",
            Self::Sample => "*template.sample",
            Self::Int => "int",
            Self::Duration => "time.Duration",
            Self::Time => "time.Time",
        }
    }

    /// What nil is of this type, if it can be nil.
    pub(super) fn zero(self) -> Option<Value> {
        match self {
            Self::Any => Some(Value::Nil),
            Self::Result => Some(Value::Result(Arc::from([]))),
            Self::Sample => Some(Value::Sample(None)),
            Self::Text | Self::Int | Self::Duration | Self::Time => None,
        }
    }
}

/// A function or method.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) params: &'static [Param],
    /// The type of any further arguments.
    pub(super) rest: Option<Param>,
    pub(super) run: fn(Call<'_>) -> Result<Value, String>,
}

/// One call: arguments as many and of such types as the function's parameters say.
#[derive(Debug)]
pub(super) struct Call<'e> {
    pub(super) receiver: Option<Value>,
    pub(super) args: Vec<Value>,
    pub(super) environment: &'e Environment<'e>,
    /// The first argument as written, which `call` names in its errors.
    pub(super) callee: Option<String>,
}

impl Call<'_> {
    /// The argument `i`, out of its interface.
    pub(super) fn arg(&self, i: usize) -> &Value {
        self.args.get(i).map_or(&Value::Nil, Value::inner)
    }

    /// The argument `i`, a string.
    pub(super) fn text(&self, i: usize) -> Arc<str> {
        match self.arg(i) {
            Value::Text(text) => Arc::clone(text),
            _ => unreachable!("the parameter's type was checked"),
        }
    }

    fn result(&self, i: usize) -> Arc<[Arc<Sample>]> {
        match self.arg(i) {
            Value::Result(samples) => Arc::clone(samples),
            _ => unreachable!("the parameter's type was checked"),
        }
    }

    fn sample(&self, i: usize) -> Result<&Sample, String> {
        match self.arg(i) {
            Value::Sample(Some(sample)) => Ok(sample),
            _ => Err(NIL_POINTER.to_owned()),
        }
    }

    fn external_url(&self) -> Result<&str, String> {
        self.environment
            .external_url
            .ok_or_else(|| NIL_POINTER.to_owned())
    }

    fn float(&self, i: usize) -> Result<f64, String> {
        convert::to_float(self.arg(i))
    }
}

/// What Go says where something is missing that the function relies on.
const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The function called `name`.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS
        .binary_search_by(|function| function.name.cmp(name))
        .ok()
        .map(|at| &FUNCTIONS[at])
}

/// Names of Prometheus' own functions, without Go's, sorted.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    const GO: &[&str] = &[
        "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or",
        "print", "printf", "println", "slice", "urlquery",
    ];
    FUNCTIONS
        .iter()
        .map(|function| function.name)
        .filter(|name| !GO.contains(name))
}

macro_rules! functions {
    ($($name:literal ($($param:ident),* $(; $rest:ident)?) => $run:expr;)*) => {
        &[$(Function {
            name: $name,
            params: &[$(Param::$param),*],
            rest: functions!(@rest $($rest)?),
            run: $run,
        }),*]
    };
    (@rest) => { None };
    (@rest $rest:ident) => { Some(Param::$rest) };
}

/// Sorted by name. Behind a semicolon stands the type of further arguments.
const FUNCTIONS: &[Function] = functions! {
    "and" (Any; Any) => |call| Ok(call.arg(0).clone());
    "args" (; Any) => args;
    "call" (Any; Any) => |call| match call.arg(0) {
        Value::Nil => Err("call of nil".to_owned()),
        other => {
            let callee = call.callee.as_deref().unwrap_or("value");
            Err(format!("non-function {callee} of type {}", other.type_name()))
        }
    };
    "eq" (Any; Any) => |call| compare::equal_any(call.arg(0), &call.args[1..]).map(Value::Bool);
    "externalURL" () => |call| call.external_url().map(Value::text);
    "first" (Result) => |call| match call.result(0).first() {
        Some(sample) => Ok(Value::Sample(Some(Arc::clone(sample)))),
        None => Err("first() called on vector with no elements".to_owned()),
    };
    "ge" (Any, Any) => |call| compare::less(call.arg(0), call.arg(1)).map(|less| Value::Bool(!less));
    "graphLink" (Text) => |call| Ok(Value::text(escape::graph_link(&call.text(0))));
    "gt" (Any, Any) => |call| compare::less_or_equal(call.arg(0), call.arg(1)).map(|le| Value::Bool(!le));
    "html" (; Any) => |call| Ok(Value::text(escape::html(&print::joined_shown(&call.args))));
    "humanize" (Any) => |call| Ok(Value::text(humanize::si(call.float(0)?)));
    "humanize1024" (Any) => |call| Ok(Value::text(humanize::binary(call.float(0)?)));
    "humanizeDuration" (Any) => |call| Ok(Value::text(humanize::duration(call.float(0)?)));
    "humanizePercentage" (Any) => |call| Ok(Value::text(humanize::percentage(call.float(0)?)));
    "humanizeTimestamp" (Any) => |call| humanize::timestamp(call.float(0)?).map(Value::text);
    "index" (Any; Any) => |call| compare::index(call.arg(0), &call.args[1..]);
    "js" (; Any) => |call| Ok(Value::text(escape::js(&print::joined_shown(&call.args))));
    "label" (Text, Sample) => |call| {
        let name = call.text(0);
        Ok(Value::text(call.sample(1)?.labels.get(&name).unwrap_or("")))
    };
    "le" (Any, Any) => |call| compare::less_or_equal(call.arg(0), call.arg(1)).map(Value::Bool);
    "len" (Any) => |call| compare::length(call.arg(0));
    "lt" (Any, Any) => |call| compare::less(call.arg(0), call.arg(1)).map(Value::Bool);
    "match" (Text, Text) => |call| match Regex::new(&call.text(0)) {
        Ok(regex) => Ok(Value::Bool(regex.is_match(&call.text(1)))),
        Err(error) => Err(error.to_string()),
    };
    "ne" (Any, Any) => |call| compare::equal_any(call.arg(0), &call.args[1..]).map(|eq| Value::Bool(!eq));
    "not" (Any) => |call| Ok(Value::Bool(!call.arg(0).is_true()));
    "now" () => |call| Ok(Value::Float(call.environment.now_ms as f64 / 1000.0));
    "or" (Any; Any) => |call| Ok(call.arg(0).clone());
    "parseDuration" (Text) => |call| duration::parse_seconds(&call.text(0)).map(Value::Float);
    "pathPrefix" () => |call| call.external_url().map(|url| Value::text(host::url_path(url)));
    "print" (; Any) => |call| Ok(Value::text(print::joined(&call.args)));
    "printf" (Text; Any) => |call| Ok(Value::text(printf::format(&call.text(0), &call.args[1..])));
    "println" (; Any) => |call| Ok(Value::text(print::line(&call.args)));
    "query" (Text) => |call| {
        (call.environment.query)(&call.text(0)).map(|vector| Value::from_vector(&vector))
    };
    "reReplaceAll" (Text, Text, Text) => re_replace_all;
    "safeHtml" (Text) => |call| Ok(Value::Html(call.text(0)));
    "slice" (Any; Any) => |call| compare::slice(call.arg(0), &call.args[1..]);
    "sortByLabel" (Text, Result) => |call| {
        let name = call.text(0);
        let mut samples = call.result(1).to_vec();
        samples.sort_by(|a, b| a.labels.get(&name).unwrap_or("").cmp(b.labels.get(&name).unwrap_or("")));
        Ok(Value::Result(samples.into()))
    };
    "stripDomain" (Text) => |call| Ok(Value::text(host::strip_domain(&call.text(0))));
    "stripPort" (Text) => |call| Ok(Value::text(host::strip_port(&call.text(0))));
    "strvalue" (Sample) => |call| {
        Ok(Value::text(call.sample(0)?.labels.get("__value__").unwrap_or("")))
    };
    "tableLink" (Text) => |call| Ok(Value::text(escape::table_link(&call.text(0))));
    "title" (Text) => |call| Ok(Value::text(title::title(&call.text(0))));
    "toDuration" (Any) => |call| {
        Ok(Value::Duration((call.float(0)? * 1e9) as i64, Held::Pointer))
    };
    "toLower" (Text) => |call| Ok(Value::text(call.text(0).chars().flat_map(title::lower).collect::<String>()));
    "toTime" (Any) => |call| {
        Time::from_seconds(call.float(0)?).map(|time| Value::Time(time, Held::Pointer))
    };
    "toUpper" (Text) => |call| Ok(Value::text(call.text(0).chars().flat_map(title::upper).collect::<String>()));
    "urlQueryEscape" (Text) => |call| Ok(Value::text(escape::query(&call.text(0))));
    "urlquery" (; Any) => |call| Ok(Value::text(escape::query(&print::joined_shown(&call.args))));
    "value" (Sample) => |call| Ok(Value::Interface(Box::new(call.sample(0)?.value.clone())));
};

fn args(call: Call<'_>) -> Result<Value, String> {
    let named = call.args.into_iter().map(Value::taken_out).enumerate();
    let map: BTreeMap<String, Value> = named.map(|(i, value)| (format!("arg{i}"), value)).collect();
    Ok(Value::Map(Arc::new(map)))
}

fn re_replace_all(call: Call<'_>) -> Result<Value, String> {
    let (pattern, replacement, text) = (call.text(0), call.text(1), call.text(2));
    let regex = Regex::new(&pattern)
        .map_err(|error| format!("regexp: Compile({}): {error}", print::quoted_raw(&pattern)))?;
    Ok(Value::text(regex.replace_all(&text, &replacement)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_sorted_so_that_they_are_found() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        assert!(find("humanize1024").is_some());
        assert_eq!(names().count(), 29);
        assert!(find("tmpl").is_none(), "only console templates have it");
    }
}
