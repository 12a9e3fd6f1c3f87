//! Selectors as the Kubernetes API reads them: whether a text is one, in the words of its own library.
//!
//! Nothing is selected here; the API does that. Start with [`check_label`] and [`check_field`].

use crate::config::quote::quoted;

/// What may stand between a field and its value; the longer ones first.
const FIELD_OPERATORS: [&str; 3] = ["!=", "==", "="];

/// What may stand between a label and its values, in the order the library names them.
const LABEL_OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// The longest name or value of a label.
const NAME_LENGTH_MAX: usize = 63;

/// The longest prefix of a label's name.
const PREFIX_LENGTH_MAX: usize = 253;

/// Whether `selector` selects by fields: `a=b,c!=d`.
///
/// # Errors
/// In the library's words.
pub(super) fn check_field(selector: &str) -> Result<(), String> {
    let mut terms = terms(selector);
    terms.sort_unstable();
    for term in terms.into_iter().filter(|term| !term.is_empty()) {
        let operator_at = term.char_indices().find_map(|(at, _)| {
            FIELD_OPERATORS
                .iter()
                .find(|o| term[at..].starts_with(**o))
                .map(|o| at + o.len())
        });
        match operator_at {
            Some(value_at) => check_field_value(&term[value_at..])?,
            None => {
                return Err(format!(
                    "invalid selector: '{selector}'; can't understand '{term}'"
                ));
            }
        }
    }
    Ok(())
}

