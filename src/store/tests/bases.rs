//! Indexes with large bases, and due dates, which may be in a base of their own.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::super::index::{Entry, View as _};
use super::{answers, commit, open, open_folding, provider, rehire, ten_records};
use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, Revision};
use crate::domain::record::Record;
use crate::store::disk::RealDisk;
use crate::store::index::{IndexOptions, Progress};
use crate::store::log::LogOptions;
use crate::store::{OpenError, Store, StoreOptions};

#[test]
fn an_index_with_a_base_answers_as_one_without() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    drop(store);
    let index = directory.path().join("index");
    fs::remove_dir_all(&index).unwrap();
    let mut steps = Vec::new();
    let mut store = open_folding(directory.path(), 9, &mut |step| steps.push(step)).unwrap();
    let done = Progress { from_the_beginning: true, folded: Revision(10), head: Revision(10) };
    assert_eq!((steps.pop(), steps.pop()), (Some(done), None));
    assert_eq!(answers(&**store.index()), expected, "everything is in the base");
    assert!(index.join("0.base").exists() && !index.join("runs").exists());

    let entry = Entry::Credential(CredentialNumber::from_number(7));
    let mut due_dates = store.index().bulk_due_dates().unwrap().unwrap();
    due_dates.schedule(&entry, Some(Day::from_number(100))).unwrap();
    due_dates.schedule(&Entry::Provider(provider(1)), None).unwrap();
    due_dates.finish().unwrap();
    assert_eq!(store.index().due_dates_as_of().unwrap(), Revision(10));
    assert_eq!(store.index().due(Day::BEGINNING, Day::from_number(100)).unwrap(), std::slice::from_ref(&entry));
    assert!(store.index().bulk_due_dates().unwrap().is_none(), "there are due dates already");

    // Add records and move a due date. Then open again, without the contents of sled.
    commit(&mut store, &[Record { request: None, ..rehire(11) }]);
    let mut pending = store.index().pending().unwrap();
    pending.schedule(&entry, Some(Day::from_number(200))).unwrap();
    store.index().fold(pending).unwrap();
    assert_eq!(store.index().due(Day::BEGINNING, Day::from_number(100)).unwrap(), []);
    let on_top = answers(&**store.index());
    store.close().unwrap();
    steps.clear();
    let store = open_folding(directory.path(), 9, &mut |step| steps.push(step)).unwrap();
    assert_eq!(answers(&**store.index()), on_top);
    assert_eq!(store.index().due_on(&entry).unwrap(), Some(Day::from_number(100)), "as the base has it");
    let rest = Progress { from_the_beginning: false, folded: Revision(11), head: Revision(11) };
    assert_eq!(steps, [rest], "only what the base lacks is folded");
    store.close().unwrap();

    // Without the file the bases are not trusted, and the index is rebuilt.
    fs::remove_file(index.join("trust")).unwrap();
    steps.clear();
    let store = open_folding(directory.path(), 11, &mut |step| steps.push(step)).unwrap();
    assert_eq!(answers(&**store.index()), on_top);
    let done = Progress { from_the_beginning: true, folded: Revision(11), head: Revision(11) };
    assert_eq!(steps, [done]);
    assert!(!index.join("0.base").exists());
    store.close().unwrap();
    fs::remove_dir_all(&index).unwrap();
    open_folding(directory.path(), 10, &mut |_| {}).unwrap().close().unwrap();

    // A truncated base is ignored, and its records are folded again.
    let path = index.join("0.base");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let store = open_folding(directory.path(), u64::MAX, &mut |_| {}).unwrap();
    assert_eq!(answers(&**store.index()), on_top);
    store.close().unwrap();
}

