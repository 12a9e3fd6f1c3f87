//! Requests of remote write: the body as it is, handed to whoever stores it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use http_body_util::{BodyExt, Limited};

use super::routes::plain_error;
use super::views::WriteReceiver;

/// The most bytes of a request as sent; what they may grow to is the receiver's to say.
const BODY_BYTES_MAX: usize = 32 << 20;

fn header(request: &Request, name: &HeaderName) -> String {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or("").to_owned()
}

/// Stores the request's samples; 204 when they are stored.
pub(super) async fn receive(receiver: Arc<dyn WriteReceiver>, request: Request, now_ms: i64) -> Response {
    let content_type = header(&request, &CONTENT_TYPE);
    let encoding = header(&request, &CONTENT_ENCODING);
    let body = match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let text = format!("request body exceeds the {BODY_BYTES_MAX} bytes limit");
            return plain_error(StatusCode::PAYLOAD_TOO_LARGE, &text);
        }
        Err(error) => return plain_error(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let storing =
        tokio::task::spawn_blocking(move || receiver.receive(&content_type, &encoding, &body, now_ms));
    let stored = storing
        .await
        .unwrap_or_else(|_| Err((500, "storing ended in a panic".to_owned())));
    match stored {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err((status, text)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            plain_error(status, &text)
        }
    }
}
