//! What is wrong with a document, and noting it: about a value, a section or the file.
//!
//! The difference decides what Go would tell: see [`super::tell`].

use super::decode::Decoder;
use super::tell;
use super::tree::{Mark, Node, Span};
use crate::config::refuse;

/// Something wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub mark: Mark,
    /// What.
    pub text: String,
    /// The section that was read to its end before this showed, if it is not about one value alone.
    pub section: Option<Span>,
}

impl Decoder {
    /// Notes a mistake at a place.
    pub fn mistake(&mut self, mark: Mark, text: impl Into<String>) {
        self.mistakes.push(Mistake {
            mark,
            text: text.into(),
            section: None,
        });
    }

    /// Notes what is wrong with a section as a whole: Go sees it once all of the section is read, and not at
    /// all if a value in it has the wrong shape.
    pub fn mistake_of(&mut self, section: Span, mark: Mark, text: impl Into<String>) {
        self.mistakes.push(Mistake {
            mark,
            text: text.into(),
            section: Some(section),
        });
    }

    /// Whether no value of the wrong shape was found since there were `before` mistakes: only then a section
    /// can be judged by its values.
    pub fn has_right_shapes_since(&self, before: usize) -> bool {
        let since = self.mistakes.get(before..).unwrap_or_default();
        !since.iter().any(|mistake| tell::is_shape(&mistake.text))
    }

    /// Notes what is wrong with the file as a whole.
    pub fn mistake_of_file(&mut self, mark: Mark, text: impl Into<String>) {
        match self.file {
            Some(file) => self.mistake_of(file, mark, text),
            None => self.mistake(mark, text),
        }
    }

    /// Notes as mistakes of the whole file what `decode` finds wrong beyond shapes.
    pub fn checks_of_file<T>(&mut self, decode: impl FnOnce(&mut Self) -> T) -> T {
        match self.file {
            Some(file) => self.checks_of(file, decode),
            None => decode(self),
        }
    }

    /// Notes as mistakes of a whole section what `decode` finds wrong beyond shapes.
    pub fn checks_of<T>(&mut self, section: Span, decode: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.mistakes.len();
        let value = decode(self);
        for mistake in &mut self.mistakes[before..] {
            if !tell::is_shape(&mistake.text) {
                mistake.section.get_or_insert(section);
            }
        }
        value
    }

    /// Notes that `what` is known but not built, unless nothing is to start with it.
    pub fn unbuilt(&mut self, mark: Mark, what: &str) {
        if !self.accepts_unbuilt {
            // What Go has to say of the file comes first.
            let section = Span {
                start: Mark::default(),
                end: Mark::LAST,
            };
            self.mistake_of(section, mark, refuse::refusal(what));
        }
    }

    /// Notes a mistake about a node's own text; an expanded variable is shown as it was written.
    pub fn mistake_in(&mut self, node: &Node, text: impl Into<String>) {
        let mut text = text.into();
        if let Some(scalar) = node.scalar()
            && let Some(source) = &scalar.source
            && !scalar.text.is_empty()
        {
            text = text.replace(&*scalar.text, source);
        }
        self.mistake(node.mark, text);
    }
}
