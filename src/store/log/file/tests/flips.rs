//! A flipped bit anywhere in the files of a closed log is detected.
//!
//! `CPSS_FLIPS` sets the number of flips.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::store::disk::simulated::SimulatedDisk;

/// How a flipped bit was detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// The log does not open. The error names the frame.
    RefusedAtOpening,
    /// The log opens. Reading the frame fails, and the error names it.
    RefusedWhenRead,
    /// The last frame looks like a torn write, but the published head proves that it was complete.
    ProvedByPublishedHead,
    /// The published head itself is wrong and is ignored. The records are intact.
    PublishedHeadIgnored,
}

/// How a log with a flipped bit is detected. Fails if the log returns wrong records.
fn found(disk: &SimulatedDisk, expected: &Batch) -> Result<(Found, Option<Damage>), String> {
    let log = match open_on(disk, 4_000) {
        Ok(log) => log,
        Err(OpenLogError::Damaged(damage)) => return Ok((Found::RefusedAtOpening, Some(damage))),
        Err(OpenLogError::LostRecords { segment, offset, found, .. }) => {
            let damage = Damage { segment, offset, reason: found };
            return Ok((Found::ProvedByPublishedHead, Some(damage)));
        }
        Err(error) => return Err(format!("{error:?}")),
    };
    match try_contents(&log) {
        Ok(read) if read == *expected => Ok((Found::PublishedHeadIgnored, None)),
        Ok(read) => Err(format!("{} records became {} other ones", expected.len(), read.len())),
        Err(ReadError::Damaged(damage)) => Ok((Found::RefusedWhenRead, Some(damage))),
        Err(error) => Err(format!("{error:?}")),
    }
}

/// The frame that contains a byte: its offset, and that of the next frame.
fn frame_of(bytes: &[u8], at: usize) -> (u64, u64) {
    let mut begin = 0;
    loop {
        let size = 8 + u32::from_le_bytes(*bytes[begin..].first_chunk().unwrap()) as usize;
        if at < begin + size {
            return (begin as u64, (begin + size) as u64);
        }
        begin += size;
    }
}

#[test]
fn a_flipped_bit_anywhere_is_detected() {
    let mut random = fastrand::Rng::with_seed(3);
    let disk = SimulatedDisk::new(3);
    let mut log = open_on(&disk, 4_000).unwrap();
    for seed in 0..40 {
        let records = random.u8(1..12);
        log.append(&log.tip(), &batch(seed, records)).unwrap();
    }
    log.close();
    let expected = contents(&log);
    drop(log);
    let intact = disk.files();
    assert!(intact.len() > 4);
    let bytes_of_files: Vec<(&PathBuf, usize)> =
        intact.iter().flat_map(|(path, bytes)| (0..bytes.len()).map(move |at| (path, at))).collect();
    let mut classes: BTreeMap<Found, u64> = BTreeMap::new();
    for _ in 0..times("CPSS_FLIPS", 500) {
        let (path, at) = *random.choice(&bytes_of_files).unwrap();
        for (path, bytes) in &intact {
            disk.put(path, bytes.clone());
        }
        let mut flipped = intact[path].clone();
        flipped[at] ^= 1 << random.u8(..8);
        disk.put(path, flipped);
        let (found, damage) = found(&disk, &expected).unwrap_or_else(|lost| panic!("{path:?} at {at}: {lost}"));
        match damage {
            // A wrong length or count may be noticed only where the next frame should begin.
            Some(Damage { segment, offset, .. }) => {
                assert_eq!(Path::new(DIRECTORY).join(segment), *path);
                let (begin, end) = frame_of(&intact[path], at);
                assert!((begin..=end).contains(&offset), "byte {at} of {path:?} is reported for the frame at {offset}");
            }
            None => assert_eq!(path.file_name().unwrap(), "head"),
        }
        *classes.entry(found).or_default() += 1;
    }
    println!("{classes:#?}");
}
