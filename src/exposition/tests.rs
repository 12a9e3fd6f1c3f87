//! Pages in `testdata/exposition`: each with what it says or why it is refused beside it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::*;

/// Reads `page` to its end and describes each entry on a line, as the `.expected` files do.
fn describe(page: &[u8], format: Format) -> String {
    let mut parser = Parser::new(page, format);
    let mut out = String::new();
    let mut labels = Vec::new();
    loop {
        let line = match parser.next() {
            Ok(None) => return out,
            Err(error) => return out + "error: " + &error.to_string() + "\n",
            Ok(Some(Entry::Comment)) => "comment".to_owned(),
            Ok(Some(Entry::Type)) => format!("type {:?} {}", parser.family(), parser.kind().as_str()),
            Ok(Some(Entry::Help)) => format!("help {:?} {:?}", parser.family(), parser.help()),
            Ok(Some(Entry::Unit)) => format!("unit {:?} {:?}", parser.family(), parser.unit()),
            Ok(Some(Entry::Series)) => {
                let mut line = String::from("sample");
                if let Err(error) = parser.labels(&mut labels) {
                    return out + "error: " + &error.to_string() + "\n";
                }
                for (name, value) in &labels {
                    write!(line, " {name:?}={value:?}").unwrap();
                }
                write!(line, " {:?}", parser.value()).unwrap();
                if let Some(at_ms) = parser.at_ms() {
                    write!(line, " at {at_ms}").unwrap();
                }
                if let Some(exemplar) = parser.exemplar() {
                    write!(line, " exemplar {} {:?}", exemplar.labels, exemplar.value).unwrap();
                    if let Some(at_ms) = exemplar.at_ms {
                        write!(line, " at {at_ms}").unwrap();
                    }
                }
                line
            }
        };
        out.push_str(&line);
        out.push('\n');
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/exposition")
}

/// Pages end in `.prom` or `.om`; `x.prom.expected` describes `x.prom`. Set `UPDATE=1` to write them anew.
#[test]
fn every_page_says_what_is_expected_of_it() {
    let mut seen = 0;
    for file in std::fs::read_dir(directory()).unwrap() {
        let path = file.unwrap().path();
        let format = match path.extension().and_then(|e| e.to_str()) {
            Some("prom") => Format::Text,
            Some("om") => Format::OpenMetrics,
            _ => continue,
        };
        let got = describe(&std::fs::read(&path).unwrap(), format);
        let expected = path.with_extension(format!(
            "{}.expected",
            path.extension().unwrap().to_str().unwrap()
        ));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &got).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap();
        assert_eq!(got, expected, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 6, "{seen} pages");
}

/// Lines `format⇥input⇥error`, input and error escaped as in Rust.
#[test]
fn every_malformed_page_is_refused_in_prometheus_words() {
    let list = std::fs::read_to_string(directory().join("malformed.tsv")).unwrap();
    let mut seen = 0;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let [format, input, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}");
        };
        let format = match format {
            "text" => Format::Text,
            "openmetrics" => Format::OpenMetrics,
            other => panic!("{other}"),
        };
        let got = describe(&unescape(input), format);
        let error = got.lines().last().unwrap_or("").to_owned();
        let expected = String::from_utf8(unescape(expected)).unwrap();
        assert_eq!(error, format!("error: {expected}"), "{input}");
        seen += 1;
    }
    assert!(seen >= 12, "{seen} pages");
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match (byte, byte == b'\\') {
            (_, false) => out.push(byte),
            _ => match bytes.next().unwrap() {
                b'n' => out.push(b'\n'),
                b't' => out.push(b'\t'),
                b'x' => {
                    let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                    out.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
                }
                other => out.push(other),
            },
        }
    }
    out
}

/// The careful half alone, for comparing the plain half with it.
fn describe_carefully(page: &[u8], format: Format) -> String {
    let mut out = String::new();
    let mut parser = Parser::new(page, format);
    loop {
        parser.exemplar = None;
        let entry = match format {
            Format::Text => parser.careful_text(),
            Format::OpenMetrics => parser.careful_openmetrics(),
        };
        let Ok(Some(entry)) = entry else {
            let end = entry.err().map(|error| format!("error: {error}\n"));
            return out + &end.unwrap_or_default();
        };
        if entry == Entry::Series {
            let mut labels = Vec::new();
            let labels = parser.labels(&mut labels).map(|()| format!("{labels:?}"));
            let (value, at_ms) = (parser.value().to_bits(), parser.at_ms());
            writeln!(out, "{labels:?} {value} {at_ms:?} {:?}", parser.series()).unwrap();
        } else {
            writeln!(
                out,
                "{entry:?} {} {:?} {}",
                parser.family(),
                parser.kind(),
                parser.help()
            )
            .unwrap();
        }
    }
}

