//! The words of the language: kinds of token, keywords, and how each is named in a complaint.

use tsdb::model::labels::write_quoted;

use super::ast::Span;

/// A word of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

impl Token {
    /// What the query says there.
    pub(crate) fn text<'a>(&self, query: &'a str) -> &'a str {
        query
            .get(self.span.start as usize..self.span.end as usize)
            .unwrap_or("")
    }

    /// The token in a complaint, as in `unexpected <by>`.
    pub(crate) fn describe(&self, query: &str) -> String {
        let quoted = self.quote(query);
        match self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Identifier => format!("identifier {quoted}"),
            Kind::MetricIdentifier => format!("metric identifier {quoted}"),
            Kind::Text => format!("string {quoted}"),
            Kind::Number => format!("number {quoted}"),
            Kind::Duration => format!("duration {quoted}"),
            // Prometheus has no words for these and shows the number of the token.
            Kind::Descriptor(descriptor) => format!("\"<Item {}>\" {quoted}", 57_370 + descriptor as u32),
            Kind::ResetHint(hint) => format!("\"<Item {}>\" {quoted}", 57_445 + hint as u32),
            _ => quoted,
        }
    }

    fn quote(&self, query: &str) -> String {
        let text = self.text(query);
        match self.kind {
            Kind::Identifier | Kind::MetricIdentifier => quoted(text),
            kind if kind.is_keyword() => format!("<{text}>"),
            kind if kind.is_operator() => format!("<op:{text}>"),
            Kind::Aggregator(_) => format!("<aggr:{text}>"),
            _ if text.len() > 10 => {
                let cut = text.char_indices().nth(10).map_or(text.len(), |(at, _)| at);
                format!("{}...", quoted(&text[..cut]))
            }
            _ => quoted(text),
        }
    }
}

/// A text as Go's `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    // Writing into a string cannot fail.
    let _written = write_quoted(&mut out, text);
    out
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    End,
    // Words and literals.
    Identifier,
    MetricIdentifier,
    Text,
    Number,
    Duration,
    Aggregator(super::ast::AggregateOp),
    // Punctuation.
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    Equal,
    // Operators.
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    At,
    EqualEqual,
    NotEqual,
    EqualRegex,
    NotRegex,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    TrimUpper,
    TrimLower,
    And,
    Or,
    Unless,
    Atan2,
    // Keywords.
    Bool,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Offset,
    Anchored,
    Smoothed,
    // Words that are functions or preprocessors.
    Start,
    EndWord,
    Step,
    Range,
    MaxOf,
    MinOf,
    // Of series descriptions alone.
    Space,
    Blank,
    Times,
    OpenHistogram,
    CloseHistogram,
    Descriptor(Descriptor),
    ResetHint(tsdb::model::ResetHint),
}

/// The keys of a histogram literal, in the order in which Prometheus numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descriptor {
    Sum,
    Count,
    Schema,
    Offset,
    NegativeOffset,
    Buckets,
    NegativeBuckets,
    ZeroBucket,
    ZeroBucketWidth,
    CustomValues,
    CounterResetHint,
}

impl Descriptor {
    /// The key as it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Schema => "schema",
            Self::Offset => "offset",
            Self::NegativeOffset => "n_offset",
            Self::Buckets => "buckets",
            Self::NegativeBuckets => "n_buckets",
            Self::ZeroBucket => "z_bucket",
            Self::ZeroBucketWidth => "z_bucket_w",
            Self::CustomValues => "custom_values",
            Self::CounterResetHint => "counter_reset_hint",
        }
    }

    const ALL: [Self; 11] = [
        Self::Sum,
        Self::Count,
        Self::Schema,
        Self::Offset,
        Self::NegativeOffset,
        Self::Buckets,
        Self::NegativeBuckets,
        Self::ZeroBucket,
        Self::ZeroBucketWidth,
        Self::CustomValues,
        Self::CounterResetHint,
    ];
}

