//! What the store preserves over restarts, rebuilds and faults.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use uuid::Uuid;

use super::index::{IndexOptions, NameKey, OpenIndexError, View};
use super::*;
use crate::domain::day::{Day, Period};
use crate::domain::fact::*;
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, SpecialistId};
use crate::domain::name::PersonName;
use crate::domain::record::{Foreseen, RequestKey};
use crate::store::disk::simulated::SimulatedDisk;
use crate::store::disk::{Disk, RealDisk};
use crate::store::log::{FileEngine, Form, LogOptions, OpenLogError};

mod bases;
mod damage;
mod data_dir;
mod directory;
mod people;
mod recent;
mod redaction;
mod signing_keys;
mod upgrade;
mod version;

const METHOD: &str = "/registry.Test/Report";

fn open(directory: &Path) -> Result<Store, OpenError> {
    open_folding(directory, u64::MAX, &mut |_| {})
}

/// Like `open`, but rebuilds the index if it lacks more than `fold_in_place` records.
fn open_folding(
    directory: &Path,
    fold_in_place: u64,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Store, OpenError> {
    let log = LogOptions { segment_bytes: 2000, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let index =
        IndexOptions { cache_bytes: 1 << 20, fold_in_place, leave_in_sled: u64::MAX, ..IndexOptions::default() };
    open_or_begin(Arc::new(RealDisk), directory, StoreOptions { log, index, ..StoreOptions::default() }, on_progress)
}

/// Opens a store, or creates one.
fn open_or_begin(
    disk: Arc<dyn Disk>,
    directory: &Path,
    options: StoreOptions,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Store, OpenError> {
    let options = StoreOptions { mode: OpenMode::ExistingOrNew("test"), ..options };
    let engine = FileEngine::new(disk, &directory.join("log"), options.log.clone(), Form::Current);
    let mut store = Store::open_with(&engine, directory, options, on_progress)?;
    store.finish()?;
    Ok(store)
}

fn open_on(disk: &SimulatedDisk, directory: &Path) -> Result<Store, OpenError> {
    let log = LogOptions { segment_bytes: 2000, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let index = IndexOptions { cache_bytes: 1 << 20, ..IndexOptions::default() };
    let options = StoreOptions { log, index, ..StoreOptions::default() };
    open_or_begin(Arc::new(disk.clone()), directory, options, &mut |_| {})
}

fn specialist(number: u64) -> SpecialistId {
    SpecialistId::from_number(number)
}

fn provider(number: u64) -> ProviderId {
    format!("P{number}").parse().unwrap()
}

fn name(given: &str) -> PersonName {
    PersonName { given: given.into(), family: "Example".into(), suffix: String::new() }
}

fn named(view: &dyn View, given: &str) -> Vec<SpecialistId> {
    view.specialists_named_from(&name(given).folded(), 0, usize::MAX).unwrap()
}

fn instant(revision: u64) -> Timestamp {
    Timestamp::from_second(1_000 * i64::try_from(revision).unwrap()).unwrap()
}

/// Record number `n` registers a provider and a specialist with a credential and a job, and opens a day.
fn record(n: u64) -> Record {
    let days = Period::from_inclusive(Day::from_number(20_000), None);
    let of_person = |fact| Fact::Specialist(specialist(n), fact);
    let row = ProviderRow {
        legal_name: "Center".into(),
        facility_type: FacilityType::Other,
        county: "Hinds".into(),
        identifiers: Vec::new(),
    };
    Record {
        revision: Revision(n),
        recorded_at: instant(n),
        reporter: Reporter { client: "desk".into(), role: Role::Registrar },
        request: Some(RequestKey { method: METHOD.into(), request_id: Uuid::from_u128(n.into()), digest: [1; 32] }),
        note: String::new(),
        facts: vec![
            Fact::Registry(RegistryFact::DayOpened { date: Day::from_number(i32::try_from(n).unwrap()) }),
            Fact::Provider(provider(n), ProviderFact::Registered(row)),
            of_person(SpecialistFact::Registered { name: name("Ada"), birth_date: Day::from_number(1) }),
            of_person(SpecialistFact::NameChanged { name: name(&format!("Ada {n}")) }),
            of_person(SpecialistFact::CredentialIssued(Issuance {
                number: CredentialNumber::from_number(n),
                term: days,
                designations: Vec::new(),
                rule_set: String::new(),
                basis: IssuanceBasis::Transferred,
                findings: Vec::new(),
                decision_note: String::new(),
            })),
            of_person(SpecialistFact::EmploymentStarted {
                employment: EmploymentId::from_number(n),
                provider: provider(1),
                position: "Peer".into(),
                supervised: true,
                days,
            }),
        ],
        changes: Vec::new(),
        foreseen: Foreseen::default(),
        specialist_count: 1,
    }
}

/// Starts a second job of the first specialist with the first provider, and suspends the provider.
fn rehire(n: u64) -> Record {
    let facts = record(1).facts;
    let suspended =
        ProviderFact::PeriodOpened { kind: ProviderPeriodKind::Suspended, days: Period::ALWAYS, valid_through: None };
    let facts = vec![facts[5].clone(), Fact::Provider(provider(1), suspended)];
    Record { facts, request: None, ..record(n) }
}

fn commit(store: &mut Store, records: &[Record]) {
    let index = Arc::clone(store.index());
    let mut pending = index.pending().unwrap();
    for record in records {
        pending.add(record).unwrap();
    }
    store.commit(records).unwrap();
    index.fold(pending).unwrap();
}

/// The results of all queries about ten records, as text.
fn answers(view: &dyn View) -> String {
    let mut lines = vec![format!("{:?} {:?}", view.applied(), view.registry_facts())];
    for n in 0..=11 {
        let credential = view.specialist_of_credential(CredentialNumber::from_number(n));
        let job = view.specialist_of_employment(EmploymentId::from_number(n));
        lines.push(format!("{credential:?} {job:?} {:?}", view.staff(&provider(n))));
        lines.push(format!("{:?} {:?}", view.specialist_facts(specialist(n)), view.provider_facts(&provider(n))));
        lines.push(format!("{:?} {:?}", view.recorded_at(Revision(n)), view.revision_at(instant(n))));
        lines.push(format!("{:?}", view.request("desk", METHOD, Uuid::from_u128(n.into()))));
        lines.push(format!("{:?}", named(view, &format!("Ada{n}"))));
    }
    lines.push(format!("{:?}", named(view, "ADA")));
    let names = view.names_after("exa", None, usize::MAX).unwrap();
    lines.push(format!("{:?}", names.iter().map(NameKey::specialist).collect::<Vec<_>>()));
    lines.push(format!("{:?}", view.specialists_born_from(Day::from_number(1), 0, usize::MAX)));
    view.every_provider(&mut |id, facts| {
        lines.push(format!("{id} {facts:?}"));
        ControlFlow::Continue(())
    })
    .unwrap();
    view.every_specialist(&mut |id, facts| {
        lines.push(format!("{id} {facts:?}"));
        ControlFlow::Continue(())
    })
    .unwrap();
    lines.join("\n")
}

/// Commits nine records in three batches and a tenth about existing subjects. Returns the store and its `answers`.
fn ten_records(directory: &Path) -> (Store, String) {
    let mut store = open(directory).unwrap();
    for first in [1, 4, 7] {
        commit(&mut store, &[record(first), record(first + 1), record(first + 2)]);
    }
    commit(&mut store, &[rehire(10)]);
    let expected = answers(&**store.index());
    (store, expected)
}

#[test]
fn the_index_answers_what_the_records_say() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = ten_records(directory.path());
    let index = store.index();
    assert_eq!(index.applied().unwrap(), Revision(10));
    assert_eq!(index.registry_facts().unwrap().len(), 9);
    assert_eq!(index.specialist_facts(specialist(1)).unwrap().len(), 5);
    assert_eq!(index.specialist_facts(specialist(2)).unwrap()[3].id, FactId { revision: Revision(2), index: 5 });
    assert_eq!(index.specialist_facts(specialist(99)).unwrap(), []);
    assert_eq!(index.provider_facts(&provider(1)).unwrap().len(), 2);
    assert_eq!(index.staff(&provider(1)).unwrap(), (1..=9).map(specialist).collect::<Vec<_>>());
    assert_eq!(named(&**index, "Ádá").len(), 9);
    assert_eq!(named(&**index, "Ada 3"), [specialist(3)]);
    assert_eq!(index.specialist_of_credential(CredentialNumber::from_number(4)).unwrap(), Some(specialist(4)));
    assert_eq!(index.specialist_of_employment(EmploymentId::from_number(5)).unwrap(), Some(specialist(5)));
    let answered = index.request("desk", METHOD, Uuid::from_u128(6)).unwrap();
    assert_eq!(answered, Some((Revision(6), [1; 32])));
    assert_eq!(index.request("other", METHOD, Uuid::from_u128(6)).unwrap(), None);
    assert_eq!(index.request("desk", RequestKey::IMPORT, Uuid::from_u128(6)).unwrap(), None);
    assert_eq!(index.recorded_at(Revision(3)).unwrap(), Some(instant(3)));
    for (at, revision) in [(0, 0), (999, 0), (1_000, 1), (1_001, 1), (9_999, 9), (10_000, 10), (90_000, 10)] {
        assert_eq!(index.revision_at(Timestamp::from_second(at).unwrap()).unwrap(), Revision(revision), "{at}");
    }
    let mut staff = Vec::new();
    index
        .every_specialist(&mut |id, facts| {
            staff.push((id, facts.len()));
            if id == specialist(7) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(staff[..2], [(specialist(1), 5), (specialist(2), 4)]);
    assert_eq!(staff.len(), 7, "the visit stopped there");
    assert_eq!(index.credentials().unwrap()[8], (CredentialNumber::from_number(9), specialist(9)));
}

#[test]
fn a_restart_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    let key = *store.request_key();
    store.close().unwrap();
    let store = open(directory.path()).unwrap();
    assert_eq!(answers(&**store.index()), expected, "after a clean close");
    assert_eq!((store.head(), *store.request_key()), (Revision(10), key));
    drop(store);
    let store = open(directory.path()).unwrap();
    assert_eq!(answers(&**store.index()), expected, "after the process was gone");
    let read = store.log_reader().read(Revision(1), Revision::LATEST).map(Result::unwrap);
    let decoded = read.map(|(revision, bytes)| record::decode(revision, &bytes).unwrap());
    let records = (1..10).map(record).chain([rehire(10)]);
    assert!(decoded.eq(records));
}

#[test]
fn a_missing_or_untrusted_index_is_rebuilt() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    store.close().unwrap();
    let index = directory.path().join("index");
    let faults: [&dyn Fn(); 7] = [
        &|| fs::remove_dir_all(&index).unwrap(),
        &|| fs::write(index.join("trust"), "closed").unwrap(),
        &|| fs::write(index.join("trust"), "11 00000000").unwrap(),
        &|| fs::write(index.join("0.base"), "").unwrap(),
        &|| fs::remove_file(index.join("0.base")).unwrap(),
        &|| {
            fs::remove_file(index.join("0.base")).unwrap();
            fs::create_dir(index.join("0.base")).unwrap();
        },
        &|| fs::remove_file(index.join("trust")).unwrap(),
    ];
    for (at, fault) in faults.iter().enumerate() {
        fault();
        let mut progress = Vec::new();
        let store = Store::open(directory.path(), StoreOptions::default(), &mut |step| progress.push(step)).unwrap();
        assert_eq!(answers(&**store.index()), expected, "fault {at}");
        let done = Progress { from_the_beginning: true, folded: Revision(10), head: Revision(10) };
        assert_eq!(progress, [done], "fault {at}");
        store.close().unwrap();
    }
}

#[test]
fn an_index_that_is_behind_catches_up() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = ten_records(directory.path());
    store.commit(&[record(11)]).unwrap();
    assert_eq!(store.index().applied().unwrap(), Revision(10));
    store.close().unwrap();
    let mut progress = Vec::new();
    let store = Store::open(directory.path(), StoreOptions::default(), &mut |step| progress.push(step)).unwrap();
    assert_eq!(store.index().specialist_facts(specialist(11)).unwrap().len(), 4);
    assert_eq!(progress, [Progress { from_the_beginning: false, folded: Revision(11), head: Revision(11) }]);
}

#[test]
fn an_index_that_is_ahead_of_the_log_proves_a_loss() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = ten_records(directory.path());
    store.close().unwrap();
    let mut segments: Vec<_> = fs::read_dir(directory.path().join("log")).unwrap().map(|e| e.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some());
    segments.sort();
    let last = segments.pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() - 1]).unwrap();
    let marker = directory.path().join("log/head");
    let trust = directory.path().join("index/trust");
    let note = fs::read_to_string(&trust).unwrap();
    for _ in 0..2 {
        fs::remove_file(&marker).unwrap();
        let refusal = open(directory.path()).err().unwrap();
        assert!(matches!(refusal, OpenError::Index(OpenIndexError::LostRecords { applied: Revision(10), .. })));
        assert_eq!(fs::read_to_string(&trust).unwrap(), note, "the proof is kept");
    }
}

