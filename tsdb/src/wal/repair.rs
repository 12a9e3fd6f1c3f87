//! After damage: what was read stays, the rest is moved out of the log's way.
//!
//! Prometheus deletes the segments behind the damage and rewrites the damaged one up to it. The log that
//! is left is the same here, but every byte that goes is kept in a quarantine directory beside the log.

use std::path::{Path, PathBuf};

use super::{WalError, segment};
use crate::fs::Vfs;

/// Makes the log in `dir` end before the damage at `offset` of segment `damaged`. Returns what was set aside.
///
/// # Errors
/// The system's; the log may then need another repair, which finds the same damage or less.
pub fn repair(
    fs: &dyn Vfs,
    dir: &Path,
    damaged: u32,
    offset: u64,
    quarantine: &Path,
) -> Result<Vec<PathBuf>, WalError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| WalError::io(&path, error)
    };
    fs.create_dir_all(quarantine).map_err(io(quarantine))?;
    let mut set_aside = Vec::new();
    // From the last to the first, so that the segments stay contiguous if this is interrupted.
    let numbers = segment::list(fs, dir)?;
    for number in numbers.into_iter().rev().filter(|&n| n > damaged) {
        let from = segment::path(dir, number);
        let to = quarantine.join(format!("{number:08}"));
        fs.rename(&from, &to).map_err(io(&from))?;
        // One after the other for certain: a power cut must not leave a gap either.
        fs.sync_dir(dir).map_err(io(dir))?;
        set_aside.push(to);
    }
    let path = segment::path(dir, damaged);
    let bytes = fs.map(&path).map_err(io(&path))?;
    let kept = usize::try_from(offset).unwrap_or(usize::MAX);
    let all: &[u8] = (*bytes).as_ref();
    let kept = &all[..kept.min(all.len())];
    let rewritten = dir.join(format!("{damaged:08}.repair"));
    let copy = quarantine.join(format!("{damaged:08}"));
    let written = write(fs, &rewritten, kept).and_then(|()| write(fs, &copy, all));
    if written.is_err() {
        // Halves are of no use and take room; what is damaged is where it was.
        let _removed = (fs.remove_file(&rewritten), fs.remove_file(&copy));
    }
    written?;
    set_aside.push(copy);
    fs.rename(&rewritten, &path).map_err(io(&path))?;
    fs.sync_dir(quarantine).map_err(io(quarantine))?;
    fs.sync_dir(dir).map_err(io(dir))?;
    Ok(set_aside)
}

fn write(fs: &dyn Vfs, path: &Path, bytes: &[u8]) -> Result<(), WalError> {
    let written = fs.create(path).and_then(|mut file| {
        file.append(bytes)?;
        file.sync()
    });
    written.map_err(|error| WalError::io(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::memory::MemoryFs;

    #[test]
    fn what_lies_behind_the_damage_is_set_aside_and_not_lost() {
        let fs = MemoryFs::new();
        let dir = Path::new("/wal");
        fs.create_dir_all(dir).unwrap();
        for number in 3..6 {
            let mut file = fs.create(&segment::path(dir, number)).unwrap();
            file.append(&[number as u8; 9]).unwrap();
        }
        let set_aside = repair(&fs, dir, 4, 5, Path::new("/q")).unwrap();
        assert_eq!(segment::list(&fs, dir).unwrap(), [3, 4]);
        assert_eq!(fs.read(&segment::path(dir, 4)).unwrap(), [4; 5]);
        assert_eq!(set_aside.len(), 2);
        assert_eq!(fs.read(Path::new("/q/00000004")).unwrap(), [4; 9]);
        assert_eq!(fs.read(Path::new("/q/00000005")).unwrap(), [5; 9]);
    }
}
