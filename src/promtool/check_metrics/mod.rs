//! `check metrics`: a page on standard input, read as client libraries read it, and linted.
//!
//! ```text
//! page ─ families ─► Families ─┬─ lint ─► problems
//!          └ reader: bytes     └─ cardinality: how many series each metric has
//! ```
//!
//! Scraping is more lenient than the reader here, which wants whole families and refuses what no client
//! library writes.

mod cardinality;
mod families;
mod family;
mod lint;
mod reader;

use super::command::Invocation;
use super::{FAILED, LINT, OK, Terminal};
use crate::config::ValidationScheme;
use families::Families;

pub(super) fn run(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> u8 {
    let is_extended = invocation.bool("extended");
    let lints = invocation.text("lint") != "none";
    if !is_extended && !lints {
        terminal.complain_line("error: at least one of --extended or linting must be enabled");
        terminal.complain_line(
            "Use --extended for cardinality analysis, or remove --lint=none to enable linting",
        );
        return FAILED;
    }
    let page = match terminal.read_input() {
        Ok(page) => page,
        Err(error) => {
            terminal.complain_line(format_args!("error while linting: {error}"));
            return FAILED;
        }
    };
    let mut code = OK;
    if lints {
        // The linter takes the page for one of a client that knows nothing of UTF-8 names.
        let families = match Families::parse(&page, ValidationScheme::Legacy) {
            Ok(families) => families,
            Err(error) => {
                terminal.complain_line(format_args!("error while linting: {error}"));
                return FAILED;
            }
        };
        for problem in lint::problems(&families) {
            terminal.complain_line(format_args!("{} {}", problem.metric, problem.text));
            code = LINT;
        }
    }
    if is_extended {
        match Families::parse(&page, ValidationScheme::Utf8) {
            Ok(families) => terminal.print(&cardinality::table(&families)),
            Err(error) => {
                terminal.complain_line(format_args!(
                    "error while parsing text to metric families: {error}"
                ));
                return FAILED;
            }
        }
    }
    code
}
