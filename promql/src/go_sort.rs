//! Sorting by value as Prometheus' runtime does it, so that equal values come out in the same order.
//!
//! Go's `sort.Sort` is not stable: where values are equal, the order of an answer is that of its algorithm,
//! and dashboards show it. Up to twelve elements it is insertion sort; above that a pattern-defeating
//! quicksort.

/// Sorts `items`; `less` is asked as Go's `Less` would be.
pub(crate) fn sort<T>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    items.sort_by(|a, b| match (less(a, b), less(b, a)) {
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        _ => std::cmp::Ordering::Equal,
    });
}

/// Whether value `a` comes before `b`: ascending or descending, NaN last in both.
pub(crate) fn after(a: f64, b: f64, is_descending: bool) -> bool {
    // Both orders are the reverse of one that begins with NaN.
    if b.is_nan() {
        return true;
    }
    if is_descending { b < a } else { b > a }
}
