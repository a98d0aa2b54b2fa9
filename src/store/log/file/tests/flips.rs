//! A bit flipped anywhere in the files of a closed log is never taken for what was written.
//!
//! `CPSS_FLIPS` says how many.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::store::disk::simulated::SimulatedDisk;

/// What came of a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// The log does not open: the place and the reason are those of the frame.
    RefusedAtOpening,
    /// It opens, and whoever reads the frame is told its place and the reason.
    RefusedWhenRead,
    /// The last frame looks as if it had never been written to the end, and the published head says that it was.
    CaughtByThePublishedHead,
    /// The published head itself is wrong and not believed. The records are whole.
    HeadMarkerNotBelieved,
}

/// What a log with a flipped bit shows, compared with what it held.
fn found(disk: &SimulatedDisk, expected: &Batch) -> Result<(Found, Option<Damage>), String> {
    let log = match open_on(disk, 4_000) {
        Ok(log) => log,
        Err(OpenLogError::Damaged(damage)) => return Ok((Found::RefusedAtOpening, Some(damage))),
        Err(OpenLogError::LostRecords { segment, offset, found, .. }) => {
            let damage = Damage { segment, offset, reason: found };
            return Ok((Found::CaughtByThePublishedHead, Some(damage)));
        }
        Err(error) => return Err(format!("{error:?}")),
    };
    match try_contents(&log) {
        Ok(read) if read == *expected => Ok((Found::HeadMarkerNotBelieved, None)),
        Ok(read) => Err(format!("{} records are {} others", expected.len(), read.len())),
        Err(ReadError::Damaged(damage)) => Ok((Found::RefusedWhenRead, Some(damage))),
        Err(error) => Err(format!("{error:?}")),
    }
}

/// The frame that a byte belongs to: where it begins, and where the one after it does.
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
fn a_flipped_bit_anywhere_is_seen() {
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
    let whole = disk.files();
    assert!(whole.len() > 4);
    let places: Vec<(&PathBuf, usize)> =
        whole.iter().flat_map(|(path, bytes)| (0..bytes.len()).map(move |at| (path, at))).collect();
    let mut classes: BTreeMap<Found, u64> = BTreeMap::new();
    for _ in 0..times("CPSS_FLIPS", 500) {
        let (path, at) = *random.choice(&places).unwrap();
        for (path, bytes) in &whole {
            disk.put(path, bytes.clone());
        }
        let mut bent = whole[path].clone();
        bent[at] ^= 1 << random.u8(..8);
        disk.put(path, bent);
        let (found, damage) = found(&disk, &expected).unwrap_or_else(|lost| panic!("{path:?} at {at}: {lost}"));
        match damage {
            // A length or a count that is wrong may be noticed where the next frame should begin.
            Some(Damage { segment, offset, .. }) => {
                assert_eq!(Path::new(DIRECTORY).join(segment), *path);
                let (begin, end) = frame_of(&whole[path], at);
                assert!(
                    (begin..=end).contains(&offset),
                    "byte {at} of {path:?} is said to be in the frame at {offset}"
                );
            }
            None => assert_eq!(path.file_name().unwrap(), "head"),
        }
        *classes.entry(found).or_default() += 1;
    }
    println!("{classes:#?}");
}
