//! The tree of commands: every one that Prometheus' promtool has, and two of ours, `promql script` and
//! `tsdb retention`.

use super::{ArgSpec, CommandSpec, FlagSpec, Kind};

const fn group(name: &'static str, help: &'static str, commands: &'static [CommandSpec]) -> CommandSpec {
    CommandSpec {
        name,
        help,
        flags: &[],
        args: &[],
        commands,
        is_unbuilt: false,
    }
}

const fn leaf(
    name: &'static str,
    help: &'static str,
    flags: &'static [FlagSpec],
    args: &'static [ArgSpec],
) -> CommandSpec {
    CommandSpec {
        name,
        help,
        flags,
        args,
        commands: &[],
        is_unbuilt: false,
    }
}

impl CommandSpec {
    const fn with_flags(mut self, flags: &'static [FlagSpec]) -> Self {
        self.flags = flags;
        self
    }

    const fn unbuilt(mut self) -> Self {
        self.is_unbuilt = true;
        self
    }
}

const fn flag(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> FlagSpec {
    FlagSpec {
        name,
        short: None,
        kind,
        default,
        placeholder: "",
        is_required: false,
        is_hidden: false,
        is_unbuilt: false,
        help,
    }
}

impl FlagSpec {
    const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    const fn shown_as(mut self, placeholder: &'static str) -> Self {
        self.placeholder = placeholder;
        self
    }

    const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    const fn unbuilt(mut self) -> Self {
        self.is_unbuilt = true;
        self
    }
}

const fn required(name: &'static str, kind: Kind, help: &'static str) -> ArgSpec {
    ArgSpec {
        name,
        kind,
        is_required: true,
        help,
    }
}

const fn optional(name: &'static str, kind: Kind, help: &'static str) -> ArgSpec {
    ArgSpec {
        name,
        kind,
        is_required: false,
        help,
    }
}

const fn switch(name: &'static str, help: &'static str) -> FlagSpec {
    flag(name, Kind::Bool, "", help)
}

const HTTP_CONFIG: FlagSpec = flag(
    "http.config.file",
    Kind::ExistingFile,
    "",
    "File of HTTP client options: basic_auth, tls_config, …",
)
.shown_as("<filename>");
const HEADERS: FlagSpec = flag(
    "header",
    Kind::Pairs,
    "",
    "Header to send, name=value. Can be repeated.",
);
const MATCH: FlagSpec = flag("match", Kind::Texts, "", "Selector of series. Can be repeated.");
const START: FlagSpec = flag("start", Kind::Text, "", "First time, RFC 3339 or Unix seconds.");
const END: FlagSpec = flag("end", Kind::Text, "", "Last time, RFC 3339 or Unix seconds.");
const TIME: FlagSpec = flag(
    "time",
    Kind::Text,
    "",
    "Time of the evaluation, RFC 3339 or Unix seconds.",
);
const URL: FlagSpec = flag("url", Kind::Url, "http://localhost:9090", "The server.");
const SERVER: ArgSpec = required("server", Kind::Url, "The server to ask.");
const EXPR: ArgSpec = required("expr", Kind::Text, "The expression.");
const QUERY: ArgSpec = required("query", Kind::Text, "The expression.");
const DB: ArgSpec = optional("db path", Kind::Text, "The data directory, data/ by default.");
const LINT_FATAL: FlagSpec = flag(
    "lint-fatal",
    Kind::Bool,
    "false",
    "Exit with code 3 if a lint complains.",
);
const IGNORE_UNKNOWN: FlagSpec = flag(
    "ignore-unknown-fields",
    Kind::Bool,
    "false",
    "Pass over fields of rule groups that Prometheus does not know. The server does not: remove them first.",
);
const EXPAND_ENV: FlagSpec = flag(
    "config.expand-env",
    Kind::Enum(&["off", "percent", "dollar"]),
    "off",
    "Expand environment variables as the server does with the same flag: off, percent, dollar.",
);
const MIN_TIME: FlagSpec = flag("min-time", Kind::Int, "", "First time in milliseconds.");
const MAX_TIME: FlagSpec = flag("max-time", Kind::Int, "", "Last time in milliseconds.");
const SANDBOX: FlagSpec = flag(
    "sandbox-dir-root",
    Kind::Text,
    "",
    "Where a sandbox may be created.",
);

const CHECK_METRICS: &str = "Check a page of metrics on standard input: is it valid, does it follow the conventions, and with --extended, \
     which metrics have how many series.\n\nexamples:\n\n$ cat metrics.prom | promtool check metrics\n\n\
     $ curl -s http://localhost:9090/metrics | promtool check metrics --extended\n\n\
     $ curl -s http://localhost:9100/metrics | promtool check metrics --extended --lint=none";

const CHECK: &[CommandSpec] = &[
    leaf(
        "service-discovery",
        "Discover the targets of a job and show their labels before and after relabelling.",
        &[
            flag("timeout", Kind::Duration, "30s", "How long to wait."),
            EXPAND_ENV,
        ],
        &[
            required("config-file", Kind::ExistingFile, "The configuration."),
            required("job", Kind::Text, "The job."),
        ],
    ),
    leaf(
        "config",
        "Check configuration files and what they refer to.",
        &[
            switch(
                "syntax-only",
                "Check only the file itself, not what it refers to.",
            ),
            flag(
                "lint",
                Kind::Text,
                "duplicate-rules",
                "Lints to run, separated by commas: all, duplicate-rules, none, too-long-scrape-interval.",
            ),
            LINT_FATAL,
            IGNORE_UNKNOWN,
            switch("agent", "Check for a server in agent mode."),
            EXPAND_ENV,
        ],
        &[required("config-files", Kind::ExistingFiles, "The files.")],
    ),
    leaf(
        "web-config",
        "Check files for --web.config.file.",
        &[],
        &[required("web-config-files", Kind::ExistingFiles, "The files.")],
    ),
    leaf(
        "healthy",
        "Ask whether a server is healthy.",
        &[HTTP_CONFIG, URL],
        &[],
    )
    .unbuilt(),
    leaf(
        "ready",
        "Ask whether a server is ready.",
        &[HTTP_CONFIG, URL],
        &[],
    )
    .unbuilt(),
    leaf(
        "rules",
        "Check rule files.",
        &[
            flag(
                "lint",
                Kind::Text,
                "duplicate-rules",
                "Lints to run, separated by commas: all, duplicate-rules, none.",
            ),
            LINT_FATAL,
            IGNORE_UNKNOWN,
        ],
        &[optional(
            "rule-files",
            Kind::ExistingFiles,
            "The files, standard input by default.",
        )],
    ),
    leaf(
        "metrics",
        CHECK_METRICS,
        &[
            switch("extended", "Show how many series each metric has."),
            flag("lint", Kind::Text, "all", "Lints to run: all, none."),
        ],
        &[],
    ),
];

const QUERY_COMMANDS: &[CommandSpec] = &[
    leaf(
        "instant",
        "Evaluate at one time.",
        &[TIME, HEADERS],
        &[SERVER, EXPR],
    ),
    leaf(
        "range",
        "Evaluate at many times.",
        &[
            HEADERS,
            START,
            END,
            flag("step", Kind::Duration, "", "From one time to the next.").shown_as("STEP"),
        ],
        &[SERVER, EXPR],
    ),
    leaf(
        "series",
        "List series.",
        &[MATCH.required(), START, END],
        &[SERVER],
    ),
    leaf(
        "labels",
        "List the values of a label.",
        &[START, END, MATCH],
        &[SERVER, required("name", Kind::Text, "The label.")],
    ),
    leaf(
        "analyze",
        "Find out how a metric is used.",
        &[
            flag("server", Kind::Url, "", "The server to ask.").required(),
            flag("type", Kind::Text, "", "Kind of metric: histogram.").required(),
            flag("duration", Kind::Duration, "1h", "How far to look back."),
            TIME,
            MATCH.required(),
        ],
        &[],
    )
    .unbuilt(),
];

const DEBUG: &[CommandSpec] = &[
    leaf("pprof", "Fetch profiles.", &[], &[SERVER_TEXT]).unbuilt(),
    leaf("metrics", "Fetch metrics.", &[], &[SERVER_TEXT]).unbuilt(),
    leaf("all", "Fetch everything.", &[], &[SERVER_TEXT]).unbuilt(),
];

const SERVER_TEXT: ArgSpec = required("server", Kind::Text, "The server.");

const PUSH: &[CommandSpec] = &[leaf(
    "metrics",
    "Push metrics by remote write.",
    &[
        flag(
            "label",
            Kind::Pairs,
            "job=promtool",
            "Label to add. Can be repeated.",
        ),
        flag("timeout", Kind::Duration, "30s", "How long to wait."),
        HEADERS,
        flag(
            "protobuf_message",
            Kind::Text,
            "prometheus.WriteRequest",
            "The message to send.",
        ),
        flag(
            "remote-write.path",
            Kind::Text,
            "/api/v1/write",
            "The path to send it to.",
        ),
    ],
    &[
        required("remote-write-url", Kind::Url, "Where to."),
        optional(
            "metric-files",
            Kind::ExistingFiles,
            "The files, standard input by default.",
        ),
    ],
)
.unbuilt()];

const TEST: &[CommandSpec] = &[leaf(
    "rules",
    "Run unit tests of rules.",
    &[
        flag(
            "run",
            Kind::Texts,
            "",
            "Run only groups whose name this regular expression matches. Can be repeated.",
        ),
        flag(
            "debug",
            Kind::Bool,
            "false",
            "Show rules and samples while the tests run.",
        ),
        flag(
            "diff",
            Kind::Bool,
            "false",
            "Show expected and received alerts as a coloured difference.",
        ),
        flag(
            "ignore-unknown-fields",
            Kind::Bool,
            "false",
            "Pass over unknown fields of test and rule files.",
        ),
    ],
    &[required("test-rule-file", Kind::ExistingFiles, "The files.")],
)];

const CREATE_BLOCKS: &[CommandSpec] = &[
    leaf(
        "openmetrics",
        "Blocks from a file of samples.",
        &[flag("label", Kind::Pairs, "", "Label to add. Can be repeated.")],
        &[
            required("input file", Kind::Text, "The file."),
            optional("output directory", Kind::Text, "Where to, data/ by default."),
        ],
    ),
    leaf(
        "rules",
        "Blocks of what recording rules would have recorded.",
        &[
            HTTP_CONFIG,
            URL,
            START.required(),
            END,
            flag("output-dir", Kind::Text, "data/", "Where to."),
            flag(
                "eval-interval",
                Kind::Duration,
                "60s",
                "Interval of groups without one.",
            ),
        ],
        &[required("rule-files", Kind::ExistingFiles, "The files.")],
    )
    .unbuilt(),
];

const TSDB: &[CommandSpec] = &[
    group(
        "bench",
        "Benchmarks.",
        &[leaf(
            "write",
            "How fast writing is.",
            &[
                flag("out", Kind::Text, "benchout", "Where to."),
                flag("metrics", Kind::Int, "10000", "How many metrics."),
                flag("scrapes", Kind::Int, "3000", "How many scrapes."),
            ],
            &[optional("file", Kind::Text, "The samples.")],
        )
        .unbuilt()],
    ),
    leaf(
        "analyze",
        "Churn, cardinality and compaction of a block.",
        &[
            flag("limit", Kind::Int, "20", "How long lists are."),
            switch("extended", "Look at chunks too."),
            flag("match", Kind::Text, "", "Selector of series."),
        ],
        &[
            DB,
            optional("block id", Kind::Text, "The block, the last by default."),
        ],
    ),
    leaf(
        "list",
        "List blocks.",
        &[switch("human-readable", "Readable numbers.").short('r')],
        &[DB],
    ),
    leaf(
        "dump",
        "Print series and samples.",
        &[
            SANDBOX,
            MIN_TIME,
            MAX_TIME,
            MATCH,
            flag("format", Kind::Enum(&["prom", "seriesjson"]), "prom", "How."),
        ],
        &[DB],
    ),
    leaf(
        "dump-openmetrics",
        "Print samples as OpenMetrics.",
        &[SANDBOX, MIN_TIME, MAX_TIME, MATCH],
        &[DB],
    ),
    leaf(
        "retention",
        "Tell what the server would remove with these settings, block by block, and change nothing. Prometheus' \
         promtool does not have this command.",
        &[
            flag(
                "deucalion.config.file",
                Kind::ExistingFile,
                "",
                "File of the server's settings that Prometheus does not have.",
            ),
            flag(
                "retention.time",
                Kind::Duration,
                "15d",
                "--storage.tsdb.retention.time of the server, 0 for ever.",
            ),
            switch("human-readable", "Readable numbers.").short('r'),
        ],
        &[DB],
    ),
    group("create-blocks-from", "Make blocks.", CREATE_BLOCKS).with_flags(&[
        switch("human-readable", "Readable numbers.").short('r'),
        switch("quiet", "Do not list the blocks made.").short('q'),
        flag(
            "max-block-duration",
            Kind::Duration,
            "",
            "How long a block may be.",
        )
        .shown_as("<duration>")
        .hidden(),
    ]),
];

const LABEL_MATCHERS: &[CommandSpec] = &[
    leaf(
        "set",
        "Set a matcher in every selector.",
        &[flag(
            "type",
            Kind::Enum(&["=", "!=", "=~", "!~"]),
            "=",
            "The operator: = != =~ !~",
        )
        .short('t')],
        &[
            QUERY,
            required("name", Kind::Text, "The label."),
            required("value", Kind::Text, "What it is compared with."),
        ],
    ),
    leaf(
        "delete",
        "Delete a label's matchers from every selector.",
        &[],
        &[QUERY, required("name", Kind::Text, "The label.")],
    ),
];

const PROMQL: &[CommandSpec] = &[
    leaf("format", "Format an expression.", &[], &[QUERY]),
    group(
        "label-matchers",
        "Edit the matchers of an expression.",
        LABEL_MATCHERS,
    ),
    leaf(
        "script",
        "Run test scripts (load, eval, expect) in the language of Prometheus' own tests. Prometheus' promtool \
         does not have this command.",
        &[],
        &[required("script-files", Kind::ExistingFiles, "The scripts.")],
    ),
];

/// The root: flags of all commands, and the commands.
pub(super) const ROOT: CommandSpec = CommandSpec {
    name: "",
    help: "Checks of files, unit tests of rules and queries for Prometheus and Deucalion.",
    flags: &[
        switch("help", "Show this text.").short('h'),
        switch("help-long", "Show the flags of all commands.").hidden(),
        switch("help-man", "Show the flags of all commands.").hidden(),
        switch("version", "Show the version."),
        switch("experimental", "Allow experimental commands."),
        flag(
            "enable-feature",
            Kind::Texts,
            "",
            "Features to switch on, separated by commas: promql-experimental-functions, \
             promql-delayed-name-removal, promql-extended-range-selectors, promql-binop-fill-modifiers.",
        ),
    ],
    args: &[],
    commands: &[
        leaf(
            "help",
            "Show help.",
            &[],
            &[optional("command", Kind::Texts, "The command.")],
        ),
        group("check", "Check files and servers.", CHECK).with_flags(&[flag(
            "query.lookback-delta",
            Kind::Duration,
            "5m",
            "How long the server takes a sample for the value of its series.",
        )]),
        group("query", "Ask a server.", QUERY_COMMANDS).with_flags(&[
            flag(
                "format",
                Kind::Enum(&["promql", "json"]),
                "promql",
                "How to print answers: promql, json.",
            )
            .short('o'),
            HTTP_CONFIG,
        ]),
        group("debug", "Fetch what helps to debug a server.", DEBUG),
        group("push", "Push to a server.", PUSH).with_flags(&[HTTP_CONFIG]),
        group("test", "Unit tests.", TEST).with_flags(&[flag(
            "junit",
            Kind::Text,
            "",
            "File to write results to as JUnit XML.",
        )
        .unbuilt()]),
        group("tsdb", "Look into a data directory.", TSDB),
        group(
            "promql",
            "Format, edit and test PromQL. Needs --experimental.",
            PROMQL,
        ),
        leaf("write-documentation", "Print the flags in Markdown.", &[], &[]).unbuilt(),
    ],
    is_unbuilt: false,
};
