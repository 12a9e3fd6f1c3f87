//! Buckets with their bounds, and integer histograms as float ones: what is shown and computed with.

use std::sync::LazyLock;

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Histogram, IntHistogram, Span, resolution};

/// One bucket that holds something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Its lower bound.
    pub lower: f64,
    /// Its upper bound.
    pub upper: f64,
    /// Which side it is on: -1, 0 for the zero bucket, 1. A side's bucket holds its bound that is farther from
    /// zero and not the other, the zero bucket both.
    pub side: i8,
    /// Observations.
    pub count: f64,
}

impl FloatHistogram {
    /// All buckets that hold something, ascending.
    pub fn buckets_ascending(&self) -> Vec<Bucket> {
        let mut all = Vec::new();
        for (index, count) in numbered(&self.negative_spans, &self.negative_buckets) {
            let (near, far) = (self.bound(index - 1), self.bound(index));
            all.push(Bucket {
                lower: -far,
                upper: -near,
                side: -1,
                count,
            });
        }
        all.reverse();
        if self.schema != CUSTOM_BUCKETS_SCHEMA {
            all.push(Bucket {
                lower: -self.zero_threshold,
                upper: self.zero_threshold,
                side: 0,
                count: self.zero_count,
            });
        }
        for (index, count) in numbered(&self.positive_spans, &self.positive_buckets) {
            all.push(Bucket {
                lower: self.bound(index - 1),
                upper: self.bound(index),
                side: 1,
                count,
            });
        }
        all.retain(|bucket| bucket.count != 0.0);
        all
    }

    /// The upper bound of bucket `index`, on the positive side.
    pub fn bound(&self, index: i64) -> f64 {
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            return match usize::try_from(index) {
                Err(_) => f64::NEG_INFINITY,
                Ok(at) => self.custom_bounds.get(at).copied().unwrap_or(f64::INFINITY),
            };
        }
        exponential_bound(self.schema, index)
    }
}

/// The upper bound of bucket `index` of an exponential schema, bit for bit as Prometheus has it.
fn exponential_bound(schema: i32, index: i64) -> f64 {
    let (fraction, exponent) = match u32::try_from(schema) {
        // Each step is a power of two, or one of several.
        Err(_) | Ok(0) => (0.5, index.saturating_mul(1 << schema.unsigned_abs().min(32)) + 1),
        Ok(schema) => {
            let schema = (schema as usize).min(FACTORS.len());
            let steps = 1i64 << schema;
            let within = index.rem_euclid(steps) as usize;
            (FRACTIONS[schema][within], index.div_euclid(steps) + 1)
        }
    };
    match exponent {
        // The last bucket before that of the infinite observations ends at the largest float.
        1025 if fraction == 0.5 => f64::MAX,
        exponent => {
            let exponent = exponent.clamp(-1100, 1100) as i32;
            // In two steps, since 2^1024 is no float while half of it may be.
            fraction * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
        }
    }
}

/// 2^(2^-schema) of schemas 1 to 8, as Go's `math.Exp2` rounds it. The first is not the nearest float.
const FACTORS: [u64; 8] = [
    0x3ff6_a09e_667f_3bcc,
    0x3ff3_06fe_0a31_b715,
    0x3ff1_72b8_3c7d_517b,
    0x3ff0_b558_6cf9_890f,
    0x3ff0_59b0_d315_8574,
    0x3ff0_2c9a_3e77_8061,
    0x3ff0_163d_a9fb_3335,
    0x3ff0_0b1a_fa5a_bcbf,
];

/// For each schema, the bounds of the buckets between a half and one. Every second comes of the schema before,
/// the others are one factor above their neighbour: so Prometheus' table was made.
static FRACTIONS: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let mut all = vec![vec![0.5]];
    for bits in FACTORS {
        let factor = f64::from_bits(bits);
        let before = all.last().map_or(&[][..], Vec::as_slice);
        let both = before.iter().flat_map(|&bound| [bound, bound * factor]).collect();
        all.push(both);
    }
    all
});

/// (bucket index, count) of all buckets in the spans.
fn numbered<'a>(spans: &'a [Span], counts: &'a [f64]) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut next = 0i64;
    let indexes = spans.iter().flat_map(move |span| {
        let from = next + i64::from(span.offset);
        next = from + i64::from(span.length);
        from..next
    });
    indexes.zip(counts.iter().copied())
}

impl Histogram {
    /// The same with float counts.
    pub fn to_float(&self) -> FloatHistogram {
        match self {
            Self::Integer(histogram) => histogram.to_float(),
            Self::Float(histogram) => histogram.clone(),
        }
    }
}

impl IntHistogram {
    /// The same with float counts.
    pub fn to_float(&self) -> FloatHistogram {
        let counts = |deltas: &[i64]| resolution::absolute(deltas).map(|count| count as f64).collect();
        FloatHistogram {
            reset_hint: self.reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: counts(&self.positive_deltas),
            negative_buckets: counts(&self.negative_deltas),
            custom_bounds: self.custom_bounds.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_prometheus_to_the_last_bit() {
        for (schema, index, bound) in [
            (0, 0, 1.0),
            (0, -3, 0.125),
            (-2, 3, 4096.0),
            (1, 1, f64::from_bits(std::f64::consts::SQRT_2.to_bits() - 1)),
            (3, -80, 2f64.powi(-10)),
            (3, -85, 0.0006332224387944383),
            (3, -84, 0.0006905339660024878),
            (3, -49, 0.014328188175072986),
            (0, 1024, f64::MAX),
            (-4, 64, f64::MAX),
            (8, 1024 << 8, f64::MAX),
        ] {
            let found = exponential_bound(schema, index);
            assert_eq!(
                found.to_bits(),
                f64::to_bits(bound),
                "{schema} {index}: {found:?}"
            );
        }
    }
}