/// The parts between commas; a backslash takes the meaning of what follows it.
fn terms(selector: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut is_escaped) = (0, false);
    for (at, c) in selector.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ',' => {
                terms.push(&selector[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&selector[start..]);
    terms
}

fn check_field_value(value: &str) -> Result<(), String> {
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('\\' | ',' | '=') => {}
                next => {
                    let next = next.map(String::from).unwrap_or_default();
                    return Err(format!(
                        "invalid field selector: invalid escape sequence: \\{next}"
                    ));
                }
            },
            ',' | '=' => {
                // The library writes the character's number.
                let number = u32::from(c);
                return Err(format!(
                    "invalid field selector: unescaped character in value: {number}"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether `selector` selects by labels: `a, !b, c=d, e in (f, g)`.
///
/// # Errors
/// In the library's words.
pub(super) fn check_label(selector: &str) -> Result<(), String> {
    let mut tokens = Tokens::new(selector);
    loop {
        match tokens.peek() {
            Token::Word(_) | Token::Symbol("!") => {
                check_requirement(&mut tokens)
                    .map_err(|text| format!("unable to parse requirement: {text}"))?;
                match tokens.next() {
                    Token::End => return Ok(()),
                    Token::Symbol(",") => match tokens.peek() {
                        Token::Word(_) | Token::Symbol("!") => {}
                        other => {
                            return Err(format!(
                                "found '{}', expected: identifier after ','",
                                other.text()
                            ));
                        }
                    },
                    other => {
                        return Err(format!(
                            "found '{}', expected: ',' or 'end of string'",
                            other.text()
                        ));
                    }
                }
            }
            Token::End => return Ok(()),
            other => {
                let found = other.text();
                return Err(format!(
                    "found '{found}', expected: !, identifier, or 'end of string'"
                ));
            }
        }
    }
}

fn check_requirement(tokens: &mut Tokens<'_>) -> Result<(), String> {
    let mut token = tokens.next();
    let is_negated = token == Token::Symbol("!");
    if is_negated {
        token = tokens.next();
    }
    let Token::Word(key) = token else {
        return Err(format!("found '{}', expected: identifier", token.text()));
    };
    check_key(key)?;
    if is_negated || matches!(tokens.peek(), Token::End | Token::Symbol(",")) {
        return Ok(());
    }
    match tokens.next() {
        Token::Word("in" | "notin") => check_values(key, tokens),
        Token::Symbol("=" | "==" | "!=") => check_value(key, exact_value(tokens)?, 0),
        Token::Symbol(">" | "<") => {
            let value = exact_value(tokens)?;
            if value.parse::<i64>().is_err() {
                let value = quoted(value);
                return Err(format!(
                    "values[0]: Invalid value: {value}: for 'Gt', 'Lt' operators, the value must be an integer"
                ));
            }
            Ok(())
        }
        other => Err(format!("found '{}', expected: {LABEL_OPERATORS}", other.text())),
    }
}

fn exact_value<'t>(tokens: &mut Tokens<'t>) -> Result<&'t str, String> {
    if matches!(tokens.peek(), Token::End | Token::Symbol(",")) {
        return Ok("");
    }
    match tokens.next() {
        Token::Word(value) => Ok(value),
        other => Err(format!("found '{}', expected: identifier", other.text())),
    }
}

fn check_values(key: &str, tokens: &mut Tokens<'_>) -> Result<(), String> {
    match tokens.next() {
        Token::Symbol("(") => {}
        other => return Err(format!("found '{}' expected: '('", other.text())),
    }
    let mut values = Vec::new();
    loop {
        match tokens.next() {
            Token::Symbol(")") => break,
            Token::Symbol(",") => {}
            Token::Word(value) => {
                values.push(value);
                match tokens.peek() {
                    Token::Symbol("," | ")") => {}
                    other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
                }
            }
            other => {
                return Err(format!(
                    "found '{}', expected: ',', ')' or identifier",
                    other.text()
                ));
            }
        }
    }
    values.sort_unstable();
    values.dedup();
    let mut numbered = values.iter().enumerate();
    numbered.try_for_each(|(at, value)| check_value(key, value, at))
}

fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let problem = if name.contains('/') {
        Some(
            "a valid label key must consist of alphanumeric characters, '-', '_' or '.', with an optional DNS \
             subdomain prefix and '/' (e.g. 'example.com/MyName')",
        )
    } else if prefix.is_some_and(|prefix| !is_subdomain(prefix)) {
        Some(
            "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
             '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
             validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        )
    } else if name.len() > NAME_LENGTH_MAX {
        Some("name part must be no more than 63 bytes")
    } else if !is_name(name) {
        Some(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
             alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
             '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        )
    } else {
        None
    };
    problem.map_or(Ok(()), |problem| {
        Err(format!(
            "<nil>: Invalid value: {key}: {problem}",
            key = quoted(key)
        ))
    })
}

fn check_value(key: &str, value: &str, at: usize) -> Result<(), String> {
    let problem = if value.len() > NAME_LENGTH_MAX {
        "must be no more than 63 bytes"
    } else if !value.is_empty() && !is_name(value) {
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
         and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
         validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    } else {
        return Ok(());
    };
    let value = quoted(value);
    Err(format!("values[{at}][{key}]: Invalid value: {value}: {problem}"))
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`
fn is_name(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_inner)
}

fn is_subdomain(text: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= PREFIX_LENGTH_MAX
        && text.split('.').all(|part| {
            part.starts_with(is_alphanumeric)
                && part.ends_with(is_alphanumeric)
                && part.chars().all(|c| is_alphanumeric(c) || c == '-')
        })
}

/// A piece of a label selector. `in` and `notin` are words that the place makes operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Symbol(&'t str),
    End,
}

impl<'t> Token<'t> {
    fn text(self) -> &'t str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

/// The pieces of a label selector, one after the other.
struct Tokens<'t> {
    rest: &'t str,
}

impl<'t> Tokens<'t> {
    fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    fn peek(&self) -> Token<'t> {
        Tokens { rest: self.rest }.next()
    }

    fn next(&mut self) -> Token<'t> {
        let text = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let is_symbol = |c: char| "=!(),<>".contains(c);
        let length = match text.as_bytes() {
            [] => return Token::End,
            [b'=' | b'!', b'=', ..] => 2,
            _ if text.starts_with(is_symbol) => 1,
            _ => {
                let ends = |c: char| is_symbol(c) || " \t\r\n".contains(c);
                text.find(ends).unwrap_or(text.len())
            }
        };
        let (token, rest) = text.split_at(length);
        self.rest = rest;
        if token.starts_with(is_symbol) {
            Token::Symbol(token)
        } else {
            Token::Word(token)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_selectors_are_judged_in_the_words_of_the_library() {
        for (selector, problem) in [
            ("", None),
            ("metadata.name=x,status.phase!=Running,a==b,", None),
            ("a=b\\,c\\=d\\\\", None),
            (
                "metadata.status-Running",
                Some(
                    "invalid selector: 'metadata.status-Running'; can't understand 'metadata.status-Running'",
                ),
            ),
            ("b=1,a", Some("invalid selector: 'b=1,a'; can't understand 'a'")),
            (
                "a=b=c",
                Some("invalid field selector: unescaped character in value: 61"),
            ),
            (
                "a=b\\c",
                Some("invalid field selector: invalid escape sequence: \\c"),
            ),
        ] {
            assert_eq!(check_field(selector).err().as_deref(), problem, "{selector}");
        }
    }

    #[test]
    fn label_selectors_are_judged_in_the_words_of_the_library() {
        for (selector, problem) in [
            ("", None),
            ("a", None),
            ("!a,b = c, d!=e,f==g,h>1,i<2", None),
            ("x in (foo,,baz),y,z notin ()", None),
            ("in in (in)", None),
            ("example.com/app=web", None),
            ("a=", None),
            ("a,", Some("found '', expected: identifier after ','")),
            (
                "a b",
                Some("unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ),
            (
                "a in b",
                Some("unable to parse requirement: found 'b' expected: '('"),
            ),
            (
                "a in (b",
                Some("unable to parse requirement: found '', expected: ',' or ')'"),
            ),
            (
                "=a",
                Some("found '=', expected: !, identifier, or 'end of string'"),
            ),
            (
                "a>b",
                Some(
                    "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the \
                     value must be an integer",
                ),
            ),
        ] {
            assert_eq!(check_label(selector).err().as_deref(), problem, "{selector}");
        }
        let long = "x".repeat(64);
        for bad in ["-a", "a/b/c", "A.B/c", &long, "a=-", &format!("a={long}")] {
            let problem = check_label(bad).unwrap_err();
            assert!(problem.contains("Invalid value"), "{bad}: {problem}");
        }
    }
}
