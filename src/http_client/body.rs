//! Answers' bodies, read whole and never beyond what is allowed.

use std::io::Read;

use bytes::{Buf, Bytes};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::error::{HttpError, root_text};

/// Reads the whole body into `into`, which is cleared first. `limit_bytes` 0 allows any size.
///
/// # Errors
/// When the connection breaks, or the body is larger than allowed.
pub(super) async fn read(
    mut body: Incoming,
    limit_bytes: usize,
    into: &mut Vec<u8>,
) -> Result<(), HttpError> {
    into.clear();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    // The announced size is the sender's word: it may save growing, it may not take the memory.
    into.reserve(announced.min(1 << 20));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| HttpError::text(broken_text(&error)))?;
        let Ok(mut data) = frame.into_data() else { continue };
        if limit_bytes > 0 && into.len() + data.remaining() > limit_bytes {
            return Err(HttpError::body_too_large());
        }
        while data.has_remaining() {
            let piece = data.chunk();
            into.extend_from_slice(piece);
            let length = piece.len();
            data.advance(length);
        }
    }
    Ok(())
}

/// The next piece of the body, `None` at its end.
///
/// # Errors
/// When the connection breaks.
pub(super) async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, HttpError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| HttpError::text(broken_text(&error)))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Go's words for a body that breaks off.
fn broken_text(error: &hyper::Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let ended = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let incomplete = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_incomplete_message);
        if incomplete || ended == Some(std::io::ErrorKind::UnexpectedEof) {
            return "unexpected EOF".to_owned();
        }
        cause = error.source();
    }
    root_text(error)
}

/// The largest output that is taken on a gzip trailer's word.
const TRUSTED_SIZE_MAX: usize = 64 << 20;

/// Deflate cannot do better than this, so a larger announced size is a lie.
const DEFLATE_RATIO_MAX: usize = 1032;

/// Unpacks gzip into `into`, which is cleared first. `limit_bytes` 0 allows any size.
///
/// # Errors
/// When the stream is broken, or its content reaches the limit.
pub fn gunzip(packed: &[u8], limit_bytes: usize, into: &mut Vec<u8>) -> Result<(), HttpError> {
    into.clear();
    let limit = if limit_bytes == 0 { usize::MAX } else { limit_bytes };
    if let Some(size) = announced_size(packed)
        && size < limit
        && gunzip_at_once(packed, size, into)
    {
        return Ok(());
    }
    // Several members, a wrong trailer or a broken stream: piece by piece, and with words for what is wrong.
    into.clear();
    let mut reader = MultiGzDecoder::new(packed).take(limit as u64);
    if let Err(error) = reader.read_to_end(into) {
        return Err(HttpError::text(gzip_text(packed, &error)));
    }
    if into.len() >= limit {
        return Err(HttpError::body_too_large());
    }
    Ok(())
}

/// The size that the trailer announces, if one may believe it.
fn announced_size(packed: &[u8]) -> Option<usize> {
    let trailer = packed.last_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*trailer)).ok()?;
    let possible = size <= TRUSTED_SIZE_MAX && size <= packed.len().saturating_mul(DEFLATE_RATIO_MAX);
    possible.then_some(size)
}

fn gunzip_at_once(packed: &[u8], size: usize, into: &mut Vec<u8>) -> bool {
    thread_local! {
        static DECOMPRESSOR: std::cell::RefCell<libdeflater::Decompressor> =
            std::cell::RefCell::new(libdeflater::Decompressor::new());
    }
    into.resize(size, 0);
    let done = DECOMPRESSOR.with_borrow_mut(|d| d.gzip_decompress(packed, into));
    // A first member that ends early leaves the others unread: the sizes tell.
    done.is_ok_and(|written| written == size) && is_one_member(packed)
}

/// Whether no second member follows; a false alarm only costs time.
fn is_one_member(packed: &[u8]) -> bool {
    let magic = [0x1f, 0x8b, 0x08];
    memchr::memmem::find(packed.get(1..).unwrap_or(&[]), &magic).is_none()
}

/// Go's words for the ways a gzip stream breaks.
fn gzip_text(packed: &[u8], error: &std::io::Error) -> String {
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return if packed.is_empty() {
            "EOF"
        } else {
            "gzip: invalid header"
        }
        .to_owned();
    }
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
        _ if error.to_string().contains("checksum") => "gzip: invalid checksum".to_owned(),
        _ => format!("gzip: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn pack(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[track_caller]
    fn check_refused(packed: &[u8], limit: usize, text: &str) {
        let error = gunzip(packed, limit, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn one_member_and_several_are_unpacked() {
        let mut out = Vec::new();
        gunzip(&pack(b"one"), 0, &mut out).unwrap();
        assert_eq!(out, b"one");
        gunzip(&[pack(b"one, "), pack(b"two")].concat(), 0, &mut out).unwrap();
        assert_eq!(out, b"one, two");
    }

    #[test]
    fn a_body_that_reaches_the_limit_is_too_large() {
        let mut out = Vec::new();
        gunzip(&pack(b"12345"), 6, &mut out).unwrap();
        check_refused(&pack(b"12345"), 5, "body size limit exceeded");
    }

    #[test]
    fn a_lying_trailer_neither_takes_memory_nor_cuts_the_text() {
        let mut packed = pack(&[b'a'; 5000]);
        let trailer = packed.len() - 4;
        packed[trailer..].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut out = Vec::new();
        assert!(gunzip(&packed, 0, &mut out).is_err());
        assert!(out.capacity() < 1 << 20);
    }

    #[test]
    fn a_broken_stream_is_refused_in_gos_words() {
        check_refused(b"plain text", 0, "gzip: invalid header");
        let packed = pack(&[b'a'; 5000]);
        check_refused(&packed[..packed.len() - 9], 0, "unexpected EOF");
        let mut packed = packed;
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        check_refused(&packed, 0, "gzip: invalid checksum");
    }
}
