//! An index that an earlier release made.

use super::*;

/// A release whose keys are others, as those of names are where they are folded otherwise, does not look for its own in
/// an index that an earlier one made.
#[test]
fn an_index_of_another_version_is_folded_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, said) = ten_records(directory.path());
    store.close().unwrap();
    let sled = sled::open(directory.path().join("index")).unwrap();
    let mut format = sled.get(b"\0format").unwrap().unwrap().to_vec();
    format[3] -= 1;
    sled.insert(b"\0format", format).unwrap();
    for entry in sled.scan_prefix(b"n") {
        sled.remove(entry.unwrap().0).unwrap();
    }
    sled.flush().unwrap();
    drop(sled);
    let store = open(directory.path()).unwrap();
    assert_eq!(answers(&**store.index()), said);
    store.close().unwrap();
}
