//! `testdata/DIFFERENCES.md`, read.

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
