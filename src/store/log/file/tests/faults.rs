//! What the caller sees of a disk that refuses, and that nothing is lost by it.

use std::path::Path;

use super::*;
use crate::store::disk::simulated::{Call, Fault, SimulatedDisk};

const EIO: io::ErrorKind = io::ErrorKind::Other;
const ENOSPC: io::ErrorKind = io::ErrorKind::StorageFull;

/// How an append ends for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Nothing,
    DiskFull,
    NotWritten,
    OutcomeUnknown,
}

fn ended(outcome: Result<Vec<Tip>, AppendError>) -> Ended {
    match outcome {
        Ok(_) => Ended::Nothing,
        Err(AppendError::DiskFull) => Ended::DiskFull,
        Err(AppendError::NotWritten(_)) => Ended::NotWritten,
        Err(AppendError::OutcomeUnknown(_)) => Ended::OutcomeUnknown,
        Err(error) => panic!("{error}"),
    }
}

/// Calls that fail while a batch is appended to a segment with room, and to one that has to be closed for it.
const APPENDING: [(&[Fault], Ended, Ended); 12] = [
    (&[Fault::Every(Call::Write, EIO, 0)], Ended::NotWritten, Ended::NotWritten),
    (&[Fault::Every(Call::Write, EIO, 30)], Ended::NotWritten, Ended::NotWritten),
    (&[Fault::Every(Call::Write, ENOSPC, 30)], Ended::DiskFull, Ended::DiskFull),
    (&[Fault::Every(Call::Write, io::ErrorKind::QuotaExceeded, 30)], Ended::DiskFull, Ended::DiskFull),
    (
        &[Fault::Every(Call::Write, EIO, 9), Fault::Every(Call::Truncate, EIO, 0)],
        Ended::OutcomeUnknown,
        Ended::OutcomeUnknown,
    ),
    (&[Fault::Every(Call::Sync, EIO, 0)], Ended::OutcomeUnknown, Ended::OutcomeUnknown),
    (&[Fault::Every(Call::Sync, ENOSPC, 0)], Ended::OutcomeUnknown, Ended::OutcomeUnknown),
    (&[Fault::Every(Call::Space, EIO, 0)], Ended::NotWritten, Ended::NotWritten),
    (&[Fault::Every(Call::Create, EIO, 0)], Ended::Nothing, Ended::NotWritten),
    (&[Fault::Every(Call::Create, ENOSPC, 0)], Ended::Nothing, Ended::DiskFull),
    (&[Fault::Every(Call::SyncDir, EIO, 0)], Ended::Nothing, Ended::OutcomeUnknown),
    (&[Fault::Every(Call::Read, EIO, 0)], Ended::Nothing, Ended::Nothing),
];

#[test]
fn an_append_says_what_the_disk_refused() {
    for (row, (faults, with_room, at_the_end)) in APPENDING.iter().enumerate() {
        for (segment_bytes, expected) in [(1 << 20, *with_room), (100, *at_the_end)] {
            let disk = SimulatedDisk::new(1);
            let mut log = open_on(&disk, segment_bytes).unwrap();
            log.append(&log.tip(), &batch(1, 3)).unwrap();
            disk.fail(faults);
            assert_eq!(ended(log.append(&log.tip(), &batch(2, 3))), expected, "row {row}");
            disk.fail(&[]);
            let after = ended(log.append(&log.tip(), &batch(3, 1)));
            let kept = [batch(1, 3), if expected == Ended::Nothing { batch(2, 3) } else { Vec::new() }].concat();
            if expected == Ended::OutcomeUnknown {
                assert_eq!(after, Ended::OutcomeUnknown, "row {row}: nothing more is appended");
                assert_eq!(contents(&log), kept, "row {row}: what may not be durable is not shown");
            } else {
                assert_eq!(after, Ended::Nothing, "row {row}: it goes on");
                assert_eq!(contents(&log), [kept, batch(3, 1)].concat(), "row {row}");
            }
            let shown = contents(&log);
            drop(log);
            disk.after_power_cut();
            let found = contents(&open_on(&disk, segment_bytes).unwrap());
            let unknown = [&shown[..], &batch(2, 3)].concat();
            assert!(found == shown || (expected == Ended::OutcomeUnknown && found == unknown), "row {row}: {found:?}");
        }
    }
}

