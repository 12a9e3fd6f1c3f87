//! What the simulated disk keeps and what it loses.

use super::*;

fn write(fs: &SimulatedFs, path: &str, bytes: &[u8]) -> Box<dyn VfsFile> {
    let mut file = fs.create(Path::new(path)).unwrap();
    file.append(bytes).unwrap();
    file
}

fn read(fs: &SimulatedFs, path: &str) -> Option<Vec<u8>> {
    fs.read(Path::new(path)).ok()
}

/// What 200 power cuts leave of a file.
fn cut_often(fs: &SimulatedFs, path: &str) -> Vec<Option<Vec<u8>>> {
    let after = |seed| {
        let disk = fs.state().disk.after_power_cut(&mut Dice::new(seed));
        SimulatedFs::of(disk, Process::new(seed))
    };
    (0..200).map(|seed| read(&after(seed), path)).collect()
}

#[test]
fn a_kill_loses_nothing_and_ends_the_process() {
    let fs = SimulatedFs::new(1);
    let mut file = write(&fs, "/a", b"abc");
    let after = fs.kill(2);
    assert_eq!(read(&after, "/a").unwrap(), b"abc");
    assert!(file.append(b"d").is_err() && fs.create(Path::new("/b")).is_err());
    assert_eq!(read(&after, "/a").unwrap(), b"abc");
    // Only power is gone with power: the new process' disk still knows what is not synced.
    assert!(cut_often(&after, "/a").contains(&None));
}

#[test]
fn a_power_cut_loses_what_is_not_synced_and_nothing_else() {
    let fs = SimulatedFs::new(1);
    fs.create_dir_all(Path::new("/d")).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    let mut file = write(&fs, "/d/a", &[1; 5000]);
    let left = cut_often(&fs, "/d/a");
    assert!(left.contains(&None) && left.contains(&Some(Vec::new())));
    assert!(left.contains(&Some(vec![1; 5000])));
    let torn = [&[0; 4096][..], &[1; 904]].concat();
    assert!(left.contains(&Some(torn)), "its second page alone");
    file.sync().unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    file.append(&[2; 10]).unwrap();
    for left in cut_often(&fs, "/d/a") {
        let left = left.unwrap();
        assert_eq!(left[..5000], [1; 5000]);
        assert!(left[5000..].iter().all(|b| [0, 2].contains(b)));
    }
}

#[test]
fn a_file_in_a_directory_that_is_not_certain_is_not_certain_either() {
    let fs = SimulatedFs::new(1);
    fs.create_dir_all(Path::new("/d")).unwrap();
    write(&fs, "/d/a", b"a").sync().unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    assert!(cut_often(&fs, "/d/a").contains(&None));
    fs.sync_dir(Path::new("/")).unwrap();
    assert!(!cut_often(&fs, "/d/a").contains(&None));
}

#[test]
fn a_rename_happens_whole_or_not_at_all() {
    let fs = SimulatedFs::new(1);
    for path in ["/a", "/b"] {
        write(&fs, path, path.as_bytes()).sync().unwrap();
    }
    fs.sync_dir(Path::new("/")).unwrap();
    fs.rename(Path::new("/a"), Path::new("/b")).unwrap();
    let mut seen = [0; 2];
    for seed in 0..50 {
        let after = fs.cut_power(seed);
        match (read(&after, "/a"), read(&after, "/b").unwrap()) {
            (Some(_), b) if b == b"/b" => seen[0] += 1,
            (None, b) if b == b"/a" => seen[1] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(seen.iter().all(|&count| count > 0));
}

#[test]
fn a_planned_call_fails_and_those_after_it_do_not() {
    let fs = SimulatedFs::new(3);
    let mut file = write(&fs, "/a", b"");
    let next = fs.count(Calls::Changes);
    fs.plan(Calls::Changes, next..next + 2, Fault::Full);
    let error = file.append(b"abc").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(b"abc".starts_with(&read(&fs, "/a").unwrap()));
    file.append(b"abc").unwrap_err();
    file.set_len(0).unwrap();
    file.append(b"abc").unwrap();
    assert_eq!(read(&fs, "/a").unwrap(), b"abc");
}

#[test]
fn what_a_failed_sync_was_to_write_is_lost_though_the_next_succeeds() {
    let fs = SimulatedFs::new(3);
    let mut file = write(&fs, "/a", b"abc");
    fs.sync_dir(Path::new("/")).unwrap();
    let next = fs.count(Calls::Changes);
    fs.plan(Calls::Changes, next..next + 1, Fault::Broken);
    file.sync().unwrap_err();
    file.sync().unwrap();
    assert_eq!(read(&fs, "/a").unwrap(), b"abc");
    assert!(cut_often(&fs, "/a").iter().all(|left| *left == Some(Vec::new())));
}

#[test]
fn a_process_dies_within_a_call_and_holds_no_lock_afterwards() {
    let fs = SimulatedFs::new(3);
    let _lock = fs.lock(Path::new("/lock")).unwrap();
    assert_eq!(
        fs.lock(Path::new("/lock")).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    fs.plan(Calls::Changes, 1..2, Fault::Kill);
    fs.create(Path::new("/a")).unwrap_err();
    assert!(fs.is_dead());
    let after = fs.kill(0);
    assert_eq!(after.list(Path::new("/")).unwrap(), ["lock"]);
    let mut lock = after.lock(Path::new("/lock")).unwrap();
    lock.leave_as_found();
    drop(lock);
    assert_eq!(after.list(Path::new("/")).unwrap(), ["lock"]);
    drop(after.lock(Path::new("/lock")).unwrap());
    assert_eq!(after.list(Path::new("/")).unwrap(), [""; 0]);
}
