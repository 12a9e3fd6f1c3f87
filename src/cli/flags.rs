//! The table of flags: the only place where a flag stands.
//!
//! Names, types, defaults and modes are those of Prometheus 3.14, in its order; ours follow. Hidden flags are
//! accepted and shown in `/api/v1/status/flags`, but not in the help. An unbuilt flag is refused by name when
//! it is set to anything but its default; an inert one, which bounds or tunes what is not there, is warned
//! about.

/// What a flag is.
#[derive(Clone, Copy, Debug)]
pub struct FlagSpec {
    /// Its name, without dashes.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Its default: no text for the kind's zero, several for a flag that can be repeated.
    pub default: &'static [&'static str],
    /// Where it may be used.
    pub mode: Mode,
    /// What it does.
    pub help: &'static str,
    /// What stands for the value in the help, if not the default.
    pub placeholder: &'static str,
    /// Whether the help passes it over.
    pub is_hidden: bool,
    /// Whether what it asks for is not there yet.
    pub is_unbuilt: bool,
    /// Whether it bounds or tunes what is not there, so that it is accepted with a warning.
    pub is_inert: bool,
}

/// What a flag's value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A text.
    Text,
    /// Texts; the flag can be repeated.
    Texts,
    /// On or off.
    Bool,
    /// A number, written as a float if one likes.
    Int,
    /// A number, written as one.
    Int64,
    /// A float.
    Float,
    /// A duration of Prometheus.
    Duration,
    /// A duration of Go.
    GoDuration,
    /// A size.
    Bytes,
    /// Names of remote-write messages; the flag can be repeated.
    WriteMessages,
    /// One of a few words.
    Enum(&'static Choice),
}

/// The words that a flag takes.
#[derive(Debug, PartialEq)]
pub struct Choice {
    /// The words.
    pub values: &'static [&'static str],
    /// How another word is refused: what it is called, or nothing for kingpin's own sentence.
    noun: &'static str,
}

impl Choice {
    /// Whether `text` stands for `value`; words of the logger may be written in capitals.
    pub fn admits(&self, value: &str, text: &str) -> bool {
        if self.noun.is_empty() {
            value == text
        } else {
            value.eq_ignore_ascii_case(text)
        }
    }

    /// How `text` is refused.
    pub fn refusal(&self, text: &str) -> String {
        if self.noun.is_empty() {
            let words = self.values.join(",");
            format!("enum value must be one of {words}, got '{text}'")
        } else {
            format!("unrecognized {} {text}", self.noun)
        }
    }
}

static COMPRESSION: Choice = Choice {
    values: &["snappy", "zstd"],
    noun: "",
};

static LOG_LEVEL: Choice = Choice {
    values: &["debug", "info", "warn", "error"],
    noun: "log level",
};

static LOG_FORMAT: Choice = Choice {
    values: &["logfmt", "json"],
    noun: "log type",
};

static EXPAND_ENV: Choice = Choice {
    values: &["off", "percent", "dollar"],
    noun: "",
};

/// Where a flag may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everywhere.
    Any,
    /// Not with `--agent`.
    Server,
    /// With `--agent` only.
    Agent,
}

impl FlagSpec {
    /// Whether it can be written more than once.
    pub fn is_repeatable(&self) -> bool {
        matches!(self.kind, Kind::Texts | Kind::WriteMessages)
    }

    const fn shown_as(mut self, placeholder: &'static str) -> Self {
        self.placeholder = placeholder;
        self
    }

    const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    const fn inert(mut self) -> Self {
        self.is_inert = true;
        self
    }

    const fn unbuilt(mut self) -> Self {
        self.is_unbuilt = true;
        self
    }
}

const fn flag(
    name: &'static str,
    kind: Kind,
    default: &'static [&'static str],
    mode: Mode,
    help: &'static str,
) -> FlagSpec {
    FlagSpec {
        name,
        kind,
        default,
        mode,
        help,
        placeholder: "",
        is_hidden: false,
        is_unbuilt: false,
        is_inert: false,
    }
}

type Texts = &'static [&'static str];

