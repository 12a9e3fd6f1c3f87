#![expect(
    unsafe_code,
    reason = "maps files into memory and answers for pages that go; with `memory.rs` the only unsafe file of the crate"
)]

//! Mapping whole files for reading, so that a file which someone else cuts costs an answer and not the process.
//!
//! We never shorten a file that may be mapped: everything in a data directory that is mapped is written once and
//! then only renamed or unlinked, which leaves a mapping whole, and `RealFs::create` makes a new file rather than
//! emptying one. Others may (`truncate`, a restore over a running server, a disk that cannot give a page): a read of
//! such a page raises SIGBUS in the reading thread. The handler here looks the address up among the mappings of this
//! file, notes that the mapping is torn, puts a page of zeros there and lets the thread go on; whoever reads asks
//! [`FileBytes::is_whole`] afterwards and fails with the file's name. A signal that is not about a mapping
//! of ours goes to whoever had the signal before.
//!
//! Why not `pread`: an index is used where it lies (symbols are borrowed, postings are walked), so that it stays
//! mapped and the handler is needed in any case; and a chunk of 256 bytes at a random place of a cached file takes seven
//! times as long by `pread` as from a mapping (3.7 µs and 0.54 µs, cache misses included), while asking afterwards
//! whether the mapping is whole costs one load.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Once, OnceLock};

use memmap2::Mmap;
use parking_lot::Mutex;

use super::FileBytes;

/// The bytes of one mapped file.
#[derive(Debug)]
pub(super) struct MappedFile {
    /// Given back before the mapping goes.
    place: Place,
    map: Mmap,
    path: PathBuf,
}

impl MappedFile {
    /// Maps all of `file`, which must not be empty. `path` is what it is called if it turns out to be cut.
    pub(super) fn new(file: &File, path: &Path) -> io::Result<Self> {
        watch_for_cuts();
        // SAFETY: the mapping is read-only, no file of a data directory is shortened in place by us, and a page
        // that others take away reads as zeros (see the module's head).
        let map = unsafe { Mmap::map(file)? };
        let from = map.as_ptr() as usize;
        Ok(Self {
            place: Place::take(from, from + map.len()),
            map,
            path: path.to_owned(),
        })
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

impl FileBytes for MappedFile {
    fn is_whole(&self) -> bool {
        let slot = self.place.0;
        if !slot.is_torn.load(Ordering::Acquire) {
            return true;
        }
        if !slot.is_told.swap(true, Ordering::Relaxed) {
            TORN.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                file = %self.path.display(),
                "A file was shortened by someone else, or the disk cannot give what is in it"
            );
        }
        false
    }
}

/// How many mapped files were found to be torn.
static TORN: AtomicU64 = AtomicU64::new(0);

/// How many mapped files were found to be torn so far.
pub(super) fn torn_count() -> u64 {
    TORN.load(Ordering::Relaxed)
}

/// A mapping as the handler knows it: addresses from `from` to before `end`, none as long as `end` is 0.
#[derive(Debug, Default)]
struct Slot {
    from: AtomicUsize,
    end: AtomicUsize,
    is_torn: AtomicBool,
    is_told: AtomicBool,
}

const SLOTS_PER_SHELF: usize = 256;

/// Slots, and further ones. A shelf is never given back, so that the handler may walk along them at any moment.
struct Shelf {
    slots: [Slot; SLOTS_PER_SHELF],
    next: OnceLock<&'static Shelf>,
}

/// The first shelf.
static SHELVES: OnceLock<&'static Shelf> = OnceLock::new();

/// Slots without a mapping.
static FREE: Mutex<Vec<&'static Slot>> = Mutex::new(Vec::new());

/// A slot in use.
#[derive(Debug)]
struct Place(&'static Slot);

impl Place {
    fn take(from: usize, end: usize) -> Self {
        let mut free = FREE.lock();
        if free.is_empty() {
            free.extend(add_shelf().slots.iter());
        }
        let Some(slot) = free.pop() else {
            unreachable!("a shelf was added above")
        };
        drop(free);
        slot.is_torn.store(false, Ordering::Relaxed);
        slot.is_told.store(false, Ordering::Relaxed);
        slot.from.store(from, Ordering::Relaxed);
        slot.end.store(end, Ordering::Release);
        Self(slot)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end.store(0, Ordering::Release);
        FREE.lock().push(self.0);
    }
}

/// Called with the lock of the free slots held.
fn add_shelf() -> &'static Shelf {
    let shelf: &'static Shelf = Box::leak(Box::new(Shelf {
        slots: std::array::from_fn(|_| Slot::default()),
        next: OnceLock::new(),
    }));
    let mut end = &SHELVES;
    while let Some(last) = end.get() {
        end = &last.next;
    }
    let is_first = end.set(shelf).is_ok();
    debug_assert!(is_first, "shelves are added one at a time");
    shelf
}

/// The mapping that an address lies in. Runs in the handler: loads alone, no lock, no memory taken.
fn find(at: usize) -> Option<&'static Slot> {
    let mut shelf = SHELVES.get();
    while let Some(here) = shelf {
        for slot in &here.slots {
            let end = slot.end.load(Ordering::Acquire);
            let from = slot.from.load(Ordering::Acquire);
            // A slot that changed hands meanwhile is not the one of a mapping that is being read.
            if (from..end).contains(&at) && slot.end.load(Ordering::Acquire) == end {
                return Some(slot);
            }
        }
        shelf = here.next.get();
    }
    None
}

