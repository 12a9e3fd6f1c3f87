//! `runtime`: tuning of a garbage collector that is not here; accepted and shown.

use super::yaml::write::{Out, OutMap};
use super::yaml::{Decoder, Node};

/// The section `runtime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// `gogc`; what `/api/v1/status/runtimeinfo` shows as `GOGC`.
    pub gogc: i64,
}

/// Go's percentage that Prometheus starts with unless `GOGC` says otherwise.
pub const GOGC_DEFAULT: i64 = 75;

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self { gogc: GOGC_DEFAULT }
    }
}

impl RuntimeConfig {
    /// Reads `runtime`; 0 and absence give `gogc_default`.
    pub fn decode(node: Option<&Node>, gogc_default: i64, decoder: &mut Decoder) -> Self {
        let mut gogc = 0;
        if let Some(mut fields) = node.and_then(|node| decoder.fields(node, "config.RuntimeConfig")) {
            gogc = fields
                .take("gogc")
                .and_then(|node| decoder.int(node, "int"))
                .unwrap_or(0);
            decoder.finish(fields, &[]);
        }
        Self {
            gogc: if gogc == 0 { gogc_default } else { gogc },
        }
    }

    /// As Prometheus writes it.
    pub fn to_out(self) -> Out {
        let mut map = OutMap::new();
        map.put_unless_zero("gogc", self.gogc);
        map.into()
    }
}
