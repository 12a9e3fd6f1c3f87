//! Which piece of a template an error points at.

use super::print;
use super::tree::{Command, Pipe, Term};

/// A piece of the tree that an error can point at.
#[derive(Clone, Copy)]
pub(super) enum Place<'t> {
    Action(usize, &'t Pipe),
    Template(usize, &'t str, Option<&'t Pipe>),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Term(&'t Term),
}

impl Place<'_> {
    /// Where it begins, in bytes.
    pub(super) fn pos(&self) -> usize {
        match self {
            Self::Action(pos, _) | Self::Template(pos, ..) => *pos,
            Self::Pipe(pipe) => pipe.pos,
            Self::Command(command) => command.pos,
            Self::Term(term) => term.pos,
        }
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Action(_, pipe) => format!("{{{{{pipe}}}}}"),
            Self::Template(_, name, None) => format!("{{{{template {}}}}}", print::quoted(name)),
            Self::Template(_, name, Some(pipe)) => {
                format!("{{{{template {} {pipe}}}}}", print::quoted(name))
            }
            Self::Pipe(pipe) => pipe.to_string(),
            Self::Command(command) => command.to_string(),
            Self::Term(term) => term.to_string(),
        }
    }
}
