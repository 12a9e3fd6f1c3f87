//! Unicode's categories and scripts by the names that Go knows them by.
//!
//! Prometheus has two parsers: matchers want the exact name, `\p{Lu}` and `\p{Old_Italic}`; relabelling,
//! templates and functions take `\p{lu}`, `\p{Letter}` and `\p{old italic}` too.
//!
//! The tables are of Unicode 16; the four scripts that Unicode 17 adds are unknown here.

use regex_syntax::hir::{Class, ClassUnicode, HirKind};

use super::ranges::span;

/// The general categories, of one and of two letters.
const CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Cn", "Co", "Cs", "L", "LC", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N",
    "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl",
    "Zp", "Zs",
];

/// The scripts.
const SCRIPTS: &[&str] = &[
    "Adlam",
    "Ahom",
    "Anatolian_Hieroglyphs",
    "Arabic",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Bassa_Vah",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Canadian_Aboriginal",
    "Carian",
    "Caucasian_Albanian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Common",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cypro_Minoan",
    "Cyrillic",
    "Deseret",
    "Devanagari",
    "Dives_Akuru",
    "Dogra",
    "Duployan",
    "Egyptian_Hieroglyphs",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Garay",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Greek",
    "Gujarati",
    "Gunjala_Gondi",
    "Gurmukhi",
    "Gurung_Khema",
    "Han",
    "Hangul",
    "Hanifi_Rohingya",
    "Hanunoo",
    "Hatran",
    "Hebrew",
    "Hiragana",
    "Imperial_Aramaic",
    "Inherited",
    "Inscriptional_Pahlavi",
    "Inscriptional_Parthian",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Katakana",
    "Kawi",
    "Kayah_Li",
    "Kharoshthi",
    "Khitan_Small_Script",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Kirat_Rai",
    "Lao",
    "Latin",
    "Lepcha",
    "Limbu",
    "Linear_A",
    "Linear_B",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Masaram_Gondi",
    "Medefaidrin",
    "Meetei_Mayek",
    "Mende_Kikakui",
    "Meroitic_Cursive",
    "Meroitic_Hieroglyphs",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nag_Mundari",
    "Nandinagari",
    "New_Tai_Lue",
    "Newa",
    "Nko",
    "Nushu",
    "Nyiakeng_Puachue_Hmong",
    "Ogham",
    "Ol_Chiki",
    "Ol_Onal",
    "Old_Hungarian",
    "Old_Italic",
    "Old_North_Arabian",
    "Old_Permic",
    "Old_Persian",
    "Old_Sogdian",
    "Old_South_Arabian",
    "Old_Turkic",
    "Old_Uyghur",
    "Oriya",
    "Osage",
    "Osmanya",
    "Pahawh_Hmong",
    "Palmyrene",
    "Pau_Cin_Hau",
    "Phags_Pa",
    "Phoenician",
    "Psalter_Pahlavi",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "SignWriting",
    "Sinhala",
    "Sogdian",
    "Sora_Sompeng",
    "Soyombo",
    "Sundanese",
    "Sunuwar",
    "Syloti_Nagri",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Tai_Le",
    "Tai_Tham",
    "Tai_Viet",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Todhri",
    "Toto",
    "Tulu_Tigalari",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Warang_Citi",
    "Yezidi",
    "Yi",
    "Zanabazar_Square",
];

/// Unicode's longer names of the categories, as [`canonical`] writes them.
const ALIASES: &[(&str, &str)] = &[
    ("Casedletter", "LC"),
    ("Closepunctuation", "Pe"),
    ("Cntrl", "Cc"),
    ("Combiningmark", "M"),
    ("Connectorpunctuation", "Pc"),
    ("Control", "Cc"),
    ("Currencysymbol", "Sc"),
    ("Dashpunctuation", "Pd"),
    ("Decimalnumber", "Nd"),
    ("Digit", "Nd"),
    ("Enclosingmark", "Me"),
    ("Finalpunctuation", "Pf"),
    ("Format", "Cf"),
    ("Initialpunctuation", "Pi"),
    ("Lc", "LC"),
    ("Letter", "L"),
    ("Letternumber", "Nl"),
    ("Lineseparator", "Zl"),
    ("Lowercaseletter", "Ll"),
    ("Mark", "M"),
    ("Mathsymbol", "Sm"),
    ("Modifierletter", "Lm"),
    ("Modifiersymbol", "Sk"),
    ("Nonspacingmark", "Mn"),
    ("Number", "N"),
    ("Openpunctuation", "Ps"),
    ("Other", "C"),
    ("Otherletter", "Lo"),
    ("Othernumber", "No"),
    ("Otherpunctuation", "Po"),
    ("Othersymbol", "So"),
    ("Paragraphseparator", "Zp"),
    ("Privateuse", "Co"),
    ("Punct", "P"),
    ("Punctuation", "P"),
    ("Separator", "Z"),
    ("Spaceseparator", "Zs"),
    ("Spacingmark", "Mc"),
    ("Surrogate", "Cs"),
    ("Symbol", "S"),
    ("Titlecaseletter", "Lt"),
    ("Unassigned", "Cn"),
    ("Uppercaseletter", "Lu"),
];

