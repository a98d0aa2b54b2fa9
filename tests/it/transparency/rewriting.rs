//! Rewrites the log of a stopped registry the way somebody with its disk could: records are changed or taken out, and
//! every checksum, digest and chain is made right again. It does not use the code of the store.

use std::fs;
use std::path::Path;

use cpss_registry::proto::storage::SealedRecord;
use cpss_registry::proto::storage::sealed_record::Personal;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

/// The length of a frame before its records: length, checksum, first revision, count, and two chains.
const HEAD: usize = 84;

/// Rewrites all records. `edit` changes a record, or returns false to take it out. What is derived from the log is
/// removed, so that the registry starts as if nothing had happened.
pub fn rewrite(data: &Path, mut edit: impl FnMut(&mut SealedRecord) -> bool) {
    let mut segments: Vec<_> = fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    let [segment] = segments.try_into().expect("one segment");
    let records = records(&fs::read(&segment).unwrap());
    assert!(records.len() > 3);
    let (mut rewritten, mut chain, mut revision) = (Vec::new(), [0; 32], 0);
    for mut record in records {
        if edit(&mut record) {
            revision += 1;
            record.revision = revision;
            chain = append(&mut rewritten, &record, chain);
        }
    }
    fs::write(&segment, rewritten).unwrap();
    for derived in ["index", "tree"] {
        fs::remove_dir_all(data.join(derived)).unwrap();
    }
    fs::remove_file(data.join("log/head")).unwrap();
}

/// The records in a segment.
fn records(mut bytes: &[u8]) -> Vec<SealedRecord> {
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    let mut records = Vec::new();
    while bytes.len() > HEAD && number(bytes) > 0 {
        let (frame, rest) = bytes.split_at(8 + number(bytes));
        let mut rest_of_frame = &frame[HEAD..];
        for _ in 0..number(&frame[16..]) {
            let length = number(rest_of_frame);
            records.push(SealedRecord::decode(&rest_of_frame[36..36 + length]).unwrap());
            rest_of_frame = &rest_of_frame[36 + length..];
        }
        bytes = rest;
    }
    records
}

/// Appends a frame with one record. Returns the chain.
fn append(segment: &mut Vec<u8>, record: &SealedRecord, before: [u8; 32]) -> [u8; 32] {
    let bytes = record.encode_to_vec();
    let digest = digest(record);
    let chain: [u8; 32] = Sha256::digest([before, digest].concat()).into();
    let length = u32::try_from(HEAD - 8 + 36 + bytes.len()).unwrap().to_le_bytes();
    let rest = [
        &record.revision.to_le_bytes()[..],
        &1_u32.to_le_bytes(),
        &before,
        &chain,
        &u32::try_from(bytes.len()).unwrap().to_le_bytes(),
        &digest,
        &bytes,
    ]
    .concat();
    let checksum = crc32c::crc32c(&[&length[..], &rest].concat());
    segment.extend([&length[..], &checksum.to_le_bytes(), &rest].concat());
    chain
}

fn digest(record: &SealedRecord) -> [u8; 32] {
    let personal: [u8; 32] = match record.personal.as_ref().unwrap() {
        Personal::PersonalPart(part) => Sha256::digest(part).into(),
        Personal::PersonalHash(hash) => hash.as_slice().try_into().unwrap(),
    };
    let public: [u8; 32] = Sha256::digest(&record.public_part).into();
    let hashed = [&record.revision.to_be_bytes()[..], &record.recorded_at_nanos.to_be_bytes(), &public, &personal];
    Sha256::digest(hashed.concat()).into()
}

/// Replaces a text in the personal part of a record by another of the same length. Returns true if it was there.
pub fn replace(record: &mut SealedRecord, text: &str, other: &str) -> bool {
    assert_eq!(text.len(), other.len());
    let Some(Personal::PersonalPart(part)) = &mut record.personal else { return false };
    let Some(at) = part.windows(text.len()).position(|bytes| bytes == text.as_bytes()) else { return false };
    part[at..at + text.len()].copy_from_slice(other.as_bytes());
    true
}
