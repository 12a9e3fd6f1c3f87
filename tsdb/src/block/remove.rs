//! Removing blocks, so that a crash between leaves none half there.

use std::path::Path;

use super::{Ulid, filenames};
use crate::fs::error::AtPath;
use crate::fs::{FileError, Vfs};

/// Removes the block `ulid` from the data directory; fine if it is not there.
///
/// It is renamed first, so that from then on it is no block, however much of it is still there.
///
/// # Errors
/// The system's.
pub fn remove_block(fs: &dyn Vfs, data: &Path, ulid: Ulid) -> Result<(), FileError> {
    let block = data.join(ulid.to_string());
    if let Err(error) = fs.stat(&block) {
        return match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(FileError::io(&block, error)),
        };
    }
    let leaving = data.join(format!("{ulid}{}", filenames::BEING_DELETED));
    if fs.stat(&leaving).is_ok() {
        fs.remove_dir_all(&leaving).at(&leaving)?;
    }
    fs.rename(&block, &leaving).at(&block)?;
    fs.sync_dir(data).at(data)?;
    fs.remove_dir_all(&leaving).at(&leaving)
}

/// Removes what was left of blocks that were being written or removed; returns the names.
///
/// # Errors
/// The system's.
pub fn remove_leftovers(fs: &dyn Vfs, data: &Path) -> Result<Vec<String>, FileError> {
    let mut names = fs.list(data).at(data)?;
    names.retain(|name| filenames::is_leftover(name));
    let mut removed = Vec::new();
    for name in names {
        let path = data.join(&name);
        // A file of such a name is not ours.
        if fs.stat(&path).at(&path)?.is_dir {
            fs.remove_dir_all(&path).at(&path)?;
            removed.push(name);
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::MemoryFs;

    #[test]
    fn a_block_goes_with_all_its_files_and_leftovers_go_without_it() {
        let fs = MemoryFs::new();
        let data = Path::new("/data");
        let (one, two) = (Ulid::new(1, 1), Ulid::new(2, 2));
        for name in [
            one.to_string(),
            format!("{one}.tmp-for-deletion"),
            format!("{two}.tmp-for-creation"),
            two.to_string(),
        ] {
            fs.create_dir_all(&data.join(&name)).unwrap();
            fs.create(&data.join(name).join("index")).unwrap();
        }
        fs.create(&data.join(format!("{two}.tmp"))).unwrap();
        remove_block(&fs, data, one).unwrap();
        remove_block(&fs, data, one).unwrap();
        assert_eq!(
            remove_leftovers(&fs, data).unwrap(),
            [format!("{two}.tmp-for-creation")]
        );
        assert_eq!(fs.list(data).unwrap(), [two.to_string(), format!("{two}.tmp")]);
    }
}