fn describe_plainly(page: &[u8], format: Format) -> String {
    let mut out = String::new();
    let mut parser = Parser::new(page, format);
    loop {
        match parser.next() {
            Ok(None) => return out,
            Err(error) => return format!("{out}error: {error}\n"),
            Ok(Some(Entry::Series)) => {
                let mut labels = Vec::new();
                let labels = parser.labels(&mut labels).map(|()| format!("{labels:?}"));
                let (value, at_ms) = (parser.value().to_bits(), parser.at_ms());
                writeln!(out, "{labels:?} {value} {at_ms:?} {:?}", parser.series()).unwrap();
            }
            Ok(Some(entry)) => {
                writeln!(
                    out,
                    "{entry:?} {} {:?} {}",
                    parser.family(),
                    parser.kind(),
                    parser.help()
                )
                .unwrap();
            }
        }
    }
}

mod random {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of pages, so that random ones are often nearly right.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let fixed = [
            "# HELP ",
            "# TYPE ",
            "# UNIT ",
            "# EOF\n",
            "a",
            "b_total",
            ":c",
            "{",
            "}",
            "\"",
            "\\\"",
            "\\",
            ",",
            "=",
            "x=\"y\"",
            "le=\"1\"",
            "{a=\"b\",c=\"d\"}",
            " ",
            "\n",
            " 1\n",
            " 2.5e3\n",
            " NaN",
            " -Inf\n",
            " 17 99\n",
            "\t",
            "\0",
            "#",
            "é",
            "counter\n",
            "histogram\n",
            "_",
            "0x1p2",
            "1_0",
            " # {t=\"1\"} 3\n",
            "\"q.r\"",
        ];
        prop_oneof![
            20 => proptest::sample::select(fixed.to_vec()).prop_map(|s| s.as_bytes().to_vec()),
            1 => any::<u8>().prop_map(|b| vec![b]),
        ]
    }

    #[test]
    fn a_nul_that_begins_the_line_after_a_help_text_is_read_alike() {
        for format in [Format::Text, Format::OpenMetrics] {
            let page = b"# HELP a 1\n\0";
            assert_eq!(describe_plainly(page, format), describe_carefully(page, format));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn plain_and_careful_halves_agree_on_any_page(pieces in prop::collection::vec(piece(), 0..24)) {
            let page = pieces.concat();
            for format in [Format::Text, Format::OpenMetrics] {
                prop_assert_eq!(describe_plainly(&page, format), describe_carefully(&page, format));
            }
        }

    }

    proptest! {
        // The oracle compiles its regular expressions for each page.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_oracle_reads_simple_pages_alike(
            samples in prop::collection::vec(("[a-z]{1,8}", "[a-z]{1,5}", "[a-zA-Z0-9 _/]{0,12}", any::<i32>()), 1..20)
        ) {
            let mut page = String::new();
            for (name, label, value, number) in &samples {
                writeln!(page, "{name}{{{label}=\"{value}\"}} {number}").unwrap();
            }
            let oracle = prometheus_parse::Scrape::parse(page.lines().map(|l| Ok(l.to_owned()))).unwrap();
            let mut parser = Parser::new(page.as_bytes(), Format::Text);
            let mut labels = Vec::new();
            for sample in &oracle.samples {
                prop_assert_eq!(parser.next().unwrap(), Some(Entry::Series));
                parser.labels(&mut labels).unwrap();
                prop_assert_eq!(&labels[0].1, &sample.metric);
                prop_assert_eq!(sample.labels.get(&labels[1].0).unwrap_or(""), &*labels[1].1);
                prop_assert_eq!(&sample.value, &prometheus_parse::Value::Untyped(parser.value()));
            }
            prop_assert_eq!(parser.next().unwrap(), None);
        }
    }
}
