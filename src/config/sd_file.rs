//! Discovered target groups: what `file_sd_configs` and `http_sd_configs` read.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::discovery::StaticGroup;
use super::document::{self, Reading};
use super::errors::{ConfigErrors, open_error};
use super::quote::quoted;

/// Reads a file of target groups; its ending says whether it is JSON or YAML.
///
/// # Errors
/// When it cannot be read or holds anything else.
pub fn read_groups(file: &Path) -> Result<Vec<StaticGroup>, ConfigErrors> {
    let bytes = std::fs::read(file).map_err(|error| ConfigErrors::of_file(file, open_error(file, &error)))?;
    let ending = file
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("json") => parse_json(&bytes).map_err(|text| ConfigErrors::of_file(file, text)),
        Some("yml" | "yaml") => parse_yaml(&bytes, file),
        _ => {
            let shown = ending.map(|ending| format!(".{ending}")).unwrap_or_default();
            Err(ConfigErrors::of_file(
                file,
                format!("invalid file extension: {}", quoted(&shown)),
            ))
        }
    }
}

/// Target groups from YAML.
///
/// # Errors
/// Everything that is wrong, with its place.
pub fn parse_yaml(bytes: &[u8], file: &Path) -> Result<Vec<StaticGroup>, ConfigErrors> {
    document::decode(file, bytes, Reading::STRICT, |root, decoder| {
        let mut groups = Vec::new();
        let items = root.and_then(|root| decoder.items(root, "[]*targetgroup.Group"));
        for (i, item) in items.unwrap_or_default().iter().enumerate() {
            if item.is_null() {
                decoder.mistake(item.mark, format!("nil target group item found (index {i})"));
            } else {
                groups.extend(StaticGroup::decode(item, None, decoder));
            }
        }
        groups
    })
}

/// Target groups from JSON; as in Go, names of fields may be written in capitals and null is nothing.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse_json(bytes: &[u8]) -> Result<Vec<StaticGroup>, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| match error.is_eof() {
        true => "unexpected end of JSON input".to_owned(),
        false => error.to_string(),
    })?;
    let items = match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        other => return Err(mismatch(&other, "value", "[]*targetgroup.Group")),
    };
    items
        .into_iter()
        .enumerate()
        .map(|(i, item)| match item {
            Value::Null => Err(format!("nil target group item found (index {i})")),
            Value::Object(fields) => group(fields),
            other => Err(mismatch(&other, "value", "targetgroup.Group")),
        })
        .collect()
}

fn group(fields: Map<String, Value>) -> Result<StaticGroup, String> {
    let mut group = StaticGroup::default();
    for (key, value) in fields {
        if key.eq_ignore_ascii_case("targets") {
            group.targets = targets(value)?;
        } else if key.eq_ignore_ascii_case("labels") {
            group.labels = labels(value)?;
        } else {
            return Err(format!("json: unknown field {}", quoted(&key)));
        }
    }
    Ok(group)
}

fn targets(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .into_iter()
            .map(|item| text(item, "Go struct field .targets"))
            .collect(),
        other => Err(mismatch(&other, "Go struct field .targets", "[]string")),
    }
}

fn labels(value: Value) -> Result<BTreeMap<String, String>, String> {
    let fields = match value {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Object(fields) => fields,
        other => return Err(mismatch(&other, "Go struct field .labels", "model.LabelSet")),
    };
    fields
        .into_iter()
        .map(|(name, value)| {
            if name.is_empty() {
                return Err("\"\" is not a valid label name".into());
            }
            Ok((name, text(value, "Go struct field .labels")?))
        })
        .collect()
}

fn text(value: Value, place: &str) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text),
        other => Err(mismatch(&other, place, "string")),
    }
}

fn mismatch(found: &Value, place: &str, wanted: &str) -> String {
    let kind = match found {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {kind} into {place} of type {wanted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_give_the_same_groups() {
        let json = br#"[{"targets": ["a:1", "b:2"], "labels": {"env": "x"}}, {"Targets": null}]"#;
        let yaml = b"- targets: [a:1, 'b:2']\n  labels: {env: x}\n- targets:\n";
        let groups = parse_json(json).unwrap();
        assert_eq!(groups, parse_yaml(yaml, Path::new("t.yml")).unwrap());
        assert_eq!(groups[0].targets, ["a:1", "b:2"]);
        assert_eq!(groups[0].labels["env"], "x");
    }

    #[test]
    fn what_is_no_group_is_refused() {
        for (json, words) in [
            ("[{", "unexpected end of JSON input"),
            ("[null]", "nil target group item found (index 0)"),
            (r#"[{"foo": 1}]"#, "json: unknown field \"foo\""),
            (
                r#"[{"targets": [1]}]"#,
                "json: cannot unmarshal number into Go struct field .targets of type string",
            ),
            (
                "{}",
                "json: cannot unmarshal object into value of type []*targetgroup.Group",
            ),
        ] {
            assert_eq!(parse_json(json.as_bytes()).unwrap_err(), words);
        }
        let errors = parse_yaml(b"- targets: [a]\n  foo: 1\n-\n", Path::new("t.yml")).unwrap_err();
        assert_eq!(errors.iter().len(), 2, "{errors}");
    }
}
