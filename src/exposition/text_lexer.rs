//! The careful lexer of the text format 0.0.4 and 1.0.0.
//!
//! One call, one token; blanks and tabs come as tokens of their own. At a byte that fits no token it stops
//! on that byte, which is the last one that an error quotes.

use super::token::{
    Reader, State, Token, in_label_name, in_metric_name, starts_label_name, starts_metric_name,
};

/// The next token.
pub(super) fn next_token(reader: &mut Reader<'_>) -> Token {
    if reader.is_at_end() {
        return Token::Eof;
    }
    reader.start = reader.at;
    let byte = reader.current();
    // Before the text of a comment the longer match wins, which may begin with blanks.
    if matches!(byte, b' ' | b'\t') && reader.state != State::MetaText {
        reader.run(|b| matches!(b, b' ' | b'\t'));
        return Token::Whitespace;
    }
    match reader.state {
        State::Init => line_start(reader, byte),
        State::MetaName => match byte {
            b'"' if reader.quoted(true) => then(reader, State::MetaText, Token::MetricName),
            b if starts_metric_name(b) => {
                reader.run(in_metric_name);
                then(reader, State::MetaText, Token::MetricName)
            }
            _ => Token::Invalid,
        },
        State::MetaText => meta_text(reader, byte),
        State::Labels => label(reader, byte),
        State::LabelValue => match byte {
            b'"' if reader.quoted(true) => then(reader, State::Labels, Token::LabelValue),
            _ => Token::Invalid,
        },
        State::Value => match byte {
            b'{' => one(reader, State::Labels, Token::BraceOpen),
            0 | b'\n' => Token::Invalid,
            _ => {
                reader.run(|b| !matches!(b, 0 | b'{' | b' ' | b'\t' | b'\n'));
                then(reader, State::Timestamp, Token::Value)
            }
        },
        State::Timestamp => match byte {
            b'\n' => one(reader, State::Init, Token::Linebreak),
            b'0'..=b'9' => {
                reader.run(|b| b.is_ascii_digit());
                Token::Timestamp
            }
            _ => Token::Invalid,
        },
        _ => unreachable!("the text format has no exemplars and leaves the comment state in one token"),
    }
}

fn line_start(reader: &mut Reader<'_>, byte: u8) -> Token {
    match byte {
        0 => {
            reader.advance();
            Token::Eof
        }
        b'\n' => one(reader, State::Init, Token::Linebreak),
        b'{' => one(reader, State::Labels, Token::BraceOpen),
        b'#' => {
            if !matches!(reader.advance(), b' ' | b'\t') {
                return comment(reader);
            }
            reader.run(|b| matches!(b, b' ' | b'\t'));
            reader.state = State::Comment;
            keyword(reader)
        }
        b if starts_metric_name(b) => {
            reader.run(in_metric_name);
            then(reader, State::Value, Token::MetricName)
        }
        _ => Token::Invalid,
    }
}

fn keyword(reader: &mut Reader<'_>) -> Token {
    let (word, token): (&[u8], _) = match reader.current() {
        b'H' => (b"HELP", Token::Help),
        b'T' => (b"TYPE", Token::Type),
        _ => return comment(reader),
    };
    if !reader.word(word) || !matches!(reader.current(), b' ' | b'\t') {
        return comment(reader);
    }
    reader.run(|b| matches!(b, b' ' | b'\t'));
    then(reader, State::MetaName, token)
}

/// The rest of a line that says nothing to us; a NUL outside of a comment proper ends the page.
fn comment(reader: &mut Reader<'_>) -> Token {
    let mut byte = reader.current();
    loop {
        match byte {
            0 => return Token::Eof,
            b'\n' => return then(reader, State::Init, Token::Comment),
            _ => byte = reader.advance(),
        }
    }
}

fn meta_text(reader: &mut Reader<'_>, first: u8) -> Token {
    let mut blank = matches!(first, b' ' | b'\t');
    let mut byte = first;
    while !matches!(byte, 0 | b'\n') {
        blank &= matches!(byte, b' ' | b'\t');
        byte = reader.advance();
    }
    if blank {
        return Token::Whitespace;
    }
    then(reader, State::Init, Token::Text)
}

fn label(reader: &mut Reader<'_>, byte: u8) -> Token {
    match byte {
        b'}' => one(reader, State::Value, Token::BraceClose),
        b'=' => one(reader, State::LabelValue, Token::Equal),
        b',' => one(reader, State::Labels, Token::Comma),
        b'"' if reader.quoted(true) => Token::Quoted,
        b if starts_label_name(b) => {
            reader.run(in_label_name);
            Token::LabelName
        }
        _ => Token::Invalid,
    }
}

fn then(reader: &mut Reader<'_>, state: State, token: Token) -> Token {
    reader.state = state;
    token
}

fn one(reader: &mut Reader<'_>, state: State, token: Token) -> Token {
    reader.advance();
    then(reader, state, token)
}
