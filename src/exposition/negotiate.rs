//! What a scrape asks for and which parser its answer gets: the `Accept` and `Content-Type` headers.
//!
//! Since 3.0 an answer must say what it is; only `fallback_scrape_protocol` helps one that does not.

use super::Format;
use super::quote::Quoted;
use crate::config::scrape::{EscapingScheme, ScrapeProtocol};

/// How many protocols there are; the first weight of an `Accept` header is one more.
const PROTOCOLS: usize = ScrapeProtocol::ALL.len();

/// The media type alone, as a fallback is spelled.
fn media_type_of(protocol: ScrapeProtocol) -> &'static str {
    let full = protocol.media_type();
    full.split(';').next().unwrap_or(full)
}

/// The `Accept` header for these protocols, most wanted first.
pub fn accept_header(protocols: &[ScrapeProtocol], escaping: EscapingScheme) -> String {
    let mut out = String::new();
    let mut weight = PROTOCOLS + 1;
    for &protocol in protocols {
        out.push_str(protocol.media_type());
        // Only the newer versions know the parameter.
        if protocol.media_type().ends_with("=1.0.0") {
            out.push_str(";escaping=");
            out.push_str(escaping.as_str());
        }
        out.push_str(&format!(";q=0.{weight},"));
        weight -= 1;
    }
    out.push_str(&format!("*/*;q=0.{weight}"));
    out
}

/// Which grammar an answer follows, and why that had to be guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The grammar.
    pub format: Format,
    /// Says that and why the fallback was taken.
    pub complaint: Option<String>,
}

/// Chooses the parser by the answer's `Content-Type`, or else by the fallback.
///
/// # Errors
/// When neither helps: the scrape fails with this text.
pub fn choose(content_type: &str, fallback: Option<ScrapeProtocol>) -> Result<Choice, String> {
    let (problem, cause) = match media_type(content_type) {
        Ok(known @ ("text/plain" | "application/openmetrics-text" | PROTOBUF)) => {
            return format_of(known).map(|format| Choice {
                format,
                complaint: None,
            });
        }
        Ok(_) => (Problem::Unsupported, None),
        Err(_) if content_type.is_empty() => (Problem::Blank, None),
        Err(cause) => (Problem::Broken, Some(cause)),
    };
    let mut text = problem.text(content_type, fallback);
    if let Some(cause) = cause {
        text = format!("{text}\n{cause}");
    }
    let Some(fallback) = fallback else {
        return Err(text);
    };
    Ok(Choice {
        format: format_of(media_type_of(fallback))?,
        complaint: Some(text),
    })
}

const PROTOBUF: &str = "application/vnd.google.protobuf";

fn format_of(media_type: &str) -> Result<Format, String> {
    match media_type {
        "text/plain" => Ok(Format::Text),
        "application/openmetrics-text" => Ok(Format::OpenMetrics),
        _ => Err(format!("scraping {PROTOBUF:?} is not supported")),
    }
}

enum Problem {
    Blank,
    Broken,
    Unsupported,
}

impl Problem {
    fn text(&self, content_type: &str, fallback: Option<ScrapeProtocol>) -> String {
        let received = Quoted(content_type.as_bytes());
        match (self, fallback) {
            (Self::Blank, None) => "non-compliant scrape target sending blank Content-Type and no \
                fallback_scrape_protocol specified for target"
                .to_owned(),
            (Self::Blank, Some(taken)) => format!(
                "non-compliant scrape target sending blank Content-Type, using fallback_scrape_protocol {:?}",
                media_type_of(taken)
            ),
            (Self::Broken, None) => {
                format!("cannot parse Content-Type {received} and no fallback_scrape_protocol for target")
            }
            (Self::Broken, Some(taken)) => format!(
                "could not parse received Content-Type {received}, using fallback_scrape_protocol {:?}",
                media_type_of(taken)
            ),
            (Self::Unsupported, None) => format!(
                "received unsupported Content-Type {received} and no fallback_scrape_protocol specified for \
                 target"
            ),
            (Self::Unsupported, Some(taken)) => format!(
                "received unsupported Content-Type {received}, using fallback_scrape_protocol {:?}",
                media_type_of(taken)
            ),
        }
    }
}

