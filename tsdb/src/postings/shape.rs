//! What a pattern asks of a value, as far as it can be told without running it.
//!
//! Only plain cases are recognised; everything else is [`Shape::Other`], which is always right.

/// A pattern that must match a whole value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `.*`
    Anything,
    /// `.+`
    Something,
    /// Exactly these texts: `a|b|c`.
    Literals(Vec<String>),
    /// Some of the values that begin with this text: `abc.*`.
    Prefix(String),
    /// Any other.
    Other,
}

pub(super) fn shape(pattern: &str) -> Shape {
    match pattern {
        ".*" => return Shape::Anything,
        ".+" => return Shape::Something,
        _ => {}
    }
    if let Some(texts) = literals(inside_group(pattern)) {
        return Shape::Literals(texts);
    }
    match prefix(pattern) {
        text if text.is_empty() => Shape::Other,
        text => Shape::Prefix(text),
    }
}

/// `(a|b)` and `(?:a|b)` without their parentheses.
fn inside_group(pattern: &str) -> &str {
    let inside = pattern
        .strip_prefix("(?:")
        .or_else(|| pattern.strip_prefix('('))
        .and_then(|rest| rest.strip_suffix(')'));
    match inside {
        // Had it parentheses of its own, the first and the last might not belong together; an escape
        // might take the last away.
        Some(inside) if !inside.contains(['(', ')', '\\', '?']) => inside,
        _ => pattern,
    }
}

/// One character of a pattern.
enum Token {
    Literal(char),
    Or,
    Meta(char),
}

fn tokens(pattern: &str) -> impl Iterator<Item = Token> {
    let mut chars = pattern.chars();
    std::iter::from_fn(move || {
        Some(match chars.next()? {
            '\\' => match chars.next() {
                Some(c) if c.is_ascii_punctuation() => Token::Literal(c),
                _ => Token::Meta('\\'),
            },
            '|' => Token::Or,
            c if ".+*?()[]{}^$".contains(c) => Token::Meta(c),
            c => Token::Literal(c),
        })
    })
}

fn literals(pattern: &str) -> Option<Vec<String>> {
    let mut texts = vec![String::new()];
    for token in tokens(pattern) {
        match (token, texts.last_mut()) {
            (Token::Literal(c), Some(text)) => text.push(c),
            (Token::Or, _) => texts.push(String::new()),
            _ => return None,
        }
    }
    Some(texts)
}

fn prefix(pattern: &str) -> String {
    let mut text = String::new();
    // An alternative would not begin with the prefix. Where it stands is not worked out: parentheses may
    // be part of a class.
    if tokens(pattern).any(|token| matches!(token, Token::Or)) {
        return text;
    }
    for token in tokens(pattern) {
        match token {
            Token::Literal(c) => text.push(c),
            Token::Meta('*' | '?' | '{' | '+') => {
                text.pop();
                return text;
            }
            _ => return text,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_literals(pattern: &str, texts: &[&str]) {
        assert_eq!(
            shape(pattern),
            Shape::Literals(texts.iter().map(|&t| t.to_owned()).collect())
        );
    }

    #[track_caller]
    fn check_prefix(pattern: &str, text: &str) {
        assert_eq!(shape(pattern), Shape::Prefix(text.to_owned()));
    }

    #[test]
    fn alternatives_of_plain_texts_are_told() {
        check_literals("a", &["a"]);
        check_literals("", &[""]);
        check_literals("a|b|", &["a", "b", ""]);
        check_literals("(a|b)", &["a", "b"]);
        check_literals("(?:a|bc)", &["a", "bc"]);
        check_literals(r"10\.0\.0\.1:9100|x\-y", &["10.0.0.1:9100", "x-y"]);
    }

    #[test]
    fn beginnings_are_told() {
        check_prefix("abc.*", "abc");
        check_prefix("abc*", "ab");
        check_prefix("ab{2}c", "a");
        check_prefix("ab?c", "a");
        check_prefix(r"a\.b[0-9]+", "a.b");
        check_prefix("node(_x)?", "node");
        check_prefix(r"ab\d", "ab");
    }

    #[test]
    fn the_rest_is_left_to_the_engine() {
        for pattern in [
            "(?i)abc",
            "a.*|b",
            "x[(]a|b.*",
            ".*a",
            "(a)|(b)",
            r"\Qa.b\E",
            "[ab]",
            "(a|b\\)",
        ] {
            assert_eq!(shape(pattern), Shape::Other, "{pattern}");
        }
        assert_eq!(shape(".*"), Shape::Anything);
        assert_eq!(shape(".+"), Shape::Something);
    }
}
