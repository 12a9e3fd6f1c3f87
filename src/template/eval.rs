//! Walks a tree over data and writes text.
//!
//! [`Walk`] remembers the piece being evaluated ([`Place`]), because errors name it:
//! `template: name:1:5: executing "name" at <piece>: message`. The order in which places are noted is
//! Go's, and so is what an error points at.

use std::fmt::Display;
use std::sync::Arc;

use super::Environment;
use super::error::TemplateError;
use super::place::Place;
use super::tree::{Branch, BranchKind, Command, List, Node, Pipe, TemplateSet, Term, TermKind};
use super::value::{Held, IntKind, Value};
use super::{fields, print};

/// How deep lists may lie in one another, those of called templates included: what a small stack can hold.
/// Go stops at 100000 calls, which only a runaway recursion reaches.
const DEPTH_MAX: usize = 250;

/// Executes the set's main template.
pub(super) fn execute(
    set: &TemplateSet,
    data: Value,
    environment: &Environment<'_>,
) -> Result<String, TemplateError> {
    let mut out = String::new();
    let mut walk = Walk {
        set,
        template: &set.name,
        environment,
        place: None,
        variables: vec![("$", data.clone())],
        depth: 0,
        out: &mut out,
    };
    match set.templates.get(&set.name) {
        Some(root) => walk.list(&data, root)?,
        None => {
            let quoted = print::quoted(&set.name);
            return walk.error(format_args!("{quoted} is an incomplete or empty template"));
        }
    };
    Ok(out)
}

pub(super) struct Walk<'t, 'e> {
    pub(super) set: &'t TemplateSet,
    /// The template being executed, which differs from the set's in `template` calls.
    pub(super) template: &'t str,
    pub(super) environment: &'e Environment<'e>,
    pub(super) place: Option<Place<'t>>,
    pub(super) variables: Vec<(&'t str, Value)>,
    pub(super) depth: usize,
    pub(super) out: &'e mut String,
}

/// How a list ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Through,
    Break,
    Continue,
}

pub(super) type Done<T> = Result<T, TemplateError>;

