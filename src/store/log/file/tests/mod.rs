//! What the log stores and what it refuses. Here, in truncated and corrupted files; in the modules, on a disk that
//! fails.

mod chain;
mod copy;
mod faults;
mod flips;
mod power;
mod redact;
mod without;

use std::fs;
use std::path::{Path, PathBuf};

use super::high_water_mark::published_head;
use super::*;
use crate::store::disk::RealDisk;
use crate::store::disk::simulated::SimulatedDisk;
use crate::store::log::frame;
use crate::store::log::{AppendError, Damage, ReadLog as _};
use crate::store::record::{Tip, sealed};

/// The directory of the log on a simulated disk.
const DIRECTORY: &str = "/log";

type Batch = Vec<Vec<u8>>;

/// Options for a log whose files contain only frames.
fn options(segment_bytes: u64) -> LogOptions {
    LogOptions { segment_bytes, reserve_bytes: 0, reserve_percent: 0, ahead_bytes: 0, is_copy: false }
}

fn open(directory: &Path) -> Result<FileLog, OpenLogError> {
    FileLog::open(Arc::new(RealDisk), directory, options(1 << 20))
}

fn batch(seed: u8, records: u8) -> Batch {
    (0..records).map(|at| sealed(vec![seed; usize::from(at) * 7 + 1])).collect()
}

fn open_on(disk: &SimulatedDisk, segment_bytes: u64) -> Result<FileLog, OpenLogError> {
    FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options(segment_bytes))
}

fn try_contents(log: &FileLog) -> Result<Batch, ReadError> {
    let read: Result<Vec<_>, _> = log.reader().read(Revision(1), Revision::LATEST).collect();
    let read = read?;
    assert!((1..).zip(&read).all(|(expected, (revision, _))| revision.0 == expected));
    Ok(read.into_iter().map(|(_, bytes)| bytes).collect())
}

fn contents(log: &FileLog) -> Batch {
    try_contents(log).unwrap()
}

/// How often a test repeats a random step: the value of an environment variable, or a default that takes about a
/// second.
fn times(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |times| times.parse().unwrap())
}

fn only_segment(directory: &Path) -> PathBuf {
    directory.join("00000000000000000001.log")
}

/// Writes three batches of three records each. Returns the bytes of the log, and the offset of the last frame.
fn three_batches(directory: &Path) -> (Vec<u8>, usize) {
    let mut log = open(directory).unwrap();
    let mut begin = 0;
    for seed in 1..=3 {
        begin = usize::try_from(fs::metadata(only_segment(directory)).unwrap().len()).unwrap();
        log.append(&log.tip(), &batch(seed, 3)).unwrap();
    }
    (fs::read(only_segment(directory)).unwrap(), begin)
}

#[test]
fn a_restart_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path()).unwrap();
    assert_eq!(log.tip(), Tip::ORIGIN);
    let two = log.append(&Tip::ORIGIN, &batch(1, 2)).unwrap()[1];
    assert_eq!(two.revision, Revision(2));
    let three = log.append(&two, &batch(2, 1)).unwrap()[0];
    assert_eq!(three.revision, Revision(3));
    assert!(matches!(log.append(&two, &batch(2, 1)), Err(AppendError::HeadMoved { .. })));
    let other = Tip { chain: two.chain, ..three };
    assert!(matches!(log.append(&other, &batch(2, 1)), Err(AppendError::Diverged { at: Revision(3) })));
    drop(log);
    let mut log = open(directory.path()).unwrap();
    assert_eq!(log.tip(), three);
    log.append(&log.tip(), &batch(3, 1)).unwrap();
    assert_eq!(contents(&log), [batch(1, 2), batch(2, 1), batch(3, 1)].concat());
}

