//! What the lexer makes of texts.

use super::*;

fn texts(query: &str) -> Result<Vec<&str>, String> {
    let mut lexer = Lexer::new(query);
    let mut found = Vec::new();
    loop {
        match lexer.next() {
            Ok(token) if token.kind == Kind::End => return Ok(found),
            Ok(token) => found.push(token.text(query)),
            Err(error) => return Err(format!("{}: {}", error.start, error.text)),
        }
    }
}

#[track_caller]
fn check_texts(query: &str, expected: &[&str]) {
    assert_eq!(texts(query).as_deref(), Ok(expected));
}

#[track_caller]
fn check_error(query: &str, expected: &str) {
    assert_eq!(texts(query), Err(expected.to_owned()));
}

#[test]
fn words_are_cut_at_operators_and_spaces() {
    check_texts("a+b:c * 5m # end", &["a", "+", "b:c", "*", "5m"]);
    check_texts("a</2>/3", &["a", "</", "2", ">/", "3"]);
}

#[test]
fn a_number_may_have_underscores_an_exponent_or_hexadecimal_digits() {
    check_texts("1_000 .5 1e-3 0x1F", &["1_000", ".5", "1e-3", "0x1F"]);
    check_error("1__0", "0: bad number or duration syntax: \"1__\"");
    check_error("0x1ee", "0: bad number or duration syntax: \"0x1ee\"");
}

#[test]
fn an_unknown_escape_names_its_character() {
    check_error(r#""\q""#, "0: unknown escape sequence U+0071 'q'");
    check_error(r#""\777""#, "0: escape sequence is an invalid Unicode code point");
}

#[test]
fn only_four_words_stand_between_brackets() {
    check_texts("a[step()+5m]", &["a", "[", "step", "(", ")", "+", "5m", "]"]);
    check_error("a[foo]", "2: unexpected character in duration expression: 'f'");
    check_error("a[5m foo]", "5: unexpected character: 'f', expected ':'");
}
