//! The text of `--help`, laid out as kingpin lays it out.

use super::table::ROOT;
use super::{ArgSpec, CommandSpec, FlagSpec, Kind};

/// Where lines end.
const WIDTH: usize = 80;

/// From this width on a head stands on a line of its own.
const HEAD_MAX: usize = 30;

/// The usage of the command that `path` leads to.
pub(super) fn usage(program: &str, path: &[&CommandSpec], shows_all: bool) -> String {
    let command = path.last().copied().unwrap_or(&ROOT);
    let mut text = format!("usage: {program}");
    for part in path {
        text.push_str(&format!(" {}", part.name));
    }
    text.push_str(&summary(command));
    if !command.commands.is_empty() {
        text.push_str(" <command> [<args> ...]");
    }
    text.push_str(&format!("\n\n{}\n\nFlags:\n", wrapped(command.help, 0)));
    let flags = ROOT.flags.iter().chain(path.iter().flat_map(|part| part.flags));
    let rows: Vec<(String, String)> = flags
        .filter(|flag| shows_all || !flag.is_hidden)
        .map(|flag| (flag_head(flag), remarked(flag.help, flag.is_unbuilt)))
        .collect();
    push_rows(&mut text, &rows);
    if !command.args.is_empty() {
        text.push_str("Args:\n");
        let rows: Vec<(String, String)> = command
            .args
            .iter()
            .map(|arg| (arg_head(arg, false), arg.help.to_owned()))
            .collect();
        push_rows(&mut text, &rows);
    }
    if !command.commands.is_empty() {
        text.push_str(if path.is_empty() {
            "Commands:\n"
        } else {
            "Subcommands:\n"
        });
        let names: Vec<&str> = path.iter().map(|part| part.name).collect();
        push_commands(&mut text, &names, command.commands, shows_all);
    }
    text
}

fn push_commands(text: &mut String, above: &[&str], commands: &[CommandSpec], shows_all: bool) {
    for command in commands {
        let mut names = above.to_vec();
        names.push(command.name);
        if !command.commands.is_empty() {
            push_commands(text, &names, command.commands, shows_all);
            continue;
        }
        text.push_str(&format!("{}{}\n", names.join(" "), summary(command)));
        let help = remarked(command.help, command.is_unbuilt);
        text.push_str(&format!("{}\n", wrapped(&help, 4)));
        if shows_all && !command.flags.is_empty() {
            let rows: Vec<(String, String)> = command
                .flags
                .iter()
                .map(|flag| (flag_head(flag), remarked(flag.help, flag.is_unbuilt)))
                .collect();
            push_rows(text, &rows);
        }
    }
}

fn remarked(help: &str, is_unbuilt: bool) -> String {
    let remark = if is_unbuilt { " Not supported yet." } else { "" };
    format!("{help}{remark}")
}

/// ` --match=MATCH [<flags>] <server>`
fn summary(command: &CommandSpec) -> String {
    let mut text = String::new();
    for flag in command.flags.iter().filter(|flag| flag.is_required) {
        text.push_str(&format!(" --{}={}", flag.name, placeholder(flag)));
    }
    let is_root = command.name.is_empty();
    if is_root
        || command
            .flags
            .iter()
            .any(|flag| !flag.is_required && !flag.is_hidden)
    {
        text.push_str(" [<flags>]");
    }
    for arg in command.args {
        text.push_str(&format!(" {}", arg_head(arg, true)));
    }
    text
}

fn arg_head(arg: &ArgSpec, shows_count: bool) -> String {
    let dots = if shows_count && arg.kind.is_cumulative() {
        "..."
    } else {
        ""
    };
    match arg.is_required {
        true => format!("<{}>{dots}", arg.name),
        false => format!("[<{}>{dots}]", arg.name),
    }
}

fn placeholder(flag: &FlagSpec) -> String {
    match (flag.placeholder, flag.default, flag.kind) {
        ("", "", Kind::Texts) if flag.name == "enable-feature" => String::new(),
        ("", "", _) => flag.name.to_uppercase(),
        ("", default, Kind::Text) => format!("\"{default}\""),
        ("", default, _) => default.to_owned(),
        (placeholder, _, _) => placeholder.to_owned(),
    }
}

fn flag_head(flag: &FlagSpec) -> String {
    let dots = if flag.kind.is_cumulative() { " ..." } else { "" };
    let start = flag
        .short
        .map_or("    ".to_owned(), |short| format!("-{short}, "));
    match flag.kind {
        Kind::Bool => format!("{start}--[no-]{}", flag.name),
        _ => format!("{start}--{}={}{dots}", flag.name, placeholder(flag)),
    }
}

fn push_rows(text: &mut String, rows: &[(String, String)]) {
    let widths = rows.iter().map(|(head, _)| head.chars().count());
    let width = widths.filter(|width| *width < HEAD_MAX).max().unwrap_or(0);
    for (head, body) in rows {
        let body = wrapped(body, width + 4);
        let body = body.trim();
        if head.chars().count() >= HEAD_MAX {
            text.push_str(&format!("  {head}  \n  {:width$}  {body}\n", ""));
        } else {
            text.push_str(&format!("  {head:width$}  {body}\n"));
        }
    }
    text.push('\n');
}

/// `text` between `indent` and the end of the line, one line break after each paragraph.
fn wrapped(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut out = String::new();
    for line in text.split('\n') {
        let mut column = 0;
        for word in line.split_whitespace() {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > WIDTH {
                out.push('\n');
                column = 0;
            }
            if column == 0 {
                out.push_str(&margin);
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
        out.push('\n');
    }
    out
}
