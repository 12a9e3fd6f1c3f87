//! Texts that are mostly no expressions: expressions with some of them lost, doubled or replaced.

use super::expressions::Generator;

/// Characters that mean something to the lexer, and some that mean nothing.
const CHARACTERS: [char; 42] = [
    '(', ')', '{', '}', '[', ']', '"', '\'', ',', ':', '=', '~', '!', '@', '+', '-', '*', '/', '^', '%', '<',
    '>', '0', '7', 'a', 'e', 'm', 's', 'x', '_', ' ', '\n', '#', '`', '\\', '.', 'é', '$', '&', ';', '\u{0}',
    '\u{fffd}',
];

/// Words of the language, where they do not belong.
const WORDS: [&str; 34] = [
    " by ",
    " without ",
    " on (",
    " ignoring () ",
    " group_left ",
    " group_right() ",
    " bool ",
    " offset ",
    " offset 5m ",
    " @ ",
    " @ start() ",
    " @ end()",
    "sum",
    "topk(",
    "rate(",
    "[5m]",
    "[5m:]",
    "[1m:30s]",
    "{",
    "}",
    " and ",
    " or ",
    " unless ",
    " atan2 ",
    "==",
    "=~",
    "NaN",
    "Inf",
    "0x",
    "1_",
    "\"\\q\"",
    "5m",
    "1d2h",
    "start()",
];

impl Generator {
    /// The text, changed in one or two places.
    pub(super) fn mutated(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..1 + self.dice.roll(2) {
            let at = self.dice.roll(chars.len() as u64 + 1) as usize;
            let new = self.pick(&CHARACTERS);
            match self.dice.roll(8) {
                0 if at < chars.len() => {
                    chars.remove(at);
                }
                1 if at < chars.len() => chars[at] = new,
                2 if at < chars.len() => chars.truncate(at),
                3 if at < chars.len() => {
                    // A stretch is lost.
                    let until = (at + 1 + self.dice.roll(8) as usize).min(chars.len());
                    chars.drain(at..until);
                }
                4 if at < chars.len() => {
                    // A stretch stands twice.
                    let until = (at + 1 + self.dice.roll(12) as usize).min(chars.len());
                    let again: Vec<char> = chars[at..until].to_vec();
                    chars.splice(at..at, again);
                }
                5 | 6 => {
                    let word: Vec<char> = self.pick(&WORDS).chars().collect();
                    chars.splice(at..at, word);
                }
                _ => chars.insert(at, new),
            }
        }
        chars.into_iter().collect()
    }
}