#[test]
fn a_published_head_beyond_the_log_proves_a_loss_without_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = ten_records(directory.path());
    assert_eq!(log_engine(directory.path(), LogOptions::default()).published_head().unwrap(), Some(Revision(10)));
    store.close().unwrap();
    fs::remove_dir_all(directory.path().join("index")).unwrap();
    let mut segments: Vec<_> = fs::read_dir(directory.path().join("log")).unwrap().map(|e| e.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some());
    segments.sort();
    let last = segments.pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&last, &bytes).unwrap();
    let refusal = open(directory.path()).err().unwrap();
    assert!(matches!(refusal, OpenError::Log(OpenLogError::LostRecords { published: Revision(10), .. })), "{refusal}");
    fs::remove_file(&last).unwrap();
    let refusal = open(directory.path()).err().unwrap();
    assert!(
        matches!(refusal, OpenError::Log(OpenLogError::LostRecords { .. } | OpenLogError::Damaged(_))),
        "{refusal}"
    );
}

#[test]
fn committed_records_survive_a_power_failure() {
    for seed in 0..12 {
        let directory = tempfile::tempdir().unwrap();
        let disk = SimulatedDisk::new(seed);
        let mut store = open_on(&disk, directory.path()).unwrap();
        commit(&mut store, &[record(1)]);
        disk.cut_power_at(disk.calls() + 1 + seed * 2);
        let mut committed = 1;
        loop {
            let index = Arc::clone(store.index());
            let mut pending = index.pending().unwrap();
            pending.add(&record(committed + 1)).unwrap();
            if store.commit(&[record(committed + 1)]).is_err() {
                break;
            }
            committed += 1;
            index.fold(pending).unwrap();
        }
        drop(store);
        disk.after_power_cut();
        let store = open_on(&disk, directory.path()).unwrap();
        let kept = store.head().0;
        assert!((committed..=committed + 1).contains(&kept), "seed {seed}: {committed} committed, {kept} kept");
        assert_eq!(store.index().applied().unwrap(), store.head());
        let read = store.log_reader().read(Revision(1), Revision::LATEST).map(Result::unwrap);
        let decoded = read.map(|(revision, bytes)| record::decode(revision, &bytes).unwrap());
        assert!(decoded.eq((1..=kept).map(record)));
    }
}