const fn any(name: &'static str, kind: Kind, default: Texts, help: &'static str) -> FlagSpec {
    flag(name, kind, default, Mode::Any, help)
}

const fn server(name: &'static str, kind: Kind, default: Texts, help: &'static str) -> FlagSpec {
    flag(name, kind, default, Mode::Server, help)
}

const fn agent(name: &'static str, kind: Kind, default: Texts, help: &'static str) -> FlagSpec {
    flag(name, kind, default, Mode::Agent, help)
}

/// Every flag.
#[rustfmt::skip]
pub static FLAGS: &[FlagSpec] = &[
    any("config.file", Kind::Text, &["prometheus.yml"], "The configuration."),
    any("config.auto-reload", Kind::Bool, &["false"], "Reload by itself when the configuration or a file that it names changes."),
    any("config.auto-reload-interval", Kind::Duration, &["30s"], "How often to look for changes, with --config.auto-reload."),
    any("web.listen-address", Kind::Texts, &["0.0.0.0:9090"], "Where to listen for UI, API and own metrics. Can be repeated."),
    any("auto-gomaxprocs", Kind::Bool, &["true"], "Accepted for compatibility: the number of CPUs that the container may use always counts.").inert(),
    any("auto-gomemlimit", Kind::Bool, &["true"], "Accepted for compatibility: there is no garbage collector whose limit could be set.").inert(),
    any("auto-gomemlimit.ratio", Kind::Float, &["0.9"], "Accepted for compatibility, see --auto-gomemlimit.").inert(),
    any("auto-gomemlimit.refresh-interval", Kind::Duration, &["0s"], "Accepted for compatibility, see --auto-gomemlimit.").inert(),
    any("web.config.file", Kind::Text, &[""], "File that switches on TLS, users and headers of the HTTP server. Read anew when it changes."),
    any("web.read-timeout", Kind::Duration, &["5m"], "How long reading a request may take, and how long an idle connection is kept."),
    any("web.max-connections", Kind::Int, &["512"], "Most connections at once, over all addresses."),
    any("web.max-notifications-subscribers", Kind::Int, &["16"], "Most browsers that may wait for live notifications at once.").inert(),
    any("web.external-url", Kind::Text, &[], "The URL under which others reach this server, for links back to it. Its path is put before all of the server's own. By default made of host name and port.").shown_as("<URL>"),
    any("web.route-prefix", Kind::Text, &[], "What stands before all paths of the server. By default the path of --web.external-url.").shown_as("<path>"),
    any("web.user-assets", Kind::Text, &[], "Directory of files served below /user.").shown_as("<path>").unbuilt(),
    any("web.enable-lifecycle", Kind::Bool, &["false"], "Allow reload and shutdown by HTTP."),
    any("web.enable-admin-api", Kind::Bool, &["false"], "Allow deletion and snapshots by HTTP."),
    any("web.enable-remote-write-receiver", Kind::Bool, &["false"], "Accept samples by remote write."),
    any("web.remote-write-receiver.accepted-protobuf-messages", Kind::WriteMessages, &["prometheus.WriteRequest", "io.prometheus.write.v2.Request"], "Which remote-write messages to accept. Can be repeated.").unbuilt(),
    any("web.enable-otlp-receiver", Kind::Bool, &["false"], "Accept samples by OTLP.").unbuilt(),
    any("web.console.templates", Kind::Text, &["consoles"], "Directory of console templates, served below /consoles.").inert(),
    any("web.console.libraries", Kind::Text, &["console_libraries"], "Directory of what console templates share.").inert(),
    any("web.page-title", Kind::Text, &["Prometheus Time Series Collection and Processing Server"], "Title of the pages.").unbuilt(),
    any("web.cors.origin", Kind::Text, &[".*"], "Regular expression of the origins whose pages may ask, matched as a whole."),
    server("storage.tsdb.path", Kind::Text, &["data/"], "The data directory."),
    server("storage.tsdb.min-block-duration", Kind::Duration, &["2h"], "Span of the smallest block. For tests.").hidden(),
    server("storage.tsdb.max-block-duration", Kind::Duration, &[], "Span of the largest block. By default a tenth of the retention. For tests.").shown_as("<duration>").hidden(),
    server("storage.tsdb.max-block-chunk-segment-size", Kind::Bytes, &[], "Largest file of chunks in a block.").shown_as("<bytes>").hidden(),
    server("storage.tsdb.wal-segment-size", Kind::Bytes, &[], "Largest segment of the write-ahead log.").shown_as("<bytes>").hidden(),
    server("storage.tsdb.retention.time", Kind::Duration, &[], "How long to keep samples, unless storage.tsdb.retention in the configuration says it; 15d if neither this nor a size is given. Units: y, w, d, h, m, s, ms."),
    server("storage.tsdb.retention.size", Kind::Bytes, &[], "How many bytes of blocks to keep, unless storage.tsdb.retention in the configuration says it. Units: B, KB, MB, GB, TB, PB, EB, in powers of 1024."),
    server("storage.tsdb.no-lockfile", Kind::Bool, &["false"], "Put no lock file into the data directory."),
    server("storage.tsdb.allow-overlapping-compaction", Kind::Bool, &["true"], "Merge blocks whose time ranges overlap.").hidden().unbuilt(),
    server("storage.tsdb.wal-compression", Kind::Bool, &["true"], "Compress the write-ahead log.").hidden(),
    server("storage.tsdb.wal-compression-type", Kind::Enum(&COMPRESSION), &["snappy"], "How to compress the write-ahead log.").hidden(),
    server("storage.tsdb.head-chunks-write-queue-size", Kind::Int, &["0"], "Accepted for compatibility: closed chunks are written without a queue.").inert(),
    server("storage.tsdb.samples-per-chunk", Kind::Int, &["120"], "How many samples a chunk of the head is meant to hold.").hidden().unbuilt(),
    server("storage.tsdb.delayed-compaction.max-percent", Kind::Int, &["10"], "Longest delay of a compaction, with the feature delayed-compaction.").hidden().inert(),
    server("storage.tsdb.delay-compact-file.path", Kind::Text, &[""], "File that lists uploaded blocks; others are not compacted further.").unbuilt(),
    server("storage.tsdb.block-reload-interval", Kind::Duration, &["1m"], "How often to look for blocks that others added or removed.").hidden(),
    agent("storage.agent.path", Kind::Text, &["data-agent/"], "The data directory.").unbuilt(),
    agent("storage.agent.wal-segment-size", Kind::Bytes, &[], "Largest segment of the write-ahead log.").shown_as("<bytes>").hidden().unbuilt(),
    agent("storage.agent.wal-compression", Kind::Bool, &["true"], "Compress the write-ahead log.").unbuilt(),
    agent("storage.agent.wal-compression-type", Kind::Enum(&COMPRESSION), &["snappy"], "How to compress the write-ahead log.").hidden().unbuilt(),
    agent("storage.agent.wal-truncate-frequency", Kind::Duration, &[], "How often old samples are removed.").shown_as("<duration>").hidden().unbuilt(),
    agent("storage.agent.retention.min-time", Kind::Duration, &["5m"], "How old a sample must be before it may be removed.").unbuilt(),
    agent("storage.agent.retention.max-time", Kind::Duration, &["4h"], "How old a sample may be before it must be removed.").unbuilt(),
    agent("storage.agent.checkpoint-from-in-memory-series", Kind::Bool, &["false"], "Write checkpoints from memory.").unbuilt(),
    agent("storage.agent.checkpoint-batch-size", Kind::Int, &["1000"], "How many series a checkpoint writes at once.").unbuilt(),
    agent("storage.agent.no-lockfile", Kind::Bool, &["false"], "Put no lock file into the data directory.").unbuilt(),
    any("storage.remote.flush-deadline", Kind::Duration, &["1m"], "How long a shutdown waits for samples on their way to remote storage.").shown_as("<duration>"),
    server("storage.remote.read-sample-limit", Kind::Int, &["5e7"], "Most samples of an answer to a remote read that is not streamed, 0 for any.").inert(),
    server("storage.remote.read-concurrent-limit", Kind::Int, &["10"], "Most remote reads at once, 0 for any.").inert(),
    server("storage.remote.read-max-bytes-in-frame", Kind::Int, &["1048576"], "Largest frame of a streamed remote read.").inert(),
    server("web.search.max-limit", Kind::Int, &["10000"], "Largest limit that the search API takes, 0 for any.").inert(),
    server("rules.alert.for-outage-tolerance", Kind::Duration, &["1h"], "How long an outage may be for pending alerts to be restored after it."),
    server("rules.alert.for-grace-period", Kind::Duration, &["10m"], "How long a restored alert is pending at least."),
    server("rules.alert.resend-delay", Kind::Duration, &["1m"], "How long to wait before an alert is sent again."),
    server("rules.max-concurrent-evals", Kind::Int64, &["4"], "How many independent rules may run at once, with the feature concurrent-rule-eval."),
    any("scrape.adjust-timestamps", Kind::Bool, &["true"], "Move timestamps of scrapes to their schedule if they are close.").hidden().unbuilt(),
    any("scrape.timestamp-tolerance", Kind::GoDuration, &["2ms"], "How close is close, see --scrape.adjust-timestamps.").hidden().unbuilt(),
    server("alertmanager.notification-queue-capacity", Kind::Int, &["10000"], "Most alerts that wait to be sent."),
    server("alertmanager.notification-batch-size", Kind::Int, &["256"], "Most alerts sent at once."),
    server("alertmanager.drain-notification-queue-on-shutdown", Kind::Bool, &["true"], "Send what waits before the server stops."),
    server("query.lookback-delta", Kind::Duration, &["5m"], "How long a sample counts as the value of its series."),
    server("query.timeout", Kind::Duration, &["2m"], "How long a query may take."),
    server("query.max-concurrency", Kind::Int, &["20"], "Most queries at once."),
    server("query.max-samples", Kind::Int, &["50000000"], "Most samples that a query may hold in memory; it fails beyond."),
    any("scrape.discovery-reload-interval", Kind::Duration, &["5s"], "How often targets found anew are taken over.").hidden(),
    any("enable-feature", Kind::Texts, &[], "Features to switch on, separated by commas. Can be repeated."),
    any("agent", Kind::Bool, &[], "Run without storage, alerts and queries, for remote write alone.").unbuilt(),
    any("log.level", Kind::Enum(&LOG_LEVEL), &["info"], "Least severity that is logged. One of: [debug, info, warn, error]"),
    any("log.format", Kind::Enum(&LOG_FORMAT), &["logfmt"], "Shape of the log. One of: [logfmt, json]"),
    any("write-documentation", Kind::Bool, &[], "Print the flags in Markdown.").hidden().unbuilt(),
    any("config.expand-env", Kind::Enum(&EXPAND_ENV), &["off"], "Expand environment variables in the configuration: percent is %{NAME} and %{NAME:-default}, dollar is $NAME and ${NAME}. One of: [off, percent, dollar]"),
    server("query.max-bytes", Kind::Bytes, &[], "How many bytes one query may hold in memory; it fails beyond, rules' too. 0 is no limit. Units: B, KB, MB, GB, TB, PB, EB, in powers of 1024.").shown_as("<bytes>"),
    server("query.max-total-bytes", Kind::Bytes, &[], "How many bytes all queries may hold together: ad hoc ones three quarters, recording rules seven eighths, alerts all of it. 0 is three quarters of the memory there is.").shown_as("<bytes>"),
    server("storage.tsdb.max-series", Kind::Int, &["0"], "Most series in the head, 0 for any number. Beyond it new series are refused and those that there are go on."),
    any("deucalion.config.file", Kind::Text, &[""], "File of settings that Prometheus does not have."),
    server("deucalion.head-checkpoint-samples", Kind::Int64, &["8000000"], "How many samples of the log a start may have to replay: beyond that, and at the end, open chunks are written to deucalion/head in the data directory. 0 writes nothing there."),
    any("demo", Kind::Bool, &["false"], "Start with a configuration that scrapes the server itself, in a directory that is removed afterwards."),
];
