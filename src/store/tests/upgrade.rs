//! A registry of format 1 is rewritten once. The files in `format_1` are a backup of a generated registry (`generate
//! --specialists 8 --years 2 --through 2026-11-20`) by a release of format 1.

use std::path::PathBuf;

use super::*;
use crate::store::backup::{Cut, Manifest, backup, log_of_backup, restore, verify};
use crate::store::check::{check, check_log};
use crate::store::data_dir::{DataDir, DataDirError};
use crate::store::disk::RealDisk;
use crate::store::log::{Extent, FileEngine, FileLog, Form, OfflineLog, UpgradeError};
use crate::store::record::{digest, encode};

const HEAD: Revision = Revision(796);

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/tests/format_1")
}

fn segment(first: u64) -> String {
    format!("{first:020}.log")
}

/// Copies the fixture, with or without its manifest.
fn copy(to: &Path, is_backup: bool) {
    for directory in ["keys", "log"] {
        fs::create_dir_all(to.join(directory)).unwrap();
    }
    let segment = format!("log/{}", segment(1));
    for file in ["FORMAT", "keys/request.key", &segment].into_iter().chain(is_backup.then_some("MANIFEST")) {
        fs::write(to.join(file), fs::read(fixture().join(file)).unwrap()).unwrap();
    }
}

fn records_of(log: &dyn ReadLog) -> Vec<Record> {
    let read = log.read(Revision(1), Revision::LATEST).map(Result::unwrap);
    read.map(|(revision, bytes)| record::decode(revision, &bytes).unwrap()).collect()
}

fn log_of_fixture() -> Box<dyn OfflineLog> {
    let engine =
        FileEngine::new(Arc::new(RealDisk), &fixture().join("log"), LogOptions::default(), Form::CurrentOrFormat1);
    engine.offline(Extent::UpTo(HEAD)).unwrap()
}

/// The original records of the fixture.
fn expected() -> Vec<Record> {
    let records = records_of(&*log_of_fixture());
    assert_eq!(records.len() as u64, HEAD.0);
    records
}

#[test]
fn a_registry_of_format_1_is_rewritten_once_with_the_same_records() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    copy(root, false);
    let id = registry_id(root).unwrap();
    let refused = DataDir::open(root).err().unwrap();
    assert!(matches!(refused, DataDirError::EarlierFormat { found: 1, .. }), "{refused}");
    assert!(check(root, &StoreOptions::default(), &mut |_| {}).is_err(), "it must be rewritten first");
    let path = root.join("log").join(segment(1));
    let mut rewritten = Vec::new();
    for time in 0..2 {
        let store = open(root).unwrap();
        assert!(records_of(&*store.log_reader()) == expected());
        store.close().unwrap();
        assert_eq!(fs::read_to_string(root.join("FORMAT")).unwrap(), "2\n");
        let bytes = fs::read(&path).unwrap();
        assert!(time == 0 || bytes == rewritten, "once");
        rewritten = bytes;
    }
    assert_eq!(registry_id(root).unwrap(), id);
    let checked = check(root, &StoreOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((checked.head, checked.findings), (HEAD, Vec::new()));
}

#[test]
fn a_damaged_log_is_not_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    copy(directory.path(), false);
    let path = directory.path().join("log").join(segment(1));
    let mut bytes = fs::read(&path).unwrap();
    bytes[30_000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let refused = open(directory.path()).err().unwrap();
    assert!(matches!(refused, OpenError::Upgrade(UpgradeError::Open(OpenLogError::Damaged(_)))) && refused.is_a_loss());
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read_to_string(directory.path().join("FORMAT")).unwrap(), "1\n");
}

/// Encodes a frame of format 1.
fn format_1_frame(first: u64, records: &[Vec<u8>]) -> Vec<u8> {
    let mut rest = [&first.to_le_bytes()[..], &u32::try_from(records.len()).unwrap().to_le_bytes()].concat();
    for record in records {
        rest.extend(u32::try_from(record.len()).unwrap().to_le_bytes());
        rest.extend(record);
    }
    let len = u32::try_from(rest.len()).unwrap().to_le_bytes();
    let sum = crc32c::crc32c_append(crc32c::crc32c(&len), &rest).to_le_bytes();
    [&len[..], &sum, &rest].concat()
}

/// Writes the first records of the fixture to a disk, in several frames and segments. Returns these records.
fn in_segments(disk: &SimulatedDisk) -> Vec<Record> {
    const RECORDS: usize = 48;
    let log = log_of_fixture();
    let records: Vec<_> = log.read(Revision(1), Revision(48)).map(|read| read.unwrap().1).collect();
    assert_eq!(records.len(), RECORDS);
    for (at, records) in (0..).zip(records.chunks(12)) {
        let frames =
            (0..).zip(records.chunks(4)).map(|(frame, records)| format_1_frame(at * 12 + frame * 4 + 1, records));
        disk.put(&Path::new("/log").join(segment(at * 12 + 1)), frames.collect::<Vec<_>>().concat());
    }
    expected().into_iter().take(RECORDS).collect()
}

fn upgrade_on(disk: &SimulatedDisk) -> Result<(), UpgradeError> {
    let engine = FileEngine::new(Arc::new(disk.clone()), Path::new("/log"), LogOptions::default(), Form::Current);
    engine.upgrade(&mut |revision, bytes| Ok(encode(&record::decode(revision, bytes)?, &Salts::Random.salt(revision)?)))
}

