//! The syntax tree, and its text as errors quote it.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};

use super::number::Number;

/// All templates of one text: the text itself goes by its own name, `define` and `block` add to it.
#[derive(Debug)]
pub(super) struct TemplateSet {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) templates: HashMap<String, List>,
}

/// What stands between two control actions.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) nodes: Vec<Node>,
}

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Action {
        pos: usize,
        pipe: Pipe,
    },
    Branch(Box<Branch>),
    Template {
        pos: usize,
        name: String,
        pipe: Option<Pipe>,
    },
    Break,
    Continue,
}

/// `if`, `range` or `with`.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) kind: BranchKind,
    pub(super) pipe: Pipe,
    pub(super) list: List,
    pub(super) otherwise: Option<List>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BranchKind {
    If,
    Range,
    With,
}

/// `$x := a | b | c`
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) pos: usize,
    pub(super) assigns: bool,
    /// Names with their `$`.
    pub(super) declared: Vec<String>,
    pub(super) commands: Vec<Command>,
}

/// A function or value with its arguments.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) pos: usize,
    pub(super) args: Vec<Term>,
}

/// An operand.
#[derive(Debug)]
pub(super) struct Term {
    pub(super) pos: usize,
    pub(super) kind: TermKind,
}

#[derive(Debug)]
pub(super) enum TermKind {
    /// A function's name.
    Identifier(String),
    /// `$x.Field.Field`: the variable with its `$`, then fields.
    Variable(Vec<String>),
    Dot,
    Nil,
    /// `.Field.Field`
    Field(Vec<String>),
    /// `(pipeline).Field.Field`
    Chain(Box<Term>, Vec<String>),
    Bool(bool),
    Number(Number),
    Text {
        quoted: String,
        text: String,
    },
    Pipe(Pipe),
}

impl List {
    /// Whether there is nothing but space in it.
    pub(super) fn is_blank(&self) -> bool {
        self.nodes
            .iter()
            .all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }
}

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.declared.is_empty() {
            f.write_str(&self.declared.join(", "))?;
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (i, command) in self.commands.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            match &arg.kind {
                TermKind::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => arg.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TermKind::Identifier(name) => f.write_str(name),
            TermKind::Variable(names) => f.write_str(&names.join(".")),
            TermKind::Dot => f.write_str("."),
            TermKind::Nil => f.write_str("nil"),
            TermKind::Field(fields) => write_fields(f, fields),
            TermKind::Chain(of, fields) => {
                match &of.kind {
                    TermKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => of.fmt(f)?,
                }
                write_fields(f, fields)
            }
            TermKind::Bool(b) => b.fmt(f),
            TermKind::Number(number) => f.write_str(&number.text),
            TermKind::Text { quoted, .. } => f.write_str(quoted),
            TermKind::Pipe(pipe) => pipe.fmt(f),
        }
    }
}

fn write_fields(f: &mut Formatter<'_>, fields: &[String]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}
