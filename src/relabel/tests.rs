//! Every action of relabelling.

use tsdb::model::{Labels, Regex};

use super::*;
use crate::config::ValidationScheme;

fn rule(action: RelabelAction, sources: &[&str]) -> RelabelConfig {
    RelabelConfig {
        source_labels: sources.iter().map(|&s| s.to_owned()).collect(),
        separator: ";".into(),
        regex: Regex::wrapped("(.*)").unwrap(),
        regex_is_written: false,
        modulus: 0,
        target_label: String::new(),
        replacement: "$1".into(),
        action,
        name_validation_scheme: ValidationScheme::Utf8,
    }
}

fn regex(pattern: &str) -> Regex {
    Regex::wrapped(pattern).unwrap()
}

const LABELS: &[(&str, &str)] = &[("__meta_x_ä", "5"), ("a", "foo"), ("b", "bar"), ("c", "baz")];

/// Applies the rules to [`LABELS`]: those `set` with other values, `None` if dropped.
#[track_caller]
fn check(rules: &[RelabelConfig], set: Option<&[(&str, &str)]>) {
    let mut labels = LabelsBuilder::from_labels(&Labels::from_pairs(LABELS.iter().copied()));
    let kept = relabel(rules, &mut labels);
    let wanted = set.map(|set| {
        let all = LABELS.iter().chain(set).copied();
        all.fold(LabelsBuilder::new(), |mut b, (n, v)| {
            b.set(n, v);
            b
        })
        .build()
    });
    assert_eq!(kept.then(|| labels.build()), wanted);
}

#[test]
fn replace_writes_what_the_template_makes_of_the_groups() {
    let base = RelabelConfig {
        target_label: "d".into(),
        regex: regex("(f)(.*);(.*)r"),
        replacement: "$1-${3}b".into(),
        ..rule(RelabelAction::Replace, &["a", "b"])
    };
    check(std::slice::from_ref(&base), Some(&[("d", "f-bab")]));
    let unmatched = RelabelConfig {
        regex: regex("f;r"),
        ..base.clone()
    };
    check(&[unmatched], Some(&[]));
    let templated = RelabelConfig {
        target_label: "x_${2}".into(),
        ..base.clone()
    };
    check(&[templated], Some(&[("x_oo", "f-bab")]));
    let to_nothing = RelabelConfig {
        target_label: "a".into(),
        replacement: "$9".into(),
        ..base
    };
    check(&[to_nothing], Some(&[("a", "")]));
}

#[test]
fn replace_without_groups_needs_only_a_match() {
    let base = RelabelConfig {
        target_label: "a".into(),
        regex: regex("fo+"),
        replacement: "x".into(),
        ..rule(RelabelAction::Replace, &["a"])
    };
    check(std::slice::from_ref(&base), Some(&[("a", "x")]));
    let unmatched = RelabelConfig {
        regex: regex("o+"),
        ..base.clone()
    };
    check(&[unmatched], Some(&[]));
    let removing = RelabelConfig {
        replacement: String::new(),
        ..base
    };
    check(&[removing], Some(&[("a", "")]));
}

#[test]
fn replace_copies_and_removes_by_default() {
    let copy = |from: &[&str], to: &str| RelabelConfig {
        target_label: to.into(),
        ..rule(RelabelAction::Replace, from)
    };
    check(&[copy(&["a"], "d")], Some(&[("d", "foo")]));
    check(&[copy(&["a", "none", "b"], "d")], Some(&[("d", "foo;;bar")]));
    check(&[copy(&["none"], "a")], Some(&[("a", "")]));
    check(&[copy(&[], "a")], Some(&[("a", "")]));
    check(&[copy(&["a"], "ü .")], Some(&[("ü .", "foo")]));
}

