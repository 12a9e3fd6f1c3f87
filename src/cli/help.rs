//! The text of `--help`, laid out as kingpin does: two columns, the second from 33 on, 80 wide.

use super::PROGRAM;
use super::flags::{FLAGS, FlagSpec, Kind, Mode};

/// Where descriptions begin.
const COLUMN: usize = 33;

/// Where lines end.
const WIDTH: usize = 80;

/// The usage; hidden flags on request.
pub(super) fn usage(shows_hidden: bool) -> String {
    let mut text = format!(
        "usage: {PROGRAM} [<flags>]\n\nA Prometheus server: same configuration, same API, a fraction of the CPU and memory\n\n\nFlags:\n"
    );
    push(
        &mut text,
        "  -h, --[no-]help",
        "Show this text (--help-long shows hidden flags too).",
    );
    push(&mut text, "      --[no-]version", "Show the version.");
    for spec in FLAGS.iter().filter(|spec| shows_hidden || !spec.is_hidden) {
        push(&mut text, &head(spec), &body(spec));
    }
    text.push('\n');
    text
}

fn head(spec: &FlagSpec) -> String {
    let name = spec.name;
    let repeated = if spec.is_repeatable() { " ..." } else { "" };
    match (spec.kind, spec.default) {
        (Kind::Bool, _) => format!("      --[no-]{name}"),
        (_, _) if !spec.placeholder.is_empty() => format!("      --{name}={}{repeated}", spec.placeholder),
        (Kind::Text, [default]) => format!("      --{name}=\"{default}\"{repeated}"),
        (Kind::Text | Kind::Texts, []) => format!("      --{name}={repeated}"),
        (_, [default]) => format!("      --{name}={default}{repeated}"),
        (_, [default, ..]) => format!("      --{name}={default}...{repeated}"),
        (_, []) => format!("      --{name}={}{repeated}", name.to_uppercase()),
    }
}

fn body(spec: &FlagSpec) -> String {
    let mode = match spec.mode {
        Mode::Any => "",
        Mode::Server => " Use with server mode only.",
        Mode::Agent => " Use with agent mode only.",
    };
    let unbuilt = if spec.is_unbuilt {
        " Not supported yet."
    } else {
        ""
    };
    format!("{}{mode}{unbuilt}", spec.help)
}

fn push(text: &mut String, head: &str, body: &str) {
    text.push_str(head);
    let mut column = head.chars().count();
    if column + 2 > COLUMN {
        text.push_str("  \n");
        column = 0;
    }
    let mut is_first = true;
    for word in body.split(' ') {
        let length = word.chars().count();
        if !is_first && column + 1 + length > WIDTH {
            text.push('\n');
            column = 0;
            is_first = true;
        }
        if is_first {
            text.push_str(&" ".repeat(COLUMN - column));
            column = COLUMN;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
        is_first = false;
    }
    text.push('\n');
}
