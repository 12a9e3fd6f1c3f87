//! Runs ahead: their order, what is given up, who leaves.

use super::*;

/// Always lends a thread of its own.
#[derive(Debug)]
struct Lavish;

impl Workers for Lavish {
    fn lend(&self, job: Box<dyn FnOnce() + Send>) -> bool {
        std::thread::spawn(job);
        true
    }

    fn are_wanted(&self) -> bool {
        false
    }
}

fn shared(series: usize, work: impl Fn(usize) -> usize + Send + Sync + 'static) -> Arc<Shared<usize>> {
    Arc::new(Shared {
        work: Arc::new(move |of: Range<usize>| Run {
            items: of.map(&work).collect(),
            failed: None,
            held: None,
        }),
        series,
        run_series: 1,
        state: Mutex::new(State {
            next: 0,
            taken: 0,
            done: Vec::new(),
            closed: false,
        }),
        changed: Condvar::new(),
    })
}

#[test]
fn runs_are_taken_in_order_whoever_computed_them() {
    let shared = shared(500, |series| series * 3);
    for _ in 0..3 {
        let help = Arc::clone(&shared);
        assert!(Lavish.lend(Box::new(move || help.compute_ahead(&Lavish))));
    }
    let taken: Vec<usize> = (0..500).flat_map(|run| shared.wait_for(run).items).collect();
    assert_eq!(taken, (0..500).map(|series| series * 3).collect::<Vec<_>>());
}

#[test]
fn what_a_helper_gives_up_is_computed_again() {
    let shared = shared(2, |series| series);
    shared.state.lock().next = 1;
    drop(Begun {
        shared: &shared,
        run: 0,
        result: None,
    });
    assert_eq!(shared.wait_for(0).items, [0]);
    assert_eq!(shared.wait_for(1).items, [1]);
}

#[test]
fn helpers_leave_when_the_query_ends() {
    let shared = shared(1000, |series| series);
    let help = Arc::clone(&shared);
    let helper = std::thread::spawn(move || help.compute_ahead(&Lavish));
    drop(Close(&shared));
    assert!(helper.join().is_ok());
}
