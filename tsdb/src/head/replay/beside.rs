//! Parts of a whole, done on several threads beside something else, all of them over when it returns.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

/// Does `each` of `parts` and `meanwhile` on up to `threads` threads, the caller's among them, which does
/// `meanwhile` first. With one thread nothing is started.
pub(crate) fn beside<P: Send, R>(
    threads: usize,
    parts: impl Iterator<Item = P>,
    each: impl Fn(P) + Sync,
    meanwhile: impl FnOnce() -> R,
) -> R {
    let parts: Vec<Mutex<Option<P>>> = parts.map(|part| Mutex::new(Some(part))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(part) = part.lock().take() {
                each(part);
            }
        }
    };
    thread::scope(|scope| {
        for number in 1..threads.min(parts.len() + 1) {
            let helper = thread::Builder::new().name(format!("tsdb-open-{number}"));
            // A system that gives no thread makes it slower, not wrong.
            let _started = helper.spawn_scoped(scope, work);
        }
        let done = meanwhile();
        work();
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_on_any_number_of_threads() {
        for threads in [0, 1, 2, 9] {
            let mut done = [0; 4];
            let said = beside(threads, done.iter_mut(), |part| *part += 1, || "said");
            assert_eq!((done, said), ([1; 4], "said"));
        }
    }
}
