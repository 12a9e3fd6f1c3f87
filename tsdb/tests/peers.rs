//! Programs of the Prometheus project that tests compare with, where they are installed.
//!
//! Looked for in `bin/` of the directory that `PEERS` names, else of `.peers` in the repository, else of
//! `peers` in the system's temporary directory. A test whose program is missing says so and passes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program, or a line on what was skipped.
pub(crate) fn peer(program: &str) -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers");
    let places = match std::env::var_os("PEERS") {
        Some(named) => vec![PathBuf::from(named)],
        None => vec![repository, std::env::temp_dir().join("peers")],
    };
    let found = places
        .iter()
        .map(|place| place.join("bin").join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {program} is not installed (PEERS names the directory of its bin/)");
    }
    found
}

/// Runs a program to its end and returns what it wrote to standard output.
#[track_caller]
pub(crate) fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("the program writes UTF-8")
}
