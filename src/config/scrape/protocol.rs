//! Exposition formats: their names, media types and lists of them.

use crate::config::yaml::write::Out;
use crate::config::yaml::{Decoder, Mark, Node};

/// An exposition format that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    /// `PrometheusProto`
    PrometheusProto,
    /// `PrometheusText0.0.4`
    PrometheusText0_0_4,
    /// `PrometheusText1.0.0`
    PrometheusText1_0_0,
    /// `OpenMetricsText0.0.1`
    OpenMetricsText0_0_1,
    /// `OpenMetricsText1.0.0`
    OpenMetricsText1_0_0,
}

impl ScrapeProtocol {
    /// Every format: its name, and its media type in an `Accept` header. Sorted by name.
    pub const ALL: [(Self, &str, &str); 5] = [
        (
            Self::OpenMetricsText0_0_1,
            "OpenMetricsText0.0.1",
            "application/openmetrics-text;version=0.0.1",
        ),
        (
            Self::OpenMetricsText1_0_0,
            "OpenMetricsText1.0.0",
            "application/openmetrics-text;version=1.0.0",
        ),
        (
            Self::PrometheusProto,
            "PrometheusProto",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        ),
        (
            Self::PrometheusText0_0_4,
            "PrometheusText0.0.4",
            "text/plain;version=0.0.4",
        ),
        (
            Self::PrometheusText1_0_0,
            "PrometheusText1.0.0",
            "text/plain;version=1.0.0",
        ),
    ];

    /// What is asked for unless told otherwise.
    pub const DEFAULT: [Self; 4] = [
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// What is asked for unless told otherwise where native histograms are wanted.
    pub const DEFAULT_PROTO_FIRST: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// The format called `name`; case matters.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// Its media type with parameters, for an `Accept` header.
    pub fn media_type(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, &'static str) {
        Self::ALL
            .into_iter()
            .find(|row| row.0 == self)
            .unwrap_or(Self::ALL[3])
    }
}

/// Reads the names of a list of formats.
pub fn decode_list(node: &Node, decoder: &mut Decoder) -> Option<Vec<String>> {
    let items = decoder.items(node, "[]config.ScrapeProtocol")?;
    Some(
        items
            .iter()
            .filter_map(|item| decoder.string_as(item, "config.ScrapeProtocol"))
            .collect(),
    )
}

/// The formats called `names`; what is wrong is told `for_whom`.
pub fn resolve_list(
    names: &[String],
    for_whom: &str,
    mark: Mark,
    decoder: &mut Decoder,
) -> Option<Vec<ScrapeProtocol>> {
    if names.is_empty() {
        decoder.mistake(mark, format!("scrape_protocols cannot be empty {for_whom}"));
        return None;
    }
    let mut protocols = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        if names[..i].iter().any(|before| before.eq_ignore_ascii_case(name)) {
            let all = names.join(" ");
            decoder.mistake(
                mark,
                format!("duplicated protocol in scrape_protocols, got [{all}] {for_whom}"),
            );
            return None;
        }
        match resolve(name) {
            Ok(protocol) => protocols.push(protocol),
            Err(text) => {
                decoder.mistake(mark, format!("scrape_protocols: {text} {for_whom}"));
                return None;
            }
        }
    }
    if protocols.contains(&ScrapeProtocol::PrometheusProto) {
        decoder.unbuilt(mark, "scrape protocol PrometheusProto");
    }
    Some(protocols)
}

/// The format called `name`.
///
/// # Errors
/// When there is none, with the list of those there are.
pub fn resolve(name: &str) -> Result<ScrapeProtocol, String> {
    ScrapeProtocol::named(name).ok_or_else(|| {
        let all = ScrapeProtocol::ALL.map(|row| row.1).join(" ");
        format!("unknown scrape protocol {name}, supported: [{all}]")
    })
}

/// A list of formats as Prometheus writes it.
pub fn to_out(protocols: &[ScrapeProtocol]) -> Out {
    Out::List(
        protocols
            .iter()
            .map(|protocol| protocol.as_str().into())
            .collect(),
    )
}
