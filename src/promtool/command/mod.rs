//! The command line of promtool: a tree of commands, and words split as kingpin splits them.
//!
//! ```text
//! promtool [flags] check [flags] config [flags] file…
//!     └ table::ROOT    └ each level adds its flags, the last one its arguments
//! ```
//!
//! A command, flag or argument stands in [`table::ROOT`] and nowhere else. Start with [`parse`].

mod help;
mod invocation;
mod lexer;
mod table;
mod value;

pub(super) use invocation::{Invocation, parse};

/// A command, or a group of commands.
#[derive(Debug)]
pub(super) struct CommandSpec {
    name: &'static str,
    help: &'static str,
    flags: &'static [FlagSpec],
    args: &'static [ArgSpec],
    commands: &'static [Self],
    /// Prometheus' promtool has it, this one refuses it by name.
    is_unbuilt: bool,
}

/// `--name`
#[derive(Debug)]
struct FlagSpec {
    name: &'static str,
    short: Option<char>,
    kind: Kind,
    default: &'static str,
    placeholder: &'static str,
    is_required: bool,
    is_hidden: bool,
    is_unbuilt: bool,
    help: &'static str,
}

/// A positional argument.
#[derive(Debug)]
struct ArgSpec {
    name: &'static str,
    kind: Kind,
    is_required: bool,
    help: &'static str,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A switch.
    Bool,
    Text,
    /// Any number of texts.
    Texts,
    Int,
    /// A duration of Go, with days and weeks.
    Duration,
    Url,
    /// A file that is there.
    ExistingFile,
    /// Any number of them.
    ExistingFiles,
    /// Any number of `name=value`.
    Pairs,
    /// One of these.
    Enum(&'static [&'static str]),
}

impl Kind {
    fn is_cumulative(self) -> bool {
        matches!(self, Self::Texts | Self::ExistingFiles | Self::Pairs)
    }
}
