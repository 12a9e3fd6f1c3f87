//! Tokens to trees, with the look-ahead and the complaints of Go's parser.
//!
//! ```text
//! list     = { text | action }
//! action   = "{{" ( control | pipeline ) "}}"
//! ```

use std::collections::HashMap;

use super::ahead::end_of_text;
use super::error::TemplateError;
use super::lexer;
use super::number;
use super::token::{Kind, Token};
use super::tree::{Branch, BranchKind, List, Node, TemplateSet};

/// How deep parentheses and control actions may nest, together: what a small stack can hold.
const NESTING_MAX: usize = 100;

/// Parses `text` and everything defined in it.
pub(super) fn parse(name: &str, text: &str) -> Result<TemplateSet, TemplateError> {
    let mut parser = Parser {
        name,
        tokens: lexer::lex(text).into_iter(),
        token: std::array::from_fn(|_| end_of_text()),
        peeked: 0,
        variables: vec!["$".to_owned()],
        templates: HashMap::new(),
        range_depth: 0,
        nesting: 0,
        action_line: 0,
    };
    let root = parser.top_level()?;
    parser.add(name, root)?;
    Ok(TemplateSet {
        name: name.to_owned(),
        text: text.to_owned(),
        templates: parser.templates,
    })
}

pub(super) struct Parser<'a> {
    pub(super) name: &'a str,
    pub(super) tokens: std::vec::IntoIter<Token>,
    /// Look-ahead of three; `token[0]` is the last one taken from the lexer, whose line errors name.
    pub(super) token: [Token; 3],
    pub(super) peeked: usize,
    pub(super) variables: Vec<String>,
    pub(super) templates: HashMap<String, List>,
    pub(super) range_depth: usize,
    pub(super) nesting: usize,
    /// The line of the action being parsed, 0 outside.
    pub(super) action_line: usize,
}

/// What ended a list.
enum Ended {
    End,
    Else { followed_by: Option<Kind> },
}

/// A node, or the word that ends the list it stands in.
enum Item {
    Node(Node),
    Ended(Ended),
}

pub(super) type Parsed<T> = Result<T, TemplateError>;

