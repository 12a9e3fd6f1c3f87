//! Layouts of times: the moment Mon Jan 2 15:04:05 MST 2006 as it shall look.

use super::time::{Civil, MONTHS, WEEKDAYS};

/// A piece of a layout that stands for a part of the time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    MonthName,
    MonthShort,
    Month {
        width: usize,
    },
    WeekdayName,
    WeekdayShort,
    Day {
        width: usize,
        pad: char,
    },
    DayOfYear {
        pad: char,
    },
    Hour24,
    Hour12 {
        width: usize,
    },
    Minute {
        width: usize,
    },
    Second {
        width: usize,
    },
    Year,
    YearShort,
    HalfUpper,
    HalfLower,
    Zone,
    Offset(&'static str),
    /// Digits behind a point; trailing zeros are left out if `trimmed`.
    Fraction {
        point: char,
        digits: usize,
        trimmed: bool,
    },
}

/// Offsets and how UTC looks in each; longer ones first.
const OFFSETS: &[(&str, &str)] = &[
    ("-07:00:00", "+00:00:00"),
    ("-070000", "+000000"),
    ("-07:00", "+00:00"),
    ("-0700", "+0000"),
    ("-07", "+00"),
    ("Z07:00:00", "Z"),
    ("Z070000", "Z"),
    ("Z07:00", "Z"),
    ("Z0700", "Z"),
    ("Z07", "Z"),
];

/// Pieces by the text that stands for them; longer ones first.
const PIECES: &[(&str, Piece)] = &[
    ("January", Piece::MonthName),
    ("Monday", Piece::WeekdayName),
    ("2006", Piece::Year),
    ("__2", Piece::DayOfYear { pad: ' ' }),
    ("002", Piece::DayOfYear { pad: '0' }),
    ("MST", Piece::Zone),
    ("01", Piece::Month { width: 2 }),
    ("02", Piece::Day { width: 2, pad: '0' }),
    ("03", Piece::Hour12 { width: 2 }),
    ("04", Piece::Minute { width: 2 }),
    ("05", Piece::Second { width: 2 }),
    ("06", Piece::YearShort),
    ("15", Piece::Hour24),
    ("_2", Piece::Day { width: 2, pad: ' ' }),
    ("PM", Piece::HalfUpper),
    ("pm", Piece::HalfLower),
    ("1", Piece::Month { width: 1 }),
    ("2", Piece::Day { width: 1, pad: ' ' }),
    ("3", Piece::Hour12 { width: 1 }),
    ("4", Piece::Minute { width: 1 }),
    ("5", Piece::Second { width: 1 }),
];

/// What `layout` begins with, and how long it is; what is no piece is one character.
pub(super) fn piece(layout: &str) -> (usize, Option<Piece>) {
    // "_2006" is an underscore and the year, not a day of month and "006".
    if layout.starts_with("_2006") {
        return (1, None);
    }
    for (name, piece) in [("Jan", Piece::MonthShort), ("Mon", Piece::WeekdayShort)] {
        let long = if name == "Jan" { "January" } else { "Monday" };
        if let Some(after) = layout.strip_prefix(name)
            && !layout.starts_with(long)
            && !after.starts_with(|c: char| c.is_ascii_lowercase())
        {
            return (3, Some(piece));
        }
    }
    if let Some((text, piece)) = PIECES.iter().find(|(text, _)| layout.starts_with(text)) {
        return (text.len(), Some(*piece));
    }
    if let Some((text, utc)) = OFFSETS.iter().find(|(text, _)| layout.starts_with(text)) {
        return (text.len(), Some(Piece::Offset(utc)));
    }
    if let Some(fraction) = fraction(layout) {
        return fraction;
    }
    (layout.chars().next().map_or(1, char::len_utf8), None)
}

/// `.000`, `,999`: a run of zeros or nines behind a point, with no digit after it.
fn fraction(layout: &str) -> Option<(usize, Option<Piece>)> {
    let point = layout.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = layout[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = layout[1..].chars().take_while(|&c| c == digit).count();
    if layout[1 + digits..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let trimmed = digit == '9';
    let piece = Piece::Fraction {
        point,
        digits,
        trimmed,
    };
    Some((1 + digits, Some(piece)))
}

impl Piece {
    pub(super) fn write(self, out: &mut String, civil: &Civil) {
        let name =
            |names: &'static [&'static str], at: i64| names[usize::try_from(at).unwrap_or(0) % names.len()];
        let month = name(&MONTHS, civil.month - 1);
        let weekday = name(&WEEKDAYS, civil.weekday);
        let hour12 = (civil.hour + 11) % 12 + 1;
        let text = match self {
            Self::MonthName => month.to_owned(),
            Self::MonthShort => month[..3].to_owned(),
            Self::Month { width } => format!("{:0width$}", civil.month),
            Self::WeekdayName => weekday.to_owned(),
            Self::WeekdayShort => weekday[..3].to_owned(),
            Self::Day { width, pad: '0' } => format!("{:0width$}", civil.day),
            Self::Day { width, .. } => format!("{:width$}", civil.day),
            Self::DayOfYear { pad: '0' } => format!("{:03}", civil.day_of_year),
            Self::DayOfYear { .. } => format!("{:3}", civil.day_of_year),
            Self::Hour24 => format!("{:02}", civil.hour),
            Self::Hour12 { width } => format!("{hour12:0width$}"),
            Self::Minute { width } => format!("{:0width$}", civil.minute),
            Self::Second { width } => format!("{:0width$}", civil.second),
            Self::Year if civil.year < 0 => format!("-{:04}", -civil.year),
            Self::Year => format!("{:04}", civil.year),
            Self::YearShort => format!("{:02}", civil.year.rem_euclid(100)),
            Self::HalfUpper => (if civil.hour >= 12 { "PM" } else { "AM" }).to_owned(),
            Self::HalfLower => (if civil.hour >= 12 { "pm" } else { "am" }).to_owned(),
            Self::Zone => "UTC".to_owned(),
            Self::Offset(utc) => utc.to_owned(),
            Self::Fraction {
                point,
                digits,
                trimmed,
            } => {
                let all = format!("{:09}", civil.nanosecond);
                let shown = &all[..digits.min(9)];
                let shown = if trimmed {
                    shown.trim_end_matches('0')
                } else {
                    shown
                };
                if trimmed && shown.is_empty() {
                    return;
                }
                format!("{point}{shown}")
            }
        };
        out.push_str(&text);
    }
}
