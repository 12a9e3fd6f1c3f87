//! What a power cut leaves of a disk.
//!
//! What was synced stays. Of the rest nobody knows: file systems write back when they like, in pieces of a
//! sector or a page, and a length may be there before what it counts. Changes of directories stay in the
//! order in which they were made up to a moment, as with a journal, or each for itself, as the standard allows.

use std::sync::Arc;

use super::dice::Dice;
use super::disk::{Change, Disk, File, Moves, Node, apply};

/// In which pieces a disk writes.
const PIECES_BYTES: [usize; 2] = [512, 4096];

impl Disk {
    /// The disk after a power cut.
    pub(super) fn after_power_cut(&self, dice: &mut Dice) -> Self {
        let mut after = self.clone();
        for moves in surviving(&self.unsynced, dice) {
            apply(&mut after.nodes, moves, |dir| &mut dir.durable);
        }
        after.unsynced.clear();
        for node in after.nodes.values_mut() {
            match node {
                Node::Dir(dir) => dir.now.clone_from(&dir.durable),
                Node::File(file) => {
                    let left = Arc::new(content(file, dice));
                    *file = File {
                        now: Arc::clone(&left),
                        durable: left,
                        unsynced: Vec::new(),
                    };
                }
            }
        }
        after
    }
}

/// The changes of directories that stay.
fn surviving<'a>(unsynced: &'a [Moves], dice: &mut Dice) -> Vec<&'a Moves> {
    if dice.coin() {
        return unsynced[..dice.below(unsynced.len() + 1)].iter().collect();
    }
    let (mut kept, mut lost): (Vec<&Moves>, Vec<&Moves>) = (Vec::new(), Vec::new());
    for moves in unsynced {
        let stays = dice.coin() && !lost.iter().any(|earlier| earlier.overlaps(moves));
        if stays { &mut kept } else { &mut lost }.push(moves);
    }
    kept
}

/// What is in a file.
fn content(file: &File, dice: &mut Dice) -> Vec<u8> {
    let mut left = Vec::clone(&file.durable);
    if file.unsynced.is_empty() {
        return left;
    }
    match dice.below(4) {
        0 => {}
        1 => left.clone_from(&file.now),
        2 => {
            // In order up to a moment, the last in part.
            let whole = dice.below(file.unsynced.len());
            for change in &file.unsynced[..whole] {
                change.apply(&mut left);
            }
            match &file.unsynced[whole] {
                Change::Write(at, bytes) => {
                    let kept = dice.below(bytes.len() + 1);
                    Change::Write(*at, bytes[..kept].to_vec()).apply(&mut left);
                }
                length @ Change::Length(_) => length.apply(&mut left),
            }
        }
        _ => {
            // Each piece for itself; zeros where the length came through alone.
            let piece_bytes = PIECES_BYTES[dice.below(PIECES_BYTES.len())];
            for change in &file.unsynced {
                match change {
                    Change::Write(at, bytes) => tear(*at, bytes, piece_bytes, &mut left, dice),
                    length @ Change::Length(_) if dice.coin() => length.apply(&mut left),
                    Change::Length(_) => {}
                }
            }
            if dice.coin() && left.len() < file.now.len() {
                left.resize(file.now.len(), 0);
            }
        }
    }
    left
}

/// Writes some of the pieces that bytes at `at` fall into.
fn tear(at: usize, bytes: &[u8], piece_bytes: usize, into: &mut Vec<u8>, dice: &mut Dice) {
    let mut from = 0;
    while from < bytes.len() {
        let room = piece_bytes - (at + from) % piece_bytes;
        let end = (from + room).min(bytes.len());
        if dice.coin() {
            Change::Write(at + from, bytes[from..end].to_vec()).apply(into);
        }
        from = end;
    }
}