#[test]
fn an_end_torn_anywhere_is_removed_and_the_rest_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path()).unwrap();
    log.append(&log.tip(), &batch(1, 6)).unwrap();
    let published = fs::read(directory.path().join("head")).unwrap();
    fs::remove_file(only_segment(directory.path())).unwrap();
    fs::remove_file(directory.path().join("head")).unwrap();
    let (bytes, begin) = three_batches(directory.path());
    for length in begin..bytes.len() {
        for zeros in [0, bytes.len() - length] {
            let torn = [&bytes[..length], &vec![0; zeros]].concat();
            if torn == bytes {
                continue;
            }
            fs::write(only_segment(directory.path()), &torn).unwrap();
            let in_place = OfflineFiles::open(Arc::new(RealDisk), directory.path(), Extent::Whole, Form::Current);
            assert_eq!(in_place.unwrap().head(), Revision(6), "reading in place ignores the torn end");
            let refusal = open(directory.path()).err().unwrap();
            let place = (Revision(9), Revision(6), begin as u64);
            assert!(
                matches!(refusal, OpenLogError::LostRecords { published, head, offset, .. } if (published, head, offset) == place)
            );
            assert_eq!(fs::read(only_segment(directory.path())).unwrap(), torn, "the file is unchanged");
            // The same with a published head from before the torn frame.
            fs::write(directory.path().join("head"), &published).unwrap();
            let mut log = open(directory.path()).unwrap();
            assert_eq!(contents(&log), [batch(1, 3), batch(2, 3)].concat(), "torn at {length}");
            log.append(&log.tip(), &batch(9, 3)).unwrap();
        }
    }
}

#[test]
fn a_flipped_bit_before_the_last_frame_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let (bytes, begin) = three_batches(directory.path());
    for at in 0..begin * 8 {
        let mut flipped = bytes.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        fs::write(only_segment(directory.path()), &flipped).unwrap();
        let Err(OpenLogError::Damaged(damage)) = open(directory.path()) else { panic!("bit {at} passes") };
        let frame = if at / 8 < begin / 2 { 0 } else { begin / 2 };
        assert_eq!((damage.segment.as_str(), damage.offset), ("00000000000000000001.log", frame as u64));
        assert_eq!(fs::read(only_segment(directory.path())).unwrap(), flipped, "the file is unchanged");
    }
}

#[test]
fn an_intact_frame_out_of_order_is_not_a_torn_end() {
    let directory = tempfile::tempdir().unwrap();
    let (bytes, begin) = three_batches(directory.path());
    fs::write(only_segment(directory.path()), [&bytes[..], &bytes[begin..]].concat()).unwrap();
    assert!(
        matches!(open(directory.path()), Err(OpenLogError::Damaged(damage)) if damage.offset == bytes.len() as u64)
    );
}

#[test]
fn preallocated_zeros_are_never_read_as_frames_and_are_removed() {
    let disk = SimulatedDisk::new(1);
    let options = LogOptions { ahead_bytes: 5_000, ..options(7_500) };
    let open = || FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options.clone()).unwrap();
    let segments = || {
        let files = disk.files().into_iter().filter(|(path, _)| path.extension().is_some());
        files.map(|(_, bytes)| bytes).collect::<Vec<_>>()
    };
    let frames = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut log = open();
    let mut lengths = Vec::new();
    let mut expected = Vec::new();
    for seed in 1..=100 {
        log.append(&log.tip(), &batch(seed, 3)).unwrap();
        expected.extend(batch(seed, 3));
        assert_eq!(contents(&log), expected);
        lengths.push(segments().last().unwrap().len());
    }
    lengths.dedup();
    assert!(lengths.len() < 25 && lengths.iter().all(|length| *length <= 7_500), "{lengths:?}");
    let (last, closed) = segments().split_last().map(|(last, closed)| (last.clone(), closed.to_vec())).unwrap();
    assert!(
        closed.len() > 1 && closed.iter().all(|bytes| frames(bytes) == bytes.len()),
        "closed without preallocated space"
    );
    assert!(frames(&last) < last.len());
    // The log was not closed. The next opening removes the preallocated space.
    drop(log);
    let mut log = open();
    assert_eq!((contents(&log), segments().last().unwrap().len()), (expected.clone(), frames(&last)));
    log.append(&log.tip(), &batch(7, 3)).unwrap();
    log.close();
    let closed = segments();
    assert!(closed.iter().all(|bytes| frames(bytes) == bytes.len()));
    drop(log);
    assert_eq!(contents(&open()), [expected, batch(7, 3)].concat());
}

