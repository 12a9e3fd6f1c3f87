//! `--web.config.file`, read anew for every connection and request, as Prometheus does: certificates and
//! users change without a reload. What was parsed is kept as long as the bytes stay the same.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::web_file::WebConfig;

/// Settings as they stand in the file now.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// What the file says; the default without a file.
    pub(super) config: Arc<WebConfig>,
}

/// The file, if there is one.
#[derive(Debug)]
pub(super) struct WebFile {
    path: Option<PathBuf>,
    last: Mutex<Option<(Vec<u8>, Settings)>>,
}

/// A web configuration that cannot be used.
#[derive(Debug)]
pub(super) struct WebFileError {
    text: String,
    source: Option<io::Error>,
}

impl WebFileError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            source: None,
        }
    }

    pub(super) fn io(text: impl Into<String>, source: io::Error) -> Self {
        Self {
            text: text.into(),
            source: Some(source),
        }
    }
}

impl fmt::Display for WebFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for WebFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

impl WebFile {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            last: Mutex::default(),
        }
    }

    /// The settings of this moment.
    ///
    /// # Errors
    /// When the file cannot be read or is wrong.
    pub(super) fn read(&self) -> Result<Settings, WebFileError> {
        let Some(path) = &self.path else {
            return Ok(Settings {
                config: Arc::default(),
            });
        };
        let name = path.display();
        let bytes =
            std::fs::read(path).map_err(|e| WebFileError::io(format!("read web configuration {name}"), e))?;
        let mut last = self.last.lock();
        if let Some((before, settings)) = &*last
            && *before == bytes
        {
            return Ok(settings.clone());
        }
        let config = WebConfig::from_bytes(&bytes, path).map_err(|e| WebFileError::new(e.to_string()))?;
        let settings = Settings {
            config: Arc::new(config),
        };
        *last = Some((bytes, settings.clone()));
        Ok(settings)
    }
}
