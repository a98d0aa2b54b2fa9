//! A base returns what was written to it, and detects damage.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::store::random::mixed;

fn entry(number: u64) -> (Vec<u8>, Vec<u8>) {
    let key = mixed(number % 5000).to_be_bytes();
    let size = usize::try_from(mixed(number + 1) % 40).unwrap();
    (key[..1 + size % 8].to_vec(), vec![u8::try_from(number % 251).unwrap(); size * size / 4])
}

/// Writes a base of many entries, sorted in several runs. Returns the expected contents.
fn some_base(directory: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut expected = BTreeMap::new();
    let mut sorter = Sorter::with_runs_of(&directory.join("runs"), 100_000).unwrap();
    for (key, value) in (0..12_000).map(entry) {
        sorter.add(&key, &value).unwrap();
        expected.insert(key, value);
    }
    let mut writer = BaseWriter::begin(&directory.join("base"), 12_000).unwrap();
    sorter.merge_into(&mut |key, value| writer.add(key, value)).unwrap();
    writer.finish(TableId(7), TableId(3), Revision(12)).unwrap();
    expected
}

#[test]
fn a_base_returns_what_was_sorted_into_it() {
    let directory = tempfile::tempdir().unwrap();
    let expected = some_base(directory.path());
    let base = SortedTable::open(&directory.path().join("base")).unwrap().unwrap();
    assert_eq!((base.id(), base.below(), base.applied()), (TableId(7), TableId(3), Revision(12)));
    assert!(base.list.len() > 20);
    for number in 0..12_000 {
        let (mut key, _) = entry(number);
        assert_eq!(base.get(&key).unwrap().as_deref(), expected.get(&key).map(Vec::as_slice));
        key.push(0);
        assert_eq!(base.get(&key).unwrap().as_deref(), expected.get(&key).map(Vec::as_slice));
    }
    let everything: Vec<(u8, u8)> = vec![(0, 255), (0, 1), (17, 18), (100, 200), (254, 255)];
    for (from, before) in everything {
        let found: Vec<_> = base.range(&[from], &[before]).map(Result::unwrap).collect();
        let expected = expected.range(vec![from]..vec![before]);
        assert!(
            found
                .iter()
                .map(|(key, value)| (key.as_ref(), value.as_ref()))
                .eq(expected.map(|(key, value)| (key.as_slice(), value.as_slice())))
        );
    }
    assert_eq!(fs::read_dir(directory.path().join("runs")).unwrap().count(), 0, "the runs are deleted");
}

#[test]
fn a_flipped_bit_is_always_detected() {
    let directory = tempfile::tempdir().unwrap();
    let expected = some_base(directory.path());
    let path = directory.path().join("base");
    let bytes = fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 100).chain(bytes.len() - FOOTER_BYTES..bytes.len()) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        // The base is refused, or reading the block fails.
        let Some(base) = SortedTable::open(&path).unwrap() else { continue };
        let read: Result<Vec<_>, _> = base.range(&[0], &[255]).collect();
        assert!(read.is_err(), "byte {at} of {}", bytes.len());
        let is_wrong = |(key, value): &(&Vec<u8>, &Vec<u8>)| {
            base.get(key).is_ok_and(|found| found.as_deref() != Some(value.as_slice()))
        };
        let wrong = expected.iter().step_by(97).filter(is_wrong);
        assert_eq!(wrong.count(), 0);
    }
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(SortedTable::open(&path).unwrap().is_none());
}

/// The key of an entry of a kind, and the first key after all entries that begin like it.
fn of_kind(kind: u8, number: u64) -> (Vec<u8>, Vec<u8>) {
    let mut prefix = vec![kind];
    prefix.extend(mixed(number).to_be_bytes());
    let end = keys::prefix_end(&prefix);
    (prefix, end)
}

#[test]
fn most_requests_people_and_ids_that_are_absent_are_known_to_be_without_reading_a_block() {
    const EACH: u64 = 1_000;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("base");
    let mut present: Vec<Vec<u8>> = Vec::new();
    for kind in *b"ceqs" {
        present.extend((0..EACH).map(|number| [of_kind(kind, number).0, vec![7; 12]].concat()));
    }
    present.sort();
    let mut writer = BaseWriter::begin(&path, 4 * EACH).unwrap();
    present.iter().for_each(|key| writer.add(key, b"a value").unwrap());
    writer.finish(TableId(7), TableId(0), Revision(12)).unwrap();
    let base = SortedTable::open(&path).unwrap().unwrap();
    for key in &present {
        assert_eq!(base.get(key).unwrap().as_deref(), Some(&b"a value"[..]));
    }
    assert!((0..EACH).all(|number| {
        let (from, before) = of_kind(b's', number);
        base.range(&from, &before).count() == 1
    }));
    // From now on, reading a block is an error.
    let mut bytes = fs::read(&path).unwrap();
    bytes[..usize::try_from(base.bytes()).unwrap()].fill(7);
    fs::write(&path, bytes).unwrap();
    assert!(present.iter().all(|key| base.get(key).is_err()));
    let absent = |kind| (EACH..2 * EACH).map(move |number| of_kind(kind, number));
    let read = |kind| absent(kind).filter(|(key, _)| base.get(key).is_err()).count();
    let scanned = absent(b's').filter(|(from, before)| base.range(from, before).next().is_some()).count();
    for errors in [read(b'c'), read(b'e'), read(b'q'), scanned] {
        assert!(errors < 50, "{errors} of {EACH}");
    }
}
