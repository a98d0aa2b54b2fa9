//! Tests: records after which a process cannot go on.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use uuid::Uuid;

use super::replica::{BEGIN, Replica, register, submission};
use crate::domain::command::Command;
use crate::domain::fact::{Fact, LogHome, LogKind, RegistryFact};
use crate::domain::id::Revision;
use crate::domain::name::PersonName;
use crate::registry::errors::{NewerSemantics, SubmitErrorSource, WriterFailed};
use crate::registry::message::Message;
use crate::registry::moving::record as record_move;
use crate::registry::receipt::Resource;
use crate::registry::{OpenError, Options, Registry, SEMANTICS_VERSION, SubmitError};
use crate::store::index::View as _;
use crate::store::log::LogEngine;
use crate::store::log::memory::MemoryEngine;
use crate::store::{mark_as_copy, name_own_log, record};

const NEXT: u32 = SEMANTICS_VERSION + 1;

/// Opens a replica of the next release.
fn of_next_release(directory: &Path, engine: &dyn LogEngine, adopts_semantics: bool) -> Result<Replica, OpenError> {
    Replica::open_as(&Options { adopts_semantics, ..Options::of_a_test(directory, None) }, engine, NEXT)
}

/// The last record of a log.
fn last(engine: &MemoryEngine) -> crate::domain::record::Record {
    let reader = engine.open().unwrap().reader();
    let (at, bytes) = reader.read(reader.head(), reader.head()).next().unwrap().unwrap();
    record::decode(at, &bytes).unwrap()
}

#[test]
fn newer_semantics_wait_until_they_are_adopted_and_then_end_older_releases() {
    let (engine, directory) = (MemoryEngine::default(), tempfile::tempdir().unwrap());
    let mut ours = Replica::open(&engine);
    let at = ours.record(1, register("east")).revision;
    for _ in 0..2 {
        let waits = of_next_release(directory.path(), &engine, false).err();
        assert!(
            matches!(waits, Some(OpenError::OlderSemantics { known: SEMANTICS_VERSION, version: NEXT })),
            "{waits:?}"
        );
    }
    let during = ours.record(2, register("west")).revision;
    assert_eq!((last(&engine).revision, during), (at.next(), at.next()), "nothing was adopted");

    let mut theirs = of_next_release(directory.path(), &engine, true).unwrap();
    let adopted = [Fact::Registry(RegistryFact::SemanticsAdopted { version: NEXT })];
    assert_eq!(last(&engine).facts, adopted);
    theirs.record(3, register("north"));
    let (newer, ended) = (NewerSemantics { known: NEXT, version: SEMANTICS_VERSION }, ours.process(Message::Follow));
    assert!(
        matches!(&ended, Err(WriterFailed(SubmitErrorSource::NewerSemantics(found))) if *found == newer),
        "{ended:?}"
    );
    assert_eq!(ours.writer.shared.head.load().revision, during, "nothing of it is published");
    drop(theirs);
    let again = Replica::open_as(&Options::of_a_test(directory.path(), None), &engine, SEMANTICS_VERSION).err();
    assert!(matches!(again, Some(OpenError::NewerSemantics(found)) if found == newer), "{again:?}");
}

#[test]
fn releases_of_the_same_semantics_share_a_log() {
    let (engine, directory) = (MemoryEngine::default(), tempfile::tempdir().unwrap());
    let mut ours = Replica::open(&engine);
    let mut theirs = Replica::open_as(&Options::of_a_test(directory.path(), None), &engine, SEMANTICS_VERSION).unwrap();
    ours.record(1, register("east"));
    theirs.record(2, register("west"));
    assert_eq!(ours.follow(), theirs.follow());
    assert_eq!(ours.answers(), theirs.answers());
}

#[test]
fn before_its_semantics_are_adopted_a_release_takes_records_as_they_are() {
    let engine = MemoryEngine::default();
    let (mut ours, mut theirs) = (Replica::open(&engine), Replica::open(&engine));
    let at = ours.record(1, register("east")).revision;
    theirs.follow();
    let mut other = last(&engine);
    (other.revision, other.request) = (at.next(), None);
    other.recorded_at += SignedDuration::from_secs(1);
    other.specialist_count += 1;
    let mut log = engine.open().unwrap();
    log.append(&log.tip(), &[record::encode(&other, &[1; 16])]).unwrap();
    // Semantics that are already adopted do not excuse a difference.
    assert!(matches!(ours.process(Message::Follow), Err(WriterFailed(SubmitErrorSource::OtherChanges(_)))));
    theirs.writer.preface.semantics_version = NEXT;
    assert_eq!(theirs.follow(), at.next());
}

