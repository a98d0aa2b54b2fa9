//! Indexes of which much is in bases, and the agenda, which may be in one.

use std::fs;

use super::super::index::{Entry, View as _};
use super::{answers, commit, open, open_folding, provider, rehire, ten_records};
use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, Revision};
use crate::domain::record::Record;
use crate::store::index::Progress;

#[test]
fn an_index_with_a_base_answers_as_one_without() {
    let directory = tempfile::tempdir().unwrap();
    let (store, said) = ten_records(directory.path());
    drop(store);
    let index = directory.path().join("index");
    fs::remove_dir_all(&index).unwrap();
    let mut told = Vec::new();
    let mut store = open_folding(directory.path(), 9, &mut |step| told.push(step)).unwrap();
    let done = Progress { from_the_beginning: true, folded: Revision(10), head: Revision(10) };
    assert_eq!((told.pop(), told.pop()), (Some(done), None));
    assert_eq!(answers(&**store.index()), said, "all of it is in the base");
    assert!(index.join("0.base").exists() && !index.join("runs").exists());

    let entry = Entry::Credential(CredentialNumber::from_number(7));
    let mut agenda = store.index().whole_agenda().unwrap().unwrap();
    agenda.schedule(&entry, Some(Day::from_number(100))).unwrap();
    agenda.schedule(&Entry::Provider(provider(1)), None).unwrap();
    agenda.lay().unwrap();
    assert_eq!(store.index().agenda_follows().unwrap(), Revision(10));
    assert_eq!(store.index().due(Day::from_number(100)).unwrap(), std::slice::from_ref(&entry));
    assert!(store.index().whole_agenda().unwrap().is_none(), "there is one");

    // Records on top, and an entry that is moved; then without sled, which holds them.
    commit(&mut store, &[Record { request: None, ..rehire(11) }]);
    let mut pending = store.index().pending().unwrap();
    pending.schedule(&entry, Some(Day::from_number(200))).unwrap();
    store.index().fold(pending).unwrap();
    assert_eq!(store.index().due(Day::from_number(100)).unwrap(), []);
    let on_top = answers(&**store.index());
    store.close().unwrap();
    for (accident, due) in [("closed", 200), ("another boot", 100)] {
        fs::write(index.join("trust"), accident).unwrap();
        told.clear();
        let store = open_folding(directory.path(), 9, &mut |step| told.push(step)).unwrap();
        assert_eq!(answers(&**store.index()), on_top, "{accident}");
        assert_eq!(store.index().due_on(&entry).unwrap(), Some(Day::from_number(due)), "{accident}");
        let rest = Progress { from_the_beginning: false, folded: Revision(11), head: Revision(11) };
        assert_eq!(told, if accident == "closed" { vec![] } else { vec![rest] }, "{accident}: what the base lacks");
        store.close().unwrap();
    }

    // Without the note nothing is believed, and all is made anew.
    fs::remove_file(index.join("trust")).unwrap();
    told.clear();
    let store = open_folding(directory.path(), 11, &mut |step| told.push(step)).unwrap();
    assert_eq!(answers(&**store.index()), on_top);
    let done = Progress { from_the_beginning: true, folded: Revision(11), head: Revision(11) };
    assert_eq!(told, [done]);
    store.close().unwrap();
    assert!(!index.join("0.base").exists());
    fs::remove_dir_all(&index).unwrap();
    open_folding(directory.path(), 10, &mut |_| {}).unwrap().close().unwrap();

    // A base that is damaged or gone is not missed in silence: sled says what it lay on.
    {
        let name = "0.base";
        let path = index.join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let store = open_folding(directory.path(), u64::MAX, &mut |_| {}).unwrap();
        assert_eq!(answers(&**store.index()), on_top, "without {name}");
        store.close().unwrap();
    }
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
        let seen: Vec<_> = [-4, -3, 10, 11, 12, 99].map(|number| pending.due(day(number)).unwrap()).into();
        if is_folded {
            index.fold(pending).unwrap();
            let folded: Vec<_> = [-4, -3, 10, 11, 12, 99].map(|number| index.due(day(number)).unwrap()).into();
            assert_eq!(folded, seen);
        }
        seen
    };
    let (none, first, both) = (Vec::new(), vec![one.clone()], vec![other.clone(), one.clone()]);
    let in_turn = [none.clone(), none.clone(), first.clone(), first.clone(), first.clone(), first.clone()];
    assert_eq!(schedule(&[(&one, Some(day(10)))], true), in_turn);
    // Moved, with another one that is due before 1970, and not kept.
    let moved = [none.clone(), vec![other.clone()], vec![other.clone()], vec![other.clone()], both.clone(), both];
    assert_eq!(schedule(&[(&one, Some(day(12))), (&other, Some(day(-3)))], false), moved);
    assert_eq!(
        schedule(&[(&one, Some(day(12))), (&one, None)], true),
        [none.clone(), none.clone(), none.clone(), none.clone(), none.clone(), none]
    );
    assert_eq!(index.due_on(&one).unwrap(), None);
}
