//! `google_iam`: an account of Google's cloud.

use std::path::PathBuf;

use crate::config::path;
use crate::config::yaml::write::{Out, OutMap};
use crate::config::yaml::{Decoder, Node};

/// The section `google_iam`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoogleIamConfig {
    /// File that holds the credentials; without one they are found as Google's tools find them. It stays as
    /// written, relative to the working directory: Prometheus does not put it beside the file that names it.
    pub credentials_file: Option<PathBuf>,
}

impl GoogleIamConfig {
    /// Reads the section; null is none.
    pub fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mut fields = decoder.fields(node, "googleiam.Config")?;
        let config = Self {
            credentials_file: decoder.path_of(&mut fields, "credentials_file"),
        };
        decoder.finish(fields, &[]);
        Some(config)
    }

    /// As Prometheus writes it.
    pub fn to_out(&self) -> Out {
        let mut map = OutMap::new();
        map.put_unless_zero("credentials_file", path::text(self.credentials_file.as_ref()));
        map.into()
    }
}
