//! Upper, lower and title case.

/// One character to one, as Go maps runes; those that would become several stay.
pub(super) fn upper(c: char) -> Option<char> {
    single(c, c.to_uppercase())
}

/// One character to one, as Go maps runes.
pub(super) fn lower(c: char) -> Option<char> {
    match c {
        'İ' => Some('i'),
        c => single(c, c.to_lowercase()),
    }
}

fn single(c: char, mut mapped: impl Iterator<Item = char>) -> Option<char> {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => Some(one),
        _ => Some(c),
    }
}

/// Each word's first letter in upper case, the rest as it is. Words are Unicode's: an underscore joins,
/// an apostrophe, full stop or colon joins letters, a full stop or comma digits.
pub(super) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    let mut chars = text.chars().peekable();
    let mut before = None;
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        if is_word(c) {
            if inside {
                out.push(c);
            } else if c.is_alphabetic() {
                push_title(&mut out, c);
                inside = true;
            } else {
                // Digits and underscores before the first letter do not take its place.
                out.push(c);
            }
        } else {
            out.push(c);
            inside = inside && joins(before, c, next);
        }
        before = Some(c);
    }
    out
}

fn push_title(out: &mut String, c: char) {
    match c {
        'ǆ' | 'Ǆ' => out.push('ǅ'),
        'ǉ' | 'Ǉ' => out.push('ǈ'),
        'ǌ' | 'Ǌ' => out.push('ǋ'),
        'ǳ' | 'Ǳ' => out.push('ǲ'),
        'ß' => out.push_str("Ss"),
        c => out.extend(upper(c)),
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Whether `c` stands inside a word.
fn joins(before: Option<char>, c: char, next: Option<char>) -> bool {
    let around = |kind: fn(char) -> bool| before.is_some_and(kind) && next.is_some_and(kind);
    match c {
        '\'' | '.' | '’' => around(char::is_alphabetic) || around(char::is_numeric),
        ':' | '·' => around(char::is_alphabetic),
        ',' | ';' => around(char::is_numeric),
        _ => false,
    }
}
