//! Patterns as Go reads them, against recorded answers.

use serde_json::Value;

use super::*;

/// What Prometheus 3.5.3 answered: for each pattern the error of a matcher, or what `label_replace` made of
/// `<$0|$1|$2>` on each text (those that did not match are left out).
const PROBES: &str = include_str!("probes.json");

#[test]
fn patterns_mean_what_they_mean_to_prometheus() {
    let probes: Value = serde_json::from_str(PROBES).unwrap();
    let rows = probes["probes"].as_array().unwrap();
    assert!(rows.len() > 400);
    let differences: Vec<String> = rows.iter().flat_map(|row| differences(row, &probes)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What `promtool check config` said of these as the regex of a relabelling rule, where it differs.
#[test]
fn wrapped_patterns_are_refused_as_prometheus_refuses_them() {
    let probes: Value = serde_json::from_str(PROBES).unwrap();
    let rows = probes["wrapped"].as_array().unwrap();
    assert!(rows.len() > 20);
    for row in rows {
        let error = Regex::wrapped(row[0].as_str().unwrap())
            .err()
            .map(|error| error.to_string());
        assert_eq!(error.as_deref(), row[1].as_str(), "{}", row[0]);
    }
}

fn differences(row: &Value, probes: &Value) -> Vec<String> {
    let pattern = row[0].as_str().unwrap();
    let anchored = Regex::anchored(pattern);
    if let Some(error) = row[1].as_str() {
        let found = anchored.map_or_else(|e| e.to_string(), |_| "taken".to_owned());
        let wanted = error.to_owned();
        return if found == wanted {
            Vec::new()
        } else {
            vec![format!("{pattern:?}: {found}, Prometheus: {wanted}")]
        };
    }
    let anchored = match anchored {
        Ok(regex) => regex,
        Err(error) => return vec![format!("{pattern:?}: {error}, Prometheus takes it")],
    };
    let (Ok(wrapped), Some(texts)) = (Regex::wrapped(pattern), row[1].as_u64()) else {
        let both_refuse = row[1].is_null() && Regex::wrapped(pattern).is_err();
        return if both_refuse {
            Vec::new()
        } else {
            vec![format!("{pattern:?}: wrapped otherwise")]
        };
    };
    let texts = probes["texts"][usize::try_from(texts).unwrap()]
        .as_array()
        .unwrap();
    let texts = texts.iter().map(|text| text.as_str().unwrap());
    let mut found = Vec::new();
    for text in texts {
        let wanted = row[2][text].as_str();
        if anchored.is_match(text) != wanted.is_some() {
            found.push(format!(
                "{pattern:?} on {text:?}: is_match is not {}",
                wanted.is_some()
            ));
        }
        let expanded = expanded(&wrapped, text);
        if expanded.as_deref() != wanted {
            found.push(format!(
                "{pattern:?} on {text:?}: {expanded:?}, Prometheus: {wanted:?}"
            ));
        }
    }
    found
}

fn expanded(regex: &Regex, text: &str) -> Option<String> {
    let groups = regex.captures(text)?;
    let mut out = String::new();
    regex.expand("$0|$1|$2", text, &groups, &mut out);
    Some(out)
}

#[track_caller]
fn check_error(compiled: Result<Regex, RegexError>, text: &str) {
    assert_eq!(compiled.map(|_| ()).unwrap_err().to_string(), text);
}

#[test]
fn a_wrapped_pattern_is_quoted_with_its_wrapping() {
    check_error(
        Regex::wrapped("(a"),
        "error parsing regexp: missing closing ): `^(?s:(a)$`",
    );
    check_error(
        Regex::wrapped("a)"),
        "error parsing regexp: unexpected ): `^(?s:a))$`",
    );
    check_error(
        Regex::wrapped("a**"),
        "error parsing regexp: invalid nested repetition operator: `**`",
    );
}

#[test]
fn parentheses_may_cross_those_of_the_wrapping() {
    let regex = Regex::wrapped("a)(b").unwrap();
    assert_eq!(expanded(&regex, "ab").as_deref(), Some("ab|b|"));
    check_error(
        Regex::anchored("a)(b"),
        "error parsing regexp: unexpected ): `a)(b`",
    );
}

#[test]
fn nesting_is_refused_where_go_refuses_it() {
    let nested = |n: usize| format!("{}{}", "(".repeat(n), ")".repeat(n));
    assert!(Regex::anchored(&nested(999)).unwrap().is_match(""));
    let deep = nested(1000);
    check_error(
        Regex::anchored(&deep),
        &format!("error parsing regexp: expression nests too deeply: `{deep}`"),
    );
    let flat = format!("{}a{}", "(?:".repeat(3000), ")".repeat(3000));
    assert!(Regex::anchored(&flat).unwrap().is_match("a"));
    assert!(Regex::anchored(&"(".repeat(1_000_000)).is_err());
}

#[test]
fn a_pattern_that_would_take_too_much_memory_is_too_large() {
    let large = |pattern: &str| {
        let error = Regex::anchored(pattern).unwrap_err().to_string();
        assert!(
            error.starts_with("error parsing regexp: expression too large: `"),
            "{error}"
        );
    };
    large(r"(?:\pL\PL){1000}");
    large(&r"[^\pL]".repeat(5000));
    large(&"(?i)[A-\u{1E900}]".repeat(40));
    assert!(Regex::anchored(r"\pL{500}").is_ok());
    assert!(Regex::anchored(".{1000}").is_ok());
}

#[test]
fn a_list_of_names_is_a_set() {
    let set = |pattern: &str| Regex::anchored(pattern).unwrap().set_matches().map(<[_]>::to_vec);
    let texts = |texts: &[&str]| Some(texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>());
    assert_eq!(set("foo"), texts(&["foo"]));
    assert_eq!(set("foo|bar|foo"), texts(&["bar", "foo"]));
    assert_eq!(
        set("(?:foo|ba[rz])x?"),
        texts(&["bar", "barx", "baz", "bazx", "foo", "foox"])
    );
    assert_eq!(set("^(a|b)$"), texts(&["a", "b"]));
    assert_eq!(set(""), texts(&[""]));
    assert_eq!(set("a|"), texts(&["", "a"]));
    assert_eq!(set(r"a\.b"), texts(&["a.b"]));
    assert_eq!(set("(?i)a"), texts(&["A", "a"]));
    assert_eq!(set("foo.*"), None);
    assert_eq!(set("[^a]"), None);
    assert_eq!(set("(ab?){2}"), None);
    assert_eq!(Regex::new("foo").unwrap().set_matches(), None);
}

#[test]
fn a_long_list_of_names_is_a_set_without_an_automaton() {
    let names: Vec<String> = (0..20_000).map(|i| format!("instance-{i:05}:9100")).collect();
    let regex = Regex::wrapped(&format!("({})", names.join("|"))).unwrap();
    assert_eq!(regex.set_matches().unwrap(), names);
    assert!(regex.is_match("instance-19999:9100"));
    assert!(!regex.is_match("instance-20000:9100"));
    assert_eq!(
        expanded(&regex, &names[7]).unwrap(),
        format!("{0}|{0}|", names[7])
    );
}

#[test]
fn products_of_alternatives_do_not_explode() {
    for pattern in [
        "[a-z]{1}[a-z][a-z][a-z][a-z]",
        "(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)",
    ] {
        let regex = Regex::anchored(pattern).unwrap();
        assert_eq!(regex.set_matches(), None);
    }
}

#[test]
fn a_prefix_is_what_all_matches_begin_with() {
    let check = |pattern: &str, prefix: Option<&str>| {
        assert_eq!(Regex::anchored(pattern).unwrap().prefix(), prefix, "{pattern}");
    };
    check("foo.*", Some("foo"));
    check("foo[0-9]+", Some("foo"));
    check("(foo)(bar|baz).+", Some("fooba"));
    check("foo|fox", Some("fo"));
    check("^foo+", Some("foo"));
    check("(?:ab)+", Some("ab"));
    check("a?b", None);
    check("(?i)foo.*", None);
    check("a.*|b.*", None);
    check("é.*|è.*", None);
    assert_eq!(Regex::new("foo.*").unwrap().prefix(), None);
}

#[test]
fn templates_name_groups_as_go_does() {
    let regex = Regex::wrapped("(?P<n>a)?(?P<n>b)(c)").unwrap();
    let expand = |template: &str| {
        let groups = regex.captures("bc").unwrap();
        let mut out = String::new();
        regex.expand(template, "bc", &groups, &mut out);
        let apart = regex.template(template);
        let mut again = String::new();
        apart.expand("bc", &groups, &mut again);
        assert_eq!(again, out, "{template}");
        assert_eq!(apart.expanded_bytes("bc", &groups), out.len(), "{template}");
        out
    };
    // Of two groups with one name the first that took part counts.
    assert_eq!(expand("$n"), "b");
    assert_eq!(expand("${n}x"), "bx");
    assert_eq!(expand("$nx"), "");
    assert_eq!(expand("$3-$9-$$-$"), "c--$-$");
    assert_eq!(expand("${3}0$03"), "c0");
    assert_eq!(expand("${"), "${");
    assert_eq!(expand("${}"), "${}");
    assert_eq!(expand("${n"), "${n");
    assert_eq!(expand("$99999999999999999999999"), "");
    assert_eq!(expand("é$3é"), "é");
}

#[test]
fn all_matches_are_replaced() {
    let replace = |pattern, text, template| Regex::new(pattern).unwrap().replace_all(text, template);
    assert_eq!(replace("a*", "baaac", "x"), "xbxcx");
    assert_eq!(replace("(o+)", "foo boo", "<$1>"), "f<oo> b<oo>");
    assert_eq!(replace("^", "ab", "-"), "-ab");
    assert_eq!(replace("é", "aéb", ""), "ab");
    assert_eq!(
        Regex::wrapped("foo|bar").unwrap().replace_all("foo", "$0$0"),
        "foofoo"
    );
    assert_eq!(
        Regex::wrapped("foo|bar").unwrap().replace_all("foobar", "x"),
        "foobar"
    );
}
