//! Writing a whole chunk at once, in the fewest bits that its readers allow.
//!
//! A window says which bits of the XORs that follow are written. [`super::Appender`] keeps one for as long as
//! the next XOR fits in, so that one wide XOR makes all later ones wide. Who knows all samples can do better:
//! the XORs are cut into runs, each with the narrowest window for it, so that the sum is least.
//!
//! ```text
//! XORs                  ..11..   ...1..   1....1   ..11..   ...1..   …
//! as they come          opens 2  keeps 2  opens 6  keeps 6  keeps 6  …
//! in the fewest bits    opens 2  keeps 2  opens 6  opens 2  keeps 2  …     once enough of them follow
//! ```
//!
//! What comes out is read by every Prometheus. Start with [`PackedEncoder::encode`].

use super::HEADER_BYTES;
use super::append::time_code;
use crate::encoding::bits::BitWriter;
use crate::encoding::varint;

/// Bits that a XOR takes beyond its width when it lies in the open window.
const KEEPING_BITS: u32 = 2;

/// How many bits more it takes to open a window than to stay in one: leading zeros and width.
const OPENING_BITS: u32 = 11;

/// The most leading zeros that a window can have: five bits.
const LEADING_MAX: u32 = 31;

/// Bits of each XOR that are not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    leading: u32,
    trailing: u32,
}

impl Window {
    /// The narrowest for one XOR, which is not 0.
    fn of(xor: u64) -> Self {
        Self {
            leading: xor.leading_zeros().min(LEADING_MAX),
            trailing: xor.trailing_zeros(),
        }
    }

    /// The narrowest that has room for both.
    fn with(self, other: Self) -> Self {
        Self {
            leading: self.leading.min(other.leading),
            trailing: self.trailing.min(other.trailing),
        }
    }

    fn width(self) -> u32 {
        64 - self.leading - self.trailing
    }
}

/// XORs that share a window: those up to `end` that none before has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    end: usize,
    window: Window,
}

/// A run that may turn out best, as far as the XORs are known.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// Its first XOR.
    first: u32,
    /// What all before it take, in bits.
    before_bits: u32,
    window: Window,
    /// What all through the last known XOR take.
    bits: u32,
}

/// Writes whole chunks; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub struct PackedEncoder {
    xors: Vec<u64>,
    candidates: Vec<Candidate>,
    /// For each XOR, where the run begins that is best if it is the last one.
    begins: Vec<u32>,
    runs: Vec<Run>,
}

impl PackedEncoder {
    /// The samples as one chunk. Both columns are equally long.
    ///
    /// # Panics
    /// When there are more than [`super::SAMPLES_MAX`].
    pub fn encode(&mut self, t_ms: &[i64], v: &[f64]) -> Vec<u8> {
        let count = u16::try_from(t_ms.len()).expect("a chunk is cut before 65536 samples");
        self.xors.clear();
        let xors = v.windows(2).map(|pair| pair[0].to_bits() ^ pair[1].to_bits());
        self.xors.extend(xors.filter(|xor| *xor != 0));
        self.plan();
        let mut chunk = Vec::with_capacity(HEADER_BYTES + 18 + t_ms.len());
        chunk.extend_from_slice(&count.to_be_bytes());
        let (Some(&first_ms), Some(first)) = (t_ms.first(), v.first()) else {
            return chunk;
        };
        varint::put_uvarint(&mut chunk, varint::zigzag(first_ms));
        chunk.extend_from_slice(&first.to_bits().to_be_bytes());
        let mut delta_ms = 0;
        if let Some(&second_ms) = t_ms.get(1) {
            delta_ms = second_ms.wrapping_sub(first_ms).cast_unsigned();
            varint::put_uvarint(&mut chunk, delta_ms);
        }
        let mut into = BitWriter::after(chunk);
        let mut values = Values {
            runs: &self.runs,
            at: 0,
            is_open: false,
        };
        for row in 1..t_ms.len() {
            let xor = v[row].to_bits() ^ v[row - 1].to_bits();
            let (value, value_bits) = values.code(xor);
            if row == 1 {
                into.put(value, value_bits);
                continue;
            }
            let next_ms = t_ms[row].wrapping_sub(t_ms[row - 1]).cast_unsigned();
            let (time, time_bits) = time_code(next_ms.wrapping_sub(delta_ms).cast_signed());
            delta_ms = next_ms;
            // The longest value takes 77 bits, a time 68; 120 go at once.
            if time_bits + value_bits <= 120 {
                into.put(time << value_bits | value, time_bits + value_bits);
            } else {
                into.put(time, time_bits);
                into.put(value, value_bits);
            }
        }
        into.into_bytes()
    }

