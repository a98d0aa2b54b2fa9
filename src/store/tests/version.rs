//! An index that an earlier release wrote.

use super::*;

/// The length of the footer of a base.
const FOOTER_BYTES: usize = 56;

/// If the keys differ between releases, for example because names are folded differently, an index of an earlier
/// release must be rebuilt.
#[test]
fn an_index_of_another_version_is_rebuilt() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    store.close().unwrap();
    // The version and the checksum of a base's footer are its last eight bytes.
    let path = directory.path().join("index/0.base");
    let mut base = fs::read(&path).unwrap();
    let footer = base.split_last_chunk_mut::<FOOTER_BYTES>().unwrap().1;
    footer[FOOTER_BYTES - 5] -= 1;
    let sum = crc32c::crc32c(&footer[..FOOTER_BYTES - 4]);
    footer[FOOTER_BYTES - 4..].copy_from_slice(&sum.to_be_bytes());
    fs::write(&path, &base).unwrap();
    let mut folded = Vec::new();
    let store = open_folding(directory.path(), u64::MAX, &mut |progress| folded.push(progress)).unwrap();
    assert!(folded.first().is_some_and(|progress| progress.from_the_beginning), "{folded:?}");
    assert_eq!(answers(&**store.index()), expected);
    store.close().unwrap();
}
