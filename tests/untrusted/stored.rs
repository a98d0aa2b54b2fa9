//! Files that a disk may have changed: segments of the log, and the records in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cpss_registry::domain::id::Revision;
use cpss_registry::store::disk::RealDisk;
use cpss_registry::store::log::{FileLog, Log as _, LogOptions};
use cpss_registry::store::record;
use fastrand::Rng;

use super::mutate::{any, mutate};
use super::{again_and_again, alone};

/// Records of every kind, as written by a version of the storage format.
fn records(version: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/record/fixtures").join(version);
    let mut paths: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "bin"));
    paths.sort();
    let records: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(records.len() > 20);
    records
}

#[test]
fn stored_records() {
    let _alone = alone();
    let records = [records("v1"), records("v2")].concat();
    let make = |random: &mut Rng| {
        if random.u8(..8) == 0 {
            return any(random, 4096);
        }
        let mut bytes = random.choice(&records).unwrap().clone();
        mutate(random, &mut bytes);
        bytes
    };
    again_and_again("stored records", 1024, make, |bytes| drop(record::decode(Revision(7), bytes)));
}

/// Repairs the checksum of a frame, so that the fault is behind it.
fn mend(segment: &mut [u8]) {
    let Some(length) = segment.first_chunk().map(|length| u32::from_le_bytes(*length) as usize) else { return };
    let end = length.saturating_add(8).min(segment.len());
    if end > 8 {
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&segment[..4]), &segment[8..end]);
        segment[4..8].copy_from_slice(&checksum.to_le_bytes());
    }
}

#[test]
fn segments_of_the_log() {
    let _alone = alone();
    let scratch = tempfile::tempdir().unwrap();
    let open = |directory: &Path| FileLog::open(Arc::new(RealDisk), directory, LogOptions::default());
    let whole = {
        let directory = scratch.path().join("whole");
        fs::create_dir(&directory).unwrap();
        let mut log = open(&directory).unwrap();
        for batch in records("v2").chunks(5) {
            log.append(&log.tip(), batch).unwrap();
        }
        let segment = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        fs::read(segment.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "log")).unwrap()).unwrap()
    };
    let directory = scratch.path().join("bent");
    let make = |random: &mut Rng| {
        let mut bytes = if random.u8(..8) == 0 { any(random, 512) } else { whole.clone() };
        mutate(random, &mut bytes);
        if random.bool() {
            mend(&mut bytes);
        }
        bytes
    };
    again_and_again("segments of the log", 64, make, |bytes| {
        fs::remove_dir_all(&directory).ok();
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("00000000000000000001.log"), bytes).unwrap();
        if let Ok(log) = open(&directory) {
            for read in log.reader().read(Revision(1), log.tip().revision) {
                let Ok((revision, bytes)) = read else { break };
                drop(record::decode(revision, &bytes));
            }
        }
    });
}
