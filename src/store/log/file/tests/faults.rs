//! What a caller sees when the disk refuses calls, and that nothing is lost.

use std::path::Path;

use super::*;
use crate::store::disk::simulated::{Call, Fault, SimulatedDisk};

const EIO: io::ErrorKind = io::ErrorKind::Other;
const ENOSPC: io::ErrorKind = io::ErrorKind::StorageFull;

/// The outcome of an append for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Appended,
    DiskFull,
    NotWritten,
    Unknown,
}

fn outcome(result: Result<Vec<Tip>, AppendError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Appended,
        Err(AppendError::DiskFull) => Outcome::DiskFull,
        Err(AppendError::NotWritten(_)) => Outcome::NotWritten,
        Err(AppendError::OutcomeUnknown(_)) => Outcome::Unknown,
        Err(error) => panic!("{error}"),
    }
}

/// Calls that fail while a batch is appended: the outcome in a segment that the batch fits into, and in one that it
/// does not.
const APPENDING: [(&[Fault], Outcome, Outcome); 12] = [
    (&[Fault::Every(Call::Write, EIO, 0)], Outcome::NotWritten, Outcome::NotWritten),
    (&[Fault::Every(Call::Write, EIO, 30)], Outcome::NotWritten, Outcome::NotWritten),
    (&[Fault::Every(Call::Write, ENOSPC, 30)], Outcome::DiskFull, Outcome::DiskFull),
    (&[Fault::Every(Call::Write, io::ErrorKind::QuotaExceeded, 30)], Outcome::DiskFull, Outcome::DiskFull),
    (&[Fault::Every(Call::Write, EIO, 9), Fault::Every(Call::Truncate, EIO, 0)], Outcome::Unknown, Outcome::Unknown),
    (&[Fault::Every(Call::Sync, EIO, 0)], Outcome::Unknown, Outcome::Unknown),
    (&[Fault::Every(Call::Sync, ENOSPC, 0)], Outcome::Unknown, Outcome::Unknown),
    (&[Fault::Every(Call::Space, EIO, 0)], Outcome::NotWritten, Outcome::NotWritten),
    (&[Fault::Every(Call::Create, EIO, 0)], Outcome::Appended, Outcome::NotWritten),
    (&[Fault::Every(Call::Create, ENOSPC, 0)], Outcome::Appended, Outcome::DiskFull),
    (&[Fault::Every(Call::SyncDir, EIO, 0)], Outcome::Appended, Outcome::Unknown),
    (&[Fault::Every(Call::Read, EIO, 0)], Outcome::Appended, Outcome::Appended),
];

#[test]
fn an_append_reports_what_the_disk_refused() {
    for (row, (faults, with_room, at_the_end)) in APPENDING.iter().enumerate() {
        for (segment_bytes, expected) in [(1 << 20, *with_room), (100, *at_the_end)] {
            let disk = SimulatedDisk::new(1);
            let mut log = open_on(&disk, segment_bytes).unwrap();
            log.append(&log.tip(), &batch(1, 3)).unwrap();
            disk.fail(faults);
            assert_eq!(outcome(log.append(&log.tip(), &batch(2, 3))), expected, "row {row}");
            disk.fail(&[]);
            let after = outcome(log.append(&log.tip(), &batch(3, 1)));
            let kept = [batch(1, 3), if expected == Outcome::Appended { batch(2, 3) } else { Vec::new() }].concat();
            if expected == Outcome::Unknown {
                assert_eq!(after, Outcome::Unknown, "row {row}: nothing more is appended");
                assert_eq!(contents(&log), kept, "row {row}: readers do not see what may not be durable");
            } else {
                assert_eq!(after, Outcome::Appended, "row {row}: the log accepts more");
                assert_eq!(contents(&log), [kept, batch(3, 1)].concat(), "row {row}");
            }
            let shown = contents(&log);
            drop(log);
            disk.after_power_cut();
            let found = contents(&open_on(&disk, segment_bytes).unwrap());
            let unknown = [&shown[..], &batch(2, 3)].concat();
            assert!(found == shown || (expected == Outcome::Unknown && found == unknown), "row {row}: {found:?}");
        }
    }
}

#[test]
fn a_write_that_was_undone_does_not_return_after_its_segment_is_closed() {
    for seed in 0..40 {
        let disk = SimulatedDisk::new(seed);
        let mut log = open_on(&disk, 400).unwrap();
        log.append(&log.tip(), &batch(1, 3)).unwrap();
        disk.fail(&[Fault::Every(Call::Write, EIO, 30)]);
        assert_eq!(outcome(log.append(&log.tip(), &batch(2, 3))), Outcome::NotWritten);
        disk.fail(&[]);
        log.append(&log.tip(), &batch(3, 9)).unwrap();
        let shown = contents(&log);
        drop(log);
        disk.after_power_cut();
        assert_eq!(contents(&open_on(&disk, 400).unwrap()), shown, "seed {seed}");
    }
}

#[test]
fn a_refused_batch_is_absent_after_a_power_failure_whichever_call_failed() {
    for (seed, call) in (0..100).flat_map(|seed| [1, 2, 3].map(|call| (seed, call))) {
        let disk = SimulatedDisk::new(seed);
        let options = LogOptions { ahead_bytes: 100, ..options(1 << 20) };
        let mut log = FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options).unwrap();
        log.append(&log.tip(), &batch(1, 3)).unwrap();
        // The three calls: the query of free space, the preallocation, and the write of the frame.
        disk.fail(&[Fault::Number(disk.calls() + call, EIO)]);
        assert_eq!(outcome(log.append(&log.tip(), &batch(2, 9))), Outcome::NotWritten);
        drop(log);
        disk.after_power_cut();
        let found = contents(&open_on(&disk, 1 << 20).unwrap());
        assert_eq!(found, batch(1, 3), "seed {seed}, call {call}");
    }
}

