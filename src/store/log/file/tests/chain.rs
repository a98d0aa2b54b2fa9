//! Protection beyond checksums: a log that was changed deliberately, with every checksum corrected, is refused.

use super::*;

/// The offsets of the chain that a frame builds on, of its own chain, and of the digest of its first record.
const OFFSETS: [(usize, &str); 3] =
    [(20, "the chain is wrong"), (52, "the chain is wrong"), (84 + 4, "the digest of a record is wrong")];

/// Corrects the checksum of the frame that begins here.
fn correct_checksum(bytes: &mut [u8], begin: usize) {
    let size = 8 + u32::from_le_bytes(*bytes[begin..].first_chunk().unwrap()) as usize;
    let frame = &mut bytes[begin..begin + size];
    let sum = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]);
    frame[4..8].copy_from_slice(&sum.to_le_bytes());
}

fn refusal(directory: &Path) -> Damage {
    match open(directory) {
        Err(OpenLogError::Damaged(damage)) => damage,
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn a_changed_digest_or_chain_or_record_is_refused_even_with_a_correct_checksum() {
    let directory = tempfile::tempdir().unwrap();
    let (bytes, last) = three_batches(directory.path());
    let record = (84 + 36 + 10, "the digest of a record is wrong");
    for begin in [0, last / 2, last] {
        for (offset, reason) in OFFSETS.into_iter().chain([record]) {
            let mut changed = bytes.clone();
            changed[begin + offset] ^= 1;
            correct_checksum(&mut changed, begin);
            fs::write(only_segment(directory.path()), &changed).unwrap();
            let damage = refusal(directory.path());
            assert_eq!((damage.offset, damage.reason), (begin as u64, reason), "byte {offset} of the frame at {begin}");
            assert_eq!(fs::read(only_segment(directory.path())).unwrap(), changed, "the file is unchanged");
        }
    }
}

/// Two logs of the same shape whose first batches differ.
fn histories(segment_bytes: u64) -> [SimulatedDisk; 2] {
    [1, 2].map(|first| {
        let disk = SimulatedDisk::new(1);
        let mut log = open_on(&disk, segment_bytes).unwrap();
        for seed in [first, 3, 4, 5] {
            log.append(&log.tip(), &batch(seed, 3)).unwrap();
        }
        log.close();
        disk
    })
}

fn segment(first: u64) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{first:020}.log"))
}

#[test]
fn a_frame_of_another_history_is_refused_in_the_same_segment_and_in_a_later_one() {
    let [ours, theirs] = histories(1 << 20);
    let (mut bytes, other) = (ours.files()[&segment(1)].clone(), theirs.files()[&segment(1)].clone());
    let frame = bytes.len() / 4;
    bytes[2 * frame..3 * frame].copy_from_slice(&other[2 * frame..3 * frame]);
    ours.put(&segment(1), bytes);
    let Err(OpenLogError::Damaged(damage)) = open_on(&ours, 1 << 20) else { panic!("it opens") };
    assert_eq!((damage.offset, damage.reason), (2 * frame as u64, "the chain does not follow the frame before it"));

    // One frame in each segment: opening verifies the chain between the last two segments, and reading that between the
    // others.
    for first in [4, 7, 10] {
        let [ours, theirs] = histories(100);
        ours.put(&segment(first), theirs.files()[&segment(first)].clone());
        let damage = match open_on(&ours, 100) {
            Err(OpenLogError::Damaged(damage)) => damage,
            Ok(log) => match try_contents(&log) {
                Err(ReadError::Damaged(damage)) => damage,
                read => panic!("{read:?}"),
            },
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!((damage.offset, damage.reason), (0, "the chain does not follow the frame before it"), "{first}");
    }
}

#[test]
fn reading_in_place_verifies_the_chain_across_segments() {
    let [ours, theirs] = histories(100);
    for first in [4, 7, 10] {
        let directory = tempfile::tempdir().unwrap();
        for (path, bytes) in ours.files() {
            let bytes = if path == segment(first) { theirs.files()[&path].clone() } else { bytes };
            fs::write(directory.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
        let log = OfflineFiles::open(Arc::new(RealDisk), directory.path(), Extent::Whole, Form::Current).unwrap();
        let read: Result<Vec<_>, _> = log.read(Revision(1), log.head()).collect();
        assert!(matches!(read, Err(ReadError::Damaged(damage)) if damage.reason.contains("chain")), "{first}");
    }
}
