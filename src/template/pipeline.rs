//! The inside of an action: pipelines, commands, operands, terms.
//!
//! ```text
//! pipeline = [ $x [, $y] (":=" | "=") ] command { "|" command }
//! command  = operand { space operand }
//! operand  = term { .field }
//! ```

use super::functions;
use super::number::{self, Number};
use super::parse::{Parsed, Parser};
use super::print::quoted;
use super::token::Kind;
use super::tree::{Command, Pipe, Term, TermKind};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let mut pipe = Pipe {
            pos: self.peek_non_space().pos,
            assigns: false,
            declared: Vec::new(),
            commands: Vec::new(),
        };
        self.declarations(context, &mut pipe)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    self.check(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawText
                | Kind::Quoted
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    /// `$x :=`, `$x =`, `$i, $x :=`: a variable that none of these follows is put back.
    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Parsed<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            let after = self.peek();
            let next = self.peek_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assigns = next.kind == Kind::Assign;
                    self.next_non_space();
                    self.declare(pipe, variable.text);
                    return Ok(());
                }
                Kind::Char if next.text == "," => {
                    self.next_non_space();
                    self.declare(pipe, variable.text);
                    if context != "range" || pipe.declared.len() >= 2 {
                        return self.error(format_args!("too many declarations in {context}"));
                    }
                    let follows = self.peek_non_space().kind;
                    if !matches!(follows, Kind::Variable | Kind::Right | Kind::RightParen) {
                        return self.error("range can only initialize variables");
                    }
                }
                _ if after.kind == Kind::Space => {
                    self.backup3(variable, after);
                    return Ok(());
                }
                _ => {
                    self.backup2(variable);
                    return Ok(());
                }
            }
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, name: String) {
        pipe.declared.push(name.clone());
        self.variables.push(name);
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.error(format_args!("missing value for {context}"));
        }
        for (i, command) in pipe.commands.iter().enumerate().skip(1) {
            if command.args.first().is_some_and(Term::is_literal) {
                let stage = i + 1;
                return self.error(format_args!("non executable command in pipeline stage {stage}"));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut command = Command {
            pos: self.peek_non_space().pos,
            args: Vec::new(),
        };
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                command.args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::Right | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if command.args.is_empty() {
            return self.error("empty command");
        }
        Ok(command)
    }

    fn operand(&mut self) -> Parsed<Option<Term>> {
        let Some(mut term) = self.term()? else {
            return Ok(None);
        };
        if self.peek().kind != Kind::Field {
            return Ok(Some(term));
        }
        let pos = self.peek().pos;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text[1..].to_owned());
        }
        if term.is_literal() {
            let quoted = quoted(&term.to_string());
            return self.error(format_args!("unexpected . after term {quoted}"));
        }
        match &mut term.kind {
            TermKind::Field(own) | TermKind::Variable(own) => {
                own.append(&mut fields);
                term.pos = pos;
                Ok(Some(term))
            }
            _ => Ok(Some(Term {
                pos,
                kind: TermKind::Chain(Box::new(term), fields),
            })),
        }
    }

    fn term(&mut self) -> Parsed<Option<Term>> {
        let token = self.next_non_space();
        let kind = match token.kind {
            Kind::Identifier => {
                if functions::find(&token.text).is_none() {
                    let quoted = quoted(&token.text);
                    return self.error(format_args!("function {quoted} not defined"));
                }
                TermKind::Identifier(token.text)
            }
            Kind::Dot => TermKind::Dot,
            Kind::Nil => TermKind::Nil,
            Kind::Variable => {
                if !self.variables.contains(&token.text) {
                    let quoted = quoted(&token.text);
                    return self.error(format_args!("undefined variable {quoted}"));
                }
                TermKind::Variable(vec![token.text])
            }
            Kind::Field => TermKind::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => TermKind::Bool(token.text == "true"),
            Kind::CharConstant => TermKind::Number(self.literal(Number::parse_char(&token.text))?),
            Kind::Complex => TermKind::Number(self.literal(Number::parse_complex(&token.text))?),
            Kind::Number => TermKind::Number(self.literal(Number::parse(&token.text))?),
            Kind::LeftParen => {
                self.enter()?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.nesting -= 1;
                TermKind::Pipe(pipe)
            }
            Kind::Quoted | Kind::RawText => TermKind::Text {
                text: self.literal(number::unquote(&token.text))?,
                quoted: token.text,
            },
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        // A parenthesised pipeline stands where its first word does.
        let pos = match &kind {
            TermKind::Pipe(pipe) => pipe.pos,
            _ => token.pos,
        };
        Ok(Some(Term { pos, kind }))
    }

    fn literal<T>(&self, parsed: Result<T, String>) -> Parsed<T> {
        parsed.or_else(|message| self.error(message))
    }
}

impl Term {
    fn is_literal(&self) -> bool {
        matches!(
            self.kind,
            TermKind::Bool(_) | TermKind::Text { .. } | TermKind::Number(_) | TermKind::Nil | TermKind::Dot
        )
    }
}
