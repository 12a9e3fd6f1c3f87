//! Target groups as JSON, the way Go reads them: keys in any case, unknown keys refused.

use serde_json::{Map, Value};

use crate::config::StaticGroup;

/// Reads a list of groups.
///
/// # Errors
/// When the text is no JSON, or no list of groups.
pub(super) fn groups(text: &[u8]) -> Result<Vec<StaticGroup>, String> {
    let list: Option<Vec<Value>> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    list.unwrap_or_default().into_iter().map(group).collect()
}

fn group(value: Value) -> Result<StaticGroup, String> {
    let fields = match value {
        Value::Null => return Err("nil target group item found".into()),
        Value::Object(fields) => fields,
        other => {
            return Err(format!(
                "json: cannot unmarshal {} into a target group",
                kind(&other)
            ));
        }
    };
    let mut group = StaticGroup::default();
    for (key, value) in fields {
        match key.to_ascii_lowercase().as_str() {
            "targets" => group.targets = targets(value)?,
            "labels" => group.labels = labels(value)?.into_iter().collect(),
            _ => return Err(format!("json: unknown field {key:?}")),
        }
    }
    Ok(group)
}

fn targets(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.into_iter().map(|item| text(item, "targets")).collect(),
        other => Err(refused(&other, "targets")),
    }
}

fn labels(value: Value) -> Result<Vec<(String, String)>, String> {
    let fields: Map<String, Value> = match value {
        Value::Null => Map::new(),
        Value::Object(fields) => fields,
        other => return Err(refused(&other, "labels")),
    };
    let label = |(name, value): (String, Value)| {
        if name.is_empty() {
            return Err(format!("{name:?} is not a valid label name"));
        }
        Ok((name, text(value, "labels")?))
    };
    fields.into_iter().map(label).collect()
}

fn text(value: Value, field: &str) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok(String::new()),
        other => Err(refused(&other, field)),
    }
}

fn refused(value: &Value, field: &str) -> String {
    let kind = kind(value);
    format!("json: cannot unmarshal {kind} into Go struct field .{field} of type string")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, part: &str) {
        let error = groups(text.as_bytes()).unwrap_err();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn groups_are_read_as_go_reads_them() {
        let text =
            br#"[{"Targets":["a:1",null],"LABELS":{"x":"y","z":null}},{"labels":null},{"targets":null}]"#;
        let read = groups(text).unwrap();
        assert_eq!(read[0].targets, ["a:1", ""]);
        assert_eq!(read[0].labels["x"], "y");
        assert_eq!(read[0].labels["z"], "");
        assert_eq!(read[1..], [StaticGroup::default(), StaticGroup::default()]);
        assert_eq!(groups(b"null").unwrap(), []);
        assert_eq!(groups(b"[]").unwrap(), []);
    }

    #[test]
    fn what_is_no_list_of_groups_is_refused() {
        check_refused("", "EOF");
        check_refused("{}", "expected a sequence");
        check_refused("[] []", "trailing");
        check_refused("[null]", "nil target group item found");
        check_refused("[1]", "cannot unmarshal number");
        check_refused(r#"[{"target":["a"]}]"#, "unknown field \"target\"");
        check_refused(r#"[{"targets":"a"}]"#, "targets");
        check_refused(r#"[{"targets":[1]}]"#, "targets");
        check_refused(r#"[{"labels":{"a":1}}]"#, "labels");
        check_refused(r#"[{"labels":{"":"a"}}]"#, "not a valid label name");
    }
}