#[test]
fn a_log_that_was_not_closed_is_read_in_place_without_preallocated_space() {
    let directory = tempfile::tempdir().unwrap();
    let options = LogOptions { ahead_bytes: 1_000, ..options(1 << 20) };
    let mut log = FileLog::open(Arc::new(RealDisk), directory.path(), options).unwrap();
    log.append(&log.tip(), &batch(1, 3)).unwrap();
    let whole = fs::read(only_segment(directory.path())).unwrap();
    assert!(frame::is_preallocated(&whole[whole.len() - 900..]));
    let offline = |directory: &Path, extent| OfflineFiles::open(Arc::new(RealDisk), directory, extent, Form::Current);
    let read = |directory: &Path| -> Result<Batch, ReadError> {
        let log = offline(directory, Extent::Whole)?;
        log.read(Revision(1), log.head()).map(|record| record.map(|(_, bytes)| bytes)).collect()
    };
    for zeros in [0, 1, 19, 20, 900] {
        fs::write(only_segment(directory.path()), &whole[..whole.len() - 1_000 + zeros]).unwrap();
        assert_eq!(read(directory.path()).unwrap(), batch(1, 3));
        let listed = offline(directory.path(), Extent::Everything).unwrap();
        let mut frames = listed.batches(&listed.parts()[0], None).unwrap();
        assert!(frames.read().unwrap().is_some());
        assert!(frames.read().unwrap().is_none(), "{zeros} zeros are preallocated space");
    }
}

#[test]
fn segments_follow_one_another() {
    let directory = tempfile::tempdir().unwrap();
    let reopen = |options| FileLog::open(Arc::new(RealDisk), directory.path(), options);
    let mut log = reopen(options(1_000)).unwrap();
    let reader = log.reader();
    let mut expected = Vec::new();
    for seed in 0..30 {
        log.append(&log.tip(), &batch(seed, 3)).unwrap();
        expected.extend(batch(seed, 3));
        let last: Vec<_> = reader.read(log.tip().revision, log.tip().revision).map(Result::unwrap).collect();
        assert_eq!(last, [(log.tip().revision, expected.last().unwrap().clone())]);
    }
    assert!(fs::read_dir(directory.path()).unwrap().count() > 5);
    drop(log);
    let log = reopen(options(1_000)).unwrap();
    for from in (1..=90).rev() {
        let some: Vec<_> = log.reader().read(Revision(from), Revision(80)).map(Result::unwrap).collect();
        assert_eq!(some.len() as u64, 81_u64.saturating_sub(from));
        assert_eq!(some.first().map(|(revision, _)| revision.0), (from <= 80).then_some(from));
    }
    assert_eq!(contents(&log), expected);
}

