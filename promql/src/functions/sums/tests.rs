//! Side by side against one by one, digit by digit.

use proptest::prelude::*;

use super::*;

const FUNCTIONS: [Function; 7] = [
    Function::SumOverTime,
    Function::AvgOverTime,
    Function::StddevOverTime,
    Function::StdvarOverTime,
    Function::Deriv,
    Function::PredictLinear,
    Function::DoubleExponentialSmoothing,
];

/// Parameters that differ from step to step.
struct Changing;

impl Params for Changing {
    fn param(&self, at: usize, step: usize) -> f64 {
        0.1 + 0.05 * ((at + step) % 7) as f64
    }

    fn at_ms(&self, step: usize) -> i64 {
        1_700_000_000_000 + step as i64 * 15_000
    }
}

/// Numbers, some of which overflow sums or are none, some of which repeat.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let odd = prop_oneof![
        Just(f64::NAN),
        Just(f64::NEG_INFINITY),
        Just(1e308),
        Just(-1e308),
        Just(f64::MAX)
    ];
    let usual = || -1e3..1e3;
    prop_oneof![
        prop::collection::vec(prop_oneof![9 => usual(), 1 => odd], 1..90),
        prop::collection::vec(prop_oneof![Just(2.5), usual()], 1..90),
    ]
}

fn alone(function: Function, samples: &Samples, window: &Window) -> Option<f64> {
    let (t, v) = (&samples.t[window.lo..window.hi], &samples.v[window.lo..window.hi]);
    let param = |at| Changing.param(at, window.step);
    match function {
        Function::SumOverTime => Some(over_time::sum(v)),
        Function::AvgOverTime => Some(over_time::avg(v)),
        Function::StddevOverTime => Some(over_time::variance(v).sqrt()),
        Function::StdvarOverTime => Some(over_time::variance(v)),
        _ if v.len() < 2 => None,
        Function::Deriv => Some(predict::linear_regression(t, v, t[0]).0),
        Function::PredictLinear => {
            let (slope, intercept) = predict::linear_regression(t, v, Changing.at_ms(window.step));
            Some(slope * param(0) + intercept)
        }
        _ => Some(predict::double_exponential_smoothing(v, param(0), param(1))),
    }
}

proptest! {
    #[test]
    fn side_by_side_gives_the_same_digits(v in values(), width in 1_usize..40, jitter in 0_i64..9) {
        let samples = Samples {
            t: (0..v.len() as i64).map(|at| 1_700_000_000_000 + at * 15_000 + at * jitter % 7).collect(),
            v,
            ..Samples::default()
        };
        let windows: Vec<Window> = (1..=samples.v.len())
            .map(|hi| Window { step: hi - 1, lo: hi.saturating_sub(width), hi, left_ms: 0, right_ms: 0 })
            .collect();
        for function in FUNCTIONS {
            let mut sums = Sums::of(function, &samples, &Changing).expect("a sum");
            let mut out = vec![-1.0; samples.v.len()];
            for window in &windows {
                sums.push(*window, &mut out);
            }
            sums.flush(&mut out);
            for window in &windows {
                let (found, expected) = (out[window.step], alone(function, &samples, window).unwrap_or(-1.0));
                let is_same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
                prop_assert!(is_same, "{} {expected} {found}", function.name());
            }
        }
    }
}