/// Which names are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Those of the tables, letter by letter. Matchers are read by an older parser than all else.
    Exact,
    /// Also Unicode's longer names, in any case, spaces, hyphens and underscores left out.
    Loose,
}

/// The characters of a category or script; `None` if there is none of that name.
pub(super) fn class(name: &str, names: Names) -> Option<ClassUnicode> {
    match names {
        Names::Exact if name == "Any" => Some(span(0, u32::from(char::MAX))),
        Names::Exact => table(name),
        Names::Loose => loose_class(&canonical(name)),
    }
}

fn loose_class(name: &str) -> Option<ClassUnicode> {
    match name {
        "Any" => return Some(span(0, u32::from(char::MAX))),
        "Ascii" => return Some(span(0, 0x7f)),
        "Assigned" => {
            let mut assigned = table("Cn")?;
            assigned.negate();
            return Some(assigned);
        }
        _ => {}
    }
    let category = ALIASES.iter().find(|(long, _)| *long == name);
    let script = || SCRIPTS.iter().find(|script| canonical(script) == name);
    match category {
        Some((_, short)) => table(short),
        None => table(name).or_else(|| table(script()?)),
    }
}

/// A name with its first letter large and the others small, without spaces, hyphens and underscores.
fn canonical(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')) {
        out.push(if out.is_empty() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        });
    }
    out
}

/// The characters of a category or script by its exact name.
fn table(name: &str) -> Option<ClassUnicode> {
    // No text contains surrogates.
    if name == "Cs" {
        return Some(ClassUnicode::empty());
    }
    let query = if CATEGORIES.contains(&name) {
        format!(r"\p{{gc={name}}}")
    } else if SCRIPTS.binary_search(&name).is_ok() {
        format!(r"\p{{sc={name}}}")
    } else {
        return None;
    };
    match regex_syntax::parse(&query).ok()?.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        // A set of one character comes as that character.
        HirKind::Literal(one) => {
            let c = std::str::from_utf8(&one.0).ok()?.chars().next()?;
            Some(span(c.into(), c.into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_tables_has_characters() {
        for name in CATEGORIES.iter().chain(SCRIPTS) {
            let exact = class(name, Names::Exact).unwrap_or_else(|| panic!("no class for {name}"));
            assert_eq!(exact.ranges().is_empty(), *name == "Cs", "{name}");
            assert_eq!(class(&name.to_lowercase(), Names::Loose), Some(exact), "{name}");
        }
        for (alias, short) in ALIASES {
            assert_eq!(class(alias, Names::Loose), class(short, Names::Exact), "{alias}");
        }
        assert!(SCRIPTS.is_sorted());
    }

    /// Tried with the regexes of relabelling rules in Prometheus 3.5.3.
    #[test]
    fn loose_names_are_those_that_go_takes() {
        let known = "greek GREEK OldItalic Old-Italic _Old__Italic_ letter L_e_t_t_e_r lu LU UppercaseLetter \
                     punct cntrl digit any ascii assigned lc LC cn unassigned combining_mark signwriting \
                     Sign_Writing NKo phagspa surrogate Private_Use";
        for name in known.split(' ') {
            assert!(class(name, Names::Loose).is_some(), "{name}");
        }
        assert!(class(" old italic ", Names::Loose).is_some());
        for name in [
            "space",
            "Emoji",
            "Script=Greek",
            "Qaai",
            "Zinh",
            "Grek",
            "",
            "_",
            " ",
            "is_greek",
        ] {
            assert_eq!(class(name, Names::Loose), None, "{name}");
        }
        for name in ["greek", "Letter", "OldItalic", "ASCII", "Assigned", "lu"] {
            assert_eq!(class(name, Names::Exact), None, "{name}");
        }
    }
}
