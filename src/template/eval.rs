//! Walks a tree over data and writes text.
//!
//! [`Walk`] remembers the piece being evaluated ([`Place`]), because errors name it:
//! `template: name:1:5: executing "name" at <piece>: message`. The order in which places are noted is
//! Go's, and so is what an error points at.

use std::fmt::Display;

use super::Environment;
use super::error::TemplateError;
use super::functions::{self, Call, Function, Param};
use super::tree::{Branch, BranchKind, Command, List, Node, Pipe, TemplateSet, Term, TermKind};
use super::value::{Held, IntKind, Value};
use super::{fields, print};

/// How deep `template` may call itself. Go stops at 100000, which only a runaway recursion reaches.
const DEPTH_MAX: usize = 200;

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

/// A piece of the tree that an error can point at.
#[derive(Clone, Copy)]
enum Place<'t> {
    Action(usize, &'t Pipe),
    Template(usize, &'t str, Option<&'t Pipe>),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Term(&'t Term),
}

impl Place<'_> {
    fn pos(&self) -> usize {
        match self {
            Self::Action(pos, _) | Self::Template(pos, ..) => *pos,
            Self::Pipe(pipe) => pipe.pos,
            Self::Command(command) => command.pos,
            Self::Term(term) => term.pos,
        }
    }

    fn text(&self) -> String {
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

struct Walk<'t, 'e> {
    set: &'t TemplateSet,
    /// The template being executed, which differs from the set's in `template` calls.
    template: &'t str,
    environment: &'e Environment<'e>,
    place: Option<Place<'t>>,
    variables: Vec<(&'t str, Value)>,
    depth: usize,
    out: &'e mut String,
}

/// How a list ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Through,
    Break,
    Continue,
}

type Done<T> = Result<T, TemplateError>;

impl<'t> Walk<'t, '_> {
    fn error<T>(&self, message: impl Display) -> Done<T> {
        let Some(place) = self.place else {
            return Err(TemplateError::new(format!("template: {}: {message}", self.template)));
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
        for node in &list.nodes {
            let flow = self.node(dot, node)?;
            if flow != Flow::Through {
                return Ok(flow);
            }
        }
        Ok(Flow::Through)
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
                .map(|(i, sample)| (Value::int(i), Value::Sample(Some(sample.clone()))))
                .collect(),
            Value::Labels(labels) => labels.iter().map(|(n, v)| (Value::text(n), Value::text(v))).collect(),
            Value::Map(map) => map
                .iter()
                .map(|(key, value)| (Value::text(key), Value::Interface(Box::new(value.clone()))))
                .collect(),
            Value::Int(..) | Value::Duration(_, Held::Plain) if branch.pipe.declared.len() > 1 => {
                let shown = print::shown(&value);
                return self.error(format_args!("can't use {shown} to iterate over more than one variable"));
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
    fn count_up(&mut self, dot: &Value, branch: &'t Branch, kind: IntKind, n: i64, visible: usize) -> Done<Flow> {
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
        if self.depth == DEPTH_MAX {
            return self.error("exceeded maximum template depth (100000)");
        }
        let data = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Nil,
        };
        // A template sees none of its caller's variables.
        let variables = std::mem::replace(&mut self.variables, vec![("$", data.clone())]);
        let template = std::mem::replace(&mut self.template, name);
        self.depth += 1;
        self.list(&data, list)?;
        self.depth -= 1;
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

    fn pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Done<Value> {
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
    fn literal(&mut self, term: &'t Term) -> Done<Value> {
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
            _ => self.error(format_args!("can't evaluate command {}", print::quoted(&term.to_string()))),
        }
    }

    /// A field, a variable or a parenthesised pipeline with fields behind it.
    fn chain(&mut self, dot: &Value, term: &'t Term, args: &'t [Term], last: Option<Value>) -> Done<Value> {
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
            Some(fields::Found::Field(_)) if has_args => {
                self.error(format_args!("{name} has arguments but cannot be invoked as function"))
            }
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

    fn function(
        &mut self,
        dot: &Value,
        name: &str,
        place: Place<'t>,
        args: &'t [Term],
        last: Option<Value>,
    ) -> Done<Value> {
        let Some(function) = functions::find(name) else {
            return self.error(format_args!("{} is not a defined function", print::quoted(name)));
        };
        match name {
            "and" | "or" => self.and_or(dot, function, args, last),
            _ => self.call(dot, function, None, name, place, args, last),
        }
    }

    /// `and` and `or` stop at the first argument that decides.
    fn and_or(&mut self, dot: &Value, function: &Function, args: &'t [Term], last: Option<Value>) -> Done<Value> {
        self.check_count(function, function.name, args.len().saturating_sub(1), last.is_some())?;
        let mut value = Value::Nil;
        for arg in args.iter().skip(1) {
            value = self.argument(dot, Some(Param::Any), arg)?;
            if value.is_true() == (function.name == "or") {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn check_count(&self, function: &Function, name: &str, written: usize, has_last: bool) -> Done<()> {
        let given = written + usize::from(has_last);
        let fixed = function.params.len();
        if function.rest.is_some() {
            if given < fixed {
                return self.error(format_args!(
                    "wrong number of args for {name}: want at least {fixed} got {written}"
                ));
            }
        } else if given != fixed {
            return self.error(format_args!("wrong number of args for {name}: want {fixed} got {given}"));
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a call is all of these in Go's evaluator")]
    fn call(
        &mut self,
        dot: &Value,
        function: &Function,
        receiver: Option<Value>,
        name: &str,
        place: Place<'t>,
        args: &'t [Term],
        last: Option<Value>,
    ) -> Done<Value> {
        let written = args.get(1..).unwrap_or_default();
        self.check_count(function, name, written.len(), last.is_some())?;
        let param = |i: usize| function.params.get(i).copied().or(function.rest);
        let mut values = Vec::with_capacity(written.len() + 1);
        for (i, arg) in written.iter().enumerate() {
            values.push(self.argument(dot, param(i), arg)?);
        }
        if let Some(last) = last {
            values.push(self.fit(last, param(values.len()))?);
        }
        let callee = written.first().map(Term::to_string);
        let call = Call {
            receiver,
            args: values,
            environment: self.environment,
            callee,
        };
        (function.run)(call).or_else(|message| {
            self.place = Some(place);
            self.error(format_args!("error calling {name}: {message}"))
        })
    }

    /// An argument, as the type that the parameter asks for.
    fn argument(&mut self, dot: &Value, param: Option<Param>, term: &'t Term) -> Done<Value> {
        self.place = Some(Place::Term(term));
        let value = match &term.kind {
            TermKind::Dot => dot.clone(),
            TermKind::Nil => {
                return match param.map(Param::zero) {
                    Some(Some(zero)) => Ok(zero),
                    _ => {
                        let wanted = param.map_or("<nil>", Param::type_name);
                        self.error(format_args!("cannot assign nil to {wanted}"))
                    }
                };
            }
            TermKind::Field(_) | TermKind::Chain(..) | TermKind::Variable(_) => {
                self.chain(dot, term, &[], None)?
            }
            TermKind::Pipe(pipe) => self.pipeline(dot, pipe)?,
            TermKind::Identifier(name) => self.function(dot, name, Place::Term(term), &[], None)?,
            _ => return self.literal_argument(param, term),
        };
        self.fit(value, param)
    }

    fn literal_argument(&mut self, param: Option<Param>, term: &'t Term) -> Done<Value> {
        let Some(param) = param else {
            return self.literal(term);
        };
        match (param, &term.kind) {
            (Param::Any, _) => self.literal(term),
            (Param::Text, TermKind::Text { text, .. }) => Ok(Value::text(text)),
            (Param::Text, _) => self.error(format_args!("expected string; found {term}")),
            (Param::Int | Param::Duration, TermKind::Number(number)) if number.int.is_some() => {
                let int = number.int.unwrap_or_default();
                Ok(match param {
                    Param::Duration => Value::Duration(int, Held::Plain),
                    _ => Value::Int(IntKind::Int, int),
                })
            }
            (Param::Int | Param::Duration, _) => self.error(format_args!("expected integer; found {term}")),
            _ => {
                let wanted = param.type_name();
                self.error(format_args!("can't handle {term} for arg of type {wanted}"))
            }
        }
    }

    /// `value` as the parameter's type, through a pointer or out of an interface if need be.
    fn fit(&self, value: Value, param: Option<Param>) -> Done<Value> {
        let Some(param) = param else {
            return Ok(value);
        };
        if matches!(value, Value::Nil) {
            return match param.zero() {
                Some(zero) => Ok(zero),
                None => self.error(format_args!("invalid value; expected {}", param.type_name())),
            };
        }
        if param == Param::Any {
            return Ok(value);
        }
        let held = match &value {
            Value::Interface(inner) if !matches!(**inner, Value::Nil) => value.clone().taken_out(),
            _ => value.clone(),
        };
        match (param, held) {
            (Param::Text, held @ Value::Text(_))
            | (Param::Result, held @ Value::Result(_))
            | (Param::Sample, held @ Value::Sample(_))
            | (Param::Int, held @ Value::Int(IntKind::Int, _)) => Ok(held),
            (Param::Time, Value::Time(time, _)) => Ok(Value::Time(time, Held::Plain)),
            (Param::Duration, Value::Duration(ns, _)) => Ok(Value::Duration(ns, Held::Plain)),
            (param, held) => {
                let (wanted, got) = (param.type_name(), held.type_name());
                self.error(format_args!("wrong type for value; expected {wanted}; got {got}"))
            }
        }
    }
}
