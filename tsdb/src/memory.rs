#![expect(
    unsafe_code,
    reason = "maps anonymous memory; beside `fs/mmap.rs` the only unsafe file of the crate"
)]

//! Memory straight from the system, for tables that grow large and live long.
//!
//! An allocator puts blocks of many owners side by side, and what one of them gives back stays with the process until
//! its neighbours go, too. Here each large block is a mapping of its own:
//!
//! * what is given back is the system's at once, which matters when a block was cut and most of a lane goes;
//! * what was never touched takes nothing, so that a page of records may be asked for whole;
//! * growing moves the mapping and copies nothing.
//!
//! Small blocks are the allocator's as ever. Start with [`LargeVec`].

use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr::{NonNull, null_mut, slice_from_raw_parts_mut};

use allocator_api2::alloc::{AllocError, Allocator, Global};

/// From how many bytes on a block is a mapping. Filling one takes longer than the system call for it, and the 65 530
/// mappings that a process may have are then 4 GiB or more (those side by side count once).
pub(crate) const LARGE_BYTES: usize = 64 << 10;

/// What mappings are aligned to, at least.
const ALIGN: usize = 4096;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemMemory;

/// A vector that is given back to the system as soon as it is dropped.
pub(crate) type LargeVec<T> = allocator_api2::vec::Vec<T, SystemMemory>;

/// Bytes that a vector with room for so many takes, of which so many were used.
pub(crate) fn held_bytes<T>(vec: &LargeVec<T>) -> usize {
    let room = vec.capacity() * size_of::<T>();
    match room < LARGE_BYTES {
        true => room,
        false => room.min((vec.len() * size_of::<T>()).next_multiple_of(ALIGN)),
    }
}

/// Appends all of `from`, at once instead of one by one as the vector itself does it.
pub(crate) fn extend<T: Copy>(vec: &mut LargeVec<T>, from: &[T]) {
    vec.reserve(from.len());
    let len = vec.len();
    // SAFETY: there is room for `from.len()` more behind the `len` that are there, and `from` is borrowed, so that it is
    // no part of `vec`. What is copied may be copied bit by bit.
    unsafe {
        vec.as_mut_ptr()
            .add(len)
            .copy_from_nonoverlapping(from.as_ptr(), from.len());
        vec.set_len(len + from.len());
    }
}

/// A copy without room.
pub(crate) fn copy<T: Copy>(vec: &LargeVec<T>) -> LargeVec<T> {
    let mut copy = LargeVec::with_capacity_in(vec.len(), SystemMemory);
    extend(&mut copy, vec);
    copy
}

fn is_mapped(layout: Layout) -> bool {
    layout.size() >= LARGE_BYTES && layout.align() <= ALIGN
}

fn block(from: *mut c_void, bytes: usize) -> Result<NonNull<[u8]>, AllocError> {
    if from == libc::MAP_FAILED {
        return Err(AllocError);
    }
    NonNull::new(slice_from_raw_parts_mut(from.cast(), bytes)).ok_or(AllocError)
}

// SAFETY: a block is either the global allocator's or a private mapping of at least its size, which nobody else knows
// and which stays until it is given back; which of both it is follows from its layout alone. Copies of the allocator,
// which has no state, stand for each other.
unsafe impl Allocator for SystemMemory {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if !is_mapped(layout) {
            return Global.allocate(layout);
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping of a size above 0 at a place of the system's choice touches no memory that is in use.
        let from = unsafe { libc::mmap(null_mut(), layout.size(), access, kind, -1, 0) };
        block(from, layout.size())
    }

    unsafe fn deallocate(&self, from: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller gives back a block of this layout, which `is_mapped` tells the kind of.
        unsafe {
            if !is_mapped(layout) {
                Global.deallocate(from, layout);
            } else if libc::munmap(from.as_ptr().cast(), layout.size()) != 0 {
                // Without its middle a mapping is two, which may be one too many: its pages go all the same.
                libc::madvise(from.as_ptr().cast(), layout.size(), libc::MADV_DONTNEED);
            }
        }
    }

    unsafe fn grow(&self, from: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's block has the layout `old`, and `new` is no smaller.
        unsafe { resize(*self, from, old, new) }
    }

    unsafe fn shrink(
        &self,
        from: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's block has the layout `old`, and `new` is no larger.
        unsafe { resize(*self, from, old, new) }
    }
}

/// Gives a block another size.
///
/// # Safety
/// The block is one of `memory` with the layout `old`.
unsafe fn resize(
    memory: SystemMemory,
    from: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<[u8]>, AllocError> {
    // SAFETY: the block is a mapping of `old.size()` bytes or one of the allocator; what is copied fits both blocks,
    // which are apart. Mappings are aligned to what `is_mapped` lets through.
    unsafe {
        if is_mapped(old) && is_mapped(new) {
            let at = from.as_ptr().cast();
            let moved = libc::mremap(at, old.size(), new.size(), libc::MREMAP_MAYMOVE);
            return block(moved, new.size());
        }
        let to = memory.allocate(new)?;
        let bytes = old.size().min(new.size());
        to.cast::<u8>()
            .as_ptr()
            .copy_from_nonoverlapping(from.as_ptr(), bytes);
        memory.deallocate(from, old);
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_and_shrinks_over_all_sizes_keeps_its_contents() {
        let mut vec = LargeVec::new_in(SystemMemory);
        for number in 0..300_000u64 {
            vec.push(number);
        }
        for len in [299_999usize, 100_000, 20_000, 8_192, 8_191, 100, 0] {
            vec.truncate(len);
            vec.shrink_to_fit();
            assert!(vec.iter().copied().eq(0..len as u64), "{len}");
        }
        extend(&mut vec, &(0..100_000).collect::<Vec<u64>>());
        assert!(vec.iter().copied().eq(0..100_000));
        assert_eq!(copy(&vec), vec);
    }

    #[test]
    fn room_that_was_never_touched_does_not_count() {
        let mut vec = LargeVec::<u64>::with_capacity_in(1 << 20, SystemMemory);
        assert_eq!(held_bytes(&vec), 0);
        vec.push(1);
        assert_eq!(held_bytes(&vec), ALIGN);
        let small = LargeVec::<u64>::with_capacity_in(100, SystemMemory);
        assert_eq!(held_bytes(&small), 800);
    }

    #[test]
    fn tables_of_any_size_find_what_they_hold() {
        let mut table = hashbrown::HashTable::new_in(SystemMemory);
        let hash = |&number: &u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for number in 0..50_000 {
            table.insert_unique(hash(&number), number, hash);
        }
        assert!((0..50_000).all(|number| table.find(hash(&number), |&n| n == number).is_some()));
        assert!(table.find(hash(&50_000), |&n| n == 50_000).is_none());
    }
}
