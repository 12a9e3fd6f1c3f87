//! Environment variables inside configuration values.
//!
//! Three rules, each on finished YAML values, so that a variable can never change the file's shape:
//!
//! | where | written | a variable that is not set |
//! |---|---|---|
//! | `external_labels`, always, as in Prometheus | `$NAME`, `${NAME}`, `$$` | is empty, with a warning |
//! | `--config.expand-env=percent` | `%{NAME}`, `%{NAME:-default}`, `%%{` | is a mistake |
//! | `--config.expand-env=dollar` | `$NAME`, `${NAME}`, `$$` | is a mistake |
//!
//! With `dollar`, values of `regex` and `replacement` stay as they are, because `$1` is at home there, and
//! `external_labels` keep Prometheus' own rule. Names are `[A-Z_][A-Z0-9_]*` with `dollar`; anything else
//! after a `$` stays. The environment is a function of the caller.

use std::rc::Rc;

use super::yaml::mistake::Mistake;
use super::yaml::tree::{Node, Scalar, Value};

/// How `--config.expand-env` writes a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpandEnv {
    /// Nothing is expanded.
    #[default]
    Off,
    /// `%{NAME}` and `%{NAME:-default}`.
    Percent,
    /// `$NAME` and `${NAME}`, names being `[A-Z_][A-Z0-9_]*`.
    Dollar,
}

impl ExpandEnv {
    /// Every rule with its name on the command line.
    pub const ALL: [(&str, Self); 3] = [
        ("off", Self::Off),
        ("percent", Self::Percent),
        ("dollar", Self::Dollar),
    ];
}

