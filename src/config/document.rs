//! From a file's bytes to a decoded value: scan, expand, decode, and all mistakes at the end.

use std::path::Path;
use std::rc::Rc;

use super::errors::ConfigErrors;
use super::expand::{Environment, ExpandEnv, expand_tree};
use super::proxy::ProxyEnvironment;
use super::yaml::decode::Dialect;
use super::yaml::load::LoadError;
use super::yaml::{self, Decoder, Node};

/// How a document is read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Which variables are expanded.
    pub expand_env: ExpandEnv,
    /// Where variables are looked up, those of `proxy_from_environment` too.
    pub environment: Environment<'a>,
    /// Whether unknown keys are passed over.
    pub ignores_unknown_fields: bool,
    /// Whether what is valid and not built is passed over: the file is checked, nothing starts with it.
    pub accepts_unbuilt: bool,
}

impl std::fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("expand_env", &self.expand_env)
            .field("ignores_unknown_fields", &self.ignores_unknown_fields)
            .finish_non_exhaustive()
    }
}

impl Reading<'_> {
    /// Strict, and nothing expanded.
    pub const STRICT: Reading<'static> = Reading {
        expand_env: ExpandEnv::Off,
        environment: &|_| None,
        ignores_unknown_fields: false,
        accepts_unbuilt: false,
    };
}

/// Decodes the first document of `bytes`; an empty file has no root.
///
/// # Errors
/// Everything that is wrong, sorted by place.
pub fn decode<T>(
    file: &Path,
    bytes: &[u8],
    reading: Reading<'_>,
    decode: impl FnOnce(Option<&Node>, &mut Decoder) -> T,
) -> Result<T, ConfigErrors> {
    let root = yaml::load(bytes).map_err(|error| scan_errors(file, error))?.root;
    let mut decoder = Decoder::new();
    decoder.ignores_unknown_fields = reading.ignores_unknown_fields;
    decoder.accepts_unbuilt = reading.accepts_unbuilt;
    decoder.proxies = ProxyEnvironment::read(reading.environment);
    let root: Option<Rc<Node>> = root.map(|root| {
        expand_tree(
            root,
            reading.expand_env,
            reading.environment,
            &mut decoder.mistakes,
        )
    });
    decoder.file = root.as_ref().map(|root| root.span());
    let value = decode(root.as_deref(), &mut decoder);
    ConfigErrors::check(file, decoder.mistakes)?;
    Ok(value)
}

fn scan_errors(file: &Path, error: LoadError) -> ConfigErrors {
    let text = format!("yaml: {}", error.text);
    ConfigErrors::of_scan(file, error.mark, text, error.as_go(Dialect::V2))
}
