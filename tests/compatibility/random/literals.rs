//! Numbers, durations, texts and comments in all their spellings.

use super::expressions::Generator;

/// Numbers as queries spell them, among them durations and what Go reads as one.
const NUMBERS: [&str; 34] = [
    "0",
    "1",
    "2",
    "-1",
    "0.5",
    "1e3",
    "3.7",
    "100",
    "NaN",
    "Inf",
    "-Inf",
    "0.1",
    "1e-9",
    "25",
    "0x10",
    "5m",
    "+Inf",
    "nan",
    "iNf",
    ".5",
    "5.",
    "1_000",
    "0X1f",
    "017",
    "1E+2",
    "1e-320",
    "1.7976931348623157e308",
    "1h30m",
    "1y",
    "10ms",
    "0.30000000000000004",
    "9007199254740993",
    "123456789012345678",
    "-0",
];

/// Texts as queries spell them, all of them valid.
const TEXTS: [&str; 12] = [
    "\"a\"",
    "'b c'",
    "`raw \\d`",
    "\"\\u00e9\"",
    "\"\\x41\\101\"",
    "\"\\n\\t\\\"\"",
    "'\\''",
    "\"é\"",
    "\"\\\\\"",
    "\"\"",
    "\"\\U0001F600\"",
    "\"\\a\\b\\f\\r\\v\"",
];

impl Generator {
    pub(super) fn number(&mut self) -> String {
        self.pick(&NUMBERS).to_owned()
    }

    /// A text literal.
    pub(super) fn text(&mut self) -> &'static str {
        self.pick(&TEXTS)
    }

    /// A duration of some minutes, so that most windows hold samples.
    pub(super) fn duration(&mut self) -> String {
        if self.chance(12) {
            let spelled = [
                "300",
                "90.5",
                "1e2",
                "0x78",
                "1h-55m",
                "2*1m",
                "1m+30s",
                "(1m+1m)*2",
                "10m/2",
                "2^7",
                "7m%4m",
                "5m",
                "1m30s500ms",
                "-(-2m)",
                "+3m",
            ];
            return self.pick(&spelled).to_owned();
        }
        self.pick(&["1m", "5m", "90s", "2m30s", "10m", "30s", "1h", "37s", "45m"])
            .to_owned()
    }

    /// Spaces, line ends or a comment: what may stand between two tokens.
    pub(super) fn gap(&mut self) -> &'static str {
        self.pick(&[
            " ",
            " ",
            " ",
            " ",
            " ",
            " ",
            "\n",
            "\t",
            "  ",
            " # said \"so\"\n",
            "\r\n",
        ])
    }
}
