//! `--enable-feature` of promtool: which names it knows.

use promql::parser::ParserOptions;

use super::Terminal;

/// What is switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Features {
    /// Which expressions are valid.
    pub(super) parser: ParserOptions,
    /// Whether `test rules` drops names at the end of an evaluation.
    pub(super) delayed_name_removal: bool,
}

impl Features {
    /// Features of lists separated by commas; unknown ones are told and passed over.
    pub(super) fn parse(lists: &[String], terminal: &mut Terminal<'_>) -> Self {
        let mut features = Self::default();
        for name in lists.iter().flat_map(|list| list.split(',')) {
            match name {
                "promql-experimental-functions" => features.parser.experimental_functions = true,
                "promql-delayed-name-removal" => features.delayed_name_removal = true,
                "promql-extended-range-selectors" => features.parser.extended_range_selectors = true,
                "promql-binop-fill-modifiers" => features.parser.binop_fill = true,
                // Always on.
                "promql-duration-expr" | "" => {}
                // Prometheus ends no line here either.
                other => terminal.print(&format!(
                    "  WARNING: Unknown feature passed to --enable-feature: {other}"
                )),
            }
        }
        features
    }
}
