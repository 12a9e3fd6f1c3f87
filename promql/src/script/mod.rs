//! Test scripts: load series, evaluate queries, compare with what is expected. The language is that of
//! Prometheus' own tests.
//!
//! ```text
//! load 5m
//!   http_requests{job="api", instance="0"} 0+10x10
//!
//! eval instant at 50m sum by (job) (http_requests)
//!   expect no_warn
//!   {job="api"} 100
//!
//! eval range from 0 to 10m step 5m http_requests * 2
//!   {job="api", instance="0"} 0 20 40
//!
//! clear
//! ```
//!
//! An instant query is also asked with its time pinned by `@` at other times, and as a range query around
//! its time, and must answer the same.
//!
//! Start with [`run_file`].

mod nhcb;
mod parse;
mod report;
mod run;
mod starts;
mod store;

use std::io::{self, Write};

use crate::engine::{Engine, EngineOptions};
use crate::parser::ParserOptions;

/// How a script went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Commands that held; a load or clear that worked is not counted.
    pub passed: usize,
    /// Commands that did not.
    pub failed: usize,
}

/// The engine that scripts run on: everything switched on, as Prometheus' own tests have it.
pub fn engine() -> Engine {
    Engine::new(EngineOptions {
        parser: ParserOptions::all(),
        delayed_name_removal: true,
        use_start_timestamps: true,
        ..EngineOptions::default()
    })
}

/// Runs the script `text`; writes a line for each command that does not hold, and how many did.
///
/// # Errors
/// Those of `out`.
pub fn run_file(text: &str, name: &str, out: &mut impl Write) -> io::Result<Summary> {
    let mut summary = Summary::default();
    let mut runner = run::Runner::new(engine());
    for command in parse::commands(text) {
        let result = match command {
            Ok(command) => runner.run(&command).map_err(|text| (command.line, text)),
            Err(error) => Err((error.line, error.text)),
        };
        match result {
            Ok(true) => summary.passed += 1,
            Ok(false) => {}
            Err((line, text)) => {
                summary.failed += 1;
                writeln!(out, "{name}:{line}: {text}")?;
            }
        }
    }
    writeln!(
        out,
        "{name}: {} passed, {} failed",
        summary.passed, summary.failed
    )?;
    Ok(summary)
}
