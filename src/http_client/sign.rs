//! What only the whole request can tell: a signature over method, address, headers and body.
//!
//! This module knows no scheme of signing; whoever has one implements [`Sign`].

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

/// A signature under way.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Signs requests.
pub trait Sign: std::fmt::Debug + Send + Sync {
    /// Where a request to `url` is to go: a signature may want the address in a certain form.
    fn address<'a>(&self, url: &'a Url) -> Cow<'a, Url> {
        Cow::Borrowed(url)
    }

    /// Adds the signature to `headers`, which are the request's own: those that the configuration adds come
    /// after, as they do in Prometheus. An error is why there is none; it is shown, so it names no secret.
    fn sign<'a>(
        &'a self,
        method: &'a Method,
        url: &'a Url,
        headers: &'a mut HeaderMap,
        body: &'a Bytes,
    ) -> Signing<'a>;
}
