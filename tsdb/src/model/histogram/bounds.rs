//! Where buckets end.
//!
//! Bucket `i` of schema `n` ends at 2^(i × 2^-n). Prometheus takes these numbers from a table whose digits
//! are not the nearest ones, and they show in answers: each is a product of rounded roots of two.
//!
//! ```text
//! index 0b10110000 of schema 8:  0.5 × 2^(1/2) × 2^(1/8) × 2^(1/16)
//! ```

use super::CUSTOM_BUCKETS_SCHEMA;

/// 2^(1/2), 2^(1/4) … 2^(1/256), the first a little too small as in Prometheus' table.
#[expect(
    clippy::approx_constant,
    reason = "the digits are Prometheus', not the nearest ones"
)]
const ROOTS: [f64; 8] = [
    1.414_213_562_373_095,
    1.189_207_115_002_721,
    1.090_507_732_665_257_7,
    1.044_273_782_427_413_8,
    1.021_897_148_654_116_6,
    1.010_889_286_051_700_5,
    1.005_429_901_112_802_7,
    1.002_711_275_050_202_5,
];

/// From this exponent on a power of two is beyond the largest float.
const EXPONENT_MAX: i64 = 1024;

/// The upper bound of bucket `index` on the positive side. `custom` are the listed bounds of
/// [`CUSTOM_BUCKETS_SCHEMA`].
pub fn upper_bound(index: i32, schema: i32, custom: &[f64]) -> f64 {
    if schema != CUSTOM_BUCKETS_SCHEMA {
        return exponential_bound(index, schema);
    }
    match usize::try_from(index) {
        Ok(at) => custom.get(at).copied().unwrap_or(f64::INFINITY),
        Err(_) => f64::NEG_INFINITY,
    }
}

/// The upper bound of bucket `index` of an exponential schema.
pub fn exponential_bound(index: i32, schema: i32) -> f64 {
    if schema <= 0 {
        let exponent = i64::from(index) << schema.unsigned_abs().min(16);
        // The bucket before the one of the infinities ends at the largest float.
        return if exponent == EXPONENT_MAX {
            f64::MAX
        } else {
            scale(1.0, exponent)
        };
    }
    let halvings = schema.min(8);
    let whole = i64::from(index >> halvings);
    let fraction = (index & ((1 << halvings) - 1)) << (8 - halvings);
    if fraction == 0 && whole == EXPONENT_MAX {
        return f64::MAX;
    }
    let mut bound = 0.5;
    for (at, root) in ROOTS.iter().enumerate() {
        if fraction & (0x80 >> at) != 0 {
            bound *= root;
        }
    }
    scale(bound, whole + 1)
}

/// `v × 2^exponent`, rounded once.
fn scale(v: f64, exponent: i64) -> f64 {
    let power = |exponent: i64| f64::from_bits(((exponent + 1023) as u64) << 52);
    match exponent {
        1024.. => v * power(1023) * power((exponent - 1023).min(1023)),
        -1022..1024 => v * power(exponent),
        -1100..-1022 => v * power(exponent + 100) * power(-100),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_have_the_digits_of_prometheus() {
        for (index, schema, expected) in [
            (0, 0, 1.0),
            (1, 0, 2.0),
            (-1, 0, 0.5),
            (1, 1, 2.0 * 0.707_106_781_186_547_5),
            (255, 8, 2.0 * 0.997_296_056_085_469_8),
            (6, 8, 2.0 * 0.508_189_157_455_476_4),
            (3, 3, 2.0 * 0.648_419_777_325_504_8),
            (-5, 2, 0.420_448_207_626_857_2),
            (1, -4, 65536.0),
            (-1, -4, 1.0 / 65536.0),
        ] {
            assert_eq!(exponential_bound(index, schema), expected, "{index} of {schema}");
        }
    }

    #[test]
    fn the_last_bucket_of_numbers_ends_at_the_largest() {
        for (index, schema) in [(1024, 0), (64, -4), (2048, 1), (262_144, 8)] {
            assert_eq!(exponential_bound(index, schema), f64::MAX);
            assert_eq!(exponential_bound(index + 1, schema), f64::INFINITY);
        }
        assert_eq!(exponential_bound(-1074, 0), f64::from_bits(1));
        assert_eq!(exponential_bound(i32::MIN, 0), 0.0);
        assert_eq!(exponential_bound(i32::MAX, -4), f64::INFINITY);
    }

    #[test]
    fn listed_bounds_end_in_infinity() {
        let listed = [1.0, 2.5];
        let all: Vec<f64> = (-1..3)
            .map(|index| upper_bound(index, CUSTOM_BUCKETS_SCHEMA, &listed))
            .collect();
        assert_eq!(all, [f64::NEG_INFINITY, 1.0, 2.5, f64::INFINITY]);
    }
}
