//! Functions of the calendar, in UTC.

use super::Function;
use super::call::each_number;
use crate::engine::QueryError;
use crate::eval::dict::SetId;
use crate::eval::series::Series;
use crate::eval::{Eval, Sink};
use crate::plan::node::{Call, Grid};

pub(super) fn each<'r>(
    eval: &mut Eval<'r>,
    call: &Call,
    grid: Grid,
    sink: Sink<'_, 'r>,
) -> Result<(), QueryError> {
    let function = call.function;
    match call.args.first() {
        Some(arg) => each_number(eval, arg, grid, sink, |_, v| of(function, whole_seconds(v))),
        None => {
            let at = |step| of(function, grid.at_ms(step) / 1000);
            let v = (0..grid.len()).map(at).collect();
            sink(eval, Series::floats(SetId::EMPTY, v))
        }
    }
}

/// The whole seconds of a number, as amd64 converts: what does not fit becomes the smallest integer.
fn whole_seconds(v: f64) -> i64 {
    if v.is_nan() || v >= 9_223_372_036_854_775_808.0 {
        return i64::MIN;
    }
    v as i64
}

const SECONDS_A_DAY: i64 = 86_400;

fn of(function: Function, seconds: i64) -> f64 {
    if seconds == i64::MIN {
        // Too early for Go's calendar, which wraps around to its other end.
        return of(function, i64::MAX);
    }
    let days = seconds.div_euclid(SECONDS_A_DAY);
    let second = seconds.rem_euclid(SECONDS_A_DAY);
    let value = match function {
        Function::Minute => second / 60 % 60,
        Function::Hour => second / 3600,
        // 1 January 1970 was a Thursday.
        Function::DayOfWeek => (days + 4).rem_euclid(7),
        Function::DayOfMonth => civil(days).2,
        Function::Month => civil(days).1,
        Function::Year => civil(days).0,
        Function::DayOfYear => {
            let (year, ..) = civil(days);
            days - days_before(year, 1) + 1
        }
        Function::DaysInMonth => {
            let (year, month, _) = civil(days);
            let (next_year, next) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            days_before(next_year, next) - days_before(year, month)
        }
        _ => unreachable!("only functions of the calendar come here"),
    };
    value as f64
}

/// A point in time as `2006-01-02T15:04:05Z`, to the second.
pub(crate) fn rfc3339(at_ms: i64) -> String {
    // Prometheus divides towards zero.
    let seconds = at_ms / 1000;
    let (year, month, day) = civil(seconds.div_euclid(SECONDS_A_DAY));
    let second = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar without end.
///
/// Years are counted from March, so that the leap day is the last of its year; 146 097 days make 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The days from 1970 to the first of a month.
fn days_before(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_day_is_the_sixtieth_of_its_year() {
        // 2024-02-29 12:34:56
        let at = 1_709_210_096;
        let expected = [
            (Function::Year, 2024.0),
            (Function::Month, 2.0),
            (Function::DayOfMonth, 29.0),
            (Function::DayOfYear, 60.0),
            (Function::DayOfWeek, 4.0),
            (Function::DaysInMonth, 29.0),
            (Function::Hour, 12.0),
            (Function::Minute, 34.0),
        ];
        for (function, value) in expected {
            assert_eq!(of(function, at), value, "{}", function.name());
        }
    }

    #[test]
    fn what_is_no_time_is_the_end_of_time() {
        let at = whole_seconds(f64::NAN);
        assert_eq!(of(Function::Year, at), 292_277_026_596.0);
        assert_eq!(of(Function::DayOfYear, at), 339.0);
        assert_eq!(of(Function::Minute, whole_seconds(-1e30)), 30.0);
    }

    #[test]
    fn time_before_1970_counts_down() {
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(of(Function::DayOfWeek, -1), 3.0);
        assert_eq!(of(Function::Hour, -1), 23.0);
    }
}
