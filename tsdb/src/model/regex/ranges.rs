//! Sets of characters, and a budget for them.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::error::{Complaint, RegexError};

/// How many ranges all classes of one pattern may have together: 8 MiB of them.
///
/// `\pL` has 650. Go allows 16 times as many, but its compiled form does not copy them.
const RANGES_MAX: usize = 1 << 20;

/// How many characters may be looked at for their other case: some hundredths of a second.
///
/// `(?i)\pL` takes 130 000 of them.
const FOLDS_MAX: usize = 1 << 22;

/// The first and the last character that has another case.
const FOLDABLE: (char, char) = ('A', '\u{1E943}');

/// What a pattern's classes have used up.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    ranges: usize,
    folds: usize,
}

impl Ranges {
    /// Adds to `class` the other cases of its characters.
    pub(super) fn fold(&mut self, class: &mut ClassUnicode, pattern: &str) -> Result<(), RegexError> {
        let mut foldable = Vec::new();
        for range in class.iter() {
            let (first, last) = (range.start().max(FOLDABLE.0), range.end().min(FOLDABLE.1));
            // A range over everything that folds has all cases in it.
            if first <= last && !(range.start() <= FOLDABLE.0 && range.end() >= FOLDABLE.1) {
                self.folds += last as usize - first as usize + 1;
                foldable.push(ClassUnicodeRange::new(first, last));
            }
        }
        if self.folds > FOLDS_MAX {
            return Err(RegexError::new(Complaint::Large, pattern));
        }
        let mut foldable = ClassUnicode::new(foldable);
        foldable.case_fold_simple();
        class.union(&foldable);
        Ok(())
    }

    /// Counts a finished class.
    pub(super) fn charge(&mut self, class: &ClassUnicode, pattern: &str) -> Result<(), RegexError> {
        self.ranges += class.ranges().len();
        if self.ranges > RANGES_MAX {
            return Err(RegexError::new(Complaint::Large, pattern));
        }
        Ok(())
    }
}

/// `.`
pub(super) fn dot(newline: bool) -> ClassUnicode {
    let mut dot = ClassUnicode::empty();
    if !newline {
        dot.push(ClassUnicodeRange::new('\n', '\n'));
    }
    dot.negate();
    dot
}

/// A set of one range; ends that are no characters (surrogates) are left out.
pub(super) fn span(first: u32, last: u32) -> ClassUnicode {
    let first = match first {
        0xD800..=0xDFFF => 0xE000,
        first => first,
    };
    let last = match last {
        0xD800..=0xDFFF => 0xD7FF,
        last => last,
    };
    match (char::from_u32(first), char::from_u32(last)) {
        (Some(first), Some(last)) if first <= last => {
            ClassUnicode::new([ClassUnicodeRange::new(first, last)])
        }
        _ => ClassUnicode::empty(),
    }
}

/// All cases of a character, if it has more than one.
pub(super) fn folded(c: char) -> Option<ClassUnicode> {
    if c < FOLDABLE.0 || c > FOLDABLE.1 {
        return None;
    }
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    class.case_fold_simple();
    (class.literal().is_none()).then_some(class)
}
