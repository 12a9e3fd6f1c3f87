//! Calls: arguments evaluated, fitted to the types that parameters ask for, and handed over.

use super::eval::{Done, Walk};
use super::functions::{self, Call, Function, Param};
use super::place::Place;
use super::print;
use super::tree::{Term, TermKind};
use super::value::{Held, IntKind, Value};

impl<'t> Walk<'t, '_> {
    pub(super) fn function(
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
    fn and_or(
        &mut self,
        dot: &Value,
        function: &Function,
        args: &'t [Term],
        last: Option<Value>,
    ) -> Done<Value> {
        self.check_count(
            function,
            function.name,
            args.len().saturating_sub(1),
            last.is_some(),
        )?;
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
            return self.error(format_args!(
                "wrong number of args for {name}: want {fixed} got {given}"
            ));
        }
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a call is all of these in Go's evaluator"
    )]
    pub(super) fn call(
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
    pub(super) fn argument(&mut self, dot: &Value, param: Option<Param>, term: &'t Term) -> Done<Value> {
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