#[test]
fn a_name_that_is_not_valid_is_not_written() {
    let base = RelabelConfig {
        target_label: "$1".into(),
        regex: regex("(.*)"),
        replacement: "x".into(),
        name_validation_scheme: ValidationScheme::Legacy,
        ..rule(RelabelAction::Replace, &["__meta_x_ä"])
    };
    check(std::slice::from_ref(&base), Some(&[]));
    let utf8 = RelabelConfig {
        name_validation_scheme: ValidationScheme::Utf8,
        ..base.clone()
    };
    check(&[utf8], Some(&[("5", "x")]));
    let unnamed = RelabelConfig {
        target_label: "${none}".into(),
        ..base
    };
    check(&[unnamed], Some(&[]));
}

#[test]
fn keep_and_drop_look_at_the_joined_value() {
    let with = |action, pattern| RelabelConfig {
        regex: regex(pattern),
        ..rule(action, &["a", "b"])
    };
    check(&[with(RelabelAction::Keep, "foo;ba.")], Some(&[]));
    check(&[with(RelabelAction::Keep, "foo")], None);
    check(&[with(RelabelAction::Drop, "foo;bar")], None);
    check(&[with(RelabelAction::Drop, "foo")], Some(&[]));
}

#[test]
fn rules_behind_a_drop_are_not_looked_at() {
    let drop = RelabelConfig {
        regex: regex("foo"),
        ..rule(RelabelAction::Drop, &["a"])
    };
    let rename = RelabelConfig {
        target_label: "a".into(),
        replacement: "other".into(),
        ..rule(RelabelAction::Replace, &["a"])
    };
    check(&[rename.clone(), drop.clone()], Some(&[("a", "other")]));
    check(&[drop, rename], None);
}

#[test]
fn keepequal_and_dropequal_compare_with_the_target_label() {
    let with = |action, to: &str| RelabelConfig {
        target_label: to.into(),
        ..rule(action, &["a"])
    };
    check(&[with(RelabelAction::KeepEqual, "a")], Some(&[]));
    check(&[with(RelabelAction::KeepEqual, "b")], None);
    check(&[with(RelabelAction::DropEqual, "a")], None);
    check(&[with(RelabelAction::DropEqual, "none")], Some(&[]));
}

#[test]
fn hashmod_is_md5s_last_eight_bytes_modulo() {
    let base = |modulus| RelabelConfig {
        target_label: "d".into(),
        modulus,
        ..rule(RelabelAction::HashMod, &["a"])
    };
    // md5sum of "foo": acbd18db4cc2f85c edef654fccc4a4d8
    check(&[base(1000)], Some(&[("d", "696")]));
    check(&[base(1)], Some(&[("d", "0")]));
    check(&[base(u64::MAX)], Some(&[("d", "17145033699835028696")]));
}

#[test]
fn labelmap_copies_by_name() {
    let map = RelabelConfig {
        regex: regex("__meta_(.+)_(.*)"),
        replacement: "${2}_$1".into(),
        ..rule(RelabelAction::LabelMap, &[])
    };
    check(&[map], Some(&[("ä_x", "5")]));
    let chain = RelabelConfig {
        regex: regex("([abc])"),
        replacement: "${1}b".into(),
        ..rule(RelabelAction::LabelMap, &[])
    };
    check(&[chain], Some(&[("ab", "foo"), ("bb", "bar"), ("cb", "baz")]));
}

#[test]
fn labeldrop_and_labelkeep_look_at_names() {
    let with = |action| RelabelConfig {
        regex: regex("[ab]"),
        ..rule(action, &[])
    };
    check(&[with(RelabelAction::LabelDrop)], Some(&[("a", ""), ("b", "")]));
    check(
        &[with(RelabelAction::LabelKeep)],
        Some(&[("__meta_x_ä", ""), ("c", "")]),
    );
}

#[test]
fn case_is_changed_in_the_joined_value() {
    let with = |action| RelabelConfig {
        target_label: "d".into(),
        ..rule(action, &["a", "b"])
    };
    check(&[with(RelabelAction::Uppercase)], Some(&[("d", "FOO;BAR")]));
    check(
        &[with(RelabelAction::Uppercase), with(RelabelAction::Lowercase)],
        Some(&[("d", "foo;bar")]),
    );
}