/// Who had the signal before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

static PAGE_BYTES: AtomicUsize = AtomicUsize::new(4096);

/// Installs the handler, once in a process.
fn watch_for_cuts() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        PAGE_BYTES.store(rustix::param::page_size(), Ordering::Relaxed);
        // SAFETY: both structures are plain data that outlive the calls; zeros are a valid `sigaction`. The handler
        // does what a handler may: see `on_bus_error`. It keeps to the signal stack that std gives each thread.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut before) != 0 {
                return;
            }
            let _first = BEFORE.set(before);
            let mut ours: libc::sigaction = std::mem::zeroed();
            ours.sa_sigaction = on_bus_error as *const () as usize;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut ours.sa_mask);
            if libc::sigaction(libc::SIGBUS, &raw const ours, std::ptr::null_mut()) != 0 {
                tracing::warn!(
                    "Files that others shorten will end the process: there is no handler of SIGBUS"
                );
            }
        }
    });
}

/// Runs between any two instructions of a thread: only atomics and system calls here.
extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands a valid `info` to a handler installed with SA_SIGINFO; only signals of its own,
    // whose code is above 0, carry an address.
    let (is_fault, at) = unsafe { ((*info).si_code > 0, (*info).si_addr() as usize) };
    if let Some(slot) = find(at).filter(|_| is_fault) {
        // Before the zeros are there: whoever sees them must see this, too.
        slot.is_torn.store(true, Ordering::SeqCst);
        if put_zeros(at) {
            return;
        }
    }
    pass_on(signal, is_fault, info, context);
}

/// Puts a page of zeros around an address of a mapping of ours.
fn put_zeros(at: usize) -> bool {
    let page_bytes = PAGE_BYTES.load(Ordering::Relaxed);
    let page = at - at % page_bytes;
    // SAFETY: the page is part of a registered mapping, which is alive while a thread reads from it and is
    // given back before it is unmapped. Nothing else can lie there. `errno` is left as the thread had it.
    unsafe {
        let errno = *libc::__errno_location();
        let put = libc::mmap(
            page as *mut c_void,
            page_bytes,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        );
        *libc::__errno_location() = errno;
        put != libc::MAP_FAILED
    }
}

/// Does with the signal what would have been done without us.
fn pass_on(signal: c_int, is_fault: bool, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = BEFORE.get();
    let handler = before.map_or(libc::SIG_DFL, |before| before.sa_sigaction);
    // SAFETY: `handler` is what `sigaction` told of the handler before: one of two constants or a function whose
    // kind SA_SIGINFO tells. With the default action a fault ends the process when its instruction runs again.
    unsafe {
        match (handler, before) {
            (libc::SIG_DFL | libc::SIG_IGN, _) | (_, None) => {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &raw const default, std::ptr::null_mut());
                if !is_fault {
                    libc::raise(signal);
                }
            }
            (handler, Some(before)) if before.sa_flags & libc::SA_SIGINFO != 0 => {
                let call: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                    std::mem::transmute(handler);
                call(signal, info, context);
            }
            (handler, Some(_)) => {
                let call: extern "C" fn(c_int) = std::mem::transmute(handler);
                call(signal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(dir: &Path, name: &str, bytes: &[u8]) -> (File, MappedFile) {
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mapping = MappedFile::new(&file, &path).unwrap();
        (file, mapping)
    }

    #[test]
    fn what_is_cut_off_under_a_mapping_reads_as_zeros_and_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (file, cut) = mapped(dir.path(), "cut", &[7; 40_000]);
        let (_other, whole) = mapped(dir.path(), "whole", &[8; 40_000]);
        assert!(cut.as_ref().iter().all(|&byte| byte == 7));
        file.set_len(5_000).unwrap();
        let before = torn_count();
        assert!(cut.is_whole(), "nobody has looked yet");
        let sum: u64 = cut.as_ref().iter().map(|&byte| u64::from(byte)).sum();
        assert_eq!(sum, 5_000 * 7, "the system fills the last page with zeros");
        assert!(!cut.is_whole() && !cut.is_whole());
        assert!(torn_count() > before);
        assert!(whole.as_ref().iter().all(|&byte| byte == 8) && whole.is_whole());
    }

    #[test]
    fn threads_that_meet_the_same_cut_all_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let (file, cut) = mapped(dir.path(), "cut", &[7; 1 << 20]);
        file.set_len(0).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    assert!(cut.as_ref().iter().all(|&byte| byte == 0));
                    assert!(!cut.is_whole());
                });
            }
        });
    }

    #[test]
    fn a_new_mapping_does_not_answer_for_one_that_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..600 {
            let (file, mapping) = mapped(dir.path(), "file", &[1; 9_000]);
            if round % 2 == 0 {
                file.set_len(10).unwrap();
                assert_eq!(mapping.as_ref()[8_999], 0);
            }
            assert_eq!(mapping.is_whole(), round % 2 == 1);
        }
    }
}
