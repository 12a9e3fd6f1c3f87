//! Request parameters: the query string and a form body as one, read as Go reads them.

use crate::config::duration;

use super::answer::ApiError;

/// The earliest time that a request can mean, when it names none (Prometheus' `MinTime`).
pub(crate) const MIN_TIME_MS: i64 = (i64::MIN / 1000 + 62_135_596_801) * 1000;
/// The latest time that a request can mean, when it names none (Prometheus' `MaxTime`).
pub(crate) const MAX_TIME_MS: i64 = (i64::MAX / 1000 - 62_135_596_801) * 1000 + 999;

/// How these two are written by clients that echo them.
const MIN_TIME_TEXT: &str = "-292273086-05-16T16:47:06Z";
const MAX_TIME_TEXT: &str = "292277025-08-18T07:12:54.999999999Z";

/// All parameters of a request: those of a form body first, then those of the URL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    body: Vec<(String, String)>,
    url: Vec<(String, String)>,
}

impl Params {
    /// Reads the query string and, for a form, the body. Pairs that are not valid URL encoding are left out.
    pub(crate) fn parse(query: &str, form: Option<&[u8]>) -> Self {
        let pairs = |bytes: &[u8]| {
            let well_formed = bytes.split(|&b| b == b'&').filter(|pair| is_well_encoded(pair));
            well_formed
                .flat_map(url::form_urlencoded::parse)
                .map(|(k, v)| (k.into_owned(), v.into_owned()))
                .collect()
        };
        Self {
            body: form.map(pairs).unwrap_or_default(),
            url: pairs(query.as_bytes()),
        }
    }

    /// The first value of `name`, empty if there is none.
    pub(crate) fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or("")
    }

    /// The first value of `name` in the URL alone.
    pub(crate) fn get_url(&self, name: &str) -> &str {
        self.url.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v)
    }

    /// All values of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.body
            .iter()
            .chain(&self.url)
            .filter(move |(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    }

    /// A time that may be left out.
    pub(crate) fn time_or(&self, name: &str, default_ms: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default_ms),
            text => parse_time(text)
                .map_err(|e| ApiError::invalid_param(name, &format!("invalid time value for '{name}': {e}"))),
        }
    }

    /// A time that must be there.
    pub(crate) fn time(&self, name: &str) -> Result<i64, ApiError> {
        parse_time(self.get(name)).map_err(|e| ApiError::invalid_param(name, &e))
    }

    /// A duration that may be left out.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            "" => Ok(None),
            text => parse_duration(text)
                .map(Some)
                .map_err(|e| ApiError::invalid_param(name, &e)),
        }
    }

    /// `limit`: 0 for none.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(0);
        }
        match atoi(text) {
            Ok(limit) => usize::try_from(limit)
                .map_err(|_| ApiError::invalid_param("limit", "limit must be non-negative")),
            Err(e) => Err(ApiError::invalid_param("limit", &e)),
        }
    }
}

fn is_well_encoded(pair: &[u8]) -> bool {
    if pair.contains(&b';') {
        return false;
    }
    let mut rest = pair;
    while let Some(at) = memchr::memchr(b'%', rest) {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return false,
        }
    }
    true
}

/// A whole number as Go's `strconv.Atoi` reads it, with its error text.
pub(crate) fn atoi(text: &str) -> Result<i64, String> {
    text.parse().map_err(|e: std::num::ParseIntError| {
        let reason = match e.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {}: {reason}", quoted(text))
    })
}

/// `text` in Go's quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::new();
    let written = tsdb::model::labels::write_quoted(&mut out, text);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    out
}

/// Seconds since the epoch as a float, or RFC 3339; in milliseconds.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    let refuse = || format!("cannot parse {} to a valid timestamp", quoted(text));
    if let Some(seconds) = float(text) {
        if !seconds.is_finite() {
            return Err(refuse());
        }
        let (whole, part) = (seconds.trunc(), seconds.fract());
        // The cast saturates, as good as anything for times outside of i64.
        return Ok((whole as i64)
            .saturating_mul(1000)
            .saturating_add((part * 1000.0).round() as i64));
    }
    match text {
        MIN_TIME_TEXT => return Ok(MIN_TIME_MS),
        MAX_TIME_TEXT => return Ok(MAX_TIME_MS),
        _ => {}
    }
    let at: jiff::Timestamp = text.parse().map_err(|_| refuse())?;
    Ok(at.as_nanosecond().div_euclid(1_000_000) as i64)
}

/// Seconds as a float, or a duration such as `1h30m`; in milliseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    if let Some(seconds) = float(text) {
        let nanos = seconds * 1e9;
        if !(nanos <= i64::MAX as f64 && nanos >= i64::MIN as f64) {
            return Err(format!(
                "cannot parse {} to a valid duration. It overflows int64",
                quoted(text)
            ));
        }
        return Ok((nanos as i64) / 1_000_000);
    }
    duration::parse_ms(text).map_err(|_| format!("cannot parse {} to a valid duration", quoted(text)))
}

/// A float as Go's `strconv.ParseFloat` reads it (hexadecimal floats left out).
fn float(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_body_comes_before_the_url() {
        let params = Params::parse("query=b&x=1", Some(b"query=a&match%5B%5D=up"));
        assert_eq!(params.get("query"), "a");
        assert_eq!(params.all("query").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(
            (params.get("match[]"), params.get("x"), params.get("y")),
            ("up", "1", "")
        );
    }

    #[test]
    fn a_pair_with_a_broken_escape_is_left_out() {
        let params = Params::parse("query=%zz&time=1", None);
        assert_eq!((params.get("query"), params.get("time")), ("", "1"));
    }

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        assert_eq!(parse_time("1700000000.25"), Ok(1_700_000_000_250));
        assert_eq!(parse_time("1e3"), Ok(1_000_000));
        assert_eq!(parse_time("2023-11-14T22:13:20.5Z"), Ok(1_700_000_000_500));
        assert_eq!(parse_time("2023-11-14T23:13:20+01:00"), Ok(1_700_000_000_000));
        assert_eq!(
            parse_time("x\""),
            Err(r#"cannot parse "x\"" to a valid timestamp"#.to_owned())
        );
    }

    #[test]
    fn durations_are_seconds_or_units() {
        assert_eq!(parse_duration("1.5"), Ok(1500));
        assert_eq!(parse_duration("1h30m"), Ok(5_400_000));
        assert_eq!(
            parse_duration("1e99"),
            Err("cannot parse \"1e99\" to a valid duration. It overflows int64".to_owned())
        );
        assert!(parse_duration("x").is_err());
    }

    #[test]
    fn a_limit_that_is_no_number_is_refused_in_gos_words() {
        let error = Params::parse("limit=x", None).limit().unwrap_err();
        assert_eq!(
            error.text(),
            r#"invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax"#
        );
    }
}