    /// Cuts `xors` into runs.
    ///
    /// The best cut of the first n has a last run, and before it the best cut of those before: so one number per
    /// XOR suffices. Two facts keep the candidates for the last run few, a dozen or so. One that takes
    /// [`OPENING_BITS`] more than the best will never be better than the best with a run begun anew. And of two
    /// with the same window, which stay alike from then on, the later one is better if it takes no more, since
    /// it has fewer XORs to widen.
    fn plan(&mut self) {
        self.candidates.clear();
        self.begins.clear();
        let mut best_bits = 0;
        for (at, &xor) in (0u32..).zip(&self.xors) {
            let own = Window::of(xor);
            self.candidates.push(Candidate {
                first: at,
                before_bits: best_bits,
                window: own,
                bits: 0,
            });
            let mut best = (u32::MAX, at);
            for candidate in &mut self.candidates {
                candidate.window = candidate.window.with(own);
                let each = KEEPING_BITS + candidate.window.width();
                candidate.bits = candidate.before_bits + OPENING_BITS + (at + 1 - candidate.first) * each;
                best = best.min((candidate.bits, candidate.first));
            }
            self.begins.push(best.1);
            best_bits = best.0;
            let mut kept = 0;
            for number in 0..self.candidates.len() {
                let candidate = self.candidates[number];
                if candidate.bits >= best_bits + OPENING_BITS {
                    continue;
                }
                while kept > 0
                    && self.candidates[kept - 1].window == candidate.window
                    && self.candidates[kept - 1].bits >= candidate.bits
                {
                    kept -= 1;
                }
                self.candidates[kept] = candidate;
                kept += 1;
            }
            self.candidates.truncate(kept);
        }
        self.runs.clear();
        let mut end = self.xors.len();
        while end > 0 {
            let begin = self.begins[end - 1] as usize;
            let windows = self.xors[begin..end].iter().map(|xor| Window::of(*xor));
            let Some(window) = windows.reduce(Window::with) else {
                unreachable!("a run begins before its end");
            };
            self.runs.push(Run { end, window });
            end = begin;
        }
        self.runs.reverse();
    }
}

/// Values on their way into a chunk, run by run.
struct Values<'a> {
    /// Those that are not done.
    runs: &'a [Run],
    /// How many XORs were written.
    at: usize,
    /// Whether the first run's window was opened.
    is_open: bool,
}

impl Values<'_> {
    /// The bits that say the next XOR, and how many they are.
    #[inline]
    fn code(&mut self, xor: u64) -> (u128, u32) {
        if xor == 0 {
            return (0, 1);
        }
        while self.runs.first().is_some_and(|run| run.end <= self.at) {
            self.runs = &self.runs[1..];
            self.is_open = false;
        }
        let Some(Run { window, .. }) = self.runs.first() else {
            unreachable!("every XOR is in a run");
        };
        self.at += 1;
        let width = window.width();
        let bits = u128::from(xor >> window.trailing);
        if self.is_open {
            return ((0b10 << width) | bits, KEEPING_BITS + width);
        }
        self.is_open = true;
        let head = (0b11 << 11) | (window.leading << 6) | (width & 63);
        (
            (u128::from(head) << width) | bits,
            KEEPING_BITS + OPENING_BITS + width,
        )
    }
}

#[cfg(test)]
mod tests;