impl<'t> Walk<'t, '_> {
    pub(super) fn error<T>(&self, message: impl Display) -> Done<T> {
        let Some(place) = self.place else {
            return Err(TemplateError::new(format!(
                "template: {}: {message}",
                self.template
            )));
        };
        let before = &self.set.text[..place.pos().min(self.set.text.len())];
        let line = 1 + before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        Err(TemplateError::new(format!(
            "template: {}:{line}:{column}: executing {} at <{}>: {message}",
            self.set.name,
            print::quoted(self.template),
            place.text(),
        )))
    }

    fn list(&mut self, dot: &Value, list: &'t List) -> Done<Flow> {
        if self.depth == DEPTH_MAX {
            return self.error("exceeded maximum template depth (100000)");
        }
        self.depth += 1;
        let mut flow = Flow::Through;
        for node in &list.nodes {
            flow = self.node(dot, node)?;
            if flow != Flow::Through {
                break;
            }
        }
        self.depth -= 1;
        Ok(flow)
    }

    fn node(&mut self, dot: &Value, node: &'t Node) -> Done<Flow> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action { pos, pipe } => {
                self.place = Some(Place::Action(*pos, pipe));
                let value = self.pipeline(dot, pipe)?;
                if pipe.declared.is_empty() {
                    self.place = Some(Place::Action(*pos, pipe));
                    self.out.push_str(&print::shown(&value));
                }
            }
            Node::Branch(branch) if branch.kind == BranchKind::Range => return self.range(dot, branch),
            Node::Branch(branch) => return self.if_or_with(dot, branch),
            Node::Template { pos, name, pipe } => self.call_template(dot, *pos, name, pipe.as_ref())?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Through)
    }

    fn if_or_with(&mut self, dot: &Value, branch: &'t Branch) -> Done<Flow> {
        let visible = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = match (value.is_true(), &branch.otherwise) {
            (true, _) if branch.kind == BranchKind::With => self.list(&value, &branch.list)?,
            (true, _) => self.list(dot, &branch.list)?,
            (false, Some(otherwise)) => self.list(dot, otherwise)?,
            (false, None) => Flow::Through,
        };
        self.variables.truncate(visible);
        Ok(flow)
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Done<Flow> {
        let visible = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?.taken_out();
        let rows: Vec<(Value, Value)> = match &value {
            Value::Result(samples) => samples
                .iter()
                .enumerate()
                .map(|(i, sample)| (Value::int(i), Value::Sample(Some(Arc::clone(sample)))))
                .collect(),
            Value::Labels(labels) => labels
                .iter()
                .map(|(n, v)| (Value::text(n), Value::text(v)))
                .collect(),
            Value::Map(map) => map
                .iter()
                .map(|(key, value)| (Value::text(key), Value::Interface(Box::new(value.clone()))))
                .collect(),
            Value::Int(..) | Value::Duration(_, Held::Plain) if branch.pipe.declared.len() > 1 => {
                let shown = print::shown(&value);
                return self.error(format_args!(
                    "can't use {shown} to iterate over more than one variable"
                ));
            }
            Value::Int(kind, n) => return self.count_up(dot, branch, *kind, *n, visible),
            Value::Nil => Vec::new(),
            other => {
                let shown = print::shown(other);
                return self.error(format_args!("range can't iterate over {shown}"));
            }
        };
        self.iterate(dot, branch, rows.into_iter(), visible)
    }

    /// `range 3`: 0, 1, 2.
    fn count_up(
        &mut self,
        dot: &Value,
        branch: &'t Branch,
        kind: IntKind,
        n: i64,
        visible: usize,
    ) -> Done<Flow> {
        let rows = (0..n.max(0)).map(|i| (Value::Nil, Value::Int(kind, i)));
        self.iterate(dot, branch, rows, visible)
    }

    fn iterate(
        &mut self,
        dot: &Value,
        branch: &'t Branch,
        rows: impl Iterator<Item = (Value, Value)>,
        visible: usize,
    ) -> Done<Flow> {
        let inside = self.variables.len();
        let mut any = false;
        for (index, element) in rows {
            any = true;
            self.set_row(branch, index, &element)?;
            let flow = self.list(&element, &branch.list)?;
            self.variables.truncate(inside);
            if flow == Flow::Break {
                break;
            }
        }
        let flow = match &branch.otherwise {
            Some(otherwise) if !any => self.list(dot, otherwise)?,
            _ => Flow::Through,
        };
        self.variables.truncate(visible);
        Ok(flow)
    }

    /// Gives the variables of `range $i, $x := …` their values for one row.
    fn set_row(&mut self, branch: &'t Branch, index: Value, element: &Value) -> Done<()> {
        let declared = &branch.pipe.declared;
        let (index_name, element_name) = match declared.as_slice() {
            [] => return Ok(()),
            [element] => (None, element),
            [index, element, ..] => (Some(index), element),
        };
        if branch.pipe.assigns {
            if let Some(name) = index_name {
                self.assign(name, index)?;
            }
            return self.assign(element_name, element.clone());
        }
        let top = self.variables.len();
        self.variables[top - 1].1 = element.clone();
        if index_name.is_some() {
            self.variables[top - 2].1 = index;
        }
        Ok(())
    }

    fn call_template(&mut self, dot: &Value, pos: usize, name: &'t str, pipe: Option<&'t Pipe>) -> Done<()> {
        self.place = Some(Place::Template(pos, name, pipe));
        let Some(list) = self.set.templates.get(name) else {
            return self.error(format_args!("template {} not defined", print::quoted(name)));
        };
        let data = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Nil,
        };
        // A template sees none of its caller's variables.
        let variables = std::mem::replace(&mut self.variables, vec![("$", data.clone())]);
        let template = std::mem::replace(&mut self.template, name);
        self.list(&data, list)?;
        self.template = template;
        self.variables = variables;
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Value) -> Done<()> {
        match self.variables.iter_mut().rev().find(|(n, _)| *n == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => self.error(format_args!("undefined variable: {name}")),
        }
    }

    pub(super) fn pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Done<Value> {
        self.place = Some(Place::Pipe(pipe));
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?.taken_out());
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipe.declared {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// One command; `last` is what the command before it gave, its last argument.
    fn command(&mut self, dot: &Value, command: &'t Command, last: Option<Value>) -> Done<Value> {
        let Some(first) = command.args.first() else {
            return Ok(Value::Nil);
        };
        match &first.kind {
            TermKind::Field(_) | TermKind::Chain(..) | TermKind::Variable(_) => {
                self.chain(dot, first, &command.args, last)
            }
            TermKind::Identifier(name) => {
                self.place = Some(Place::Term(first));
                let place = Place::Command(command);
                self.function(dot, name, place, &command.args, last)
            }
            TermKind::Pipe(pipe) => {
                self.refuse_arguments(&command.args, &last)?;
                self.pipeline(dot, pipe)
            }
            literal => {
                self.place = Some(Place::Term(first));
                self.refuse_arguments(&command.args, &last)?;
                match literal {
                    TermKind::Nil => self.error("nil is not a command"),
                    TermKind::Dot => Ok(dot.clone()),
                    _ => self.literal(first),
                }
            }
        }
    }

    fn refuse_arguments(&self, args: &[Term], last: &Option<Value>) -> Done<()> {
        if args.len() > 1 || last.is_some() {
            return self.error(format_args!("can't give argument to non-function {}", args[0]));
        }
        Ok(())
    }

    /// A literal where no type is asked for.
    pub(super) fn literal(&mut self, term: &'t Term) -> Done<Value> {
        self.place = Some(Place::Term(term));
        match &term.kind {
            TermKind::Bool(b) => Ok(Value::Bool(*b)),
            TermKind::Text { text, .. } => Ok(Value::text(text)),
            TermKind::Number(number) => {
                let text = &number.text;
                let is_char = text.starts_with('\'');
                let is_hex = text.starts_with("0x") || text.starts_with("0X");
                let is_hex_int = is_hex && text.len() > 2 && !text.contains(['p', 'P']);
                match (number.complex, number.float, number.int) {
                    (Some((re, im)), ..) => Ok(Value::Complex(re, im)),
                    (_, Some(float), _)
                        if !is_hex_int && !is_char && text.contains(['.', 'e', 'E', 'p', 'P']) =>
                    {
                        Ok(Value::Float(float))
                    }
                    (_, _, Some(int)) => Ok(Value::Int(IntKind::Int, int)),
                    _ => self.error(format_args!("{text} overflows int")),
                }
            }
            _ => self.error(format_args!(
                "can't evaluate command {}",
                print::quoted(&term.to_string())
            )),
        }
    }

    /// A field, a variable or a parenthesised pipeline with fields behind it.
    pub(super) fn chain(
        &mut self,
        dot: &Value,
        term: &'t Term,
        args: &'t [Term],
        last: Option<Value>,
    ) -> Done<Value> {
        self.place = Some(Place::Term(term));
        let (mut receiver, names) = match &term.kind {
            TermKind::Field(names) => (dot.clone(), names.as_slice()),
            TermKind::Variable(names) => {
                let name = names[0].as_str();
                let Some((_, value)) = self.variables.iter().rev().find(|(n, _)| *n == name) else {
                    return self.error(format_args!("undefined variable: {name}"));
                };
                if names.len() == 1 {
                    self.refuse_arguments(args, &last)?;
                    return Ok(value.clone());
                }
                (value.clone(), &names[1..])
            }
            TermKind::Chain(of, names) => {
                if matches!(of.kind, TermKind::Nil) {
                    return self.error(format_args!("indirection through explicit nil in {term}"));
                }
                (self.argument(dot, None, of)?, names.as_slice())
            }
            _ => return self.literal(term),
        };
        let Some((final_name, before)) = names.split_last() else {
            return Ok(receiver);
        };
        for name in before {
            receiver = self.field(dot, name, term, &[], None, receiver)?;
        }
        self.field(dot, final_name, term, args, last, receiver)
    }

    /// `.name` of `receiver`: a method, a field or the entry of a map.
    fn field(
        &mut self,
        dot: &Value,
        name: &str,
        term: &'t Term,
        args: &'t [Term],
        last: Option<Value>,
        receiver: Value,
    ) -> Done<Value> {
        if matches!(receiver, Value::Nil) {
            return Ok(Value::Nil);
        }
        let type_name = receiver.type_name();
        let receiver = receiver.taken_out();
        if matches!(receiver, Value::Nil) {
            return self.error(format_args!("nil pointer evaluating {type_name}.{name}"));
        }
        if let Some(method) = fields::method(&receiver, name) {
            let place = Place::Term(term);
            return self.call(dot, &method, Some(receiver), name, place, args, last);
        }
        let has_args = args.len() > 1 || last.is_some();
        match fields::field(&receiver, name) {
            Some(fields::Found::Field(_)) if has_args => self.error(format_args!(
                "{name} has arguments but cannot be invoked as function"
            )),
            Some(fields::Found::Entry(_)) if has_args => {
                self.error(format_args!("{name} is not a method but has arguments"))
            }
            Some(fields::Found::Field(value) | fields::Found::Entry(value)) => Ok(value),
            Some(fields::Found::OfNil) => {
                self.error(format_args!("nil pointer evaluating {type_name}.{name}"))
            }
            None => self.error(format_args!("can't evaluate field {name} in type {type_name}")),
        }
    }
}