#[test]
fn an_entry_is_due_once_and_on_its_last_date() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let index = store.index();
    let (one, other) = (Entry::Credential(CredentialNumber::from_number(7)), Entry::Provider(provider(7)));
    let day = Day::from_number;
    let schedule = |due: &[(&Entry, Option<Day>)], is_folded: bool| {
        let mut pending = index.pending().unwrap();
        for (entry, due) in due {
            pending.schedule(entry, *due).unwrap();
        }
        let seen: Vec<_> =
            [-4, -3, 10, 11, 12, 99].map(|number| pending.due(Day::BEGINNING, day(number)).unwrap()).into();
        if is_folded {
            index.fold(pending).unwrap();
            let folded: Vec<_> =
                [-4, -3, 10, 11, 12, 99].map(|number| index.due(Day::BEGINNING, day(number)).unwrap()).into();
            assert_eq!(folded, seen);
        }
        seen
    };
    let (none, first, both) = (Vec::new(), vec![one.clone()], vec![other.clone(), one.clone()]);
    let in_turn = [none.clone(), none.clone(), first.clone(), first.clone(), first.clone(), first.clone()];
    assert_eq!(schedule(&[(&one, Some(day(10)))], true), in_turn);
    // Move it, add another entry that is due before 1970, and drop both changes.
    let moved = [none.clone(), vec![other.clone()], vec![other.clone()], vec![other.clone()], both.clone(), both];
    assert_eq!(schedule(&[(&one, Some(day(12))), (&other, Some(day(-3)))], false), moved);
    assert_eq!(
        schedule(&[(&one, Some(day(12))), (&one, None)], true),
        [none.clone(), none.clone(), none.clone(), none.clone(), none.clone(), none]
    );
    assert_eq!(index.due_on(&one).unwrap(), None);
}

#[test]
fn a_record_that_cannot_be_added_changes_no_due_date() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = ten_records(directory.path());
    let entry = Entry::Credential(CredentialNumber::from_number(7));
    let mut pending = store.index().pending().unwrap();
    pending.schedule(&entry, Some(Day::from_number(100))).unwrap();
    for (revision, due, follows) in [(12, 100, 0), (11, 200, 11)] {
        let moved = pending.moved(&entry, Some(Day::from_number(200))).unwrap();
        assert_eq!(pending.add_with_due_dates(&rehire(revision), vec![moved]).is_ok(), revision == 11);
        assert_eq!(pending.due_on(&entry).unwrap(), Some(Day::from_number(due)));
        assert!(pending.is_due(Day::from_number(due), &entry).unwrap());
        assert_eq!(pending.due_dates_as_of().unwrap(), Revision(follows));
    }
}

