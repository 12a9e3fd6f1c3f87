//! Selectors: `name{label="value"}`, `{"quoted name", "quoted label"=~"pattern"}`.

use tsdb::model::{METRIC_NAME, MatchKind, Matcher};

use super::{Kind, Parsed, Parser, Token};
use crate::parser::ast::{Expr, Span, TimeShift, VectorSelector};

const CONTEXT: &str = "label matching";

impl Parser<'_> {
    /// A whole text that is one selector.
    pub(crate) fn lone_selector(&mut self) -> Parsed<VectorSelector> {
        let token = self.peek()?;
        let name = match token.kind {
            Kind::LeftBrace => None,
            kind if kind.is_metric_name() => Some(self.take()?),
            _ => return self.unexpected("", ""),
        };
        let selector = self.vector_selector(name)?;
        self.expect_end()?;
        Ok(selector)
    }

    /// A selector; its name, if it has one before the braces, is taken.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<Expr> {
        Ok(Expr::Vector(self.vector_selector(name)?))
    }

    fn vector_selector(&mut self, name: Option<Token>) -> Parsed<VectorSelector> {
        let mut span = name.map_or(Span::default(), |name| name.span);
        let mut matchers = Vec::new();
        if self.peek()?.kind == Kind::LeftBrace {
            let open = self.take()?;
            matchers = self.matchers()?;
            // The closing brace is the word read last.
            span = name.unwrap_or(open).span.to(self.last.span);
        }
        let name = name.map_or("", |name| name.text(self.input()));
        if !name.is_empty() {
            matchers.push(Matcher::equal(METRIC_NAME, name));
        }
        Ok(VectorSelector {
            name: name.to_owned(),
            matchers,
            shift: TimeShift::default(),
            extension: None,
            span,
        })
    }

    /// Matchers up to and including the closing brace.
    fn matchers(&mut self) -> Parsed<Vec<Matcher>> {
        let mut matchers = Vec::new();
        loop {
            let token = self.peek()?;
            match token.kind {
                Kind::RightBrace => {
                    self.take()?;
                    return Ok(matchers);
                }
                Kind::Identifier => {
                    self.take()?;
                    let name = token.text(self.input());
                    let Some(kind) = match_kind(self.peek()?.kind) else {
                        return self.unexpected(CONTEXT, "label matching operator");
                    };
                    matchers.push(self.matcher(token, name, kind)?);
                }
                Kind::Text => {
                    self.take()?;
                    let name = lossy(self.unquote(token)?);
                    matchers.push(match match_kind(self.peek()?.kind) {
                        Some(kind) => self.matcher(token, &name, kind)?,
                        None => Matcher::equal(METRIC_NAME, &name),
                    });
                }
                _ => return self.unexpected(CONTEXT, "identifier or \"}\""),
            }
            if self.take_if(Kind::Comma)?.is_none() && self.peek()?.kind != Kind::RightBrace {
                return self.unexpected(CONTEXT, "\",\" or \"}\"");
            }
        }
    }

    /// A matcher whose operator is next.
    fn matcher(&mut self, label: Token, name: &str, kind: MatchKind) -> Parsed<Matcher> {
        self.take()?;
        let value = self.peek()?;
        if value.kind != Kind::Text {
            return self.unexpected(CONTEXT, "string");
        }
        self.take()?;
        let value_bytes = self.unquote(value)?;
        let span = label.span.to(value.span);
        let is_regex = matches!(kind, MatchKind::Regex | MatchKind::NotRegex);
        // A plain alternation of words is not compiled, and so not looked at closely.
        if is_regex
            && let Err(error) = std::str::from_utf8(&value_bytes)
            && value_bytes.iter().any(|b| br"\.+*?()[]{}^$".contains(b))
        {
            let pattern = String::from_utf8_lossy(&value_bytes[error.valid_up_to()..]);
            return self.fail(span, format!("error parsing regexp: invalid UTF-8: `{pattern}`"));
        }
        match Matcher::new(kind, name, &lossy(value_bytes)) {
            Ok(matcher) => Ok(matcher),
            Err(error) => self.fail(span, error.to_string()),
        }
    }
}

fn match_kind(kind: Kind) -> Option<MatchKind> {
    Some(match kind {
        Kind::Equal => MatchKind::Equal,
        Kind::NotEqual => MatchKind::NotEqual,
        Kind::EqualRegex => MatchKind::Regex,
        Kind::NotRegex => MatchKind::NotRegex,
        _ => return None,
    })
}

/// No series has a label that is no UTF-8, so that what stands for such bytes hardly matters; an answer
/// shows U+FFFD as Prometheus' JSON does.
pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
