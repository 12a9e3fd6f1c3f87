//! What is wrong with a pattern, in Go's words.

use std::fmt;

/// A pattern that does not compile; the text is Go's (`error parsing regexp: …`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError {
    complaint: Complaint,
    /// The part of the pattern that is to blame.
    part: Box<str>,
}

/// The kinds of mistakes that Go tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    CharClassRange,
    Escape,
    NamedCapture,
    PerlOp,
    RepeatOp,
    RepeatSize,
    MissingBracket,
    MissingParen,
    MissingRepeatArgument,
    TrailingBackslash,
    UnexpectedParen,
    NestingDepth,
    Large,
}

impl RegexError {
    pub(super) fn new(complaint: Complaint, part: &str) -> Self {
        Self {
            complaint,
            part: part.into(),
        }
    }
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let complaint = match self.complaint {
            Complaint::CharClassRange => "invalid character class range",
            Complaint::Escape => "invalid escape sequence",
            Complaint::NamedCapture => "invalid named capture",
            Complaint::PerlOp => "invalid or unsupported Perl syntax",
            Complaint::RepeatOp => "invalid nested repetition operator",
            Complaint::RepeatSize => "invalid repeat count",
            Complaint::MissingBracket => "missing closing ]",
            Complaint::MissingParen => "missing closing )",
            Complaint::MissingRepeatArgument => "missing argument to repetition operator",
            Complaint::TrailingBackslash => "trailing backslash at end of expression",
            Complaint::UnexpectedParen => "unexpected )",
            Complaint::NestingDepth => "expression nests too deeply",
            Complaint::Large => "expression too large",
        };
        write!(f, "error parsing regexp: {complaint}: `{}`", self.part)
    }
}

impl std::error::Error for RegexError {}
