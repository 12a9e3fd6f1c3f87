//! Joining the components: building them in order, reloading, shutting down.
//!
//! ```text
//! flags → configuration (exit 2 if wrong) → components → web answers (not ready)
//!       → storage opens → configuration in effect → scraping, rules → ready
//!       → SIGHUP: reload · SIGTERM, SIGINT, /-/quit: stop in reverse
//! ```
//!
//! This is the only room that knows them all. Start with [`run`].

mod clock;
mod demo;
mod late_storage;
mod load;
pub mod logging;
mod memory;
mod plan;
mod reload;
mod reload_state;
mod rule_queries;
mod serve;
mod sink;
mod storage;
mod urls;
mod views;

use std::process::ExitCode;
use std::time::Duration;

use tracing::{error, info};

use crate::cli::CliExit;
use plan::Plan;
use serve::serve;

/// Runs the server until it is told to stop. `args` follow the program's name.
pub fn run(args: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    use_small_pages();
    let flags = match crate::cli::parse(args) {
        Ok(flags) => flags,
        Err(exit) => return leave(&exit),
    };
    match Plan::new(flags) {
        Ok(plan) => live(plan),
        Err(exit) => leave(&exit),
    }
}

/// Has the system give memory in pages of 4 KiB. The allocator asks for huge ones, where 2 MiB are taken as soon
/// as one byte of them is: a server of 100 000 series then holds 70 MiB instead of 28.
fn use_small_pages() {
    // A system that has no huge pages refuses, which is as good.
    let _refused = rustix::thread::disable_transparent_huge_pages(true);
}

fn leave(exit: &CliExit) -> ExitCode {
    print!("{}", exit.stdout);
    eprint!("{}", exit.stderr);
    ExitCode::from(exit.code)
}

fn live(mut plan: Plan) -> ExitCode {
    let options = plan.db_options();
    plan.show_retention(&options);
    let runtimes = [("io", 1), ("web", 2), ("remote", 1)].map(runtime);
    let [Ok(runtime), Ok(web_runtime), Ok(remote_runtime)] = runtimes else {
        let error = runtimes.into_iter().find_map(Result::err);
        let error = error.map(|error| error.to_string());
        error!(error, "The runtime cannot be started");
        return ExitCode::FAILURE;
    };
    let (web, remote) = (web_runtime.handle().clone(), remote_runtime.handle().clone());
    let outcome = runtime.block_on(serve(plan, options, web, remote));
    web_runtime.shutdown_timeout(Duration::from_secs(1));
    remote_runtime.shutdown_timeout(Duration::from_secs(1));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match outcome {
        Ok(()) => {
            info!("See you next time!");
            ExitCode::SUCCESS
        }
        Err(text) => {
            error!(err = %text, "Fatal error");
            ExitCode::FAILURE
        }
    }
}

/// How large the stack of a runtime's thread may become: brief queries are evaluated there. Only what was used
/// of it is memory.
const STACK_BYTES: usize = 8 << 20;

/// A runtime of one thread: it waits for the network, the work is done elsewhere.
///
/// Scraping, the web and remote write have one each, so that neither a large answer nor a large request
/// delays a scrape; a second thread in any would only be woken to find that there is nothing to do. The web
/// has a second one all the same, which is woken when a query takes up the first.
fn runtime((name, threads): (&'static str, usize)) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_stack_size(STACK_BYTES)
        .thread_name(name)
        .enable_all()
        .build()
}
