//! What the log keeps, and what it refuses, when files are cut, bent and full.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::*;
use crate::store::disk::{Disk, DiskFile, RealDisk, Space};

type Batch = Vec<Vec<u8>>;

fn options(segment_bytes: u64) -> LogOptions {
    LogOptions { segment_bytes, reserve_bytes: 0, reserve_percent: 0, check_every_segment: true }
}

fn open(directory: &Path) -> Result<FileLog, OpenLogError> {
    FileLog::open(Arc::new(RealDisk), directory, options(1 << 20))
}

fn batch(seed: u8, records: u8) -> Batch {
    (0..records).map(|at| vec![seed; usize::from(at) * 7 + 1]).collect()
}

fn contents(log: &FileLog) -> Batch {
    let reader = log.reader();
    let read: Result<Vec<_>, _> = reader.read(Revision(1), Revision::LATEST).collect();
    let read = read.unwrap();
    assert!((1..).zip(&read).all(|(expected, (revision, _))| revision.0 == expected));
    read.into_iter().map(|(_, bytes)| bytes).collect()
}

fn only_segment(directory: &Path) -> PathBuf {
    directory.join("00000000000000000001.log")
}

/// Three batches of three records each: the bytes of the log, and where the last frame begins.
fn three_batches(directory: &Path) -> (Vec<u8>, usize) {
    let mut log = open(directory).unwrap();
    let mut begin = 0;
    for seed in 1..=3 {
        begin = usize::try_from(fs::metadata(only_segment(directory)).unwrap().len()).unwrap();
        log.append(Revision(u64::from(seed - 1) * 3), &batch(seed, 3)).unwrap();
    }
    (fs::read(only_segment(directory)).unwrap(), begin)
}

#[test]
fn a_restart_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path()).unwrap();
    assert_eq!(log.head(), Revision::ZERO);
    assert_eq!(log.append(Revision(0), &batch(1, 2)).unwrap(), Revision(2));
    assert_eq!(log.append(Revision(2), &batch(2, 1)).unwrap(), Revision(3));
    assert!(matches!(log.append(Revision(2), &batch(2, 1)), Err(AppendError::HeadMoved { .. })));
    drop(log);
    let mut log = open(directory.path()).unwrap();
    assert_eq!(log.head(), Revision(3));
    log.append(Revision(3), &batch(3, 1)).unwrap();
    assert_eq!(contents(&log), [batch(1, 2), batch(2, 1), batch(3, 1)].concat());
}

#[test]
fn an_end_torn_anywhere_is_cut_and_what_was_before_stays() {
    let directory = tempfile::tempdir().unwrap();
    let (bytes, begin) = three_batches(directory.path());
    for length in begin..bytes.len() {
        for zeros in [0, bytes.len() - length] {
            let torn = [&bytes[..length], &vec![0; zeros]].concat();
            if torn == bytes {
                continue;
            }
            fs::write(only_segment(directory.path()), torn).unwrap();
            let mut log = open(directory.path()).unwrap();
            assert_eq!(contents(&log), [batch(1, 3), batch(2, 3)].concat(), "torn at {length}");
            log.append(Revision(6), &batch(9, 1)).unwrap();
        }
    }
}

#[test]
fn a_flipped_bit_before_the_last_frame_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let (bytes, begin) = three_batches(directory.path());
    for at in 0..begin * 8 {
        let mut bent = bytes.clone();
        bent[at / 8] ^= 1 << (at % 8);
        fs::write(only_segment(directory.path()), &bent).unwrap();
        let Err(OpenLogError::Damaged(damage)) = open(directory.path()) else { panic!("bit {at} passes") };
        let frame = if at / 8 < begin / 2 { 0 } else { begin / 2 };
        assert_eq!((damage.segment.as_str(), damage.offset), ("00000000000000000001.log", frame as u64));
        assert_eq!(fs::read(only_segment(directory.path())).unwrap(), bent, "nothing is touched");
    }
}

