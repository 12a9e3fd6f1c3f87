//! promtool's entry: the process' arguments and streams, and its exit code. All else is in the library.

use std::io;
use std::process::ExitCode;

use deucalion::promtool::{Terminal, run};

fn main() -> ExitCode {
    let mut terminal = Terminal {
        input: &mut io::stdin().lock(),
        out: &mut io::stdout().lock(),
        err: &mut io::stderr().lock(),
    };
    ExitCode::from(run(std::env::args_os(), &mut terminal))
}
