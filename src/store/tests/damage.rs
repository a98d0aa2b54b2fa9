//! Damage to the index, at every position and during reads: never a wrong answer, and never a failed start.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::index::{IndexOptions, View};
use super::{answers, commit, open, open_or_begin, record, specialist, ten_records};
use crate::domain::id::Revision;
use crate::store::disk::RealDisk;
use crate::store::log::LogOptions;
use crate::store::{Store, StoreOptions};

/// Every file under a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The answers of an index. If it fails, the store is opened once more, as the process would do.
fn answers_after_a_restart(directory: &Path) -> String {
    let store = open(directory).unwrap();
    let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answers(&**store.index())));
    if let Ok(answered) = answered
        && store.index().require().is_ok()
    {
        store.close().unwrap();
        return answered;
    }
    drop(store);
    let store = open(directory).unwrap();
    let answered = answers(&**store.index());
    store.close().unwrap();
    answered
}

#[test]
fn damage_to_any_byte_of_the_index_does_not_change_the_answers() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    store.close().unwrap();
    let index = directory.path().join("index");
    let whole: Vec<_> = files(&index).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    assert!(whole.iter().any(|(path, _)| path.ends_with("0.base")));
    let mut damaged = 0;
    for (path, bytes) in &whole {
        for at in (0..bytes.len()).step_by(101) {
            fs::remove_dir_all(&index).unwrap();
            for (path, bytes) in &whole {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.write_all_at(&[bytes[at] ^ 0x40], at as u64).unwrap();
            assert_eq!(answers_after_a_restart(directory.path()), expected, "{} at {at}", path.display());
            damaged += 1;
        }
    }
    println!("{damaged} places damaged");
}

#[test]
fn anything_in_place_of_the_index_or_its_files_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    store.close().unwrap();
    let index = directory.path().join("index");
    let trust = fs::read(index.join("trust")).unwrap();
    let trusted = || {
        fs::create_dir(&index).unwrap();
        fs::write(index.join("trust"), &trust).unwrap();
    };
    let pipe = |path: &Path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let obstacles: [(&str, &dyn Fn()); 5] = [
        ("a file", &|| fs::write(&index, "hi").unwrap()),
        ("a dangling link", &|| std::os::unix::fs::symlink("/nonexistent/index", &index).unwrap()),
        ("a directory for the trust file", &|| fs::create_dir_all(index.join("trust")).unwrap()),
        ("a directory for a base", &|| {
            trusted();
            fs::create_dir(index.join("0.base")).unwrap();
        }),
        ("a pipe for a base", &|| {
            trusted();
            pipe(&index.join("0.base"));
        }),
    ];
    for (what, create) in obstacles {
        fs::remove_dir_all(&index).unwrap();
        create();
        assert_eq!(answers_after_a_restart(directory.path()), expected, "{what}");
    }
}

#[test]
fn damage_to_sled_during_reads_gives_no_wrong_answer() {
    // How much sled has in its cache depends on when the entries moved there.
    assert!((0..20).any(|_| reads_fail_once_sled_is_damaged()), "nothing was read from the disk");
}

/// Damages sled during reads. Returns false if nothing was read from the disk.
fn reads_fail_once_sled_is_damaged() -> bool {
    const RECORDS: u64 = 8_000;
    let directory = tempfile::tempdir().unwrap();
    let log = LogOptions { reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    // The cache of sled is too small for most of the data.
    let collect_for = Duration::ZERO;
    let base_from = 1 << 30;
    let index =
        IndexOptions { cache_bytes: 128 * 1024, take_together: 64, base_from, collect_for, ..IndexOptions::default() };
    let options = StoreOptions { log, index, ..StoreOptions::default() };
    let disk = Arc::new(RealDisk);
    let mut store = open_or_begin(disk, directory.path(), options.clone(), &mut |_| {}).unwrap();
    for first in (1..=RECORDS).step_by(100) {
        commit(&mut store, &(first..first + 100).map(record).collect::<Vec<_>>());
    }
    let of_sled = files(&directory.path().join("index")).into_iter().find(|path| path.ends_with("db")).unwrap();
    let size = || usize::try_from(fs::metadata(&of_sled).unwrap().len()).unwrap();
    // Until nothing moves to sled any more.
    let mut before = 0;
    while size() != before {
        before = size();
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut file = OpenOptions::new().write(true).open(&of_sled).unwrap();
    file.write_all(&vec![0x5a; size()]).unwrap();
    let index = store.index();
    let mut failed = 0;
    for revision in 1..=RECORDS {
        match index.specialist_facts(specialist(revision)) {
            Ok(facts) => assert_eq!(facts.len(), 4),
            Err(_) => failed += 1,
        }
    }
    if failed == 0 {
        return false;
    }
    assert!(index.require().is_err() && index.pending().is_err(), "the index has failed");
    drop(store);
    let store = Store::open(directory.path(), options, &mut |_| {}).unwrap();
    assert_eq!(store.index().applied().unwrap(), Revision(RECORDS));
    for revision in 1..=RECORDS {
        assert_eq!(store.index().specialist_facts(specialist(revision)).unwrap().len(), 4);
    }
    true
}
