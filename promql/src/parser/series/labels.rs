//! Label sets, as descriptions write them: `metric{label="value"}`, `{"quoted name", label="value"}`.
//!
//! They look like selectors but know only `=`, and complain in other words.

use tsdb::model::{Labels, METRIC_NAME};

use crate::parser::grammar::{Parsed, Parser, lossy};
use crate::parser::token::{Kind, Token};

const CONTEXT: &str = "label set";

impl Parser<'_> {
    /// A name, labels, both or neither.
    pub(super) fn metric(&mut self) -> Parsed<Labels> {
        let token = self.peek()?;
        let mut pairs = Vec::new();
        let mut name = None;
        if token.kind.is_metric_name() {
            self.take()?;
            name = Some(token.text(self.input()).to_owned());
        }
        if self.take_if(Kind::LeftBrace)?.is_some() {
            self.label_set(&mut pairs)?;
        }
        if let Some(name) = name {
            pairs.push((METRIC_NAME.to_owned(), name));
        }
        Ok(Labels::from_pairs(
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        ))
    }

    /// Pairs up to and including the closing brace.
    fn label_set(&mut self, pairs: &mut Vec<(String, String)>) -> Parsed<()> {
        loop {
            let token = self.peek()?;
            match token.kind {
                Kind::RightBrace => {
                    self.take()?;
                    return Ok(());
                }
                Kind::Identifier => {
                    self.take()?;
                    if self.take_if(Kind::Equal)?.is_none() {
                        return self.unexpected(CONTEXT, "\"=\"");
                    }
                    let name = token.text(self.input()).to_owned();
                    pairs.push((name, self.label_value()?));
                }
                Kind::Text => {
                    let name = self.text(token)?;
                    pairs.push(match self.take_if(Kind::Equal)? {
                        Some(_) => (name, self.label_value()?),
                        None => (METRIC_NAME.to_owned(), name),
                    });
                }
                _ => return self.unexpected(CONTEXT, "identifier or \"}\""),
            }
            if self.take_if(Kind::Comma)?.is_none() && self.peek()?.kind != Kind::RightBrace {
                return self.unexpected(CONTEXT, "\",\" or \"}\"");
            }
        }
    }

    fn label_value(&mut self) -> Parsed<String> {
        let token = self.peek()?;
        match token.kind {
            Kind::Text => self.text(token),
            _ => self.unexpected(CONTEXT, "string"),
        }
    }

    fn text(&mut self, token: Token) -> Parsed<String> {
        self.take()?;
        Ok(lossy(self.unquote(token)?))
    }
}
