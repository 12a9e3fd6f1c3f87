//! The postings offset table: for each label name and value, where its postings lie.
//!
//! Entries are sorted by name, then value. In memory stands one place for each 32 entries of a name; the
//! rest is walked in the mapping.

use super::{SectionError, section};
use crate::encoding::{DecodeBuffer, DecodeError, crc32c, varint};

/// Of how many entries of a name one's place is kept.
const EVERY: usize = 32;

/// Numbers before an entry's name and value: how many texts follow.
const TEXTS: u64 = 2;

/// The table of an index of version 1, where entries stand in any order, as a sorted one.
pub(super) fn sorted(file: &[u8], offset: u64) -> Result<Vec<u8>, SectionError> {
    let (body, body_begin) = section(file, offset, NAME)?;
    let content = |error| SectionError::content(NAME, body_begin, error);
    let mut buffer = DecodeBuffer::new(body);
    let count = buffer.u32().map_err(content)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(Entry::read(&mut buffer).map_err(content)?);
    }
    entries.sort_by_key(|entry| (entry.name, entry.value));
    let mut table = count.to_be_bytes().to_vec();
    for entry in entries {
        varint::put_uvarint(&mut table, TEXTS);
        for text in [entry.name, entry.value] {
            varint::put_uvarint(&mut table, text.len() as u64);
            table.extend_from_slice(text);
        }
        varint::put_uvarint(&mut table, entry.offset);
    }
    // The section was no longer.
    let mut sorted = (table.len() as u32).to_be_bytes().to_vec();
    sorted.extend_from_slice(&table);
    sorted.extend(crc32c(&table).to_be_bytes());
    Ok(sorted)
}

const NAME: &str = "postings table";

/// Where the entries of a mapped index lie. The bytes are the caller's.
#[derive(Debug)]
pub(super) struct PostingsTable {
    begin: usize,
    end: usize,
    /// Sorted by text.
    names: Vec<Name>,
    /// Where every 32nd entry of each name begins, counted from `begin`.
    places: Vec<u32>,
}

#[derive(Debug)]
struct Name {
    text: Box<str>,
    entries: usize,
    first_place: usize,
}

/// One entry.
struct Entry<'a> {
    name: &'a [u8],
    value: &'a [u8],
    offset: u64,
}

impl<'a> Entry<'a> {
    #[inline]
    fn read(buffer: &mut DecodeBuffer<'a>) -> Result<Self, DecodeError> {
        let begin = buffer.offset();
        if buffer.uvarint()? != TEXTS {
            return Err(DecodeError::new(begin, "an entry of two texts"));
        }
        Ok(Self {
            name: buffer.prefixed_bytes()?,
            value: buffer.prefixed_bytes()?,
            offset: buffer.uvarint()?,
        })
    }
}

impl PostingsTable {
    pub(super) fn read(file: &[u8], offset: u64) -> Result<Self, SectionError> {
        let (body, body_begin) = section(file, offset, NAME)?;
        let content = |error| SectionError::content(NAME, body_begin, error);
        let mut buffer = DecodeBuffer::new(body);
        let count = buffer.u32().map_err(content)?;
        let mut table = Self {
            begin: body_begin,
            end: body_begin + body.len(),
            names: Vec::new(),
            places: Vec::new(),
        };
        let mut before: Option<Entry<'_>> = None;
        for _ in 0..count {
            let begin = buffer.offset();
            let entry = Entry::read(&mut buffer).map_err(content)?;
            let ascends = |before: &Entry<'_>| (before.name, before.value) < (entry.name, entry.value);
            if !before.as_ref().is_none_or(ascends) {
                return Err(content(DecodeError::new(begin, "ascending entries")));
            }
            table.note(begin, entry.name).map_err(content)?;
            before = Some(entry);
        }
        Ok(table)
    }

    fn note(&mut self, begin: usize, name: &[u8]) -> Result<(), DecodeError> {
        let new = self.names.last().is_none_or(|last| last.text.as_bytes() != name);
        if new {
            let text = str::from_utf8(name).map_err(|_| DecodeError::new(begin, "UTF-8 text"))?;
            self.names.push(Name {
                text: text.into(),
                entries: 0,
                first_place: self.places.len(),
            });
        }
        if let Some(last) = self.names.last_mut() {
            if last.entries % EVERY == 0 {
                // The section's length is a u32.
                self.places.push(begin as u32);
            }
            last.entries += 1;
        }
        Ok(())
    }

    /// Names of all labels, ascending. The empty name, which stands for all series, is left out.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names
            .iter()
            .map(|name| &*name.text)
            .filter(|text| !text.is_empty())
    }

    /// How many values a label has.
    pub(super) fn value_count(&self, name: &str) -> usize {
        self.name(name).map_or(0, |found| found.entries)
    }

    /// Entries of the label `name` whose values are `from` or later.
    pub(super) fn entries_from<'a>(
        &self,
        file: &'a [u8],
        name: &str,
        from: &str,
    ) -> Result<PostingsEntries<'a>, DecodeError> {
        let Some(name) = self.name(name) else {
            return Ok(PostingsEntries {
                buffer: DecodeBuffer::new(&[]),
                left: 0,
            });
        };
        let places = &self.places[name.first_place..][..name.entries.div_ceil(EVERY)];
        let mut failed = None;
        let block = places.partition_point(|&place| match Entry::read(&mut self.buffer(file, place)) {
            Ok(entry) => entry.value <= from.as_bytes(),
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let block = block.saturating_sub(1);
        let mut entries = PostingsEntries {
            buffer: self.buffer(file, places[block]),
            left: name.entries - block * EVERY,
        };
        loop {
            let before = entries.clone();
            match entries.next() {
                Some(Ok((value, _))) if value < from => {}
                Some(Err(error)) => return Err(error),
                _ => return Ok(before),
            }
        }
    }

    /// Where the postings of one label lie.
    pub(super) fn find(&self, file: &[u8], name: &str, value: &str) -> Result<Option<u64>, DecodeError> {
        match self.entries_from(file, name, value)?.next() {
            Some(Ok((found, offset))) if found == value => Ok(Some(offset)),
            Some(Err(error)) => Err(error),
            _ => Ok(None),
        }
    }

    fn name(&self, name: &str) -> Option<&Name> {
        let found = self.names.binary_search_by(|probe| (*probe.text).cmp(name));
        found.ok().map(|at| &self.names[at])
    }

    fn buffer<'a>(&self, file: &'a [u8], place: u32) -> DecodeBuffer<'a> {
        DecodeBuffer::new(&file[self.begin + place as usize..self.end])
    }
}

/// Values of one label, ascending, with the places of their postings.
#[derive(Clone, Debug)]
pub struct PostingsEntries<'a> {
    buffer: DecodeBuffer<'a>,
    left: usize,
}

impl<'a> Iterator for PostingsEntries<'a> {
    type Item = Result<(&'a str, u64), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let begin = self.buffer.offset();
        Some(Entry::read(&mut self.buffer).and_then(|entry| {
            let value = str::from_utf8(entry.value).map_err(|_| DecodeError::new(begin, "UTF-8 text"))?;
            Ok((value, entry.offset))
        }))
    }
}
