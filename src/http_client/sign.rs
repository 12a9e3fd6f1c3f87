//! What only the whole request can tell: a signature over method, address, headers and body.
//!
//! This module knows no scheme of signing; whoever has one implements [`Sign`].

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

/// A signature under way.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Signs requests.
pub trait Sign: std::fmt::Debug + Send + Sync {
    /// Adds the signature to `headers`, which are complete but for it. An error is why there is none; it is
    /// shown, so it names no secret.
    fn sign<'a>(
        &'a self,
        method: &'a Method,
        url: &'a Url,
        headers: &'a mut HeaderMap,
        body: &'a Bytes,
    ) -> Signing<'a>;
}
