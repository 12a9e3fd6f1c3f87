//! A series as evaluation sees it: one value a step.

use std::sync::Arc;

use tsdb::model::{FloatHistogram, STALE_NAN_BITS, is_stale};

use super::dict::SetId;
use super::limits::Holding;

/// Stands in a column of floats where there is none.
///
/// Nothing can be mistaken for it: it is the staleness marker, a signalling NaN, which selectors and windows
/// leave out and no arithmetic can bring forth.
pub(crate) const ABSENT: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether there is no float here.
#[inline(always)]
pub(crate) fn is_absent(v: f64) -> bool {
    is_stale(v)
}

/// The histograms of a series: steps ascending, none of which has a float too. Empty for nearly all series.
pub(crate) type HistogramSteps = Vec<(u32, Arc<FloatHistogram>)>;

/// One series over all steps of a grid.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) set: SetId,
    /// Its metric name is to be dropped at the end of the query.
    pub(crate) drop_name: bool,
    /// A value for each step, [`ABSENT`] where there is none or a histogram.
    pub(crate) v: Vec<f64>,
    pub(crate) h: HistogramSteps,
}

impl Series {
    /// A series of floats.
    pub(crate) fn floats(set: SetId, v: Vec<f64>) -> Self {
        Self {
            set,
            drop_name: false,
            v,
            h: Vec::new(),
        }
    }

    /// Bytes held, those of histograms included.
    pub(crate) fn held_bytes(&self) -> usize {
        let histogram =
            |h: &Arc<FloatHistogram>| size_of::<(u32, Arc<FloatHistogram>)>() + 16 + h.held_bytes();
        let histograms: usize = self.h.iter().map(|(_, h)| histogram(h)).sum();
        size_of::<Self>() + self.v.capacity() * size_of::<f64>() + histograms
    }

    /// Whether it has no value at any step.
    pub(crate) fn is_empty(&self) -> bool {
        self.h.is_empty() && self.v.iter().all(|&v| is_absent(v))
    }

    /// How many values it has.
    pub(crate) fn present(&self) -> usize {
        self.h.len() + self.v.iter().filter(|&&v| !is_absent(v)).count()
    }

    /// The histogram at `step`.
    pub(crate) fn histogram(&self, step: usize) -> Option<&Arc<FloatHistogram>> {
        if self.h.is_empty() {
            return None;
        }
        let step = u32::try_from(step).ok()?;
        let at = self.h.binary_search_by_key(&step, |(s, _)| *s).ok()?;
        Some(&self.h[at].1)
    }

    /// Whether it has a value at `step`.
    pub(crate) fn is_present(&self, step: usize) -> bool {
        !is_absent(self.v[step]) || self.histogram(step).is_some()
    }
}

/// Series held at once, with the memory and samples they are charged for.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub(crate) series: Vec<Series>,
    pub(crate) holding: Holding,
}

/// A number that may differ from step to step.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    /// The same at all steps.
    Const(f64),
    /// One for each step.
    Steps(Vec<f64>),
}

impl Scalar {
    #[inline]
    pub(crate) fn get(&self, step: usize) -> f64 {
        match self {
            Self::Const(v) => *v,
            Self::Steps(v) => v[step],
        }
    }

    /// All values that occur.
    pub(crate) fn values(&self) -> &[f64] {
        match self {
            Self::Const(v) => std::slice::from_ref(v),
            Self::Steps(v) => v,
        }
    }

    /// As a column of `steps` values.
    pub(crate) fn into_column(self, steps: usize) -> Vec<f64> {
        match self {
            Self::Const(v) => vec![v; steps],
            Self::Steps(v) => v,
        }
    }

    pub(crate) fn map(self, of: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Const(v) => Self::Const(of(v)),
            Self::Steps(mut v) => {
                v.iter_mut().for_each(|v| *v = of(*v));
                Self::Steps(v)
            }
        }
    }
}
