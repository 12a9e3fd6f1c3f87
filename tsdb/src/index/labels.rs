//! An index as matchers see it.

use super::IndexReader;
use crate::fs::FileError;
use crate::postings::{LabelIndex, Wanted};

impl LabelIndex for IndexReader {
    type Error = FileError;

    fn all(&self, into: &mut Vec<u32>) -> Result<(), FileError> {
        self.all_postings(into)
    }

    fn with_value(&self, name: &str, value: &str, into: &mut Vec<u32>) -> Result<(), FileError> {
        // The empty name stands for all series; no label is called so.
        if name.is_empty() {
            return Ok(());
        }
        self.postings(name, value, into)
    }

    fn count_with_value(&self, name: &str, value: &str) -> Result<usize, FileError> {
        self.postings_count(name, value)
    }

    fn narrow(&self, name: &str, value: &str, found: &mut Vec<u32>) -> Result<(), FileError> {
        if name.is_empty() {
            found.clear();
            return Ok(());
        }
        self.keep_postings(name, value, found)
    }

    fn with_values(
        &self,
        name: &str,
        from: &str,
        wanted: &mut dyn FnMut(&str) -> Wanted,
        into: &mut Vec<u32>,
    ) -> Result<(), FileError> {
        if name.is_empty() {
            return Ok(());
        }
        for entry in self.values_from(name, from)? {
            let (value, place) = entry?;
            match wanted(value) {
                Wanted::Take => self.postings_at(place, into)?,
                Wanted::Leave => {}
                Wanted::End => break,
            }
        }
        Ok(())
    }
}