impl Kind {
    fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Bool
                | Self::By
                | Self::Without
                | Self::On
                | Self::Ignoring
                | Self::GroupLeft
                | Self::GroupRight
                | Self::Fill
                | Self::FillLeft
                | Self::FillRight
                | Self::Offset
                | Self::Anchored
                | Self::Smoothed
        )
    }

    fn is_operator(self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Subtract
                | Self::Multiply
                | Self::Divide
                | Self::Modulo
                | Self::Power
                | Self::At
                | Self::EqualEqual
                | Self::NotEqual
                | Self::EqualRegex
                | Self::NotRegex
                | Self::Greater
                | Self::GreaterOrEqual
                | Self::Less
                | Self::LessOrEqual
                | Self::TrimUpper
                | Self::TrimLower
                | Self::And
                | Self::Or
                | Self::Unless
                | Self::Atan2
        )
    }

    /// Words that may stand where a metric name is wanted.
    pub(crate) fn is_metric_name(self) -> bool {
        matches!(
            self,
            Self::Identifier
                | Self::MetricIdentifier
                | Self::Aggregator(_)
                | Self::By
                | Self::Without
                | Self::Fill
                | Self::FillLeft
                | Self::FillRight
                | Self::And
                | Self::Or
                | Self::Unless
                | Self::Offset
                | Self::Anchored
                | Self::Smoothed
                | Self::Start
                | Self::EndWord
                | Self::Step
                | Self::Range
                | Self::MaxOf
                | Self::MinOf
        )
    }

    /// Words that may stand where a label name is wanted in `by (…)`, `on (…)` and the like.
    pub(crate) fn is_label_name(self) -> bool {
        match self {
            Self::Without => false,
            Self::Bool | Self::GroupLeft | Self::GroupRight | Self::Ignoring | Self::On | Self::Atan2 => true,
            other => other.is_metric_name(),
        }
    }

    /// Whether an expression can begin with it.
    pub(crate) fn begins_expression(self) -> bool {
        self.is_metric_name()
            || matches!(
                self,
                Self::Number
                    | Self::Duration
                    | Self::Text
                    | Self::LeftParen
                    | Self::LeftBrace
                    | Self::Add
                    | Self::Subtract
            )
    }
}

/// The keyword that `word` is in any case, if it is one.
pub(crate) fn keyword(word: &str) -> Option<Kind> {
    use super::ast::AggregateOp as Agg;
    let mut lower = [0_u8; 12];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"and" => Kind::And,
        b"or" => Kind::Or,
        b"unless" => Kind::Unless,
        b"atan2" => Kind::Atan2,
        b"sum" => Kind::Aggregator(Agg::Sum),
        b"avg" => Kind::Aggregator(Agg::Avg),
        b"count" => Kind::Aggregator(Agg::Count),
        b"min" => Kind::Aggregator(Agg::Min),
        b"max" => Kind::Aggregator(Agg::Max),
        b"group" => Kind::Aggregator(Agg::Group),
        b"stddev" => Kind::Aggregator(Agg::Stddev),
        b"stdvar" => Kind::Aggregator(Agg::Stdvar),
        b"topk" => Kind::Aggregator(Agg::Topk),
        b"bottomk" => Kind::Aggregator(Agg::Bottomk),
        b"count_values" => Kind::Aggregator(Agg::CountValues),
        b"quantile" => Kind::Aggregator(Agg::Quantile),
        b"limitk" => Kind::Aggregator(Agg::Limitk),
        b"limit_ratio" => Kind::Aggregator(Agg::LimitRatio),
        b"offset" => Kind::Offset,
        b"smoothed" => Kind::Smoothed,
        b"anchored" => Kind::Anchored,
        b"by" => Kind::By,
        b"without" => Kind::Without,
        b"on" => Kind::On,
        b"ignoring" => Kind::Ignoring,
        b"group_left" => Kind::GroupLeft,
        b"group_right" => Kind::GroupRight,
        b"fill" => Kind::Fill,
        b"fill_left" => Kind::FillLeft,
        b"fill_right" => Kind::FillRight,
        b"bool" => Kind::Bool,
        b"start" => Kind::Start,
        b"end" => Kind::EndWord,
        b"inf" | b"nan" => Kind::Number,
        other => return duration_keyword(other),
    })
}

/// The keywords that may stand inside brackets; `word` in lower case.
pub(crate) fn duration_keyword(word: &[u8]) -> Option<Kind> {
    Some(match word {
        b"step" => Kind::Step,
        b"range" => Kind::Range,
        b"max_of" => Kind::MaxOf,
        b"min_of" => Kind::MinOf,
        _ => return None,
    })
}

/// The key of a histogram literal; any case.
pub(crate) fn descriptor(word: &str) -> Option<Descriptor> {
    Descriptor::ALL
        .into_iter()
        .find(|key| key.as_str().eq_ignore_ascii_case(word))
}

/// The values of a histogram literal's `counter_reset_hint`; any case.
pub(crate) fn reset_hint(word: &str) -> Option<tsdb::model::ResetHint> {
    use tsdb::model::ResetHint;
    Some(match word.to_ascii_lowercase().as_str() {
        "unknown" => ResetHint::Unknown,
        "reset" => ResetHint::Reset,
        "not_reset" => ResetHint::NotReset,
        "gauge" => ResetHint::Gauge,
        _ => return None,
    })
}
