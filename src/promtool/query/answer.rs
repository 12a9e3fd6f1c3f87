//! Answers of the query API, from JSON.

use std::collections::BTreeMap;

use serde_json::Value;

/// Labels by name, `__name__` among them.
pub(super) type LabelSet = BTreeMap<String, String>;

/// What a query answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Scalar(Point<f64>),
    Vector(Vec<Sample>),
    Matrix(Vec<Stream>),
}

/// A value at a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point<T> {
    pub(super) at_ms: i64,
    pub(super) value: T,
}

/// A sample of a vector.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) metric: LabelSet,
    pub(super) value: SampleValue,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum SampleValue {
    Float(Point<f64>),
    Histogram(Point<Histogram>),
}

/// A series of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stream {
    pub(super) metric: LabelSet,
    pub(super) values: Vec<Point<f64>>,
    pub(super) histograms: Vec<Point<Histogram>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Histogram {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) buckets: Option<Vec<Bucket>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bucket {
    /// Which ends belong to it: 0 the upper, 1 the lower, 2 none, 3 both.
    pub(super) ends: i64,
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) count: f64,
}

impl Answer {
    /// `data` of an instant or range query.
    pub(super) fn of_query(data: &Value) -> Result<Self, String> {
        let kind = data.get("resultType").and_then(Value::as_str).unwrap_or("");
        let result = data.get("result").unwrap_or(&Value::Null);
        match kind {
            "scalar" => Ok(Self::Scalar(point(result, float)?)),
            "vector" => Ok(Self::Vector(list(result, sample)?)),
            "matrix" => Ok(Self::Matrix(list(result, stream)?)),
            other => Err(format!("unexpected value type \"{other}\"")),
        }
    }

    /// `data` of a question for series.
    pub(super) fn series_of(data: &Value) -> Result<Vec<LabelSet>, String> {
        list(data, label_set)
    }

    /// `data` of a question for the values of a label.
    pub(super) fn texts_of(data: &Value) -> Result<Vec<String>, String> {
        list(data, |item| text(item).map(str::to_owned))
    }
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.iter().map(read).collect(),
        other => Err(format!("expected a list, got {other}")),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("expected a string, got {value}"))
}

fn float(value: &Value) -> Result<f64, String> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "float value must be a quoted string".to_owned())
}

fn at_ms(value: &Value) -> Result<i64, String> {
    let seconds = value
        .as_f64()
        .ok_or_else(|| format!("expected a time, got {value}"))?;
    Ok((seconds * 1000.0).round() as i64)
}

fn point<T>(value: &Value, read: impl Fn(&Value) -> Result<T, String>) -> Result<Point<T>, String> {
    match value.as_array().map(Vec::as_slice) {
        Some([at, value]) => Ok(Point {
            at_ms: at_ms(at)?,
            value: read(value)?,
        }),
        _ => Err(format!("expected a time and a value, got {value}")),
    }
}

fn label_set(value: &Value) -> Result<LabelSet, String> {
    match value {
        Value::Null => Ok(LabelSet::new()),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Ok((name.clone(), text(value)?.to_owned())))
            .collect(),
        other => Err(format!("expected labels, got {other}")),
    }
}

fn sample(value: &Value) -> Result<Sample, String> {
    Ok(Sample {
        metric: label_set(value.get("metric").unwrap_or(&Value::Null))?,
        value: match (value.get("histogram"), value.get("value")) {
            (Some(pair), _) => SampleValue::Histogram(point(pair, histogram)?),
            (None, Some(pair)) => SampleValue::Float(point(pair, float)?),
            (None, None) => return Err("a sample has no value".into()),
        },
    })
}

fn stream(value: &Value) -> Result<Stream, String> {
    let field = |name: &str| value.get(name).unwrap_or(&Value::Null);
    Ok(Stream {
        metric: label_set(field("metric"))?,
        values: list(field("values"), |pair| point(pair, float))?,
        histograms: list(field("histograms"), |pair| point(pair, histogram))?,
    })
}

fn histogram(value: &Value) -> Result<Histogram, String> {
    let field = |name: &str| value.get(name).unwrap_or(&Value::Null);
    Ok(Histogram {
        count: float(field("count"))?,
        sum: float(field("sum"))?,
        buckets: match field("buckets") {
            Value::Null => None,
            buckets => Some(list(buckets, bucket)?),
        },
    })
}

fn bucket(value: &Value) -> Result<Bucket, String> {
    match value.as_array().map(Vec::as_slice) {
        Some([ends, lower, upper, count]) => Ok(Bucket {
            ends: ends.as_i64().unwrap_or(0),
            lower: float(lower)?,
            upper: float(upper)?,
            count: float(count)?,
        }),
        _ => Err(format!("expected a bucket, got {value}")),
    }
}
