//! Any text is read or refused; what is read prints as something that reads as the same.
//!
//! `cargo +nightly fuzz run parse` in `promql/`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use promql::parser::{Expr, ParserOptions, parse_expr, parse_selector, parse_series};

fuzz_target!(|text: &str| {
    match parse_expr(text, &ParserOptions::all()) {
        Ok(expr) => prints_as_itself(text, &expr),
        Err(errors) => assert!(!errors.first().text().is_empty()),
    }
    // A description stands for as many samples as it says; short ones suffice here.
    if !text.contains('x') {
        drop(parse_series(text));
    }
    drop(parse_selector(text));
});

/// But for an offset behind two signs, which ends earlier when it is printed, and for an infinite base of a power,
/// whose printed sign is that of the power; it is so in Prometheus, too.
fn prints_as_itself(text: &str, expr: &Expr) {
    if text.to_ascii_lowercase().contains("offset") {
        return;
    }
    let printed = expr.to_string();
    if printed.contains("+Inf ^") {
        return;
    }
    match parse_expr(&printed, &ParserOptions::all()) {
        // Matchers are sorted by printing.
        Ok(again) => assert_eq!(again.to_string(), printed, "{text:?}"),
        Err(errors) => panic!("{text:?} printed as {printed:?}: {errors}"),
    }
}