#[test]
fn a_segment_that_is_missing_is_refused_at_open() {
    let directory = tempfile::tempdir().unwrap();
    let reopen = || FileLog::open(Arc::new(RealDisk), directory.path(), options(1_000));
    let mut log = reopen().unwrap();
    for seed in 0..30 {
        log.append(&log.tip(), &batch(seed, 3)).unwrap();
    }
    let mut names: Vec<_> = RealDisk.list(directory.path()).unwrap();
    names.retain(|name| name != "head");
    names.sort();
    let set_aside = directory.path().join("set-aside");
    for (at, name) in names.iter().enumerate() {
        fs::rename(directory.path().join(name), &set_aside).unwrap();
        let refusal = reopen().err().unwrap();
        match refusal {
            OpenLogError::LostRecords { published, .. } => assert_eq!((at + 1, published), (names.len(), Revision(90))),
            OpenLogError::Damaged(Damage { segment, offset: 0, reason }) => {
                assert_eq!(segment, names[at + 1]);
                let first = if at == 0 { "the segments before it are missing" } else { "does not follow" };
                assert!(reason.contains(first), "{reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
        fs::rename(&set_aside, directory.path().join(name)).unwrap();
    }
    reopen().unwrap();
}

#[test]
fn a_flipped_bit_in_an_earlier_segment_is_refused_at_open_or_when_read() {
    let directory = tempfile::tempdir().unwrap();
    let reopen = || FileLog::open(Arc::new(RealDisk), directory.path(), options(500));
    let mut log = reopen().unwrap();
    for seed in 0..6 {
        log.append(&log.tip(), &batch(seed, 2)).unwrap();
    }
    let whole = fs::read(only_segment(directory.path())).unwrap();
    let frame = whole.len() / 2;
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(only_segment(directory.path()), flipped).unwrap();
        let is_last = at >= frame;
        let log = match reopen() {
            Ok(log) => log,
            Err(OpenLogError::Damaged(damage)) => {
                assert_eq!((is_last, damage.offset), (true, frame as u64), "byte {at}");
                continue;
            }
            Err(other) => panic!("{other:?}"),
        };
        assert!(!is_last, "byte {at}");
        let read: Vec<_> = log.reader().read(Revision(1), Revision::LATEST).collect();
        assert!(matches!(read.as_slice(), [Err(ReadError::Damaged(_))]), "byte {at}");
        assert_eq!(log.reader().read(Revision(5), Revision::LATEST).filter_map(Result::ok).count(), 8);
    }
}

#[test]
fn intact_frames_in_another_order_are_refused_when_read() {
    let disk = SimulatedDisk::new(1);
    let mut log = open_on(&disk, 1_200).unwrap();
    for seed in 0..9 {
        log.append(&log.tip(), &batch(seed, 1)).unwrap();
    }
    drop(log);
    let (path, bytes) = disk.files().into_iter().next().unwrap();
    let frame = 84 + 36 + batch(0, 1)[0].len();
    disk.put(&path, [&bytes[frame..2 * frame], &bytes[..frame], &bytes[2 * frame..]].concat());
    let log = open_on(&disk, 1_200).unwrap();
    for from in 1..=4 {
        let read: Vec<_> = log.reader().read(Revision(from), Revision::LATEST).collect();
        assert!(matches!(read.as_slice(), [Err(ReadError::Damaged(Damage { offset: 0, .. }))]), "{read:?}");
    }
    assert_eq!(log.reader().read(Revision(9), Revision::LATEST).filter_map(Result::ok).count(), 1);
}

#[test]
fn opening_reads_the_last_frame_of_a_closed_segment_only() {
    let disk = SimulatedDisk::new(1);
    let mut log = open_on(&disk, 400_000).unwrap();
    for _ in 0..40 {
        log.append(&log.tip(), &[sealed(vec![0; 50_000])]).unwrap();
    }
    let (files, bytes) = (disk.files(), disk.bytes_read());
    log.close();
    drop(log);
    let log = open_on(&disk, 400_000).unwrap();
    let closed = files.len() as u64 - 2;
    let last = files.iter().rev().nth(1).unwrap().1.len() as u64;
    assert_eq!(disk.bytes_read() - bytes, closed * 64 * 1024 + last + 12);
    assert_eq!(contents(&log).len(), 40);
}

#[test]
fn other_processes_can_read_the_published_head_which_proves_nothing_if_it_is_behind_torn_or_missing() {
    let directory = tempfile::tempdir().unwrap();
    let marker = directory.path().join("head");
    let published = || published_head(&RealDisk, directory.path()).unwrap();
    assert_eq!(published(), None);
    let mut log = open(directory.path()).unwrap();
    assert_eq!(published(), Some(Revision(0)));
    log.append(&log.tip(), &batch(1, 3)).unwrap();
    let behind = fs::read(&marker).unwrap();
    log.append(&log.tip(), &batch(2, 3)).unwrap();
    assert_eq!(published(), Some(Revision(6)));
    let now = fs::read(&marker).unwrap();
    let torn = [&now[..6], &behind[6..]].concat();
    let flipped = [&[now[0] ^ 8], &now[1..]].concat();
    for proves_nothing in [Some(behind), Some(torn[..11].to_vec()), Some(flipped), Some(Vec::new()), None] {
        match proves_nothing {
            Some(bytes) => fs::write(&marker, bytes).unwrap(),
            None => fs::remove_file(&marker).unwrap(),
        }
        assert_eq!(open(directory.path()).unwrap().tip().revision, Revision(6));
        assert_eq!(published(), Some(Revision(6)), "it is corrected");
    }
}
