//! The careful lexer of OpenMetrics 1.0 and 0.0.1: every blank counts and belongs to a token.

use super::token::{
    Reader, State, Token, in_label_name, in_metric_name, starts_label_name, starts_metric_name,
};

/// The next token. At a byte that fits no token it stops on that byte.
pub(super) fn next_token(reader: &mut Reader<'_>) -> Token {
    if reader.is_at_end() {
        return Token::Eof;
    }
    reader.start = reader.at;
    let byte = reader.current();
    match reader.state {
        State::Init => match byte {
            b'#' if reader.advance() == b' ' => {
                reader.advance();
                reader.state = State::Comment;
                keyword(reader)
            }
            b'{' => one(reader, State::Labels, Token::BraceOpen),
            b if starts_metric_name(b) => {
                reader.run(in_metric_name);
                then(reader, State::Value, Token::MetricName)
            }
            _ => Token::Invalid,
        },
        State::Comment => keyword(reader),
        State::MetaName => match byte {
            b'"' if reader.quoted(true) => then(reader, State::MetaText, Token::MetricName),
            b if starts_metric_name(b) => {
                reader.run(in_metric_name);
                then(reader, State::MetaText, Token::MetricName)
            }
            _ => Token::Invalid,
        },
        State::MetaText => meta_text(reader, byte),
        State::Labels => label(reader, byte, true, State::Labels, State::LabelValue, State::Value),
        State::LabelValue => match byte {
            b'"' if reader.quoted(false) => then(reader, State::Labels, Token::LabelValue),
            _ => Token::Invalid,
        },
        State::Value => match byte {
            b'{' => one(reader, State::Labels, Token::BraceOpen),
            b' ' => blank_and_word(reader, State::Timestamp, Token::Value),
            _ => Token::Invalid,
        },
        State::Timestamp => match byte {
            b'\n' => one(reader, State::Init, Token::Linebreak),
            b' ' => timestamp_or_exemplar(reader),
            _ => Token::Invalid,
        },
        State::Exemplar => {
            let value = State::ExemplarValue;
            label(reader, byte, false, State::Exemplar, value, value)
        }
        State::ExemplarValue => match byte {
            b'"' if reader.quoted(false) => then(reader, State::Exemplar, Token::LabelValue),
            b' ' => blank_and_word(reader, State::ExemplarTimestamp, Token::Value),
            _ => Token::Invalid,
        },
        State::ExemplarTimestamp => match byte {
            b'\n' => one(reader, State::Init, Token::Linebreak),
            b' ' => blank_and_word(reader, State::ExemplarTimestamp, Token::Timestamp),
            _ => Token::Invalid,
        },
    }
}

fn keyword(reader: &mut Reader<'_>) -> Token {
    let (word, token): (&[u8], _) = match reader.current() {
        b'H' => (b"HELP ", Token::Help),
        b'T' => (b"TYPE ", Token::Type),
        b'U' => (b"UNIT ", Token::Unit),
        b'E' => (b"EOF", Token::EofWord),
        _ => return Token::Invalid,
    };
    if !reader.word(word) {
        return Token::Invalid;
    }
    if token != Token::EofWord {
        return then(reader, State::MetaName, token);
    }
    if reader.current() == b'\n' {
        reader.advance();
    }
    then(reader, State::Init, token)
}

/// A blank and the rest of the line, newline included.
fn meta_text(reader: &mut Reader<'_>, byte: u8) -> Token {
    if byte != b' ' {
        return Token::Invalid;
    }
    loop {
        match reader.advance() {
            0 => return Token::Invalid,
            b'\n' => return one(reader, State::Init, Token::Text),
            _ => {}
        }
    }
}

fn label(
    reader: &mut Reader<'_>,
    byte: u8,
    newline_in_name: bool,
    here: State,
    equal: State,
    close: State,
) -> Token {
    match byte {
        b'}' => one(reader, close, Token::BraceClose),
        b'=' => one(reader, equal, Token::Equal),
        b',' => one(reader, here, Token::Comma),
        b'"' if reader.quoted(newline_in_name) => Token::Quoted,
        b if starts_label_name(b) => {
            reader.run(in_label_name);
            Token::LabelName
        }
        _ => Token::Invalid,
    }
}

fn in_word(byte: u8) -> bool {
    !matches!(byte, 0 | b' ' | b'\n')
}

fn blank_and_word(reader: &mut Reader<'_>, state: State, token: Token) -> Token {
    if !in_word(reader.advance()) {
        return Token::Invalid;
    }
    reader.run(in_word);
    then(reader, state, token)
}

fn timestamp_or_exemplar(reader: &mut Reader<'_>) -> Token {
    match reader.advance() {
        b'#' if reader.advance() == b' ' => match reader.advance() {
            b'{' => one(reader, State::Exemplar, Token::Comment),
            _ => Token::Invalid,
        },
        b'#' if !in_word(reader.current()) => Token::Timestamp,
        byte if in_word(byte) => {
            if in_word(reader.current()) {
                reader.run(in_word);
            }
            Token::Timestamp
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
