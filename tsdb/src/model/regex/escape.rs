//! Escapes and bracketed classes: `\n`, `\x41`, `\d`, `\pL`, `[[:alpha:]_-]`.
//!
//! Each function takes the pattern from its backslash or bracket on and gives what stands behind.

use regex_syntax::hir::ClassUnicode;

use super::error::{Complaint, RegexError};
use super::parse::Flags;
use super::ranges::{Ranges, span};
use super::unicode;

/// Reads a class in brackets.
pub(super) fn class<'p>(
    text: &'p str,
    flags: Flags,
    ranges: &mut Ranges,
    pattern: &str,
) -> Result<(ClassUnicode, &'p str), RegexError> {
    let mut rest = &text[1..];
    let negated = rest.starts_with('^');
    if negated {
        rest = &rest[1..];
    }
    // Made a set at the end: doing so for each member would cost the square of their number.
    let mut members = Vec::new();
    // A bracket that comes first is a member.
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        let (member, after) = match posix(rest)? {
            Some((named, after)) => (finish(named, flags, ranges, pattern)?, after),
            None => match group(rest, flags, ranges, pattern)? {
                Some(group) => group,
                None => {
                    let (span, after) = member(rest, text)?;
                    let plain = Named {
                        class: span,
                        negated: false,
                    };
                    (finish(plain, flags, ranges, pattern)?, after)
                }
            },
        };
        members.extend(member.iter().copied());
        rest = after;
    }
    let mut class = ClassUnicode::new(members);
    if negated {
        class.negate();
    }
    ranges.charge(&class, pattern)?;
    Ok((class, &rest[1..]))
}

/// A character or a range of them; `whole` is the class from its bracket on.
fn member<'p>(text: &'p str, whole: &str) -> Result<(ClassUnicode, &'p str), RegexError> {
    let (first, rest) = class_character(text, whole)?;
    let Some(upper) = rest
        .strip_prefix('-')
        .filter(|r| !r.is_empty() && !r.starts_with(']'))
    else {
        return Ok((span(first, first), rest));
    };
    let (last, rest) = class_character(upper, whole)?;
    if last < first {
        let written = &text[..text.len() - rest.len()];
        return Err(RegexError::new(Complaint::CharClassRange, written));
    }
    Ok((span(first, last), rest))
}

fn class_character<'p>(text: &'p str, whole: &str) -> Result<(u32, &'p str), RegexError> {
    let mut chars = text.chars();
    match chars.next() {
        None => Err(RegexError::new(Complaint::MissingBracket, whole)),
        Some('\\') => character(text),
        Some(c) => Ok((c.into(), chars.as_str())),
    }
}

/// A set that has a name, or its opposite.
struct Named {
    class: ClassUnicode,
    negated: bool,
}

/// Adds other cases if asked, then negates: `(?i)[^k]` takes neither `k` nor `K`.
fn finish(
    named: Named,
    flags: Flags,
    ranges: &mut Ranges,
    pattern: &str,
) -> Result<ClassUnicode, RegexError> {
    let mut class = named.class;
    if flags.fold_case {
        ranges.fold(&mut class, pattern)?;
    }
    if named.negated {
        class.negate();
    }
    ranges.charge(&class, pattern)?;
    Ok(class)
}