#[test]
fn a_batch_is_visible_to_itself_before_it_is_folded() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    let index = Arc::clone(store.index());
    let empty = answers(&*index);
    let mut records: Vec<_> = (1..10).map(record).collect();
    records.push(rehire(10));
    for split in [0, 5, 10] {
        let folded = usize::try_from(index.applied().unwrap().0).unwrap();
        commit(&mut store, &records[folded..split]);
        let before = answers(&*index);
        let mut pending = index.pending().unwrap();
        for record in &records[split..] {
            pending.add(record).unwrap();
        }
        let seen = answers(&pending);
        assert_eq!(answers(&*index), before);
        assert!(split == 0 || before != empty);
        assert!(pending.add(&record(12)).is_err(), "a revision is missing");
        let other = tempfile::tempdir().unwrap();
        assert_eq!(seen, ten_records(other.path()).1, "{split} are folded");
    }
}

#[test]
fn an_index_that_is_still_read_is_not_closed() {
    let directory = tempfile::tempdir().unwrap();
    let (store, expected) = ten_records(directory.path());
    let reader = Arc::clone(store.index());
    assert!(matches!(store.close(), Err(CloseError::StillRead)));
    drop(reader);
    assert_eq!(answers(&**open(directory.path()).unwrap().index()), expected);
}
