//! The series of one pair: ordinals that ascend, as runs of those that follow each other.
//!
//! A target's series are made together, so that what all of them carry is one run, whatever their number, and
//! takes no memory beside the list itself. Elsewhere a run takes about two bytes.
//!
//! ```text
//! bytes   gap·2 (one ordinal), or gap·2+1 and length-2 (several), one run after the other
//! marks   every 256 bytes: last ordinal before, place        for skipping
//! beside  the last run, which may grow
//! ```

use crate::encoding::varint;

/// So many bytes lie between two marks.
const MARK_BYTES: usize = 256;

/// The most that a run takes: two numbers of up to 33 bits.
const RUN_BYTES_MAX: usize = 10;

/// Ordinals in ascending order.
#[derive(Debug)]
pub(crate) enum List {
    /// Those that follow each other, perhaps none.
    One(Run),
    /// Any others.
    Many(Box<Many>),
}

/// Ordinals that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u32,
    /// The ordinal behind the last.
    pub(crate) end: u32,
}

#[derive(Debug)]
pub(crate) struct Many {
    bytes: Vec<u8>,
    marks: Vec<(u32, u32)>,
    /// The end of the last run in `bytes`.
    end: u32,
    last: Run,
    count: u32,
}

impl Default for List {
    fn default() -> Self {
        Self::One(Run { first: 0, end: 0 })
    }
}

impl List {
    /// Adds an ordinal larger than all before.
    pub(crate) fn push(&mut self, ordinal: u32) {
        let alone = Run {
            first: ordinal,
            end: ordinal + 1,
        };
        match self {
            Self::One(run) if run.first == run.end => *run = alone,
            Self::One(run) if run.end == ordinal => run.end += 1,
            Self::One(run) => {
                let mut many = Many {
                    bytes: Vec::new(),
                    marks: Vec::new(),
                    end: 0,
                    last: *run,
                    count: run.end - run.first,
                };
                many.push(alone);
                *self = Self::Many(Box::new(many));
            }
            Self::Many(many) if many.last.end == ordinal => {
                many.last.end += 1;
                many.count += 1;
            }
            Self::Many(many) => many.push(alone),
        }
    }

    /// How many ordinals.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(run) => (run.end - run.first) as usize,
            Self::Many(many) => many.count as usize,
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The runs, ascending and apart.
    pub(crate) fn runs(&self) -> Runs<'_> {
        match self {
            Self::One(run) => Runs {
                many: None,
                at: 0,
                end: 0,
                last: (run.first < run.end).then_some(*run),
            },
            Self::Many(many) => Runs {
                many: Some(many),
                at: 0,
                end: 0,
                last: Some(many.last),
            },
        }
    }

    /// All ordinals.
    pub(crate) fn to_vec(&self) -> Vec<u32> {
        let mut all = Vec::with_capacity(self.len());
        self.runs().for_each(|run| all.extend(run.first..run.end));
        all
    }

    /// Bytes held beside the list itself.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Many(many) => size_of::<Many>() + many.bytes.capacity() + many.marks.capacity() * 8,
        }
    }
}

impl Many {
    fn push(&mut self, next: Run) {
        let Run { first, end } = std::mem::replace(&mut self.last, next);
        self.count += 1;
        if self.bytes.len() / MARK_BYTES > self.marks.len() {
            // A list of four gigabytes is more than a lane's ordinals can make.
            self.marks.push((self.end, self.bytes.len() as u32));
        }
        let gap = u64::from(first - self.end);
        let length = u64::from(end - first);
        if self.bytes.capacity() - self.bytes.len() < RUN_BYTES_MAX {
            // An eighth more at a time: lists are long-lived and there are many.
            self.bytes
                .reserve_exact((self.bytes.len() / 8).max(RUN_BYTES_MAX));
        }
        if length == 1 {
            varint::put_uvarint(&mut self.bytes, gap << 1);
        } else {
            varint::put_uvarint(&mut self.bytes, gap << 1 | 1);
            varint::put_uvarint(&mut self.bytes, length - 2);
        }
        self.end = end;
    }
}

/// Runs of a list, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Runs<'a> {
    many: Option<&'a Many>,
    /// How far `many` is read, and where the run before ends.
    at: usize,
    end: u32,
    last: Option<Run>,
}

impl Runs<'_> {
    /// Leaves out runs that end at `ordinal` or before, as far as that is known without reading them.
    #[inline]
    pub(crate) fn skip_to(&mut self, ordinal: u32) {
        let Some(many) = self.many else { return };
        // The first mark that is certainly not behind: marks are at least so far apart.
        let next = self.at / MARK_BYTES;
        let Some(ahead) = many
            .marks
            .get(next..)
            .filter(|ahead| ahead.first().is_some_and(|m| m.0 <= ordinal))
        else {
            return;
        };
        let (end, at) = ahead[ahead.partition_point(|&(end, _)| end <= ordinal) - 1];
        if at as usize > self.at {
            (self.end, self.at) = (end, at as usize);
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    #[inline]
    fn next(&mut self) -> Option<Run> {
        let bytes = self.many.map_or(&[][..], |many| &many.bytes[self.at..]);
        let Some((code, width)) = varint::read_uvarint(bytes) else {
            return self.last.take();
        };
        self.at += width;
        let mut length = 1;
        if code & 1 == 1 {
            let (more, width) = varint::read_uvarint(&bytes[width..])?;
            self.at += width;
            length = more + 2;
        }
        // Ordinals are below 2^30.
        let first = self.end + (code >> 1) as u32;
        self.end = first + length as u32;
        Some(Run { first, end: self.end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn list_of(ordinals: impl IntoIterator<Item = u32>) -> List {
        let mut list = List::default();
        ordinals.into_iter().for_each(|ordinal| list.push(ordinal));
        list
    }

    /// Ordinals as gaps and lengths of runs.
    fn ordinals() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec((0u32..400, 1u32..40), 0..300).prop_map(|runs| {
            let mut next = 0;
            let run = |(gap, length)| {
                let first = next + gap;
                next = first + length;
                first..next
            };
            runs.into_iter().flat_map(run).collect()
        })
    }

    proptest! {
        #[test]
        fn a_list_holds_what_was_pushed(ordinals in ordinals()) {
            let list = list_of(ordinals.iter().copied());
            prop_assert_eq!(list.len(), ordinals.len());
            prop_assert_eq!(list.is_empty(), ordinals.is_empty());
            prop_assert!(list.runs().zip(list.runs().skip(1)).all(|(a, b)| a.end < b.first));
            prop_assert_eq!(list.to_vec(), ordinals);
        }

        #[test]
        fn skipping_leaves_out_nothing_that_is_wanted(ordinals in ordinals(), wanted in prop::collection::vec(0u32..90_000, 1..50)) {
            let list = list_of(ordinals);
            let mut wanted = wanted;
            wanted.sort_unstable();
            let mut skipping = list.runs();
            for ordinal in wanted {
                skipping.skip_to(ordinal);
                let rest = |runs: Runs<'_>| runs.filter(|run| run.end > ordinal).collect::<Vec<_>>();
                prop_assert_eq!(rest(skipping.clone()), rest(list.runs()));
            }
        }
    }

    #[test]
    fn series_of_one_target_take_nothing_and_one_in_five_hundred_takes_two_bytes() {
        assert_eq!(list_of(1000..501_000).held_bytes(), 0);
        let spread = list_of((0..1000).map(|n| n * 500));
        assert!(spread.held_bytes() < 2500, "{}", spread.held_bytes());
        assert_eq!(size_of::<List>(), 16);
    }
}
