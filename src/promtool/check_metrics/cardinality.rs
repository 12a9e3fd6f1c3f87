//! How many series each metric of a page has.

use super::families::Families;
use super::family::{Family, FamilyKind};

/// Spaces between columns.
const PADDING: usize = 4;

/// A table, the largest metric first.
pub(super) fn table(families: &Families) -> String {
    let mut rows: Vec<(&str, usize)> = families
        .iter()
        .map(|family| (family.name.as_str(), series_count(families, family)))
        .collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let total: usize = rows.iter().map(|(_, count)| count).sum();
    let mut cells = vec![["Metric", "Cardinality", "Percentage"].map(str::to_owned)];
    for (name, count) in rows {
        // Exact below 2^53 series.
        let percentage = count as f64 / total as f64 * 100.0;
        cells.push([name.to_owned(), count.to_string(), format!("{percentage:.2}%")]);
    }
    cells.push(["Total".to_owned(), total.to_string(), "100%".to_owned()]);
    aligned(&cells)
}

/// A histogram's and a summary's first metric stands for all of them.
fn series_count(families: &Families, family: &Family) -> usize {
    let metrics = family.metrics.len();
    match (family.kind, families.first_metric(family)) {
        (Some(FamilyKind::Histogram), Some(first)) => metrics * (2 + first.buckets),
        (Some(FamilyKind::Summary), Some(first)) => metrics * (2 + first.quantiles),
        _ => metrics,
    }
}

fn aligned(rows: &[[String; 3]]) -> String {
    let widths: [usize; 3] = std::array::from_fn(|column| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0) + PADDING
    });
    let mut text = String::new();
    for row in rows {
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(&format!("{cell:width$}"));
        }
        text.push('\n');
    }
    text
}
