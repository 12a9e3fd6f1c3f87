//! What the lexer gives and the parser takes.

use tsdb::model::labels::write_quoted;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    Bool,
    /// Any other printable ASCII character, such as a comma.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    End,
    Field,
    Identifier,
    Left,
    LeftParen,
    Number,
    Pipe,
    RawText,
    Right,
    RightParen,
    Space,
    Quoted,
    Text,
    Variable,
    Block,
    BreakWord,
    ContinueWord,
    Define,
    Dot,
    Else,
    EndWord,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn is_keyword(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Block
                | BreakWord
                | ContinueWord
                | Define
                | Dot
                | Else
                | EndWord
                | If
                | Nil
                | Range
                | Template
                | With
        )
    }

    /// The keyword, truth value or name that `word` is.
    pub(super) fn of_word(word: &str) -> Self {
        match word {
            "true" | "false" => Self::Bool,
            "block" => Self::Block,
            "break" => Self::BreakWord,
            "continue" => Self::ContinueWord,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::EndWord,
            "if" => Self::If,
            "nil" => Self::Nil,
            "range" => Self::Range,
            "template" => Self::Template,
            "with" => Self::With,
            _ => Self::Identifier,
        }
    }
}

/// A token: what, where, which text.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where it begins, in bytes.
    pub(super) pos: usize,
    /// The line that it begins on, from 1.
    pub(super) line: usize,
    /// Its text; of an error the message.
    pub(super) text: String,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::End => f.write_str("EOF"),
            Kind::Error => f.write_str(&self.text),
            kind if kind.is_keyword() => write!(f, "<{}>", self.text),
            _ if self.text.len() > 10 => {
                let shown: String = self.text.chars().take(10).collect();
                write_quoted(f, &shown)?;
                f.write_str("...")
            }
            _ => write_quoted(f, &self.text),
        }
    }
}
