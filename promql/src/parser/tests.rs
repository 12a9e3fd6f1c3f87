//! The recorded corpus of `testdata/promql/parse`, limits, positions, JSON, and printing that reads back.

use std::fmt::Write;
use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

/// One entry of the corpus: an expression, and how it is printed or why it is refused.
struct Entry {
    file: String,
    query: String,
    expected: Result<String, String>,
}

fn corpus() -> Vec<Entry> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/promql/parse");
    let mut entries = Vec::new();
    for file in std::fs::read_dir(dir).expect("the corpus is there") {
        let path = file.expect("the directory can be read").path();
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        let name = path.file_name().expect("it has a name").to_string_lossy();
        let mut query: Vec<&str> = Vec::new();
        for line in text.lines() {
            let expected = match line.split_at_checked(2) {
                _ if line == ">" => {
                    query.push("");
                    continue;
                }
                Some(("> ", part)) => {
                    query.push(part);
                    continue;
                }
                Some(("= ", printed)) => Ok(printed.to_owned()),
                Some(("! ", refused)) => Err(refused.to_owned()),
                _ => continue,
            };
            entries.push(Entry {
                file: name.clone().into_owned(),
                query: std::mem::take(&mut query).join("\n"),
                expected,
            });
        }
    }
    entries
}

fn read_back(query: &str) -> Result<String, String> {
    match parse_expr(query, &ParserOptions::all()) {
        Ok(expr) => Ok(expr.to_string()),
        Err(errors) => Err(errors.to_string()),
    }
}

