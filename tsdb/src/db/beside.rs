//! What is stored beside samples: exemplars, and what targets say of their metrics.

use std::io;
use std::sync::Arc;

use super::Db;
use crate::head::exemplars::{ExemplarStatus, SeriesExemplars};
use crate::head::lane::lane_of;
use crate::model::{Labels, Matcher, Metadata};

impl Db {
    /// Exemplars in `from_ms ..= through_ms` of the series that satisfy all matchers of any of `matchers`,
    /// sorted by labels.
    pub fn exemplars(
        &self,
        from_ms: i64,
        through_ms: i64,
        matchers: &[Vec<Matcher>],
    ) -> Vec<SeriesExemplars> {
        self.head.exemplars.select(from_ms, through_ms, matchers)
    }

    /// Changes how many exemplars are kept; the last to come stay.
    pub fn set_exemplars_max(&self, max: usize) {
        self.head.exemplars.resize(max);
    }

    /// Changes how much earlier than the latest sample one may come; 0 takes none out of order. What came by
    /// then stays.
    ///
    /// # Errors
    /// The system's, when the write-behind log cannot be begun; the window is then as it was.
    pub fn set_out_of_order_window_ms(&self, window_ms: i64) -> io::Result<()> {
        self.head.set_window_ms(&self.fs, window_ms)
    }

    /// How the store of exemplars stands.
    pub fn exemplar_status(&self) -> ExemplarStatus {
        self.head.exemplars.status()
    }

    /// What was last said of a series in the head, if batches come with metadata.
    pub fn metadata(&self, labels: &Labels) -> Option<Arc<Metadata>> {
        let data = self.head.lanes[lane_of(labels.iter())].data.read();
        let ordinal = data.find(labels.iter())?;
        data.metadata.get(&ordinal).cloned()
    }
}