fn elsewhere() -> LogHome {
    LogHome { kind: LogKind::DataDirectory, id: Uuid::from_u128(5), name: "registry-1:/var/lib/example".to_owned() }
}

#[test]
fn after_its_log_has_moved_no_process_appends_and_each_says_where_it_is() {
    let engine = MemoryEngine::default();
    let (mut ours, mut theirs) = (Replica::open(&engine), Replica::open(&engine));
    let answered = BEGIN.parse::<jiff::Timestamp>().unwrap() + SignedDuration::from_mins(3);
    ours.set_clock(answered);
    ours.record(1, register("east"));
    theirs.process(|reply| Message::Settle(answered, reply)).unwrap().unwrap();
    let moved = record_move(&mut ours.writer, elsewhere()).unwrap();
    let fact = [Fact::Registry(RegistryFact::LogMoved { to: elsewhere() })];
    assert_eq!((last(&engine).revision, last(&engine).facts), (moved.at, fact.to_vec()));
    assert!(last(&engine).recorded_at > answered, "the fence moves with the log");

    let late = submission(2, register("west"));
    let ended = theirs.process(|reply| Message::Submit(Box::new(late), reply)).err().unwrap();
    assert!(ended.to_string().contains("registry-1:/var/lib/example"), "{ended}");
    assert!(matches!(ended, WriterFailed(SubmitErrorSource::LogMoved(to)) if to == moved));
    assert_eq!(last(&engine).revision, moved.at, "it is the last record");
    let directory = tempfile::tempdir().unwrap();
    let refused = Replica::try_open_at(directory.path(), &engine, true).err();
    assert!(matches!(refused, Some(OpenError::LogMoved(to)) if to == moved));
}

#[test]
fn a_move_that_was_recorded_after_its_process_had_ended_is_taken_as_done() {
    let engine = MemoryEngine::default();
    let [mut ours, mut theirs, mut third] = [(); 3].map(|()| Replica::open(&engine));
    let moved = record_move(&mut ours.writer, elsewhere()).unwrap();
    assert_eq!(record_move(&mut theirs.writer, elsewhere()).unwrap(), moved);
    let other = LogHome { id: Uuid::from_u128(6), ..elsewhere() };
    assert!(matches!(record_move(&mut third.writer, other), Err(OpenError::LogMoved(to)) if to == moved));
    assert_eq!(last(&engine).revision, moved.at);
}

/// Copies the log and the key of a registry to another directory.
fn copy(from: &Path, to: &Path) {
    for part in ["log", "keys"] {
        fs::create_dir_all(to.join(part)).unwrap();
        for entry in fs::read_dir(from.join(part)).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), to.join(part).join(entry.file_name())).unwrap();
        }
    }
    for file in ["FORMAT", "ANSWERED"].iter().filter(|file| from.join(file).exists()) {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

/// Opens the registry of a directory, and closes it.
async fn serve(directory: &Path) -> Result<Revision, OpenError> {
    let opened = Registry::open(Options::of_a_test(directory, Some("2026-03-02")), &mut |_| {})?;
    let head = opened.registry.head().revision;
    opened.registry.close().await;
    drop(opened.registry);
    opened.writer.join().unwrap().unwrap().close().unwrap();
    Ok(head)
}

#[tokio::test]
async fn a_log_in_files_ends_where_it_moved_and_goes_on_in_the_place_that_it_names() {
    let scratch = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| scratch.path().join(name));
    let options = |directory: &Path, day| Options::of_a_test(directory, Some(day));
    serve(&first).await.unwrap();
    fs::create_dir(&second).unwrap();
    let to = LogHome { id: name_own_log(&second).unwrap(), ..elsewhere() };
    let moved = Registry::move_log(options(&first, "2026-03-02"), to.clone()).unwrap();
    let again = Registry::move_log(options(&first, "2026-03-03"), to.clone()).unwrap();
    assert_eq!(again, moved, "it moves once, and no day is opened after that");
    let other = Registry::move_log(options(&first, "2026-03-02"), elsewhere()).err();
    assert!(matches!(other, Some(OpenError::LogMoved(to)) if to == moved));
    copy(&first, &second);
    for _ in 0..2 {
        let refused = serve(&first).await.err().unwrap();
        assert!(refused.is_wrong_place() && matches!(&refused, OpenError::LogMoved(to) if *to == moved), "{refused}");
    }
    assert_eq!(serve(&second).await.unwrap(), moved.at);
    let day = options(&second, "2026-03-03");
    let opened = Registry::open(day, &mut |_| {}).unwrap();
    assert!(opened.registry.head().revision > moved.at, "it goes on");
    opened.registry.close().await;
    drop(opened.registry);
    opened.writer.join().unwrap().unwrap().close().unwrap();
}

