//! `deriv`, `predict_linear`, `double_exponential_smoothing`.

use crate::engine::QueryError;
use crate::format::{Layout, push_float};
use crate::kahan;

/// The least-squares line through samples: its slope per second and its value at `intercept_ms`.
pub(crate) fn linear_regression(t: &[i64], v: &[f64], intercept_ms: i64) -> (f64, f64) {
    let (mut sum_x, mut c_x) = (0.0, 0.0);
    let (mut sum_y, mut c_y) = (0.0, 0.0);
    let (mut sum_xy, mut c_xy) = (0.0, 0.0);
    let (mut sum_x2, mut c_x2) = (0.0, 0.0);
    for (&t, &y) in t.iter().zip(v) {
        let x = (t - intercept_ms) as f64 / 1e3;
        (sum_x, c_x) = kahan::add(x, sum_x, c_x);
        (sum_y, c_y) = kahan::add(y, sum_y, c_y);
        (sum_xy, c_xy) = kahan::add(x * y, sum_xy, c_xy);
        (sum_x2, c_x2) = kahan::add(x * x, sum_x2, c_x2);
    }
    if v[1..].iter().all(|&y| y == v[0]) {
        // A horizontal line, exactly.
        if v[0].is_infinite() {
            return (f64::NAN, f64::NAN);
        }
        return (0.0, v[0]);
    }
    sum_x += c_x;
    sum_y += c_y;
    sum_xy += c_xy;
    sum_x2 += c_x2;
    line(v.len() as f64, [sum_x, sum_y, sum_xy, sum_x2])
}

/// Slope and intercept from the sums of x, y, xy, x² over `n` samples.
pub(super) fn line(n: f64, [sum_x, sum_y, sum_xy, sum_x2]: [f64; 4]) -> (f64, f64) {
    let covariance = sum_xy - sum_x * sum_y / n;
    let variance = sum_x2 - sum_x * sum_x / n;
    let slope = covariance / variance;
    (slope, sum_y / n - slope * sum_x / n)
}

/// Checks the factors of `double_exponential_smoothing`.
pub(crate) fn check_factors(smoothing: f64, trend: f64) -> Result<(), QueryError> {
    for (word, factor, short) in [("smoothing", smoothing, "sf"), ("trend", trend, "tf")] {
        if factor <= 0.0 || factor >= 1.0 {
            let mut got = String::new();
            push_float(&mut got, factor, Layout::Plain, Some(6));
            return Err(QueryError::execution(format!(
                "invalid {word} factor. Expected: 0 < {short} < 1, got: {got}"
            )));
        }
    }
    Ok(())
}

/// The last smoothed value; of two samples at least.
pub(crate) fn double_exponential_smoothing(v: &[f64], smoothing: f64, trend: f64) -> f64 {
    let (mut before, mut smoothed) = (0.0, v[0]);
    let mut slope = v[1] - v[0];
    for (i, &value) in v.iter().enumerate().skip(1) {
        let x = smoothing * value;
        if i > 1 {
            slope = trend * (smoothed - before) + (1.0 - trend) * slope;
        }
        let y = (1.0 - smoothing) * (smoothed + slope);
        (before, smoothed) = (smoothed, x + y);
    }
    smoothed
}
