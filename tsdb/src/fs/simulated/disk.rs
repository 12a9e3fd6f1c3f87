//! What is on a simulated disk: files and directories as a process sees them now, as they are for certain
//! after a power cut, and between the two the changes that nobody synced.
//!
//! Nothing here fails on purpose or dies: see [`super::process`]. What a power cut leaves is decided in
//! [`super::power`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

/// A file or a directory, whatever it is called.
pub(super) type Id = u64;

/// The directory that everything is in.
const ROOT: Id = 0;

#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) nodes: BTreeMap<Id, Node>,
    next: Id,
    /// Changes of directories, of all in the order in which they were made.
    pub(super) unsynced: Vec<Moves>,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Dir(Dir),
    File(File),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Dir {
    pub(super) now: BTreeMap<String, Id>,
    pub(super) durable: BTreeMap<String, Id>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) now: Arc<Vec<u8>>,
    pub(super) durable: Arc<Vec<u8>>,
    pub(super) unsynced: Vec<Change>,
}

/// A change of a file's content.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*at..end].copy_from_slice(bytes);
            }
            Self::Length(len) => to.resize(*len, 0),
        }
    }
}

/// Entries of directories that change together, as in a rename: all or none.
#[derive(Clone, Debug)]
pub(super) struct Moves(pub(super) Vec<(Id, String, Option<Id>)>);

impl Moves {
    fn touches(&self, dir: Id) -> bool {
        self.0.iter().any(|(of, _, _)| *of == dir)
    }

    /// Whether both change an entry, so that the later makes no sense without the earlier.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let same =
            |(dir, name, _): &(Id, String, Option<Id>)| other.0.iter().any(|(d, n, _)| d == dir && n == name);
        self.0.iter().any(same)
    }
}

pub(super) fn not_found(path: &Path) -> io::Error {
    let text = format!("{}: no such file or directory", path.display());
    io::Error::new(io::ErrorKind::NotFound, text)
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            nodes: BTreeMap::from([(ROOT, Node::Dir(Dir::default()))]),
            next: ROOT + 1,
            unsynced: Vec::new(),
        }
    }
}

impl Disk {
    /// What is at `path`.
    pub(super) fn find(&self, path: &Path) -> io::Result<Id> {
        let mut at = ROOT;
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            let inside = match self.nodes.get(&at) {
                Some(Node::Dir(dir)) => dir.now.get(&*name.to_string_lossy()),
                _ => None,
            };
            at = *inside.ok_or_else(|| not_found(path))?;
        }
        Ok(at)
    }

    pub(super) fn file(&self, id: Id) -> io::Result<&File> {
        match self.nodes.get(&id) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn dir(&self, id: Id) -> io::Result<&Dir> {
        match self.nodes.get(&id) {
            Some(Node::Dir(dir)) => Ok(dir),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The directory that `path` is in, and its name there.
    fn place(&self, path: &Path) -> io::Result<(Id, String)> {
        let name = path.file_name().ok_or_else(|| not_found(path))?;
        let dir = self.find(path.parent().unwrap_or(Path::new("/")))?;
        self.dir(dir)?;
        Ok((dir, name.to_string_lossy().into_owned()))
    }

    fn change_entries(&mut self, moves: Moves) {
        apply(&mut self.nodes, &moves, |dir| &mut dir.now);
        self.unsynced.push(moves);
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<Id> {
        let (dir, name) = self.place(path)?;
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, node);
        self.change_entries(Moves(vec![(dir, name, Some(id))]));
        Ok(id)
    }

    /// A new empty file in the place of whatever file is there.
    pub(super) fn create(&mut self, path: &Path) -> io::Result<Id> {
        if self.find(path).is_ok_and(|id| self.dir(id).is_ok()) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.add(path, Node::File(File::default()))
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for dir in above {
            match self.find(dir) {
                Ok(id) => drop(self.dir(id)?),
                Err(_) => drop(self.add(dir, Node::Dir(Dir::default()))?),
            }
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.find(from)?;
        if let Ok(there) = self.find(to)
            && self.dir(there).is_ok_and(|dir| !dir.now.is_empty())
        {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let ((dir, name), (to_dir, to_name)) = (self.place(from)?, self.place(to)?);
        self.change_entries(Moves(vec![(dir, name, None), (to_dir, to_name, Some(id))]));
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.file(self.find(path)?)?;
        let (dir, name) = self.place(path)?;
        self.change_entries(Moves(vec![(dir, name, None)]));
        Ok(())
    }

    /// Removes a directory's content one by one, then itself; stops after `most` of them.
    pub(super) fn remove_dir_all(&mut self, path: &Path, most: usize) -> io::Result<()> {
        let mut all = Vec::new();
        self.walk(path, &mut all)?;
        for path in all.into_iter().take(most) {
            let (dir, name) = self.place(&path)?;
            self.change_entries(Moves(vec![(dir, name, None)]));
        }
        Ok(())
    }

    /// What is below `path`, and last itself.
    fn walk(&self, path: &Path, into: &mut Vec<std::path::PathBuf>) -> io::Result<()> {
        if let Node::Dir(dir) = &self.nodes[&self.find(path)?] {
            for name in dir.now.keys() {
                self.walk(&path.join(name), into)?;
            }
        }
        into.push(path.to_owned());
        Ok(())
    }

    pub(super) fn change(&mut self, id: Id, change: Change) {
        if let Some(Node::File(file)) = self.nodes.get_mut(&id) {
            change.apply(Arc::make_mut(&mut file.now));
            file.unsynced.push(change);
        }
    }

    pub(super) fn sync(&mut self, id: Id) {
        if let Some(Node::File(file)) = self.nodes.get_mut(&id) {
            let durable = Arc::make_mut(&mut file.durable);
            for change in file.unsynced.drain(..) {
                change.apply(durable);
            }
        }
    }

    /// What a failed sync does: the system takes the content for clean, though it was never written.
    pub(super) fn forget_unsynced(&mut self, id: Id) {
        if let Some(Node::File(file)) = self.nodes.get_mut(&id) {
            file.unsynced.clear();
        }
    }

    /// Makes the entries of a directory durable, with those of others that they depend on.
    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let dir = self.find(path)?;
        self.dir(dir)?;
        let mut synced: Vec<Moves> = Vec::new();
        let mut left = Vec::new();
        for moves in std::mem::take(&mut self.unsynced).into_iter().rev() {
            if moves.touches(dir) || synced.iter().any(|later| later.overlaps(&moves)) {
                synced.push(moves);
            } else {
                left.push(moves);
            }
        }
        left.reverse();
        self.unsynced = left;
        for moves in synced.iter().rev() {
            apply(&mut self.nodes, moves, |dir| &mut dir.durable);
        }
        Ok(())
    }
}

/// Does to directories what `moves` says, to the entries that `which` picks.
pub(super) fn apply(
    nodes: &mut BTreeMap<Id, Node>,
    moves: &Moves,
    which: impl Fn(&mut Dir) -> &mut BTreeMap<String, Id>,
) {
    for (dir, name, id) in &moves.0 {
        if let Some(Node::Dir(dir)) = nodes.get_mut(dir) {
            match id {
                Some(id) => which(dir).insert(name.clone(), *id),
                None => which(dir).remove(name),
            };
        }
    }
}
