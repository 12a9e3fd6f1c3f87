//! promtool: checks of files, unit tests of rules and queries from the command line, as Prometheus' promtool
//! has them, word for word and exit code for exit code.
//!
//! ```text
//! args ─ command ─► Invocation ─► check_… | test_rules | query | promql ─► exit code
//!           └ table: the tree of commands       └ config, rules, promql do the work
//! ```
//!
//! What a file means is decided by the modules that the server uses; here is only what is printed.
//! Exit codes: 0 all is well, 1 something is wrong, 3 only a lint complains. Start with [`run`].

mod check_config;
mod check_metrics;
mod check_rules;
mod check_service_discovery;
mod check_web_config;
mod command;
mod config_text;
mod features;
mod promql;
mod query;
mod terminal;
mod test_rules;
mod tsdb;

use std::ffi::OsString;

use command::Invocation;
use features::Features;

pub use terminal::Terminal;

use crate::config::ExpandEnv;

/// All is well.
const OK: u8 = 0;

/// Something is wrong.
const FAILED: u8 = 1;

/// Nothing is wrong, but a lint complains.
const LINT: u8 = 3;

/// Runs the command that `args` (the program's name first) say and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, terminal: &mut Terminal<'_>) -> u8 {
    let mut args = args.into_iter().map(|arg| arg.to_string_lossy().into_owned());
    let program = program_name(args.next());
    let args: Vec<String> = args.collect();
    let invocation = match command::parse(&program, &args) {
        Ok(invocation) => invocation,
        Err(exit) => {
            terminal.print(&exit.stdout);
            terminal.complain(&exit.stderr);
            return exit.code;
        }
    };
    let features = Features::parse(invocation.texts("enable-feature"), terminal);
    if let Some(name) = invocation.first_unbuilt() {
        terminal.complain_line(format_args!(
            "{program}: error: {}",
            crate::config::refuse::refusal(&name)
        ));
        return FAILED;
    }
    dispatch(&program, &invocation, &features, terminal)
}

fn dispatch(
    program: &str,
    invocation: &Invocation<'_>,
    features: &Features,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let command = invocation.command();
    if command.starts_with("promql ") && !invocation.bool("experimental") {
        terminal
            .complain_line("This command is experimental and requires the --experimental flag to be set.");
        return FAILED;
    }
    match command.as_str() {
        "check config" => check_config::run(invocation, features, terminal),
        "check rules" => check_rules::run(invocation, features, terminal),
        "check service-discovery" => check_service_discovery::run(invocation, terminal),
        "check metrics" => check_metrics::run(invocation, terminal),
        "check web-config" => check_web_config::run(invocation, terminal),
        "test rules" => test_rules::run(invocation, features, terminal),
        "query instant" | "query range" | "query series" | "query labels" => {
            query::run(program, invocation, terminal)
        }
        "promql format" => promql::format(invocation, features, terminal),
        "promql label-matchers set" => promql::set_matcher(invocation, features, terminal),
        "promql label-matchers delete" => promql::delete_matcher(invocation, features, terminal),
        "promql script" => promql::script(invocation, terminal),
        "tsdb list"
        | "tsdb analyze"
        | "tsdb dump"
        | "tsdb dump-openmetrics"
        | "tsdb retention"
        | "tsdb create-blocks-from openmetrics" => tsdb::run(invocation, terminal),
        other => unreachable!("{other} is in the tree of commands and not marked as unbuilt"),
    }
}

/// How `--config.expand-env` says that variables are written.
fn expand_env(invocation: &Invocation<'_>) -> ExpandEnv {
    let named = invocation.text("config.expand-env");
    let rule = ExpandEnv::ALL.into_iter().find(|(name, _)| *name == named);
    rule.map_or(ExpandEnv::Off, |(_, rule)| rule)
}

/// The last part of the path that the program was called by.
fn program_name(path: Option<String>) -> String {
    path.as_deref()
        .and_then(|path| path.rsplit('/').next())
        .filter(|name| !name.is_empty())
        .unwrap_or("promtool")
        .to_owned()
}
