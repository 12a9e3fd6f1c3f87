//! Paths as the configuration means them: relative ones lie beside the file that names them.

use std::path::{Component, Path, PathBuf};

/// `path` as seen from the directory of the file that names it; absolute and empty paths stay.
pub fn beside(directory: &Path, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() || path.is_absolute() {
        return path.to_owned();
    }
    clean(&directory.join(path))
}

/// Puts a path in its place, if there is one.
pub fn set_beside(directory: &Path, path: &mut Option<PathBuf>) {
    if let Some(path) = path {
        *path = beside(directory, path);
    }
}

/// `path` without `.`, with `..` taken back where something can be taken back (Go's `filepath.Clean`).
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match cleaned.components().next_back() {
                Some(Component::Normal(_)) => {
                    cleaned.pop();
                }
                Some(Component::RootDir) => {}
                _ => cleaned.push(".."),
            },
            part => cleaned.push(part),
        }
    }
    if cleaned.as_os_str().is_empty() {
        cleaned.push(".");
    }
    cleaned
}

/// The directory of `file`; that of a bare name is `.`.
pub fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The text of a path, for output.
pub fn text(path: Option<&PathBuf>) -> String {
    path.map(|path| path.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Whether `path` may stand in `rule_files`: wildcards in the last element only.
///
/// As a regular expression: `^[^*]*(\\*[^/]*)?$`.
pub fn has_wildcards_only_at_the_end(path: &str) -> bool {
    path.split_once('*').is_none_or(|(_, rest)| !rest.contains('/'))
}

/// The files that `pattern` matches, sorted; none is no mistake.
///
/// # Errors
/// When the pattern is malformed, in Go's words.
pub fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let text = pattern.to_string_lossy();
    // Go knows no `**` and negates classes with `^`.
    let mut adapted = text.replace("[^", "[!");
    while adapted.contains("**") {
        adapted = adapted.replace("**", "*");
    }
    if !adapted.contains(['*', '?', '[']) {
        let exists = pattern.symlink_metadata().is_ok();
        return Ok(exists.then(|| pattern.to_owned()).into_iter().collect());
    }
    let found = glob::glob(&adapted).map_err(|_| "syntax error in pattern".to_owned())?;
    let mut files: Vec<PathBuf> = found.filter_map(Result::ok).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(directory: &str, path: &str, expected: &str) {
        assert_eq!(beside(Path::new(directory), Path::new(path)), Path::new(expected));
    }

    #[test]
    fn relative_paths_lie_beside_the_file_that_names_them() {
        check(".", "rules.yml", "rules.yml");
        check("/etc/prometheus", "rules/*.yml", "/etc/prometheus/rules/*.yml");
        check("/etc/prometheus", "../x", "/etc/x");
        check("conf", "./a/../b", "conf/b");
        check("/etc", "/abs", "/abs");
        check("/etc", "", "");
    }

    #[test]
    fn wildcards_stand_in_the_last_element_only() {
        assert!(has_wildcards_only_at_the_end("rules/*.yml"));
        assert!(has_wildcards_only_at_the_end("rules/a*b*"));
        assert!(!has_wildcards_only_at_the_end("*/a.yml"));
    }
}
