//! Replaced records: the chain stays, whatever is cut off, and running it again finishes.

use super::*;
use crate::store::record::{digest, sealed_with};

/// What is personal in every third record.
const SECRET: &[u8] = b"Quillon Example-Stone";

fn batches() -> Vec<Batch> {
    let record = |n: u8| sealed_with(vec![n; 40], if n.is_multiple_of(3) { SECRET } else { b"" });
    (0..14_u8).map(|batch| (0..3).map(|at| record(batch * 3 + at)).collect()).collect()
}

/// The record without its personal part, if it has one.
fn without(_: Revision, bytes: &[u8]) -> Result<Option<Vec<u8>>, UpgradeError> {
    let is_there = bytes.windows(SECRET.len()).any(|part| part == SECRET);
    Ok(is_there.then(|| crate::store::record::without_personal_part(bytes)))
}

fn engine(disk: &SimulatedDisk) -> FileEngine {
    FileEngine::new(Arc::new(disk.clone()), Path::new(DIRECTORY), options(600), Form::Current)
}

/// A log of many segments on a disk that loses what was not synced.
fn log_on(seed: u64) -> (SimulatedDisk, Tip, Batch) {
    let disk = SimulatedDisk::new(seed);
    let mut log = open_on(&disk, 600).unwrap();
    for batch in batches() {
        log.append(&log.tip(), &batch).unwrap();
    }
    let (tip, records) = (log.tip(), contents(&log));
    log.close();
    (disk, tip, records)
}

fn is_secret_on(disk: &SimulatedDisk) -> bool {
    disk.files().values().any(|bytes| bytes.windows(SECRET.len()).any(|part| part == SECRET))
}

/// Opens the log, which must have the same chain, and returns its records.
fn same_history(disk: &SimulatedDisk, tip: Tip, before: &[Vec<u8>]) -> Batch {
    let log = open_on(disk, 600).unwrap();
    let after = contents(&log);
    assert_eq!(log.tip(), tip);
    let digests = |records: &[Vec<u8>]| records.iter().map(|record| digest(record).unwrap()).collect::<Vec<_>>();
    assert_eq!(digests(&after), digests(before));
    after
}

#[test]
fn a_power_failure_at_any_call_leaves_a_log_that_opens_and_a_second_run_finishes() {
    let (disk, ..) = log_on(0);
    let begun = disk.calls();
    engine(&disk).redact(&mut without).unwrap();
    let calls = disk.calls() - begun;
    assert!(calls > 60, "{calls}");
    let (mut interrupted, mut partly) = (0, 0);
    for at in 1..=calls {
        for is_kill in [false, true] {
            let (disk, tip, before) = log_on(at);
            disk.cut_power_at(disk.calls() + at);
            interrupted += usize::from(engine(&disk).redact(&mut without).is_err());
            if is_kill {
                disk.after_kill();
            } else {
                disk.after_power_cut();
            }
            let after = same_history(&disk, tip, &before);
            let changed = before.iter().zip(&after).filter(|(old, new)| old != new).count();
            partly += usize::from((1..14).contains(&changed));
            engine(&disk).redact(&mut without).unwrap();
            assert!(!is_secret_on(&disk), "call {at}");
            disk.after_power_cut();
            assert!(!is_secret_on(&disk), "what was removed comes back after call {at}");
            assert_eq!(same_history(&disk, tip, &before).len(), 42);
        }
    }
    assert!(interrupted > 60 && partly > 20, "{interrupted} interrupted, {partly} partly done");
}

#[test]
fn a_record_with_another_digest_is_refused_and_nothing_changes() {
    let (disk, tip, before) = log_on(1);
    let mut other = |revision: Revision, _: &[u8]| Ok((revision.0 == 9).then(|| sealed_with(vec![1], b"")));
    let refused = engine(&disk).redact(&mut other).unwrap_err();
    let UpgradeError::Open(OpenLogError::Damaged(found)) = refused else { panic!("{refused}") };
    assert_eq!(found.reason, "another frame would not have the same chain");
    assert_eq!(same_history(&disk, tip, &before), before);
}

#[test]
fn a_segment_that_was_set_aside_is_redacted_if_all_of_it_can_be_read() {
    let (disk, ..) = log_on(2);
    let aside = Path::new("/log/aside.log");
    let whole = disk.files()[&Path::new(DIRECTORY).join(segment_name(Revision(1)))].clone();
    for (damaged, is_redacted) in [(None, true), (Some(60), false), (Some(whole.len() - 3), false)] {
        let mut bytes = whole.clone();
        if let Some(at) = damaged {
            bytes[at] ^= 1;
        }
        bytes.resize(bytes.len() + 100, 0);
        disk.put(aside, bytes.clone());
        assert_eq!(redact_apart(Arc::new(disk.clone()), aside, &mut without).unwrap(), is_redacted);
        let after = disk.files()[aside].clone();
        assert_eq!(after == bytes, !is_redacted, "{damaged:?}");
        assert_eq!(after.windows(SECRET.len()).any(|part| part == SECRET), !is_redacted, "{damaged:?}");
    }
}