/// Cuts the power or kills the process at each disk call in turn. The next call must continue.
#[test]
fn an_interrupted_rewrite_continues() {
    let whole = SimulatedDisk::new(0);
    let expected = in_segments(&whole);
    let files = whole.files();
    upgrade_on(&whole).unwrap();
    for (call, seed) in (1..=whole.calls()).flat_map(|call| [(call, 1), (call, 2), (call, 3)]) {
        let disk = SimulatedDisk::new(seed);
        files.iter().for_each(|(path, bytes)| disk.put(path, bytes.clone()));
        disk.cut_power_at(call);
        upgrade_on(&disk).unwrap_err();
        if seed == 1 {
            disk.after_kill();
        } else {
            disk.after_power_cut();
        }
        upgrade_on(&disk).unwrap_or_else(|error| panic!("call {call}, seed {seed}: {error:?}"));
        disk.after_power_cut();
        let options = LogOptions { reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
        let log = FileLog::open(Arc::new(disk.clone()), Path::new("/log"), options).unwrap();
        assert!(records_of(&*log.reader()) == expected, "call {call}, seed {seed}");
        let read = log.reader().read(Revision(1), Revision::LATEST).map(Result::unwrap);
        let tip = read.fold(Tip::ORIGIN, |tip, (_, bytes)| tip.follow(&digest(&bytes).unwrap()));
        assert_eq!(log.tip(), tip);
        assert!(disk.files().keys().all(|path| path.extension().is_none_or(|extension| extension == "log")));
    }
}

#[test]
fn after_a_full_disk_the_log_can_be_rewritten_later() {
    let disk = SimulatedDisk::new(1);
    let expected = in_segments(&disk);
    let used: usize = disk.files().values().map(Vec::len).sum();
    disk.set_capacity(used as u64 + 2_000);
    assert!(matches!(upgrade_on(&disk), Err(UpgradeError::Disk(_))));
    disk.set_capacity(1 << 30);
    upgrade_on(&disk).unwrap();
    let log =
        FileLog::open(Arc::new(disk), Path::new("/log"), LogOptions { reserve_bytes: 0, ..LogOptions::default() });
    assert!(records_of(&*log.unwrap().reader()) == expected);
}

#[test]
fn a_backup_of_format_1_is_checked_and_restored_in_the_current_format() {
    let scratch = tempfile::tempdir().unwrap();
    let manifest = verify(&fixture(), &mut |_| {}).unwrap();
    let checked = check_log(&*log_of_backup(&fixture(), &manifest).unwrap(), &mut |_| {}).unwrap();
    assert_eq!((checked.head, checked.findings), (HEAD, Vec::new()));
    // The second cut is inside a frame.
    for (cut, last) in [(Cut::Nowhere, HEAD), (Cut::After(Revision(2)), Revision(2))] {
        let root = scratch.path().join(last.to_string());
        let restored = restore(&fixture(), &root, cut, Timestamp::UNIX_EPOCH, &mut |_| {}).unwrap();
        assert_eq!(restored.head, last.next());
        let store = open(&root).unwrap();
        let records = records_of(&*store.log_reader());
        assert!(records[..records.len() - 1] == expected()[..records.len() - 1]);
        store.close().unwrap();
        let checked = check(&root, &StoreOptions::default(), &mut |_| {}).unwrap();
        assert_eq!((checked.head, checked.findings), (last.next(), Vec::new()));
    }
}

#[test]
fn an_earlier_backup_of_format_1_is_moved_and_a_full_one_is_taken() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, target) = (scratch.path().join("data"), scratch.path().join("backup"));
    copy(&data, false);
    copy(&target, true);
    open(&data).unwrap().close().unwrap();
    for (copied, kept) in [(1, 0), (0, 1)] {
        let taken = backup(&data, &target, &mut |_| {}).unwrap();
        assert_eq!((taken.copied, taken.kept, taken.manifest.head), (copied, kept, HEAD));
    }
    assert_eq!(verify(&target, &mut |_| {}).unwrap(), Manifest::read(&target).unwrap());
    let aside = target.join("format-1");
    assert_eq!(Manifest::read(&aside).unwrap(), Manifest::read(&fixture()).unwrap());
    for (from, name) in [(&target, "of-the-new"), (&aside, "of-the-old")] {
        let restored = restore(from, &scratch.path().join(name), Cut::Nowhere, Timestamp::UNIX_EPOCH, &mut |_| {});
        assert_eq!(restored.unwrap().forked_after, HEAD);
    }
}

#[test]
fn a_backup_interrupted_while_the_earlier_one_moves_continues() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    copy(&data, false);
    open(&data).unwrap().close().unwrap();
    let segment = format!("log/{}", segment(1));
    let files = ["FORMAT", "keys/request.key", segment.as_str(), "MANIFEST"];
    // The number of files that were linked before the interruption. In the last case all were, and those that `mark`
    // removes are gone.
    for linked in 0..=files.len() + 1 {
        let target = scratch.path().join(format!("backup-{linked}"));
        copy(&target, true);
        let aside = target.join("format-1");
        fs::create_dir_all(aside.join("keys")).unwrap();
        fs::create_dir_all(aside.join("log")).unwrap();
        for file in files.iter().take(linked) {
            fs::hard_link(target.join(file), aside.join(file)).unwrap();
        }
        if linked > files.len() {
            for file in &files[..3] {
                fs::remove_file(target.join(file)).unwrap();
            }
        }
        let taken = backup(&data, &target, &mut |_| {}).unwrap();
        assert_eq!((taken.copied, taken.manifest.head), (1, HEAD));
        verify(&target, &mut |_| {}).unwrap();
        verify(&aside, &mut |_| {}).unwrap();
    }
}
