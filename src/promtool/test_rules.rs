//! `test rules`: unit tests of rules; [`crate::testing_rules`] runs them.

use std::path::PathBuf;

use super::command::Invocation;
use super::features::Features;
use super::{FAILED, OK, Terminal};
use crate::testing_rules::{Streams, TestOptions, run_files};

pub(super) fn run(invocation: &Invocation<'_>, features: &Features, terminal: &mut Terminal<'_>) -> u8 {
    let options = TestOptions {
        run: invocation.texts("run").to_vec(),
        diff: invocation.bool("diff"),
        debug: invocation.bool("debug"),
        ignore_unknown_fields: invocation.bool("ignore-unknown-fields"),
        parser: features.parser,
        delayed_name_removal: features.delayed_name_removal,
    };
    let files = invocation.texts("test-rule-file").iter().map(PathBuf::from);
    let files: Vec<PathBuf> = files.collect();
    let mut streams = Streams {
        out: terminal.out,
        err: terminal.err,
    };
    match run_files(&files, &options, &mut streams) {
        Ok(true) => OK,
        Ok(false) => FAILED,
        Err(error) => {
            terminal.complain_line(error);
            FAILED
        }
    }
}