#[tokio::test]
async fn a_copy_of_a_shared_log_is_not_appended_to_as_a_log_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let head = serve(directory.path()).await.unwrap();
    mark_as_copy(directory.path(), Uuid::from_u128(9)).unwrap();
    let refused = serve(directory.path()).await.err().unwrap();
    assert!(refused.is_wrong_place() && refused.to_string().contains("cpss-registry log pull"), "{refused}");
    crate::store::mark_as_own(directory.path()).unwrap();
    assert_eq!(serve(directory.path()).await.unwrap(), head);
}

#[test]
fn calls_that_wait_when_the_log_moves_are_told_that_nothing_was_recorded() {
    let engine = MemoryEngine::default();
    let (mut ours, mut theirs) = (Replica::open(&engine), Replica::open(&engine));
    record_move(&mut ours.writer, elsewhere()).unwrap();
    let (reply, mut answer) = crate::registry::message::Reply::channel(None);
    let late = Box::new(submission(2, register("west")));
    theirs.writer.process(vec![Message::Submit(late, reply)]).err().unwrap();
    assert!(matches!(answer.try_recv().unwrap(), Err(SubmitError::Log(_))));
}

/// Another process redacts a person: a replica that has the name publishes the record, ends, and is opened again
/// without it. One that never had the name goes on.
#[test]
fn a_replica_that_follows_a_redaction_is_opened_again_without_the_name() {
    let (engine, directory) = (MemoryEngine::default(), tempfile::tempdir().unwrap());
    let mut ours = Replica::open(&engine);
    let name = PersonName { given: "Quillon".into(), family: "Example-Stone".into(), suffix: String::new() };
    let birth_date = "1984-02-29".parse().unwrap();
    let registered = ours.record(1, Command::RegisterSpecialist { name, birth_date });
    let Resource::Specialist(person) = &registered.resource else { panic!("a person") };
    let mut theirs = Replica::open_at(directory.path(), &engine);
    assert!(theirs.answers().contains(&person.id.to_string()));
    let why = "order 26-118".to_owned();
    let fact = Fact::Registry(RegistryFact::SpecialistRedacted { specialist: person.id, why });
    let at = last(&engine).revision.next();
    let recorded_at = last(&engine).recorded_at + SignedDuration::from_secs(1);
    let ordered = crate::domain::record::Record { revision: at, recorded_at, facts: vec![fact], ..last(&engine) };
    let ordered = crate::domain::record::Record { request: None, changes: Vec::new(), ..ordered };
    let mut log = engine.open().unwrap();
    log.append(&log.tip(), &[record::encode(&ordered, &[1; 16])]).unwrap();

    let ended = theirs.process(Message::Follow).err().unwrap();
    assert!(ended.must_reopen() && matches!(ended.0, SubmitErrorSource::Redacted), "{ended:?}");
    drop(theirs);
    let has_name = |engine: &MemoryEngine| {
        engine.state().frames.iter().any(|frame| frame.windows(7).any(|part| part == b"Quillon"))
    };
    assert!(has_name(&engine));
    let mut theirs = Replica::open_at(directory.path(), &engine);
    assert!(!has_name(&engine), "the start rewrote the log");
    let facts = theirs.writer.shared.index.specialist_facts(person.id).unwrap();
    assert!(facts.iter().all(|recorded| recorded.fact.name().is_none_or(PersonName::is_redacted)));
    theirs.record(2, register("west"));
    drop(ours);
    let mut late = Replica::open(&engine);
    assert_eq!(late.follow(), at.next(), "it has nothing to remove");
}
