//! `check web-config`: files for `--web.config.file`.

use std::path::Path;

use super::command::Invocation;
use super::config_text::further;
use super::{FAILED, OK, Terminal};
use crate::config::WebConfig;

pub(super) fn run(invocation: &Invocation<'_>, terminal: &mut Terminal<'_>) -> u8 {
    let mut code = OK;
    for file in invocation.texts("web-config-files") {
        let checked = match WebConfig::load(Path::new(file)) {
            Ok(config) => config.check_files().map_err(|text| (text, Vec::new())),
            Err(errors) => Err((errors.as_go().to_owned(), further(&errors))),
        };
        match checked {
            Ok(()) => terminal.complain_line(format_args!("{file} SUCCESS")),
            Err((text, more)) => {
                code = FAILED;
                terminal.complain_line(format_args!("{file} FAILED: {text}"));
                for line in more {
                    terminal.complain_line(line);
                }
            }
        }
    }
    code
}
