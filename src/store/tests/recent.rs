//! Indexes whose newest entries are still in the memtable.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use super::super::index::{Entry, IndexOptions, View};
use super::{answers, commit, instant, record, specialist};
use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, Revision, SpecialistId};
use crate::store::disk::RealDisk;
use crate::store::log::LogOptions;
use crate::store::{Store, StoreOptions};

const NEVER: usize = usize::MAX / 8;

/// Opens a store that moves this many entries at once: to sled, or to the bases if there are `base_from` of them.
/// Closing it moves the others.
fn open_taking(directory: &Path, take_together: usize, base_from: usize) -> Store {
    open_with(directory, IndexOptions { take_together, base_from, ..IndexOptions::default() })
}

/// Opens a store that collects no entries. Closing it moves the others.
fn open_with(directory: &Path, index: IndexOptions) -> Store {
    let log = LogOptions { reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let index = IndexOptions { cache_bytes: 1 << 20, collect_for: Duration::ZERO, leave_in_sled: 0, ..index };
    let options = StoreOptions { log, index, ..StoreOptions::default() };
    super::open_or_begin(Arc::new(RealDisk), directory, options, &mut |_| {}).unwrap()
}

const CREDENTIAL: u64 = 7;

/// Makes one credential due on the day with the number of the revision.
fn schedule(store: &Store, revision: u64) {
    let entry = Entry::Credential(CredentialNumber::from_number(CREDENTIAL));
    let mut pending = store.index().pending().unwrap();
    pending.schedule(&entry, Some(Day::from_number(i32::try_from(revision).unwrap()))).unwrap();
    pending.mark_due_dates_current();
    store.index().fold(pending).unwrap();
}

fn due_dates(view: &dyn View) -> String {
    format!("{:?} {:?}", view.due(Day::BEGINNING, Day::FOREVER.previous()), view.due_dates_as_of())
}

/// All credentials, read in pages.
fn in_pieces(view: &dyn View, size: usize) -> Vec<(CredentialNumber, SpecialistId)> {
    let mut all: Vec<(CredentialNumber, SpecialistId)> = Vec::new();
    loop {
        let from = all.last().map_or(0, |(number, _)| number.number() + 1);
        let piece = view.credentials_from(from, size).unwrap();
        assert!(piece.len() <= size);
        if piece.is_empty() {
            return all;
        }
        all.extend(piece);
    }
}

/// The bases in a directory.
fn bases(directory: &Path) -> usize {
    let names = fs::read_dir(directory.join("index")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().ends_with(".base")).count()
}

#[test]
fn entries_stay_visible_while_they_move_to_sled() {
    stay_visible(NEVER);
}

#[test]
fn entries_stay_visible_while_they_become_bases() {
    stay_visible(16);
}

#[test]
fn entries_stay_visible_while_they_become_bases_over_and_under_those_in_sled() {
    // Depending on how many come together.
    stay_visible(24);
}

#[test]
fn entries_stay_visible_while_those_in_sled_become_bases() {
    let moved = stay_visible_with(IndexOptions {
        take_together: 16,
        base_from: NEVER,
        most_in_sled: 200,
        ..IndexOptions::default()
    });
    assert!(moved > 0, "no batch is large, and yet there are bases");
}

fn stay_visible(base_from: usize) {
    let bases = stay_visible_with(IndexOptions { take_together: 16, base_from, ..IndexOptions::default() });
    assert_eq!(bases > 0, base_from < NEVER);
}

/// Returns how many bases there are while the store is open.
fn stay_visible_with(options: IndexOptions) -> usize {
    const RECORDS: u64 = 400;
    let (moving, still) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut moved = open_with(moving.path(), options);
    let mut kept = open_taking(still.path(), NEVER, NEVER);
    let is_over = Arc::new(AtomicBool::new(false));
    let begins = Arc::new(Barrier::new(2));
    let reader = {
        let (index, is_over, begins) = (Arc::clone(moved.index()), Arc::clone(&is_over), Arc::clone(&begins));
        thread::spawn(move || {
            begins.wait();
            let mut asked = 0_u64;
            while !is_over.load(Ordering::Acquire) {
                let applied = index.applied().unwrap();
                assert!(index.credentials().unwrap().len() as u64 >= applied.0);
                for revision in (1..=applied.0).rev().take(20) {
                    assert_eq!(index.recorded_at(Revision(revision)).unwrap(), Some(instant(revision)));
                    assert_eq!(index.specialist_facts(specialist(revision)).unwrap().len(), 4);
                }
                asked += applied.0.min(20);
            }
            asked
        })
    };
    begins.wait();
    for revision in 1..=RECORDS {
        for store in [&mut moved, &mut kept] {
            commit(store, &[record(revision)]);
            schedule(store, revision);
        }
        if revision % 50 == 0 {
            assert_eq!(due_dates(&**moved.index()), due_dates(&**kept.index()));
        }
    }
    is_over.store(true, Ordering::Release);
    assert!(reader.join().unwrap() > 0);
    let bases = bases(moving.path());
    assert_eq!(answers(&**moved.index()), answers(&**kept.index()));
    assert_eq!(in_pieces(&**kept.index(), 7), kept.index().credentials().unwrap());
    assert_eq!(in_pieces(&**moved.index(), 7), kept.index().credentials().unwrap());
    let expected = (answers(&**kept.index()), due_dates(&**kept.index()));
    drop(kept);
    moved.close().unwrap();
    let reopened = open_with(moving.path(), options);
    assert_eq!((answers(&**reopened.index()), due_dates(&**reopened.index())), expected, "all entries were moved");
    reopened.close().unwrap();
    let rebuilt = open_with(still.path(), options);
    assert_eq!(answers(&**rebuilt.index()), expected.0, "entries that were not moved are folded from the log");
    bases
}

/// Bases that are made while the store is open lie on those that it found, or take their place.
#[test]
fn bases_of_many_starts_answer_as_one() {
    let (many, one) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut expected = open_taking(one.path(), NEVER, NEVER);
    for start in 0..12_u64 {
        let mut store = open_taking(many.path(), 16, 16);
        assert_eq!(answers(&**store.index()), answers(&**expected.index()));
        for revision in start * 20 + 1..=start * 20 + 20 {
            assert_eq!(store.index().specialist_facts(specialist(revision)).unwrap(), []);
            for store in [&mut store, &mut expected] {
                commit(store, &[record(revision)]);
                schedule(store, revision);
            }
            assert_eq!(store.index().specialist_facts(specialist(revision)).unwrap().len(), 4);
        }
        assert_eq!(answers(&**store.index()), answers(&**expected.index()));
        assert_eq!(due_dates(&**store.index()), due_dates(&**expected.index()));
        assert!(bases(many.path()) > 0);
        // Every other start ends with a kill. What no base has is folded from the log again, without its due dates.
        if start % 2 == 0 { store.close().unwrap() } else { drop(store) }
    }
}
