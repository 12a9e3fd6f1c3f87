//! From byte offsets to `line:column`, counted as Go counts them: both from one, columns in bytes.

use super::ast::Span;

/// Where a mistake is, in a form that can be printed without the query at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Line and column, both counted from one.
    At {
        /// The line.
        line: u32,
        /// The byte in the line.
        column: u32,
    },
    /// The query is empty, so that no position in it has a meaning.
    Unknown,
    /// The offset lies outside the query.
    Invalid,
}

impl Place {
    /// The line and column of a byte offset in `query`.
    pub fn of(query: &str, offset: u32) -> Self {
        let bytes = query.as_bytes();
        if bytes.is_empty() {
            return Self::Unknown;
        }
        let Some(before) = bytes.get(..offset as usize) else {
            return Self::Invalid;
        };
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let breaks = memchr::memchr_iter(b'\n', before).count();
        Self::At {
            line: narrow(breaks) + 1,
            column: narrow(before.len() - line_start) + 1,
        }
    }

    /// Moves the place down by `lines`, for expressions that are part of a larger file.
    #[must_use]
    pub fn below(self, lines: u32) -> Self {
        match self {
            Self::At { line, column } => Self::At {
                line: line.saturating_add(lines),
                column,
            },
            other => other,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At { line, column } => write!(f, "{line}:{column}"),
            Self::Unknown => f.write_str("unknown position"),
            Self::Invalid => f.write_str("invalid position"),
        }
    }
}

impl Span {
    /// The place where the span begins in `query`.
    pub fn place(self, query: &str) -> Place {
        Place::of(query, self.start)
    }

    /// From the beginning of `self` to the end of `last`.
    pub(crate) fn to(self, last: Self) -> Self {
        Self {
            start: self.start,
            end: last.end,
        }
    }
}

/// Queries longer than 4 GiB are refused before they are read, so that offsets fit.
pub(crate) fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_place(query: &str, offset: u32, text: &str) {
        assert_eq!(Place::of(query, offset).to_string(), text);
    }

    #[test]
    fn lines_and_columns_count_from_one_and_columns_count_bytes() {
        check_place("up", 0, "1:1");
        check_place("a +\n  b", 6, "2:3");
        check_place("\"é\" x", 5, "1:6");
        check_place("a\n", 2, "2:1");
    }

    #[test]
    fn an_empty_query_and_an_offset_outside_have_words_instead() {
        check_place("", 0, "unknown position");
        check_place("up", 3, "invalid position");
    }
}