impl Parser<'_> {
    fn add(&mut self, name: &str, list: List) -> Parsed<()> {
        match self.templates.get(name) {
            Some(before) if !before.is_blank() => {
                if !list.is_blank() {
                    let quoted = super::print::quoted(name);
                    return self.error(format_args!("template: multiple definition of template {quoted}"));
                }
            }
            _ => {
                self.templates.insert(name.to_owned(), list);
            }
        }
        Ok(())
    }

    fn top_level(&mut self) -> Parsed<List> {
        let mut root = List::default();
        while self.peek().kind != Kind::End {
            if self.peek().kind == Kind::Left {
                let left = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.backup2(left);
            }
            match self.text_or_action()? {
                Item::Node(node) => root.nodes.push(node),
                Item::Ended(ended) => return self.error(format_args!("unexpected {}", ended.text())),
            }
        }
        Ok(root)
    }

    /// `{{define "name"}} … {{end}}`, its first word passed.
    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::Right, CONTEXT)?;
        self.own_template(&name, CONTEXT)
    }

    /// The list of a template of its own, up to its end.
    fn own_template(&mut self, name: &str, context: &str) -> Parsed<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (list, ended) = self.list()?;
        if let Ended::Else { .. } = ended {
            return self.error(format_args!("unexpected {} in {context}", ended.text()));
        }
        self.variables = variables;
        self.range_depth = range_depth;
        self.add(name, list)
    }

    fn list(&mut self) -> Parsed<(List, Ended)> {
        self.enter()?;
        let mut list = List::default();
        while self.peek_non_space().kind != Kind::End {
            match self.text_or_action()? {
                Item::Node(node) => list.nodes.push(node),
                Item::Ended(ended) => {
                    self.nesting -= 1;
                    return Ok((list, ended));
                }
            }
        }
        self.error("unexpected EOF")
    }

    pub(super) fn enter(&mut self) -> Parsed<()> {
        if self.nesting >= NESTING_MAX {
            return self.error("max expression depth exceeded");
        }
        self.nesting += 1;
        Ok(())
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.text))),
            Kind::Left => {
                self.action_line = token.line;
                let item = self.action()?;
                self.action_line = 0;
                Ok(item)
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::BreakWord => self.loop_word("{{break}}", Node::Break)?,
            Kind::ContinueWord => self.loop_word("{{continue}}", Node::Continue)?,
            Kind::Else => return self.otherwise(),
            Kind::EndWord => {
                self.expect(Kind::Right, "end")?;
                return Ok(Item::Ended(Ended::End));
            }
            Kind::If => self.branch(BranchKind::If)?,
            Kind::Range => self.branch(BranchKind::Range)?,
            Kind::With => self.branch(BranchKind::With)?,
            Kind::Template => self.template()?,
            _ => {
                self.backup();
                let pos = self.peek().pos;
                let pipe = self.pipeline("command", Kind::Right)?;
                Node::Action { pos, pipe }
            }
        };
        Ok(Item::Node(node))
    }

    fn loop_word(&mut self, word: &str, node: Node) -> Parsed<Node> {
        let token = self.next_non_space();
        if token.kind != Kind::Right {
            return self.unexpected(&token, word);
        }
        if self.range_depth == 0 {
            return self.error(format_args!("{word} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    /// `{{else}}`; of `{{else if …` and `{{else with …` the word stays for the branch.
    fn otherwise(&mut self) -> Parsed<Item> {
        let word = self.peek_non_space().kind;
        let followed_by = matches!(word, Kind::If | Kind::With).then_some(word);
        if followed_by.is_none() {
            self.expect(Kind::Right, "else")?;
        }
        Ok(Item::Ended(Ended::Else { followed_by }))
    }

    fn branch(&mut self, kind: BranchKind) -> Parsed<Node> {
        let visible = self.variables.len();
        let pipe = self.pipeline(kind.word(), Kind::Right)?;
        let is_range = usize::from(kind == BranchKind::Range);
        self.range_depth += is_range;
        let (list, ended) = self.list()?;
        self.range_depth -= is_range;
        let otherwise = match ended {
            Ended::End => None,
            Ended::Else {
                followed_by: Some(word),
            } if kind.chains_with(word) => {
                self.next_non_space();
                self.enter()?;
                let nested = self.branch(kind)?;
                self.nesting -= 1;
                Some(List { nodes: vec![nested] })
            }
            Ended::Else { .. } => {
                let (list, ended) = self.list()?;
                if let Ended::Else { .. } = ended {
                    return self.error(format_args!("expected end; found {}", ended.text()));
                }
                Some(list)
            }
        };
        self.variables.truncate(visible);
        Ok(Node::Branch(Box::new(Branch {
            kind,
            pipe,
            list,
            otherwise,
        })))
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::Right)?;
        self.own_template(&name, CONTEXT)?;
        Ok(Node::Template {
            pos: token.pos,
            name,
            pipe: Some(pipe),
        })
    }

    fn template(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = if self.next_non_space().kind == Kind::Right {
            None
        } else {
            self.backup();
            Some(self.pipeline(CONTEXT, Kind::Right)?)
        };
        Ok(Node::Template {
            pos: token.pos,
            name,
            pipe,
        })
    }

    fn template_name(&self, token: &Token, context: &str) -> Parsed<String> {
        match token.kind {
            Kind::Quoted | Kind::RawText => number::unquote(&token.text).or_else(|error| self.error(error)),
            _ => self.unexpected(token, context),
        }
    }
}

impl Ended {
    fn text(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else { .. } => "{{else}}",
        }
    }
}

impl BranchKind {
    fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Range => "range",
            Self::With => "with",
        }
    }

    fn chains_with(self, word: Kind) -> bool {
        matches!((self, word), (Self::If, Kind::If) | (Self::With, Kind::With))
    }
}
