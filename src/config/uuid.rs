//! Whether a text is a UUID.

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in hexadecimal digits of either case.
pub fn is_canonical(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// The forms that Go's `uuid.Parse` takes: canonical, after `urn:uuid:`, between two characters of any kind
/// (meant for braces), or without hyphens.
pub fn is_any_form(text: &str) -> bool {
    match text.len() {
        32 => text.bytes().all(|b| b.is_ascii_hexdigit()),
        38 => text.get(1..37).is_some_and(is_canonical),
        45 => {
            let has_prefix = text
                .get(..9)
                .is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:"));
            has_prefix && text.get(9..).is_some_and(is_canonical)
        }
        _ => is_canonical(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_go_is_one() {
        let id = "00000000-a12b-3cd4-e56f-000000000000";
        for text in [
            id.to_owned(),
            format!("{{{id}}}"),
            format!("URN:UUID:{id}"),
            id.replace('-', ""),
        ] {
            assert!(is_any_form(&text), "{text}");
        }
        for text in [
            "",
            "x",
            &id[1..],
            &format!("urn:uid::{id}"),
            &id.replace('a', "g"),
        ] {
            assert!(!is_any_form(text), "{text}");
        }
        assert!(is_canonical(id) && !is_canonical(&id.replace('-', "")));
    }
}
