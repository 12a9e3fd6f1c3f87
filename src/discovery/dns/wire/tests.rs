//! Messages spelled out, names written and read, damage of each kind.

use proptest::prelude::*;

use super::*;

fn question(name: &str) -> Question<'_> {
    Question {
        name,
        kind: DnsRecordType::Srv,
    }
}

/// An answer to nothing in particular: its flags, how many answers it announces, and what follows the head.
fn message(flags: [u8; 2], answers: u8, rest: &[u8]) -> Vec<u8> {
    let head = [0x12, 0x34, flags[0], flags[1], 0, 0, 0, answers, 0, 0, 0, 0];
    [&head, rest].concat()
}

/// A record of the root with this type and data.
fn record(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[0, 0, kind, 0, 1, 0, 0, 0, 60][..], &length, data].concat()
}

#[test]
fn a_question_asks_for_recursion_and_says_how_much_it_takes() {
    let asked = question("_a.b.").with_large_datagrams().unwrap();
    let id = asked.id.to_be_bytes();
    let head = [id[0], id[1], 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1];
    let name = b"\x02_a\x01b\x00\x00\x21\x00\x01";
    let size = [0, 0, 41, 0x10, 0x00, 0, 0, 0, 0, 0, 0];
    assert_eq!(asked.bytes, [&head[..], name, &size].concat());
    let plain = question("_a.b.").plain().unwrap();
    assert_eq!(plain.bytes[10..12], [0, 0]);
    assert_eq!(plain.bytes.len(), HEAD_BYTES + name.len());
    let ids: Vec<u16> = (0..8).map(|_| question(".").plain().unwrap().id).collect();
    assert!(ids.iter().any(|id| *id != ids[0]), "{ids:?}");
}

#[test]
fn names_that_are_none_are_refused() {
    let long = format!("{}.", "a".repeat(64));
    let longer = "abcdefg.".repeat(32);
    for name in ["a..", "..", ".a.", r"a\", r"a\256.", &long, &longer] {
        let error = question(name).plain().unwrap_err();
        assert!(error.contains("is no name"), "{error}");
    }
}

#[test]
fn records_of_all_types_are_read() {
    let rest = [
        record(1, &[10, 0, 0, 1]),
        record(28, &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        record(33, b"\x00\x01\x00\x02\x1f\x90\x03web\x01x\x00"),
        record(15, b"\x00\x0a\x04mail\xc0\x5b"),
        record(2, b"\x00"),
        record(5, b"\x01y\x00"),
        record(16, b"\x01t"),
    ]
    .concat();
    let at = HEAD_BYTES + rest.windows(2).position(|pair| pair == b"\x01x").unwrap();
    let mut bytes = message([0x81, 0x80], 7, &rest);
    let pointer = bytes.iter().position(|byte| *byte == 0xc0).unwrap();
    bytes[pointer + 1] = u8::try_from(at).unwrap();
    let answer = Answer::parse(&bytes).unwrap();
    assert_eq!(answer.id, 0x1234);
    assert!(answer.is_success() && !answer.is_truncated);
    assert_eq!(
        answer.records,
        [
            Record::Address([10, 0, 0, 1].into()),
            Record::Address([0xfd00, 0, 0, 0, 0, 0, 0, 1].into()),
            Record::Srv {
                target: "web.x.".to_owned(),
                port: 8080,
            },
            Record::Mx("mail.x.".to_owned()),
            Record::Ns(".".to_owned()),
            Record::Alias,
            Record::Other("TXT".to_owned()),
        ]
    );
}

#[test]
fn codes_and_truncation_are_told_apart() {
    let parse = |flags| Answer::parse(&message(flags, 0, &[])).unwrap();
    assert!(parse([0x81, 0x83]).is_no_such_name());
    let refused = parse([0x81, 0x85]);
    assert!(!refused.is_success() && !refused.is_no_such_name());
    assert!(parse([0x83, 0x80]).is_truncated);
    // The upper bits of a code stand in a record of their own: this is "bad version", not "no error".
    let mut extended = message([0x81, 0x80], 0, &[0, 0, 41, 0x10, 0, 1, 0, 0, 0, 0, 0]);
    extended[11] = 1;
    assert!(!Answer::parse(&extended).unwrap().is_success());
    // Some servers send the head alone.
    assert!(
        Answer::parse(&message([0x81, 0x80], 3, &[]))
            .unwrap()
            .records
            .is_empty()
    );
}

#[test]
fn each_kind_of_damage_is_refused() {
    let good = message(
        [0x81, 0x80],
        1,
        &record(33, b"\x00\x01\x00\x02\x1f\x90\x03web\x00"),
    );
    assert!(Answer::parse(&good).is_ok());
    for length in (0..good.len()).filter(|length| *length != HEAD_BYTES) {
        assert!(Answer::parse(&good[..length]).is_err(), "cut at {length}");
    }
    let with = |kind, data: &[u8]| Answer::parse(&message([0x81, 0x80], 1, &record(kind, data)));
    assert!(with(1, &[10, 0, 0]).is_err(), "a short address");
    assert!(with(1, &[10, 0, 0, 1, 0]).is_err(), "a long address");
    assert!(with(2, b"\xc0\x17").is_err(), "a name that points at itself");
    assert!(with(2, b"\xc0\xff").is_err(), "a name that points outside");
    assert!(with(2, b"\x40aa\x00").is_err(), "a label of no known kind");
}

proptest! {
    #[test]
    fn a_name_is_written_as_it_was_read(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..8)) {
        let mut wire = Vec::new();
        for label in &labels {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend(label);
        }
        wire.push(0);
        let answer = Answer::parse(&message([0x81, 0x80], 1, &record(2, &wire))).unwrap();
        let [Record::Ns(text)] = &answer.records[..] else {
            panic!("{answer:?}");
        };
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        let parsed = parse_name(text).unwrap();
        prop_assert_eq!(parsed.as_slice(), &wire[..]);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), good in any::<bool>()) {
        let bytes = match good {
            true => message([0x81, 0x80], 3, &bytes),
            false => bytes,
        };
        drop(Answer::parse(&bytes));
    }
}