#[test]
fn the_corpus_is_accepted_printed_and_refused_as_recorded() {
    let corpus = corpus();
    assert!(corpus.len() > 600, "only {} entries", corpus.len());
    let mut wrong = String::new();
    for entry in &corpus {
        let found = read_back(&entry.query);
        if found != entry.expected {
            let Entry {
                file,
                query,
                expected,
            } = entry;
            writeln!(
                wrong,
                "{file}: {query}\n  expected {expected:?}\n  found    {found:?}"
            )
            .expect("a string takes all");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[track_caller]
fn check_refused_by_default(query: &str, text: &str) {
    let errors = parse_expr(query, &ParserOptions::default()).expect_err("a feature flag is needed");
    assert_eq!(errors.to_string(), text);
}

#[test]
fn what_needs_a_feature_flag_is_refused_without_it() {
    check_refused_by_default(
        "limitk(1, a)",
        "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    );
    check_refused_by_default(
        "1 + mad_over_time(a[5m])",
        "1:5: parse error: function \"mad_over_time\" is not enabled",
    );
    check_refused_by_default(
        "a smoothed",
        "1:1: parse error: smoothed modifier is experimental and not enabled",
    );
    check_refused_by_default(
        "a + fill(0) b",
        "1:1: parse error: binop fill modifiers are experimental and not enabled",
    );
    assert!(parse_expr("rate(a[5m * 2]) >/ 1", &ParserOptions::default()).is_ok());
}

#[test]
fn an_empty_query_has_no_position() {
    assert_eq!(
        read_back(""),
        Err("unknown position: parse error: no expression found in input".to_owned())
    );
    assert_eq!(
        read_back("  "),
        Err("1:1: parse error: no expression found in input".to_owned())
    );
}

#[test]
fn all_type_errors_are_collected_and_the_first_is_shown() {
    let errors =
        parse_expr("abs(1) + rate(a) + sum(\"x\")", &ParserOptions::default()).expect_err("types are wrong");
    assert_eq!(errors.iter().count(), 3);
    assert_eq!(
        errors.to_string(),
        "1:5: parse error: expected type instant vector in call to function \"abs\", got scalar"
    );
    assert_eq!(errors.below(10).first().place().to_string(), "11:5");
}

#[track_caller]
fn check_too_deep(query: &str) {
    let text = read_back(query).expect_err("the query is too deep");
    assert!(
        text.ends_with("expression is nested too deeply, more than 1000 levels"),
        "{text}"
    );
}

#[test]
fn depth_is_limited_instead_of_the_stack() {
    let times = |text: &str, n| text.repeat(n);
    check_too_deep(&format!("{}1{}", times("(", 50_000), times(")", 50_000)));
    check_too_deep(&format!("{}a{}", times("abs(", 50_000), times(")", 50_000)));
    check_too_deep(&format!("{}a", times("-", 50_000)));
    check_too_deep(&format!("a{}", times(" + a", 50_000)));
    check_too_deep(&format!("a{}", times("^a", 50_000)));
    check_too_deep(&format!("a{}", times("[5m:]", 50_000)));
    check_too_deep(&format!("a[{}1", times("(", 50_000)));
    check_too_deep(&format!("a[1{}]", times("+1", 50_000)));
    let deepest = format!("{}a{}", times("sum(", 999), times(")", 999));
    assert_eq!(read_back(&deepest), Ok(deepest));
}

#[track_caller]
fn check_selector(text: &str, matchers: &str) {
    let found = parse_selector(text).expect("the selector is valid");
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.join(" "), matchers);
}

#[test]
fn a_selector_for_match_may_match_everything_but_must_be_alone() {
    check_selector("up{job=~'a.*'}", "job=~\"a.*\" __name__=\"up\"");
    check_selector("{}", "");
    check_selector("{'a b', c!='d'}", "__name__=\"a b\" c!=\"d\"");
    let refused = |text| parse_selector(text).map_err(|errors| errors.to_string());
    assert_eq!(
        refused("up[5m]"),
        Err("1:3: parse error: unexpected \"[\"".to_owned())
    );
    assert_eq!(
        refused("1"),
        Err("1:1: parse error: unexpected number \"1\"".to_owned())
    );
    assert_eq!(
        refused(""),
        Err("unknown position: parse error: unexpected end of input".to_owned())
    );
}

#[track_caller]
fn check_span(query: &str, part: &str) {
    let expr = parse_expr(query, &ParserOptions::all()).expect("the query is valid");
    let Span { start, end } = expr.span();
    assert_eq!(&query[start as usize..end as usize], part);
}

#[test]
fn a_node_reaches_from_its_first_to_its_last_word() {
    check_span(" a{b='c'} offset 5m ", "a{b='c'} offset 5m");
    check_span(" rate(a[5m] @ 1) ", "rate(a[5m] @ 1)");
    check_span(" - a ", "- a");
    check_span(" a + (b) ", "a + (b)");
    check_span(" sum(a) by (x) ", "sum(a) by (x)");
    check_span(" a[5m:1m] offset 1m ", "a[5m:1m] offset 1m");
}

#[test]
fn the_tree_as_json_has_sorted_keys_and_escaped_brackets() {
    let expr = parse_expr("a > bool on (x) -b{c='<'} offset (5m)", &ParserOptions::all())
        .expect("the query is valid");
    let matching =
        r#"{"card":"one-to-one","fillValues":{"lhs":null,"rhs":null},"include":[],"labels":["x"],"on":true}"#;
    let vector = |matchers: &str, name: &str, offset: &str| {
        format!(
            r#"{{"anchored":false,"matchers":[{matchers}],"name":"{name}","offset":0,"offsetExpr":{offset},"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"}}"#
        )
    };
    let a = vector(r#"{"name":"__name__","type":"=","value":"a"}"#, "a", "null");
    let offset = r#"{"lhs":null,"op":"+","rhs":{"duration":true,"type":"numberLiteral","val":"300"},"type":"durationExpr","wrapped":true}"#;
    let b = vector(
        r#"{"name":"c","type":"=","value":"\u003c"},{"name":"__name__","type":"=","value":"b"}"#,
        "b",
        offset,
    );
    let expected = format!(
        r#"{{"bool":true,"lhs":{a},"matching":{matching},"op":"\u003e","rhs":{{"expr":{b},"op":"-","type":"unaryExpr"}},"type":"binaryExpr"}}"#
    );
    assert_eq!(json(&expr), expected);
}

#[track_caller]
fn check_pretty(query: &str, lines: &[&str]) {
    let expr = parse_expr(query, &ParserOptions::all()).expect("the query is valid");
    assert_eq!(pretty(&expr).lines().collect::<Vec<_>>(), lines);
}

#[test]
fn what_is_longer_than_a_hundred_bytes_is_broken_and_indented() {
    check_pretty("sum( a )  by(x)", &["sum by (x) (a)"]);
    let long = "a_rather_long_metric_name_of_fifty_bytes_to_fill_lines";
    check_pretty(
        &format!("topk by (x) (3, rate({long}{{job=\"api\"}}[5m]) / -{long}{{job=\"web\"}})"),
        &[
            "topk by (x) (",
            "  3,",
            &format!("    rate({long}{{job=\"api\"}}[5m])"),
            "  /",
            &format!("    -{long}{{job=\"web\"}}"),
            ")",
        ],
    );
}

/// Expressions of every kind, as texts.
fn expressions() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        any::<f32>()
            .prop_filter("written without a sign", |v| v.is_sign_positive())
            .prop_map(|v| format!("{v:?}").replace("inf", "Inf")),
        (1_u32..500, "[smhd]").prop_map(|(n, unit)| format!("{n}{unit}")),
    ];
    let selector = (
        "[a-z]{1,3}|sum|by|offset",
        proptest::option::of(("[a-z]{1,3}|'x y'", "=|!=|=~|!~", "\"[a-z.]{0,4}\"|`\\\\w`")),
    )
        .prop_map(|(name, matcher)| match matcher {
            Some((label, op, value)) => format!("{name}{{{label}{op}{value}}}"),
            None => format!("{name}{{}}"),
        });
    let shift = "( offset -?[1-9]m)?( @ (start\\(\\)|-?[0-9]{1,3}))?( smoothed)?";
    let range = "[1-9]m|[1-9]h \\+ [1-9]m|\\(step\\(\\)\\) \\* 2|min_of\\(range\\(\\), 1h\\)";
    let vector = (selector, shift).prop_map(|(selector, shift)| format!("{selector}{shift}"));
    vector.prop_recursive(5, 40, 3, move |vector| {
        let operator = "\\+|-|\\*|/|\\^|%|atan2|> bool|==|and|or|unless|>/|== on \\(a\\) group_left|\\+ ignoring \\(b, 'c d'\\) fill \\(-1\\)";
        prop_oneof![
            (vector.clone(), operator, vector.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (vector.clone(), "\\+|-|\\*|/|\\^", number.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            ("sum|avg|count", "( (by|without) \\((a|b, 'c d'|)\\))?", vector.clone()).prop_map(|(op, by, a)| format!("{op}{by} ({a})")),
            (number.clone(), vector.clone()).prop_map(|(k, a)| format!("topk({k}, {a})")),
            ("-|\\+", vector.clone()).prop_map(|(sign, a)| format!("{sign}{a}")),
            ("abs|absent|scalar", vector.clone()).prop_map(|(f, a)| format!("vector(scalar({f}({a})))").replace("scalar(scalar(", "scalar(abs(")),
            (vector.clone(), range, "(1m|step\\(\\))?").prop_map(|(a, range, step)| format!("rate(({a})[{range}:{step}])")),
            ("[a-z]{1,3}", range, "( offset \\([1-9]m \\+ 1\\))?").prop_map(|(a, range, shift)| format!("rate({a}_[{range}]{shift})")),
            vector.prop_map(|a| format!("({a})")),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_tree(query in expressions()) {
        // Not all are valid: `and` between a vector and a number is not, for example.
        if let Ok(expr) = parse_expr(&query, &ParserOptions::all()) {
            let printed = expr.to_string();
            let again = parse_expr(&printed, &ParserOptions::all()).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
            prop_assert_eq!(json(&expr), json(&again));
            let prettily = parse_expr(&pretty(&expr), &ParserOptions::all()).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
            prop_assert_eq!(json(&expr), json(&prettily));
        }
    }

    #[test]
    fn no_text_makes_it_panic(query in "[a-z0-9(){}\\[\\],:@'\"`\\\\=!~<>+*/^% \n#é_.-]{0,40}") {
        if let Err(errors) = parse_expr(&query, &ParserOptions::all()) {
            prop_assert!(errors.iter().all(|e| e.span().start as usize <= query.len()));
        }
        for refused in [parse_series(&query).err(), parse_selector(&query).err()].into_iter().flatten() {
            prop_assert!(refused.first().span().start as usize <= query.len());
        }
    }
}

/// Where promql-parser reads something else, or prints something that says something else.
fn is_known_to_differ(query: &str) -> bool {
    // It drops unary plus, the clause of a grouping without labels, and times before 1970; a duration is
    // a plain number to it; its texts are text, not bytes; a leading zero is nothing to it; a
    // offset of that many or infinitely many seconds makes it panic.
    ["+", "ignoring", "@ -", "\\x", "\\1", "010", "1e30", "offset -Inf"]
        .iter()
        .any(|part| query.contains(part))
}

/// What promql-parser makes of a query that both read, where that is another tree; `None` where one of them
/// refuses it or is known to differ.
fn read_by_promql_parser(query: &str) -> Option<Result<(), String>> {
    if is_known_to_differ(query) {
        return None;
    }
    let ours = parse_expr(query, &ParserOptions::all()).ok()?;
    let theirs = promql_parser::parser::parse(query).ok()?;
    // Printing sorts the matchers.
    let plain = |printed: &str| parse_expr(printed, &ParserOptions::all()).map(|expr| json(&expr));
    let printed = theirs.to_string();
    Some(match plain(&ours.to_string()) == plain(&printed) {
        true => Ok(()),
        false => Err(format!("{query} became {printed}")),
    })
}

#[test]
fn promql_parser_agrees_wherever_both_accept() {
    let read = corpus()
        .into_iter()
        .filter_map(|entry| read_by_promql_parser(&entry.query));
    let (agreed, wrong): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(agreed.len() > 200, "only {} compared", agreed.len());
}

#[test]
fn promql_parser_agrees_about_generated_queries() {
    let mut runner = TestRunner::deterministic();
    let mut agreed = 0;
    for _ in 0..5000 {
        let query = expressions().new_tree(&mut runner).expect("a query").current();
        match read_by_promql_parser(&query) {
            Some(Err(wrong)) => panic!("{wrong}"),
            Some(Ok(())) => agreed += 1,
            None => {}
        }
    }
    assert!(agreed > 500, "only {agreed} compared");
}

/// Runs over scripts that are not part of this repository: set `CONFORMANCE` to their directory.
#[test]
fn every_expression_of_the_conformance_scripts_is_accepted() {
    let Some(dir) = std::env::var_os("CONFORMANCE") else {
        eprintln!("skipped: CONFORMANCE names no directory");
        return;
    };
    let mut seen = 0;
    for file in std::fs::read_dir(dir).expect("the directory can be read") {
        let path = file.expect("the directory can be read").path();
        if path.extension().is_none_or(|extension| extension != "test") {
            eprintln!("skipped: {}", path.display());
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("eval"))
        {
            // `eval instant at T EXPR`, `eval instant EXPR` or `eval range from A to B step S EXPR`.
            let words = match line.split_whitespace().nth(1) {
                Some("range") => 8,
                _ if line.contains(" instant at ") => 4,
                _ => 2,
            };
            let query = (0..words).fold(line, |rest, _| {
                rest.trim_start()
                    .split_once(char::is_whitespace)
                    .map_or("", |(_, rest)| rest)
            });
            let read = parse_expr(query.trim(), &ParserOptions::all());
            assert!(read.is_ok(), "{}: {query}: {read:?}", path.display());
            seen += 1;
        }
    }
    eprintln!("{seen} expressions accepted");
}