#[test]
fn a_whole_frame_out_of_its_order_is_no_torn_end() {
    let directory = tempfile::tempdir().unwrap();
    let (bytes, begin) = three_batches(directory.path());
    fs::write(only_segment(directory.path()), [&bytes[..], &bytes[begin..]].concat()).unwrap();
    assert!(
        matches!(open(directory.path()), Err(OpenLogError::Damaged(damage)) if damage.offset == bytes.len() as u64)
    );
}

#[test]
fn segments_follow_one_another() {
    let directory = tempfile::tempdir().unwrap();
    let reopen = |options| FileLog::open(Arc::new(RealDisk), directory.path(), options);
    let mut log = reopen(options(200)).unwrap();
    let reader = log.reader();
    let mut expected = Vec::new();
    for seed in 0..30 {
        log.append(Revision(u64::from(seed) * 3), &batch(seed, 3)).unwrap();
        expected.extend(batch(seed, 3));
        let last: Vec<_> = reader.read(log.head(), log.head()).map(Result::unwrap).collect();
        assert_eq!(last, [(log.head(), expected.last().unwrap().clone())]);
    }
    assert!(fs::read_dir(directory.path()).unwrap().count() > 5);
    drop(log);
    for check_every_segment in [true, false] {
        let log = reopen(LogOptions { check_every_segment, ..options(200) }).unwrap();
        assert_eq!(contents(&log), expected);
        for from in 1..=90 {
            let some: Vec<_> = log.reader().read(Revision(from), Revision(80)).map(Result::unwrap).collect();
            assert_eq!(some.len() as u64, 81_u64.saturating_sub(from));
            assert_eq!(some.first().map(|(revision, _)| revision.0), (from <= 80).then_some(from));
        }
    }
    fs::remove_file(directory.path().join("00000000000000000010.log")).unwrap();
    assert!(matches!(reopen(options(200)), Err(OpenLogError::Damaged(_))), "a missing segment is seen");
}

#[test]
fn a_flipped_bit_in_an_earlier_segment_is_refused_at_open_or_when_read() {
    let directory = tempfile::tempdir().unwrap();
    let reopen = |check_every_segment| {
        let options = LogOptions { check_every_segment, ..options(100) };
        FileLog::open(Arc::new(RealDisk), directory.path(), options)
    };
    let mut log = reopen(true).unwrap();
    for seed in 0..3 {
        log.append(Revision(u64::from(seed) * 3), &batch(seed, 3)).unwrap();
    }
    let mut bytes = fs::read(only_segment(directory.path())).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(only_segment(directory.path()), bytes).unwrap();
    assert!(matches!(reopen(true), Err(OpenLogError::Damaged(_))));
    let log = reopen(false).unwrap();
    let read: Vec<_> = log.reader().read(Revision(1), Revision::LATEST).collect();
    assert!(matches!(read.as_slice(), [Err(ReadError::Damaged(_))]));
    assert_eq!(log.reader().read(Revision(4), Revision::LATEST).filter_map(Result::ok).count(), 6);
}

/// What the disk of a test does to the next call.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// Writes as many bytes, then refuses.
    write: Option<(usize, io::ErrorKind)>,
    sync: bool,
    truncate: bool,
    create: bool,
    available: Option<u64>,
}

#[derive(Clone, Default)]
struct FaultyDisk(Arc<Mutex<Faults>>);

impl FaultyDisk {
    fn set(&self, faults: Faults) {
        *self.0.lock().unwrap() = faults;
    }

    fn faults(&self) -> Faults {
        *self.0.lock().unwrap()
    }

    fn wrap(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { file, disk: self.clone() })
    }
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    disk: FaultyDisk,
}

fn fail_if(condition: bool) -> io::Result<()> {
    if condition { Err(io::Error::other("as the test says")) } else { Ok(()) }
}

impl Disk for FaultyDisk {
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(directory)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        fail_if(self.faults().create)?;
        Ok(self.wrap(RealDisk.create_new(path)?))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(RealDisk.open(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        RealDisk.sync_dir(directory)
    }
    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(Space { total: 100_000, available: self.faults().available.unwrap_or(100_000) })
    }
}