/// The media type before the parameters, lower case where it is one of ours; errors are package mime's.
fn media_type(content_type: &str) -> Result<&'static str, &'static str> {
    let mut parts = content_type.split(';');
    let base = parts.next().unwrap_or("").trim().to_ascii_lowercase();
    let (kind, subtype) = base.split_once('/').unwrap_or((&base, "x"));
    if kind.is_empty() {
        return Err("mime: no media type");
    }
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_token_byte);
    if !is_token(kind) {
        return Err("mime: expected slash after first token");
    }
    if !is_token(subtype) {
        return Err(match subtype.bytes().next().is_some_and(is_token_byte) {
            true => "mime: unexpected content after media subtype",
            false => "mime: expected token after slash",
        });
    }
    let mut names: Vec<String> = Vec::new();
    let mut rest = content_type.split_once(';').map_or("", |(_, rest)| rest);
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let Some((name, after)) = parameter(rest) else {
            // A lone semicolon at the end is forgiven.
            return Err("mime: invalid media parameter");
        };
        if names.contains(&name) {
            return Err("mime: duplicate parameter name");
        }
        names.push(name);
        rest = after.trim_start();
        match rest.strip_prefix(';') {
            Some(next) => rest = next,
            None if rest.is_empty() => break,
            None => return Err("mime: invalid media parameter"),
        }
    }
    Ok(match &*base {
        "text/plain" => "text/plain",
        "application/openmetrics-text" => "application/openmetrics-text",
        PROTOBUF => PROTOBUF,
        _ => "",
    })
}

/// `name=value` or `name="value"` and what follows.
fn parameter(text: &str) -> Option<(String, &str)> {
    let token_end = |text: &str| {
        text.find(|c: char| !c.is_ascii() || !is_token_byte(c as u8))
            .unwrap_or(text.len())
    };
    let end = token_end(text);
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    if let Some(quoted) = value.strip_prefix('"') {
        let mut escaped = false;
        let close = quoted.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        })?;
        return Some((name.to_ascii_lowercase(), &quoted[close + 1..]));
    }
    let end = token_end(value);
    (end > 0).then(|| (name.to_ascii_lowercase(), &value[end..]))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_accept_header_is_prometheus() {
        assert_eq!(
            accept_header(&ScrapeProtocol::DEFAULT, EscapingScheme::AllowUtf8),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
    }

    #[track_caller]
    fn check_refused(content_type: &str, text: &str) {
        assert_eq!(choose(content_type, None), Err(text.to_owned()));
    }

    #[test]
    fn a_known_media_type_decides_whatever_its_parameters() {
        for (content_type, format) in [
            ("text/plain; version=0.0.4; charset=utf-8", Format::Text),
            ("TEXT/Plain", Format::Text),
            (
                "application/openmetrics-text;version=\"1.0.0\";",
                Format::OpenMetrics,
            ),
        ] {
            let choice = choose(content_type, None).unwrap();
            assert_eq!(
                (choice.format, choice.complaint),
                (format, None),
                "{content_type}"
            );
        }
    }

    #[test]
    fn an_answer_that_does_not_say_what_it_is_fails() {
        check_refused(
            "",
            "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol \
             specified for target",
        );
        check_refused(
            "text/html",
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for \
             target",
        );
        check_refused(
            "text/plain; =",
            "cannot parse Content-Type \"text/plain; =\" and no fallback_scrape_protocol for target\n\
             mime: invalid media parameter",
        );
    }

    #[test]
    fn the_fallback_is_taken_with_a_complaint() {
        let choice = choose("text/html", Some(ScrapeProtocol::PrometheusText0_0_4)).unwrap();
        assert_eq!(choice.format, Format::Text);
        assert_eq!(
            choice.complaint.unwrap(),
            "received unsupported Content-Type \"text/html\", using fallback_scrape_protocol \"text/plain\""
        );
    }
}
