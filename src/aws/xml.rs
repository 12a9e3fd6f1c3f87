//! XML as AWS answers it: elements with text, no attributes that matter.
//!
//! Start with [`Element::parse`]; what is missing in an answer is told by [`Element::need`] with its place.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;

use super::AwsError;

/// An element, what it says and what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name without a prefix.
    pub name: String,
    /// Its text, without that of its children.
    pub text: String,
    /// What it holds, in this order.
    pub children: Vec<Element>,
}

/// How deep elements may lie in each other; AWS' answers need ten.
const DEPTH_MAX: usize = 64;

/// How many elements an answer may have; a page of a thousand instances needs some 200 000.
const ELEMENTS_MAX: usize = 2_000_000;

impl Element {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is no XML, ends too early or is larger than any answer of AWS.
    pub fn parse(bytes: &[u8]) -> Result<Self, AwsError> {
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.valid_up_to(), "invalid UTF-8"))?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        let mut count = 0_usize;
        loop {
            let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let event = reader
                .read_event()
                .map_err(|error| wrong(at, &error.to_string()))?;
            if matches!(event, Event::Start(_) | Event::Empty(_)) {
                count += 1;
                if count > ELEMENTS_MAX || open.len() >= DEPTH_MAX {
                    return Err(wrong(
                        at,
                        "more elements, or deeper ones, than an answer may have",
                    ));
                }
            }
            let closed = match event {
                Event::Start(start) => {
                    open.push(Self::named(start.local_name().as_ref()));
                    None
                }
                Event::Empty(start) => Some(Self::named(start.local_name().as_ref())),
                Event::End(_) => open.pop(),
                Event::Text(text) => {
                    push_text(&mut open, &text.xml10_content());
                    None
                }
                Event::CData(text) => {
                    push_text(&mut open, &text.xml10_content());
                    None
                }
                Event::GeneralRef(reference) => {
                    let known = match reference.resolve_char_ref() {
                        Ok(Some(c)) => Some(c.to_string()),
                        Ok(None) => resolve_xml_entity(&reference.xml10_content()).map(str::to_owned),
                        Err(_) => None,
                    };
                    let known = known.ok_or_else(|| wrong(at, "unknown entity"))?;
                    push_text(&mut open, &known);
                    None
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
            };
            let Some(mut closed) = closed else { continue };
            if !closed.children.is_empty() {
                // White space between children.
                closed.text = closed.text.trim().to_owned();
            }
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => root = root.or(Some(closed)),
            }
        }
        match (open.last(), root) {
            (Some(open), _) => Err(wrong(
                text.len(),
                &format!("the answer ends within <{}>", open.name),
            )),
            (None, Some(root)) => Ok(root),
            (None, None) => Err(wrong(text.len(), "expected an element, found none")),
        }
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of this name.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The children of the first child of this name, which is a list.
    pub fn items(&self, name: &str) -> &[Self] {
        self.child(name).map_or(&[], |list| &list.children)
    }

    /// The first child of this name, which must be there.
    ///
    /// # Errors
    /// When it is not; the text names both.
    pub fn need(&self, name: &str) -> Result<&Self, AwsError> {
        self.child(name).ok_or_else(|| {
            let names: Vec<&str> = self
                .children
                .iter()
                .map(|child| child.name.as_str())
                .take(12)
                .collect();
            AwsError::new(format!(
                "expected <{name}> in <{}>, found {}",
                self.name,
                match names.is_empty() {
                    true => "nothing".to_owned(),
                    false => names.join(", "),
                }
            ))
        })
    }
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(last) = open.last_mut() {
        last.text.push_str(text);
    }
}

fn wrong(at: usize, what: &str) -> AwsError {
    AwsError::new(format!("invalid XML at byte {at}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let error = Element::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn elements_hold_text_and_each_other() {
        let root = Element::parse(
            "<?xml version=\"1.0\"?>\n<r xmlns=\"http://x/\"><p:a>1 &lt;&#233;&amp;<![CDATA[<b>]]></p:a>\n \
             <list>\n<item>x</item><item/></list></r>"
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(root.name, "r");
        assert_eq!(root.text_of("a"), Some("1 <é&<b>"));
        assert_eq!(root.items("list").len(), 2);
        assert_eq!(root.items("list")[1].text, "");
        assert_eq!(root.text_of("list"), Some(""));
        assert_eq!(root.child("b"), None);
        assert_eq!(
            root.need("instanceId").unwrap_err().to_string(),
            "expected <instanceId> in <r>, found a, list"
        );
    }

    #[test]
    fn damage_is_an_error_that_names_its_place() {
        check_error("<a><b>text", "invalid XML at byte 10: the answer ends within <b>");
        check_error("<a><b></a>", "invalid XML at byte 6");
        check_error("<a>&nothing;</a>", "unknown entity");
        check_error("", "expected an element, found none");
        check_error("just text", "expected an element, found none");
        check_error(&"<a>".repeat(DEPTH_MAX + 1), "deeper ones");
        let not_text = Element::parse(b"<a>\xff</a>").unwrap_err().to_string();
        assert_eq!(not_text, "invalid XML at byte 3: invalid UTF-8");
    }
}
