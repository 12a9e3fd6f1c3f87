//! All that a database holds, to compare with what it should hold.

use std::collections::BTreeMap;

use tsdb::model::Histogram;
use tsdb::query::{Budget, Cancel, Columns, Queryable, Selection};

/// The value of a sample, as far as it can be told from others: each is given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A float's bits.
    Float(u64),
    /// The bits of a histogram's sum.
    Histogram(u64),
}

impl Value {
    pub(crate) fn of_histogram(histogram: &Histogram) -> Self {
        Self::Histogram(histogram.sum().to_bits())
    }
}

/// Text of labels → time → value.
pub(crate) type Found = BTreeMap<String, BTreeMap<i64, Value>>;

/// All samples of all series that have any.
pub(crate) fn everything(db: &dyn Queryable) -> Result<Found, String> {
    let want = Selection::new(Vec::new(), i64::MIN, i64::MAX);
    let read = db.open(&[want], &Budget::unlimited(), &Cancel::new());
    let read = read.map_err(|error| format!("it cannot be read: {error}"))?;
    let mut columns = Columns::default();
    let mut cursor = read.cursor();
    let mut found = Found::new();
    for series in 0..read.rosters[0].len() {
        let labels = read.labels(0, series).to_string();
        cursor
            .read(0, series, i64::MIN, i64::MAX, &mut columns)
            .map_err(|error| format!("{labels} cannot be read: {error}"))?;
        if columns.t_ms.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(format!("{labels} counts a time twice: {:?}", columns.t_ms));
        }
        let value = |row| match columns.histogram(row) {
            Some(histogram) => Value::of_histogram(histogram),
            None => Value::Float(columns.v[row].to_bits()),
        };
        let samples = (0..columns.len()).map(|row| (columns.t_ms[row], value(row)));
        if !columns.is_empty() && found.insert(labels.clone(), samples.collect()).is_some() {
            return Err(format!("{labels} is there twice"));
        }
    }
    Ok(found)
}
