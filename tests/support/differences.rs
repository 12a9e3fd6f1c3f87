//! `testdata/DIFFERENCES.md`, read.

use serde_json::Value;

use super::root;

/// The cases listed under a heading: what stands in backticks at the beginning of each table row.
pub(crate) fn listed(heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("testdata/DIFFERENCES.md")).expect("read DIFFERENCES.md");
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let rows = section
        .unwrap_or_else(|| panic!("there is a section {heading}"))
        .lines();
    rows.filter_map(|line| line.strip_prefix("| ``")?.split_once("`` |"))
        .map(|(case, _)| case.trim().to_owned())
        .collect()
}

/// The cases listed under a heading with the members of the answer that differ, as paths; none: all of it.
pub(crate) fn listed_members(heading: &str) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(root().join("testdata/DIFFERENCES.md")).expect("read DIFFERENCES.md");
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let rows = section
        .unwrap_or_else(|| panic!("there is a section {heading}"))
        .lines();
    rows.filter_map(|line| line.strip_prefix("| ``")?.split_once("`` |"))
        .map(|(case, rest)| {
            let members = rest.split(" | ").next().unwrap_or_default();
            let paths = members.split('`').skip(1).step_by(2).map(str::to_owned);
            (case.trim().to_owned(), paths.collect())
        })
        .collect()
}

/// Takes a member out of a value. In its path a `*` stands for every element or member, `**` for any depth.
pub(crate) fn take_out(value: &mut Value, path: &[&str]) {
    let each = |value: &mut Value, path: &[&str]| match value {
        Value::Object(members) => members.values_mut().for_each(|value| take_out(value, path)),
        Value::Array(items) => items.iter_mut().for_each(|value| take_out(value, path)),
        _ => {}
    };
    match path {
        [] => {}
        ["**", rest @ ..] => {
            take_out(value, rest);
            each(value, path);
        }
        ["*", rest @ ..] => each(value, rest),
        [name] => {
            if let Value::Object(members) = value {
                members.remove(*name);
            }
        }
        [name, rest @ ..] => {
            if let Some(value) = value.get_mut(*name) {
                take_out(value, rest);
            }
        }
    }
}