#[test]
fn a_write_that_was_taken_back_stays_so_in_a_segment_that_is_closed_after_it() {
    for seed in 0..40 {
        let disk = SimulatedDisk::new(seed);
        let mut log = open_on(&disk, 400).unwrap();
        log.append(&log.tip(), &batch(1, 3)).unwrap();
        disk.fail(&[Fault::Every(Call::Write, EIO, 30)]);
        assert_eq!(ended(log.append(&log.tip(), &batch(2, 3))), Ended::NotWritten);
        disk.fail(&[]);
        log.append(&log.tip(), &batch(3, 9)).unwrap();
        let shown = contents(&log);
        drop(log);
        disk.after_power_cut();
        assert_eq!(contents(&open_on(&disk, 400).unwrap()), shown, "seed {seed}");
    }
}

#[test]
fn what_was_refused_is_not_there_after_a_power_cut_whichever_call_failed() {
    for (seed, call) in (0..100).flat_map(|seed| [1, 2, 3].map(|call| (seed, call))) {
        let disk = SimulatedDisk::new(seed);
        let options = LogOptions { ahead_bytes: 100, ..options(1 << 20) };
        let mut log = FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options).unwrap();
        log.append(&log.tip(), &batch(1, 3)).unwrap();
        // The disk is asked for its space, and takes room ahead and the frame.
        disk.fail(&[Fault::Number(disk.calls() + call, EIO)]);
        assert_eq!(ended(log.append(&log.tip(), &batch(2, 9))), Ended::NotWritten);
        drop(log);
        disk.after_power_cut();
        let found = contents(&open_on(&disk, 1 << 20).unwrap());
        assert_eq!(found, batch(1, 3), "seed {seed}, call {call}");
    }
}

#[test]
fn a_call_that_fails_while_opening_fails_the_opening_and_loses_nothing() {
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
                // Without room for a copy the last segment stays where it is.
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
fn a_read_error_names_the_segment_and_reading_goes_on_when_the_disk_can() {
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
fn a_disk_that_fills_up_takes_nothing_and_goes_on_when_there_is_room() {
    for segment_bytes in [100, 1 << 20] {
        let disk = SimulatedDisk::new(1);
        let mut log = open_on(&disk, segment_bytes).unwrap();
        log.append(&log.tip(), &batch(1, 3)).unwrap();
        let used: usize = disk.files().values().map(Vec::len).sum();
        let (before, size) =
            (disk.files(), 84 + batch(2, 3).iter().map(|record| 36 + record.len() as u64).sum::<u64>());
        for room in 0..size {
            disk.set_capacity(used as u64 + room);
            assert_eq!(ended(log.append(&log.tip(), &batch(2, 3))), Ended::DiskFull, "{room} bytes are left");
            assert_eq!(contents(&log), batch(1, 3));
            let after: Vec<_> = disk.files().into_values().filter(|bytes| !bytes.is_empty()).collect();
            assert!(after.iter().eq(before.values()), "nothing is touched");
        }
        disk.set_capacity(used as u64 + size);
        log.append(&log.tip(), &batch(2, 3)).unwrap();
        assert_eq!(contents(&log), [batch(1, 3), batch(2, 3)].concat());
    }
}

#[test]
fn a_nearly_full_disk_is_refused_before_a_file_is_touched() {
    let disk = SimulatedDisk::new(1);
    let options = LogOptions { reserve_bytes: 1000, reserve_percent: 5, ..options(1 << 20) };
    let mut log = FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options).unwrap();
    disk.fail(&[Fault::Every(Call::Write, EIO, 9), Fault::Every(Call::Sync, EIO, 0)]);
    for capacity in [1_050, 1_000, 20] {
        disk.set_capacity(capacity);
        assert_eq!(ended(log.append(&log.tip(), &batch(1, 3))), Ended::DiskFull);
    }
    disk.fail(&[]);
    disk.set_capacity(1_300);
    log.append(&log.tip(), &batch(1, 3)).unwrap();
}

#[test]
fn a_part_of_the_disk_is_kept_free_and_so_many_bytes() {
    for (reserve_bytes, reserve_percent, enough) in [(1000, 0, 1200), (0, 80, 800), (1000, 80, 1200), (100, 80, 800)] {
        let disk = SimulatedDisk::new(1);
        let options = LogOptions { reserve_bytes, reserve_percent, ..options(1 << 20) };
        let mut log = FileLog::open(Arc::new(disk.clone()), Path::new(DIRECTORY), options).unwrap();
        // The file and the frame take less than 160 bytes.
        let mut capacities = (0..=5000).step_by(100);
        let accepting = capacities.find(|capacity| {
            disk.set_capacity(*capacity);
            log.append(&log.tip(), &batch(1, 1)).is_ok()
        });
        assert_eq!(accepting, Some(enough), "{reserve_bytes} bytes, {reserve_percent} %");
    }
}