/// Looks a variable up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The tree with all variables expanded; keys stay as they are.
pub fn expand_tree(
    node: Rc<Node>,
    rule: ExpandEnv,
    environment: Environment<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Rc<Node> {
    match rule {
        ExpandEnv::Off => node,
        _ => expand_node(&node, rule, environment, mistakes),
    }
}

fn expand_node(
    node: &Rc<Node>,
    rule: ExpandEnv,
    environment: Environment<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Rc<Node> {
    let value = match &node.value {
        Value::Sequence(items) => Value::Sequence(
            items
                .iter()
                .map(|item| expand_node(item, rule, environment, mistakes))
                .collect(),
        ),
        Value::Mapping(pairs) => Value::Mapping(
            pairs
                .iter()
                .map(|(key, value)| {
                    let is_literal = rule == ExpandEnv::Dollar
                        && key.scalar().is_some_and(|key| {
                            matches!(&*key.text, "regex" | "replacement" | "external_labels")
                        });
                    let value = if is_literal {
                        Rc::clone(value)
                    } else {
                        expand_node(value, rule, environment, mistakes)
                    };
                    (Rc::clone(key), value)
                })
                .collect(),
        ),
        Value::Scalar(scalar) => match expand_text(&scalar.text, rule, environment) {
            Ok(text) if *text == *scalar.text => return Rc::clone(node),
            Ok(text) => Value::Scalar(Scalar {
                text: text.into(),
                is_plain: scalar.is_plain,
                source: Some(scalar.text.clone()),
            }),
            Err(text) => {
                mistakes.push(Mistake {
                    mark: node.mark,
                    text,
                    section: None,
                });
                return Rc::clone(node);
            }
        },
    };
    Rc::new(Node {
        mark: node.mark,
        tag: node.tag.clone(),
        value,
    })
}

/// One value with its variables expanded.
///
/// # Errors
/// When a variable is not set, or a `%{` is not closed or holds no name.
pub fn expand_text(text: &str, rule: ExpandEnv, environment: Environment<'_>) -> Result<String, String> {
    match rule {
        ExpandEnv::Off => Ok(text.to_owned()),
        ExpandEnv::Percent => expand_percent(text, environment),
        ExpandEnv::Dollar => expand_dollar(text, environment),
    }
}

fn expand_percent(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("%{") {
        if let Some(before) = rest[..at].strip_suffix('%') {
            expanded.push_str(before);
            expanded.push_str("%{");
            rest = &rest[at + 2..];
            continue;
        }
        expanded.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let Some(end) = inside.find('}') else {
            return Err(format!("%{{ without }} in {text:?}"));
        };
        let (name, default) = match inside[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inside[..end], None),
        };
        if !is_name(name, true) {
            return Err(format!("{name:?} is not a valid name of an environment variable"));
        }
        match (environment(name), default) {
            // As in a shell, `:-` also stands in for a variable that is set and empty.
            (Some(value), Some(default)) if value.is_empty() => expanded.push_str(default),
            (Some(value), _) => expanded.push_str(&value),
            (None, Some(default)) => expanded.push_str(default),
            (None, None) => return Err(unset(name)),
        }
        rest = &inside[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn expand_dollar(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
            continue;
        }
        let (name, after) = match rest.strip_prefix('{') {
            Some(inside) => match inside.split_once('}') {
                Some((name, after)) => (name, after),
                None => ("", rest),
            },
            None => rest.split_at(name_length(rest)),
        };
        if !is_name(name, false) {
            expanded.push('$');
            continue;
        }
        expanded.push_str(&environment(name).ok_or_else(|| unset(name))?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn unset(name: &str) -> String {
    format!("environment variable {name} is not set")
}

fn is_name(name: &str, allows_lower_case: bool) -> bool {
    name.bytes().enumerate().all(|(i, b)| {
        b == b'_'
            || b.is_ascii_uppercase()
            || (allows_lower_case && b.is_ascii_lowercase())
            || (i > 0 && b.is_ascii_digit())
    }) && !name.is_empty()
}

/// How much of `text` is a name in capitals.
fn name_length(text: &str) -> usize {
    text.bytes()
        .enumerate()
        .take_while(|(i, b)| *b == b'_' || b.is_ascii_uppercase() || (*i > 0 && b.is_ascii_digit()))
        .count()
}

/// Expands an external label as Go's `os.Expand` does, noting the variables that are empty.
pub fn expand_external_label(text: &str, environment: Environment<'_>, empty: &mut Vec<String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if rest.is_empty() {
            // A `$` at the very end stays.
            expanded.push('$');
            break;
        }
        let (name, length) = go_name(rest);
        rest = &rest[length..];
        match name {
            // Go eats "${}" and an unclosed "${" without a trace.
            "" if length > 0 => {}
            "" => expanded.push('$'),
            "$" => expanded.push('$'),
            name => match environment(name).filter(|value| !value.is_empty()) {
                Some(value) => expanded.push_str(&value),
                None => empty.push(name.to_owned()),
            },
        }
    }
    expanded.push_str(rest);
    expanded
}

/// The variable's name at the start of `text` (after its `$`), and how many bytes it takes.
fn go_name(text: &str) -> (&str, usize) {
    let bytes = text.as_bytes();
    let is_special = |b: u8| b"*#$@!?-0123456789".contains(&b);
    if bytes[0] == b'{' {
        if bytes.len() > 2 && is_special(bytes[1]) && bytes[2] == b'}' {
            return (&text[1..2], 3);
        }
        return match text.find('}') {
            Some(1) => ("", 2),
            Some(end) => (&text[1..end], end + 1),
            None => ("", 1),
        };
    }
    if is_special(bytes[0]) {
        return (&text[..1], 1);
    }
    let length = bytes
        .iter()
        .take_while(|b| **b == b'_' || b.is_ascii_alphanumeric())
        .count();
    (&text[..length], length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "HOME_DC" => Some("eu-1".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(rule: ExpandEnv, text: &str, expected: &str) {
        assert_eq!(
            expand_text(text, rule, &environment).as_deref(),
            Ok(expected),
            "{text}"
        );
    }

    #[test]
    fn percent_knows_defaults_and_leaves_dollars_alone() {
        check(ExpandEnv::Percent, "a-%{HOME_DC}-b", "a-eu-1-b");
        check(ExpandEnv::Percent, "%{NOPE:-x}%{EMPTY:-y}%{EMPTY}", "xy");
        check(
            ExpandEnv::Percent,
            "$HOME_DC %d %%{HOME_DC}",
            "$HOME_DC %d %{HOME_DC}",
        );
        assert!(expand_text("%{NOPE}", ExpandEnv::Percent, &environment).is_err());
        assert!(expand_text("%{HOME_DC", ExpandEnv::Percent, &environment).is_err());
    }

    #[test]
    fn dollar_takes_names_in_capitals_only() {
        check(ExpandEnv::Dollar, "$HOME_DC/${HOME_DC}", "eu-1/eu-1");
        check(
            ExpandEnv::Dollar,
            "$1 ${1} $lower $$HOME_DC $",
            "$1 ${1} $lower $HOME_DC $",
        );
        assert_eq!(
            expand_text("${NOPE}", ExpandEnv::Dollar, &environment),
            Err("environment variable NOPE is not set".into())
        );
    }

    #[test]
    fn external_labels_expand_as_in_go_and_tell_what_was_empty() {
        let mut empty = Vec::new();
        let expanded = expand_external_label("a$HOME_DC-${HOME_DC}$$x${NOPE}$", &environment, &mut empty);
        assert_eq!(expanded, "aeu-1-eu-1$x$");
        assert_eq!(empty, ["NOPE"]);
    }
}