#[test]
fn opening_fails_if_a_call_fails_and_loses_nothing() {
    let disk = SimulatedDisk::new(1);
    let mut log = open_on(&disk, 200).unwrap();
    for seed in 0..9 {
        log.append(&log.tip(), &batch(seed, 3)).unwrap();
    }
    let expected = contents(&log);
    drop(log);
    for call in [
        Call::List,
        Call::Open,
        Call::Size,
        Call::Read,
        Call::Create,
        Call::Write,
        Call::Sync,
        Call::Rename,
        Call::SyncDir,
        Call::Remove,
    ] {
        for kind in [EIO, ENOSPC] {
            disk.put(&Path::new(DIRECTORY).join("00000000000000000001.tmp"), vec![0; 9]);
            disk.fail(&[Fault::Every(call, kind, 5)]);
            match open_on(&disk, 200) {
                // If there is no space for a copy, the last segment is truncated in place.
                Ok(log) if kind == ENOSPC && matches!(call, Call::Create | Call::Write) => {
                    assert_eq!(contents(&log), expected, "{call:?}");
                }
                opened => assert!(matches!(opened, Err(OpenLogError::Disk(_))), "{call:?}"),
            }
            disk.fail(&[]);
            assert_eq!(contents(&open_on(&disk, 200).unwrap()), expected, "{call:?}");
        }
    }
}

#[test]
fn a_read_error_names_the_segment_and_reading_works_again_when_the_disk_does() {
    let disk = SimulatedDisk::new(1);
    let mut log = open_on(&disk, 100).unwrap();
    for seed in 0..3 {
        log.append(&log.tip(), &batch(seed, 3)).unwrap();
    }
    drop(log);
    let log = open_on(&disk, 100).unwrap();
    for call in [Call::Open, Call::Read] {
        disk.fail(&[Fault::Every(call, EIO, 0)]);
        for from in 1..=9 {
            let read: Vec<_> = log.reader().read(Revision(from), Revision(9)).collect();
            let in_segment = format!("{:020}.log", (from - 1) / 3 * 3 + 1);
            assert!(
                matches!(read.as_slice(), [Err(ReadError::Disk { segment, .. })] if *segment == in_segment),
                "{read:?}"
            );
        }
        disk.fail(&[]);
        assert_eq!(contents(&log).len(), 9);
    }
    disk.take_away(&Path::new(DIRECTORY).join("00000000000000000004.log"));
    let read: Vec<_> = log.reader().read(Revision(2), Revision(9)).collect();
    assert!(
        matches!(read.as_slice(), [Ok(_), Ok(_), Err(ReadError::Damaged(damage))] if damage.reason.contains("gone"))
    );
}

#[test]
fn a_full_disk_accepts_nothing_until_there_is_space() {
    for segment_bytes in [100, 1 << 20] {
        let disk = SimulatedDisk::new(1);
        let mut log = open_on(&disk, segment_bytes).unwrap();
        log.append(&log.tip(), &batch(1, 3)).unwrap();
        let used: usize = disk.files().values().map(Vec::len).sum();
        let (before, size) =
            (disk.files(), 84 + batch(2, 3).iter().map(|record| 36 + record.len() as u64).sum::<u64>());
        for room in 0..size {
            disk.set_capacity(used as u64 + room);
            assert_eq!(outcome(log.append(&log.tip(), &batch(2, 3))), Outcome::DiskFull, "{room} bytes are left");
            assert_eq!(contents(&log), batch(1, 3));
            let after: Vec<_> = disk.files().into_values().filter(|bytes| !bytes.is_empty()).collect();
            assert!(after.iter().eq(before.values()), "the files are unchanged");
        }
        disk.set_capacity(used as u64 + size);
        log.append(&log.tip(), &batch(2, 3)).unwrap();
        assert_eq!(contents(&log), [batch(1, 3), batch(2, 3)].concat());
    }
}

#[test]
fn a_nearly_full_disk_is_refused_before_a_file_is_changed() {
    let disk = SimulatedDisk::new(1);
    let options = LogOptions { reserve_bytes: 1000, reserve_percent: 5, ..options(1 << 20) };
    let mut log = FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options).unwrap();
    disk.fail(&[Fault::Every(Call::Write, EIO, 9), Fault::Every(Call::Sync, EIO, 0)]);
    for capacity in [1_050, 1_000, 20] {
        disk.set_capacity(capacity);
        assert_eq!(outcome(log.append(&log.tip(), &batch(1, 3))), Outcome::DiskFull);
    }
    disk.fail(&[]);
    disk.set_capacity(1_300);
    log.append(&log.tip(), &batch(1, 3)).unwrap();
}

#[test]
fn a_percentage_of_the_disk_and_a_number_of_bytes_are_kept_free() {
    for (reserve_bytes, reserve_percent, enough) in [(1000, 0, 1200), (0, 80, 800), (1000, 80, 1200), (100, 80, 800)] {
        let disk = SimulatedDisk::new(1);
        let options = LogOptions { reserve_bytes, reserve_percent, ..options(1 << 20) };
        let mut log = FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options).unwrap();
        // The files and the frame take less than 160 bytes.
        let mut capacities = (0..=5000).step_by(100);
        let accepting = capacities.find(|capacity| {
            disk.set_capacity(*capacity);
            log.append(&log.tip(), &batch(1, 1)).is_ok()
        });
        assert_eq!(accepting, Some(enough), "{reserve_bytes} bytes, {reserve_percent} %");
    }
}
