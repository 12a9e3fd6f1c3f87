//! The shape of the tree: arrows between crates and rooms, heads of files, the README's map.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(dir)];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("read a directory of the checkout") {
            let path = entry.expect("read a directory of the checkout").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && name != "target" && name != "fuzz" {
                open.push(path);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Code of a file without comments, so that prose may name what code may not.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("the checkout can be read");
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn check_absent(files: &[PathBuf], forbidden: &[&str], why: &str) {
    for path in files {
        let code = code(path);
        for word in forbidden {
            assert!(!code.contains(word), "{}: {word} — {why}", path.display());
        }
    }
}

/// What stands after each `tsdb::` in a crate's code.
fn rooms_of_tsdb_named_in(files: &[PathBuf]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for path in files {
        let code = code(path);
        for (at, _) in code.match_indices("tsdb::") {
            let rest = &code[at + "tsdb::".len()..];
            let room: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            found.push((path.clone(), room));
        }
    }
    found
}

#[test]
fn promql_sees_the_vocabulary_and_the_reading_surface_of_storage_only() {
    let rooms = rooms_of_tsdb_named_in(&rust_files("promql/src"));
    assert!(!rooms.is_empty(), "the test looks at the right place");
    for (path, room) in rooms {
        assert!(
            ["model", "query"].contains(&room.as_str()),
            "{} names tsdb::{room}",
            path.display()
        );
    }
}

#[test]
fn the_parser_sees_the_vocabulary_only() {
    for (path, room) in rooms_of_tsdb_named_in(&rust_files("promql/src/parser")) {
        assert_eq!(room, "model", "{} names tsdb::{room}", path.display());
    }
}

#[test]
fn the_vocabulary_uses_nothing_of_its_crate() {
    for path in rust_files("tsdb/src/model") {
        for (at, _) in code(&path).match_indices("crate::") {
            let code = code(&path);
            assert!(
                code[at..].starts_with("crate::model"),
                "{} looks outside of model",
                path.display()
            );
        }
    }
}

#[test]
fn the_libraries_know_no_network_no_runtime_and_no_clock() {
    let mut files = rust_files("tsdb/src");
    files.extend(rust_files("promql/src"));
    // Tests may ask the environment how long to run.
    files.retain(|path| !path.iter().any(|part| part == "tests" || part == "tests.rs"));
    check_absent(
        &files,
        &[
            "tokio",
            "hyper::",
            "reqwest",
            "axum",
            "yaml",
            "SystemTime",
            "std::env::var",
            "thread::spawn",
        ],
        "tsdb and promql are synchronous libraries; now is an argument",
    );
}

#[test]
fn configuration_is_data_and_imports_no_component() {
    check_absent(
        &rust_files("src/config"),
        &[
            "crate::scrape",
            "crate::rules",
            "crate::web",
            "crate::notifier",
            "crate::discovery",
            "crate::app",
            "crate::http_client",
            "crate::queries",
            "crate::template",
        ],
        "components import config, not the other way round",
    );
}

#[test]
fn aws_is_a_library_of_the_configuration_and_the_http_client() {
    let rooms = [
        "scrape",
        "rules",
        "web",
        "notifier",
        "discovery",
        "app",
        "queries",
        "template",
        "telemetry",
    ];
    let rooms = rooms.map(|room| format!("crate::{room}"));
    check_absent(
        &rust_files("src/aws"),
        &rooms.each_ref().map(String::as_str),
        "what the calls mean is known to those that make them",
    );
}

#[test]
fn siblings_do_not_import_each_other() {
    let siblings = ["scrape", "rules", "notifier"];
    for room in siblings {
        let others: Vec<String> = siblings
            .iter()
            .filter(|other| **other != room)
            .map(|other| format!("crate::{other}"))
            .collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        check_absent(
            &rust_files(&format!("src/{room}")),
            &others,
            "they meet through traits and are joined in app",
        );
    }
}

#[test]
fn unsafe_code_is_lifted_in_one_named_file_a_crate() {
    for (dir, allowed) in [
        ("src", ""),
        ("promql/src", "promql/src/functions/wide.rs"),
        ("tsdb/src", "tsdb/src/fs/mmap.rs"),
    ] {
        for path in rust_files(dir) {
            let named = path.strip_prefix(root()).unwrap() == Path::new(allowed);
            let lifts =
                code(&path).contains("expect(unsafe_code") || code(&path).contains("allow(unsafe_code");
            assert!(named || !lifts, "{} lifts unsafe_code", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is() {
    for dir in [
        "src",
        "tsdb/src",
        "promql/src",
        "tests",
        "benches",
        "tsdb/tests",
        "promql/tests",
        "tsdb/benches",
        "promql/benches",
    ] {
        if !root().join(dir).is_dir() {
            continue;
        }
        for path in rust_files(dir) {
            let text = fs::read_to_string(&path).unwrap();
            // An attribute may come first: a file that lifts a lint says so on its first line.
            let body = match text.strip_prefix("#![") {
                Some(rest) => rest.split_once(")]\n").map_or("", |(_, body)| body),
                None => &text,
            };
            let first = body.trim_start().lines().next().unwrap_or("");
            assert!(
                first.starts_with("//! "),
                "{} does not open with its head",
                path.display()
            );
        }
    }
}

#[test]
fn the_map_of_the_readme_names_every_room() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for dir in ["src", "tsdb/src", "promql/src"] {
        for entry in fs::read_dir(root().join(dir)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let name = format!("`{dir}/{}`", path.file_name().unwrap().to_string_lossy());
                assert!(readme.contains(&name), "README's map does not name {name}");
            }
        }
    }
}
