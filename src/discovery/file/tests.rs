//! Files of targets that appear, change, break and vanish.

use super::*;
use crate::telemetry::Registry;

struct Harness {
    directory: tempfile::TempDir,
    files: Files,
    registry: Registry,
}

impl Harness {
    fn new() -> Self {
        let registry = Registry::new();
        Self {
            directory: tempfile::tempdir().unwrap(),
            files: Files {
                group_counts: BTreeMap::new(),
                metrics: DiscoveryMetrics::new(&registry),
            },
            registry,
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Reads all files that match: what was told, as file, number and addresses.
    #[track_caller]
    fn check(&mut self, pattern: &str, told: &[(&str, &[&str])]) {
        let root = self.directory.path().to_owned();
        let groups = self.files.read(&[root.join(pattern)]);
        let found: Vec<(String, Vec<String>)> = groups
            .iter()
            .map(|group| {
                let source = group
                    .source
                    .strip_prefix(&format!("{}/", root.display()))
                    .unwrap();
                let address = |target: &tsdb::model::Labels| target.get("__address__").unwrap().to_owned();
                (source.to_owned(), group.targets.iter().map(address).collect())
            })
            .collect();
        let wanted: Vec<(String, Vec<String>)> = told
            .iter()
            .map(|(source, targets)| {
                (
                    (*source).to_owned(),
                    targets.iter().map(|&t| t.to_owned()).collect(),
                )
            })
            .collect();
        assert_eq!(found, wanted);
    }
}

#[test]
fn all_files_of_a_pattern_are_read_by_their_endings() {
    let mut harness = Harness::new();
    harness.write("a.json", r#"[{"targets":["a:1"]},{"targets":["a:2","a:3"]}]"#);
    harness.write("b.JSON", r#"[{"targets":["b:1"]}]"#);
    harness.write("c.yml", "- targets: ['c:1']\n  labels: {x: y}\n");
    harness.write("d.yaml", "- targets:\n  - d:1\n");
    harness.write("e.txt", "no");
    harness.check("*.json", &[("a.json:0", &["a:1"]), ("a.json:1", &["a:2", "a:3"])]);
    harness.check(
        "*.y*ml",
        &[
            ("c.yml:0", &["c:1"]),
            ("d.yaml:0", &["d:1"]),
            ("a.json:0", &[]),
            ("a.json:1", &[]),
        ],
    );
    harness.check(
        "b.JSON",
        &[("b.JSON:0", &["b:1"]), ("c.yml:0", &[]), ("d.yaml:0", &[])],
    );
}

#[test]
fn a_broken_file_keeps_its_groups_and_is_counted() {
    let mut harness = Harness::new();
    harness.write("a.yml", "- targets: ['a:1']\n- targets: ['a:2']\n");
    harness.check("a.yml", &[("a.yml:0", &["a:1"]), ("a.yml:1", &["a:2"])]);
    for broken in ["- targets: [", "- targts: []", "- null\n", "{}", "- targets: 5\n"] {
        harness.write("a.yml", broken);
        harness.check("a.yml", &[]);
    }
    harness.write("a.yml", "- targets: ['a:3']\n");
    harness.check("a.yml", &[("a.yml:0", &["a:3"]), ("a.yml:1", &[])]);
    let text = harness.registry.render();
    assert!(
        text.contains("prometheus_sd_file_read_errors_total 5\n"),
        "{text}"
    );
}

#[test]
fn a_removed_file_leaves_empty_groups_and_no_mtime() {
    let mut harness = Harness::new();
    harness.write("a.yml", "- targets: ['a:1']\n");
    harness.check("*.yml", &[("a.yml:0", &["a:1"])]);
    assert!(
        harness
            .registry
            .render()
            .contains("prometheus_sd_file_mtime_seconds{filename=")
    );
    std::fs::remove_file(harness.directory.path().join("a.yml")).unwrap();
    harness.check("*.yml", &[("a.yml:0", &[])]);
    assert!(
        !harness
            .registry
            .render()
            .contains("prometheus_sd_file_mtime_seconds{filename=")
    );
    harness.check("*.yml", &[]);
}

#[test]
fn opening_and_chmod_are_no_changes() {
    use notify::event::{AccessKind, CreateKind, DataChange, MetadataKind, RemoveKind, RenameMode};
    assert!(!is_change(EventKind::Access(AccessKind::Read)));
    assert!(!is_change(EventKind::Modify(ModifyKind::Metadata(
        MetadataKind::Permissions
    ))));
    assert!(is_change(EventKind::Modify(ModifyKind::Data(DataChange::Any))));
    assert!(is_change(EventKind::Modify(ModifyKind::Name(RenameMode::To))));
    assert!(is_change(EventKind::Create(CreateKind::File)));
    assert!(is_change(EventKind::Remove(RemoveKind::File)));
}