/// Opens a store. Closing it builds a base if at least `leave_in_sled` records are in sled.
fn open_leaving(
    directory: &Path,
    fold_in_place: u64,
    leave_in_sled: u64,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Store, OpenError> {
    let log = LogOptions { segment_bytes: 2000, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let index = IndexOptions { cache_bytes: 1 << 20, fold_in_place, leave_in_sled, ..IndexOptions::default() };
    let options = StoreOptions { log, index, ..StoreOptions::default() };
    super::open_or_begin(Arc::new(RealDisk), directory, options, on_progress)
}

/// The names of the bases in a directory.
fn bases(index: &Path) -> Vec<String> {
    let names = fs::read_dir(index).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut bases: Vec<String> = names.filter(|name| name.ends_with(".base")).collect();
    bases.sort();
    bases
}

#[test]
fn a_close_moves_the_contents_of_sled_into_bases() {
    let directory = tempfile::tempdir().unwrap();
    ten_records(directory.path()).0.close().unwrap();
    let index = directory.path().join("index");
    let entry = Entry::Credential(CredentialNumber::from_number(7));
    let mut held = Vec::new();
    for revision in 11..=20 {
        let mut store = open_leaving(directory.path(), u64::MAX, 0, &mut |_| panic!("nothing is missing")).unwrap();
        commit(&mut store, &[Record { request: None, ..rehire(revision) }]);
        // A removed due date is in a lower base, and its removal in a higher one.
        let mut pending = store.index().pending().unwrap();
        let due = Day::from_number(i32::try_from(revision).unwrap());
        pending.schedule(&entry, Some(due)).unwrap();
        pending.mark_due_dates_current();
        store.index().fold(pending).unwrap();
        let expected = answers(&**store.index());
        store.close().unwrap();
        held.push(bases(&index).len());
        let store = open_leaving(directory.path(), u64::MAX, 0, &mut |_| panic!("nothing is missing")).unwrap();
        assert_eq!(answers(&**store.index()), expected);
        assert_eq!(store.index().due_dates_as_of().unwrap(), Revision(revision));
        assert_eq!(store.index().due(Day::BEGINNING, due).unwrap(), std::slice::from_ref(&entry));
        assert_eq!(store.index().due(Day::BEGINNING, due.previous()).unwrap(), []);
        store.close().unwrap();
    }
    assert_eq!(held, [2, 2, 3, 2, 3, 3, 4, 1, 2, 2], "each has at least twice as many records as the next one");
    open_leaving(directory.path(), u64::MAX, 20, &mut |_| {}).unwrap().close().unwrap();
    assert_eq!(bases(&index), ["0.base", "1.base"], "nothing to do");
}

#[test]
fn what_an_earlier_process_left_unfinished_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    drop(store);
    let index = directory.path().join("index");
    fs::write(index.join("0.unfinished"), "half of a base").unwrap();
    fs::write(index.join("3.base"), "a base without one below it").unwrap();
    fs::create_dir(index.join("runs")).unwrap();
    let store = open(directory.path()).unwrap();
    assert_eq!(answers(&**store.index()), expected);
    let left = fs::read_dir(&index).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = left.filter(|name| !name.starts_with("sled-")).collect();
    assert_eq!(left, ["trust"]);
}

#[test]
fn records_that_no_base_has_are_folded_into_another_one_on_top() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    let record = |revision| Record { request: None, ..rehire(revision) };
    commit(&mut store, &[super::record(1)]);
    commit(&mut store, &(2..=200).map(record).collect::<Vec<_>>());
    store.close().unwrap();
    let index = directory.path().join("index");
    // The first time, the records end among the instants under one key; the second time, after the last of them, and
    // the base on top is replaced.
    for last in [210, 250] {
        let mut store = open(directory.path()).unwrap();
        let first = store.head().0 + 1;
        commit(&mut store, &(first..=last).map(record).collect::<Vec<_>>());
        let expected = answers(&**store.index());
        let instants = |store: &Store| -> Vec<_> {
            (1..=last).map(|revision| store.index().recorded_at(Revision(revision)).unwrap()).collect()
        };
        let dated = instants(&store);
        drop(store);
        let mut steps = Vec::new();
        let store = open_folding(directory.path(), 5, &mut |step| steps.push(step)).unwrap();
        assert!(steps.iter().all(|step| !step.from_the_beginning), "{steps:?}");
        assert_eq!(bases(&index), ["0.base", "1.base"]);
        assert_eq!((answers(&**store.index()), instants(&store)), (expected, dated));
    }
}

#[test]
fn a_damaged_base_is_rebuilt_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    store.close().unwrap();
    open_leaving(directory.path(), u64::MAX, 0, &mut |_| {}).unwrap().close().unwrap();
    let path = directory.path().join("index/0.base");
    let bytes = fs::read(&path).unwrap();
    let mut flipped = bytes.clone();
    flipped[20] ^= 1;
    // The damage is found during a query, and repaired before the next start. The base is not trusted even so.
    let store = open(directory.path()).unwrap();
    fs::write(&path, &flipped).unwrap();
    let mut nobody = |_, _| std::ops::ControlFlow::Continue(());
    assert!(store.index().every_specialist(&mut nobody).is_err());
    fs::write(&path, &bytes).unwrap();
    assert!(store.index().require().is_err());
    assert!(store.close().is_err(), "the index has failed");
    // Then the damage is found at the start.
    for is_flipped in [false, true] {
        if is_flipped {
            fs::write(&path, &flipped).unwrap();
        }
        let mut steps = Vec::new();
        let store = open_leaving(directory.path(), u64::MAX, 0, &mut |step| steps.push(step)).unwrap();
        assert_eq!(answers(&**store.index()), expected);
        assert!(steps.first().is_some_and(|step| step.from_the_beginning), "{is_flipped}");
        store.close().unwrap();
    }
}
