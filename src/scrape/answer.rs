//! What came of asking a target, and the page in it.

use super::cycle::Setting;
use crate::http_client::body::gunzip;

/// What came of asking a target.
#[derive(Debug)]
pub(super) enum Answer {
    /// It answered.
    Page {
        body: Vec<u8>,
        gzip: bool,
        content_type: String,
    },
    /// It did not, or not well.
    Failed { error: String, too_large: bool },
    /// It was not asked: the pool forbids it.
    Forbidden(String),
}

/// Why there is no page.
pub(super) struct Failure {
    pub(super) error: String,
    pub(super) too_large: bool,
    /// The target was not asked.
    pub(super) forbidden: bool,
}

/// Brings the page into `page` and tells its content type.
pub(super) fn unpack(setting: Setting<'_>, answer: Answer, page: &mut Vec<u8>) -> Result<String, Failure> {
    page.clear();
    let failure = |error, too_large, forbidden| Failure {
        error,
        too_large,
        forbidden,
    };
    let (body, gzip, content_type) = match answer {
        Answer::Page {
            body,
            gzip,
            content_type,
        } => (body, gzip, content_type),
        Answer::Failed { error, too_large } => {
            if too_large {
                setting.metrics.exceeded_body_size_limit.inc();
            }
            return Err(failure(error, too_large, false));
        }
        Answer::Forbidden(error) => return Err(failure(error, false, true)),
    };
    let limit = usize::try_from(setting.config.body_size_limit_bytes).unwrap_or(usize::MAX);
    if !gzip {
        *page = body;
        return Ok(content_type);
    }
    match gunzip(&body, limit, page) {
        Ok(()) => Ok(content_type),
        Err(error) => {
            page.clear();
            if error.is_body_too_large() {
                setting.metrics.exceeded_body_size_limit.inc();
            }
            Err(failure(error.to_string(), error.is_body_too_large(), false))
        }
    }
}