impl DiskFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Some((written, kind)) = self.disk.faults().write else { return self.file.write_all_at(bytes, offset) };
        self.file.write_all_at(&bytes[..written.min(bytes.len())], offset)?;
        Err(kind.into())
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        fail_if(self.disk.faults().truncate)?;
        self.file.truncate(length)
    }
    fn sync_data(&self) -> io::Result<()> {
        fail_if(self.disk.faults().sync)?;
        self.file.sync_data()
    }
}

fn open_faulty(directory: &Path, segment_bytes: u64) -> (FileLog, FaultyDisk) {
    let disk = FaultyDisk::default();
    let options = LogOptions { reserve_bytes: 1000, reserve_percent: 5, ..options(segment_bytes) };
    (FileLog::open(Arc::new(disk.clone()), directory, options).unwrap(), disk)
}

#[test]
fn a_short_write_is_taken_back_and_the_log_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, disk) = open_faulty(directory.path(), 1 << 20);
    log.append(Revision(0), &batch(1, 3)).unwrap();
    let before = fs::read(only_segment(directory.path())).unwrap();
    for written in 0..60 {
        disk.set(Faults { write: Some((written, io::ErrorKind::Other)), ..Faults::default() });
        assert!(matches!(log.append(Revision(3), &batch(2, 3)), Err(AppendError::NotWritten(_))));
        disk.set(Faults { write: Some((written, io::ErrorKind::StorageFull)), ..Faults::default() });
        assert!(matches!(log.append(Revision(3), &batch(2, 3)), Err(AppendError::DiskFull)));
        assert_eq!(fs::read(only_segment(directory.path())).unwrap(), before);
    }
    disk.set(Faults::default());
    log.append(Revision(3), &batch(3, 1)).unwrap();
    assert_eq!(contents(&log), [batch(1, 3), batch(3, 1)].concat());
}

#[test]
fn nothing_is_appended_after_a_sync_or_a_truncation_failed() {
    let truncation = Faults { write: Some((9, io::ErrorKind::Other)), truncate: true, ..Faults::default() };
    for faults in [Faults { sync: true, ..Faults::default() }, truncation] {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, disk) = open_faulty(directory.path(), 1 << 20);
        log.append(Revision(0), &batch(1, 3)).unwrap();
        disk.set(faults);
        assert!(matches!(log.append(Revision(3), &batch(2, 1)), Err(AppendError::OutcomeUnknown(_))));
        disk.set(Faults::default());
        assert!(matches!(log.append(Revision(3), &batch(2, 1)), Err(AppendError::OutcomeUnknown(_))));
        assert_eq!(contents(&log), batch(1, 3), "what is not known to be durable is not shown");
    }
}

#[test]
fn a_nearly_full_disk_is_refused_before_a_file_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, disk) = open_faulty(directory.path(), 1 << 20);
    disk.set(Faults { available: Some(5_010), sync: true, ..Faults::default() });
    assert!(matches!(log.append(Revision(0), &batch(1, 3)), Err(AppendError::DiskFull)));
    assert_eq!(fs::metadata(only_segment(directory.path())).unwrap().len(), 0);
    disk.set(Faults { available: Some(6_000), ..Faults::default() });
    log.append(Revision(0), &batch(1, 3)).unwrap();
}

#[test]
fn a_segment_that_cannot_be_begun_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, disk) = open_faulty(directory.path(), 100);
    log.append(Revision(0), &batch(1, 3)).unwrap();
    disk.set(Faults { create: true, ..Faults::default() });
    assert!(matches!(log.append(Revision(3), &batch(2, 3)), Err(AppendError::NotWritten(_))));
    disk.set(Faults::default());
    log.append(Revision(3), &batch(2, 3)).unwrap();
    assert_eq!(contents(&log), [batch(1, 3), batch(2, 3)].concat());
}
