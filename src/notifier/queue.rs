//! Alerts that wait for one Alertmanager.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Alert;

/// A queue that drops its oldest when it is full.
#[derive(Debug)]
pub(super) struct Queue {
    alerts: VecDeque<Arc<Alert>>,
    capacity: usize,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            alerts: VecDeque::new(),
            capacity,
        }
    }

    /// Appends alerts; how many were dropped, the oldest first.
    pub(super) fn push(&mut self, alerts: &[Arc<Alert>]) -> usize {
        let excess = (self.alerts.len() + alerts.len()).saturating_sub(self.capacity);
        let of_waiting = excess.min(self.alerts.len());
        self.alerts.drain(..of_waiting);
        let kept = &alerts[excess - of_waiting..];
        self.alerts.extend(kept.iter().map(Arc::clone));
        excess
    }

    /// Takes the oldest, at most `max`.
    pub(super) fn next_batch(&mut self, max: usize) -> Vec<Arc<Alert>> {
        let count = self.alerts.len().min(max);
        self.alerts.drain(..count).collect()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.alerts.len()
    }
}

#[cfg(test)]
mod tests {
    use tsdb::model::Labels;

    use super::*;

    fn alerts(numbers: impl Iterator<Item = i64>) -> Vec<Arc<Alert>> {
        let alert = |starts_at_ms| Alert {
            labels: Labels::empty(),
            annotations: Labels::empty(),
            starts_at_ms,
            ends_at_ms: 0,
            generator_url: String::new(),
        };
        numbers.map(|number| Arc::new(alert(number))).collect()
    }

    #[track_caller]
    fn check_next(queue: &mut Queue, max: usize, numbers: impl Iterator<Item = i64>) {
        assert_eq!(queue.next_batch(max), alerts(numbers));
    }

    #[test]
    fn batches_are_taken_oldest_first() {
        let mut queue = Queue::new(10);
        assert_eq!(queue.push(&alerts(0..5)), 0);
        check_next(&mut queue, 3, 0..3);
        assert_eq!(queue.push(&alerts(5..7)), 0);
        assert_eq!(queue.len(), 4);
        check_next(&mut queue, 9, 3..7);
        check_next(&mut queue, 9, 0..0);
    }

    #[test]
    fn a_full_queue_drops_its_oldest() {
        let mut queue = Queue::new(4);
        assert_eq!(queue.push(&alerts(0..3)), 0);
        assert_eq!(queue.push(&alerts(3..6)), 2);
        check_next(&mut queue, 9, 2..6);
    }

    #[test]
    fn more_than_it_holds_at_once_keeps_the_last() {
        let mut queue = Queue::new(4);
        queue.push(&alerts(0..3));
        assert_eq!(queue.push(&alerts(3..10)), 6);
        check_next(&mut queue, 9, 6..10);
        assert_eq!(Queue::new(0).push(&alerts(0..2)), 2);
    }
}