/// `\d \s \w`, `\pL`, `\p{Greek}` and their opposites; `None` if it is another escape or none.
pub(super) fn group<'p>(
    text: &'p str,
    flags: Flags,
    ranges: &mut Ranges,
    pattern: &str,
) -> Result<Option<(ClassUnicode, &'p str)>, RegexError> {
    let (named, rest) = match text.as_bytes() {
        [b'\\', b'p' | b'P', ..] => property(text, flags)?,
        [b'\\', letter, ..] => match perl(*letter) {
            Some(named) => (named, &text[2..]),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some((finish(named, flags, ranges, pattern)?, rest)))
}

fn perl(letter: u8) -> Option<Named> {
    let class = match letter.to_ascii_lowercase() {
        b'd' => ascii(&[('0', '9')]),
        b's' => ascii(&[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')]),
        b'w' => ascii(WORD),
        _ => return None,
    };
    Some(Named {
        class,
        negated: letter.is_ascii_uppercase(),
    })
}

/// `\pL`, `\p{Lu}`, `\p{^Lu}` and those with `\P`.
fn property(text: &str, flags: Flags) -> Result<(Named, &str), RegexError> {
    let refused = |part| RegexError::new(Complaint::CharClassRange, part);
    let mut chars = text[2..].chars();
    let (name, rest) = match chars.next() {
        None => return Err(refused(text)),
        Some('{') => text[3..].split_once('}').ok_or_else(|| refused(text))?,
        Some(_) => (&text[2..text.len() - chars.as_str().len()], chars.as_str()),
    };
    let (name, caret) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let written = &text[..text.len() - rest.len()];
    let class = unicode::class(name, flags.names).ok_or_else(|| refused(written))?;
    let negated = text.starts_with("\\P") != caret;
    Ok((Named { class, negated }, rest))
}

const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// `[:alpha:]` and `[:^alpha:]`; `None` if it is none.
fn posix(text: &str) -> Result<Option<(Named, &str)>, RegexError> {
    let Some((name, rest)) = text.strip_prefix("[:").and_then(|t| t.split_once(":]")) else {
        return Ok(None);
    };
    let (bare, negated) = match name.strip_prefix('^') {
        Some(bare) => (bare, true),
        None => (name, false),
    };
    let class = match bare {
        "alnum" => ascii(&[('0', '9'), ('A', 'Z'), ('a', 'z')]),
        "alpha" => ascii(&[('A', 'Z'), ('a', 'z')]),
        "ascii" => ascii(&[('\0', '\x7f')]),
        "blank" => ascii(&[('\t', '\t'), (' ', ' ')]),
        "cntrl" => ascii(&[('\0', '\x1f'), ('\x7f', '\x7f')]),
        "digit" => ascii(&[('0', '9')]),
        "graph" => ascii(&[('!', '~')]),
        "lower" => ascii(&[('a', 'z')]),
        "print" => ascii(&[(' ', '~')]),
        "punct" => ascii(&[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
        "space" => ascii(&[('\t', '\r'), (' ', ' ')]),
        "upper" => ascii(&[('A', 'Z')]),
        "word" => ascii(WORD),
        "xdigit" => ascii(&[('0', '9'), ('A', 'F'), ('a', 'f')]),
        _ => {
            let written = &text[..text.len() - rest.len()];
            return Err(RegexError::new(Complaint::CharClassRange, written));
        }
    };
    Ok(Some((Named { class, negated }, rest)))
}

fn ascii(ranges: &[(char, char)]) -> ClassUnicode {
    let mut class = ClassUnicode::empty();
    for &(first, last) in ranges {
        class.union(&span(first.into(), last.into()));
    }
    class
}

/// An escape that stands for one code point, which may be half of a surrogate pair.
pub(super) fn character(text: &str) -> Result<(u32, &str), RegexError> {
    let mut chars = text[1..].chars();
    let Some(c) = chars.next() else {
        return Err(RegexError::new(Complaint::TrailingBackslash, ""));
    };
    let rest = chars.as_str();
    let code = match c {
        // A single digit would be a reference back, which there is not.
        '1'..='7' if rest.starts_with(|c| matches!(c, '0'..='7')) => return Ok(octal(&text[1..])),
        '0' => return Ok(octal(&text[1..])),
        'x' => return hexadecimal(text),
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c.into(),
        _ => {
            let written = &text[..text.len() - rest.len()];
            return Err(RegexError::new(Complaint::Escape, written));
        }
    };
    Ok((code, rest))
}

/// At most three octal digits.
fn octal(digits: &str) -> (u32, &str) {
    let digit = |b: &u8| matches!(b, b'0'..=b'7');
    let end = digits.bytes().take(3).take_while(digit).count();
    let code = digits[..end]
        .bytes()
        .fold(0, |code, b| code * 8 + u32::from(b - b'0'));
    (code, &digits[end..])
}

/// `\x41` and `\x{1F525}`.
fn hexadecimal(text: &str) -> Result<(u32, &str), RegexError> {
    let mut chars = text[2..].chars();
    // The part of the text that was looked at is what an error quotes.
    let refused = |rest: &str| RegexError::new(Complaint::Escape, &text[..text.len() - rest.len()]);
    match chars.next() {
        None => Err(refused("")),
        Some('{') => {
            let mut code: Option<u32> = None;
            while let Some(c) = chars.next() {
                let digit = c.to_digit(16);
                match (digit, c) {
                    (Some(digit), _) => {
                        let longer = code.unwrap_or(0) * 16 + digit;
                        if longer > u32::from(char::MAX) {
                            break;
                        }
                        code = Some(longer);
                    }
                    (None, '}') => match code {
                        Some(code) => return Ok((code, chars.as_str())),
                        None => break,
                    },
                    _ => break,
                }
            }
            Err(refused(chars.as_str()))
        }
        Some(high) => {
            let low = chars.next();
            match (high.to_digit(16), low.and_then(|c| c.to_digit(16))) {
                (Some(high), Some(low)) => Ok((high * 16 + low, chars.as_str())),
                _ => Err(refused(chars.as_str())),
            }
        }
    }
}
