//! Points in time as templates see them: nanoseconds since the epoch in UTC, with Go's layouts.

use std::fmt;

use super::layout::piece;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    ns: i128,
}

/// A time taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) nanosecond: i64,
    /// From Sunday, 0.
    pub(super) weekday: i64,
    pub(super) day_of_year: i64,
}

const SECOND_NS: i128 = 1_000_000_000;
const DAY_NS: i128 = 86_400 * SECOND_NS;

/// 0001-01-01, which Go takes for no time at all.
const ZERO_NS: i128 = -62_135_596_800 * SECOND_NS;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

impl Time {
    /// From Unix seconds, cut to milliseconds.
    pub(super) fn from_seconds(seconds: f64) -> Result<Self, String> {
        if !seconds.is_finite() {
            return Err("value is NaN or Inf".to_owned());
        }
        let ns = seconds * 1e9;
        // i64::MAX as a float is 2^63, itself out of range, but Go compares with it by `>` too.
        if ns > i64::MAX as f64 || ns < i64::MIN as f64 {
            let shown = promql::format::general(seconds);
            return Err(format!(
                "{shown} cannot be represented as a nanoseconds timestamp since it overflows int64"
            ));
        }
        let ms = ns as i64 / 1_000_000;
        Ok(Self {
            ns: i128::from(ms) * 1_000_000,
        })
    }

    pub(super) fn plus_ns(self, ns: i64) -> Self {
        Self {
            ns: self.ns + i128::from(ns),
        }
    }

    pub(super) fn minus(self, other: Self) -> i64 {
        let ns = self.ns - other.ns;
        i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
    }

    /// Go's `AddDate`: months and days beyond their range carry over.
    pub(super) fn plus_date(self, years: i64, months: i64, days: i64) -> Self {
        let civil = self.civil();
        let month0 = (civil.month - 1).saturating_add(months);
        let year = civil
            .year
            .saturating_add(years)
            .saturating_add(month0.div_euclid(12))
            .clamp(-1_000_000, 1_000_000);
        let first = days_from_civil(year, month0.rem_euclid(12) + 1, 1);
        let day = first + i128::from(civil.day - 1) + i128::from(days);
        Self {
            ns: day * DAY_NS + self.ns.rem_euclid(DAY_NS),
        }
    }

    pub(super) fn is_zero(self) -> bool {
        self.ns == ZERO_NS
    }

    /// Units of `unit_ns` since the epoch, rounded down.
    pub(super) fn unix(self, unit_ns: i128) -> i64 {
        i64::try_from(self.ns.div_euclid(unit_ns)).unwrap_or(i64::MAX)
    }

    /// Down to a multiple of `step_ns` since Go's zero time.
    pub(super) fn truncated(self, step_ns: i64) -> Self {
        if step_ns <= 0 {
            return self;
        }
        Self {
            ns: self.ns - (self.ns - ZERO_NS).rem_euclid(i128::from(step_ns)),
        }
    }

    /// To the nearest multiple of `step_ns` since Go's zero time, halves up.
    pub(super) fn rounded(self, step_ns: i64) -> Self {
        let down = self.truncated(step_ns);
        let step = i128::from(step_ns);
        if step_ns > 0 && (self.ns - down.ns) * 2 >= step {
            return Self { ns: down.ns + step };
        }
        down
    }

    pub(super) fn civil(self) -> Civil {
        let days = self.ns.div_euclid(DAY_NS);
        let of_day = self.ns.rem_euclid(DAY_NS);
        let (year, month, day) = civil_from_days(days);
        let seconds = (of_day / SECOND_NS) as i64;
        Civil {
            year,
            month,
            day,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            nanosecond: (of_day % SECOND_NS) as i64,
            weekday: (days + 4).rem_euclid(7) as i64,
            day_of_year: (days - days_from_civil(year, 1, 1)) as i64 + 1,
        }
    }

    /// Go's `Time.Format`: the layout is the moment Mon Jan 2 15:04:05 MST 2006 as it shall look.
    pub(super) fn format(self, layout: &str) -> String {
        let civil = self.civil();
        let mut out = String::with_capacity(layout.len() + 10);
        let mut rest = layout;
        while !rest.is_empty() {
            let (length, piece) = piece(rest);
            match piece {
                Some(piece) => piece.write(&mut out, &civil),
                None => out.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        out
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

/// Days since the epoch of a date of the Gregorian calendar, extended both ways.
fn days_from_civil(year: i64, month: i64, day: i64) -> i128 {
    let year = i128::from(year) - i128::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * i128::from((month + 9) % 12) + 2) / 5 + i128::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i128) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    (year as i64, month as i64, day as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: f64, layout: &str, expected: &str) {
        assert_eq!(Time::from_seconds(seconds).unwrap().format(layout), expected);
    }

    #[test]
    fn a_layout_is_the_reference_moment_as_it_shall_look() {
        check(
            1_136_239_445.0,
            "Mon Jan _2 15:04:05 MST 2006",
            "Mon Jan  2 22:04:05 UTC 2006",
        );
        check(
            1_136_239_445.0,
            "2006-01-02T15:04:05Z07:00",
            "2006-01-02T22:04:05Z",
        );
        check(
            1_136_239_445.0,
            "3:04PM Monday January 2 06",
            "10:04PM Monday January 2 06",
        );
        check(5.125, "05.000 05.999999", "05.125 05.125");
        check(
            0.0,
            "2006-01-02 15:04:05.999 -0700 002",
            "1970-01-01 00:00:00 +0000 001",
        );
        check(-1.0, "2006-01-02 15:04:05", "1969-12-31 23:59:59");
        check(0.0, "_2006 Janus", "_1970 Janus");
    }

    #[test]
    fn months_carry_over_into_years() {
        let time = Time::from_seconds(1_706_659_200.0).unwrap();
        assert_eq!(time.plus_date(0, 1, 0).format("2006-01-02"), "2024-03-02");
        assert_eq!(time.plus_date(0, -13, 1).format("2006-01-02"), "2023-01-01");
    }
}
