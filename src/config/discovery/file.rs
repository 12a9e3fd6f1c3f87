//! `file_sd_configs`: targets from files that are watched.

use std::path::{Path, PathBuf};

use super::Mechanism;
use crate::config::duration::format_ms;
use crate::config::http_client::HttpClientConfig;
use crate::config::path;
use crate::config::quote::quoted;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Node};

/// Targets from files that are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSdConfig {
    /// Paths, `*` allowed in the last element.
    pub files: Vec<PathBuf>,
    /// How often the files are read again even if nothing was noticed.
    pub refresh_interval_ms: i64,
}

/// How often files are read again, unless told otherwise.
const REFRESH_INTERVAL_MS_DEFAULT: i64 = 5 * 60_000;

impl Mechanism for FileSdConfig {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "file.plain")?;
        let (mark, span) = (fields.mark, fields.span);
        let mut files = Vec::new();
        let mut has_any = false;
        if let Some(node) = fields.take("files") {
            for item in decoder.items(node, "[]string").unwrap_or_default() {
                let Some(name) = decoder.string(item) else {
                    continue;
                };
                has_any = true;
                if is_usable(&name) {
                    files.push(PathBuf::from(name));
                } else {
                    let name = quoted(&name);
                    let text = format!("path name {name} is not valid for file discovery");
                    decoder.checks_of(span, |decoder| decoder.mistake_in(item, text));
                }
            }
        }
        if !has_any {
            decoder.mistake_of(
                span,
                mark,
                "file service discovery config must contain at least one path name",
            );
        }
        let refresh_interval_ms =
            decoder.duration_of(&mut fields, "refresh_interval", REFRESH_INTERVAL_MS_DEFAULT);
        decoder.finish(fields, &[]);
        Some(Self {
            files,
            refresh_interval_ms,
        })
    }

    fn set_directory(&mut self, directory: &Path) {
        for file in &mut self.files {
            *file = path::beside(directory, file);
        }
    }

    fn http_client(&self) -> Option<&HttpClientConfig> {
        None
    }

    fn to_out(&self) -> Out {
        let files: Vec<String> = self.files.iter().map(|file| path::text(Some(file))).collect();
        let mut map = OutMap::new();
        map.put("files", files);
        if self.refresh_interval_ms != 0 {
            map.put("refresh_interval", format_ms(self.refresh_interval_ms));
        }
        map.into()
    }
}

/// `^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$`
fn is_usable(name: &str) -> bool {
    let stem = ["json", "yml", "yaml", "JSON", "YML", "YAML"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'));
    stem.is_some_and(path::has_wildcards_only_at_the_end) && !name.contains('\n')
}
