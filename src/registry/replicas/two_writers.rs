//! Tests: two writers append to one log, and only one of them can be first.

use jiff::SignedDuration;

use super::replica::{BEGIN, Replica, certify, credential, hire, person, register, submission};
use crate::domain::day::{Day, Period};
use crate::domain::id::{Revision, SpecialistId};
use crate::registry::errors::{SubmitErrorSource, WriterFailed};
use crate::registry::following::TRIES;
use crate::registry::message::{Message, Outcome};
use crate::registry::open::start;
use crate::registry::receipt::Resource;
use crate::registry::snapshot::{AtLeast, KnownAt};
use crate::registry::{OpenError, Opened, PinError, Submission, SubmitError};
use crate::store::log::LogEngine as _;
use crate::store::log::memory::{Fault, MemoryEngine};
use crate::store::record;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn from(start: &str) -> Period {
    Period { start: day(start), end: Day::FOREVER }
}

/// Registers a person. Returns the id.
fn registered(replica: &mut Replica, request_id: u128, given: &str) -> SpecialistId {
    match replica.record(request_id, person(given)).resource {
        Resource::Specialist(known) => known.id,
        other => panic!("{other:?}"),
    }
}

fn two() -> (MemoryEngine, Replica, Replica) {
    let engine = MemoryEngine::default();
    let (ours, theirs) = (Replica::open(&engine), Replica::open(&engine));
    (engine, ours, theirs)
}

#[test]
fn each_writer_decides_on_the_records_of_the_other_and_both_answer_alike() {
    let (engine, mut ours, mut theirs) = two();
    ours.record(1, register("east"));
    ours.record(2, certify("east", from("2025-01-01")));
    let who = registered(&mut ours, 3, "Mirela");
    let issued = theirs.record(4, credential(who, Period { start: day("2025-01-01"), end: day("2026-12-31") }));
    assert!(matches!(issued.resource, Resource::Credential(_)));
    let hired = theirs.record(5, hire(who, "east", day("2026-02-02")));
    assert!(!hired.changes.is_empty(), "the provider covers its staff");
    assert!(matches!(ours.submit(submission(6, register("east"))), Err(SubmitError::Rejected(_))));
    assert!(matches!(ours.submit(submission(7, hire(who, "east", day("2026-02-02")))), Err(SubmitError::Rejected(_))));
    let published = theirs.writer.shared.published.subscribe();
    ours.record(8, register("west"));
    assert_eq!(theirs.follow(), ours.follow());
    assert_eq!(*published.borrow(), ours.follow(), "watchers are notified");
    assert_eq!(ours.answers(), theirs.answers());
    assert_eq!(ours.answers(), Replica::open(&engine).answers(), "as after a fold of the whole log");
}

#[test]
fn a_replica_is_filled_from_the_log_and_begins_no_registry_of_its_own() {
    let engine = MemoryEngine::default();
    let directory = tempfile::tempdir().unwrap();
    let opened = Replica::try_open_at(&directory.path().join("early"), &engine, false);
    assert!(matches!(opened, Err(OpenError::NotFilled { .. })));
    assert!(engine.open().unwrap().tip().revision == Revision::ZERO, "nothing is recorded");
    let ours = Replica::open(&engine);
    let theirs = Replica::try_open_at(&directory.path().join("late"), &engine, false).unwrap();
    assert_eq!(ours.answers(), theirs.answers());
}

#[test]
fn a_refusal_holds_at_the_head_of_the_log() {
    let (_, mut ours, mut theirs) = two();
    let who = registered(&mut ours, 1, "Mirela");
    theirs.follow();
    assert!(matches!(
        theirs.submit(submission(2, hire(who, "east", day("2026-02-02")))),
        Err(SubmitError::Rejected(_))
    ));
    ours.record(3, register("east"));
    theirs.record(4, hire(who, "east", day("2026-02-02")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dry_runs_and_questions_reach_what_the_other_writer_recorded() {
    let (_, mut ours, theirs) = two();
    let Replica { writer, directory: _directory } = theirs;
    let Opened { registry, writer } = start(writer).unwrap();
    let who = registered(&mut ours, 1, "Mirela");
    ours.record(2, register("east"));
    let dry_run = Submission { validate_only: true, ..submission(3, hire(who, "east", day("2026-02-02"))) };
    let east = registry.submit(dry_run).await.unwrap().revision;
    let west = ours.record(4, register("west"));
    assert_eq!(west.revision, east.next(), "the dry run recorded nothing");
    registry.require(AtLeast::Token(west.token.unwrap())).await.unwrap();
    let north = ours.record(5, register("north")).revision;
    let pinned = registry.pin(KnownAt::Revision(None, north)).await.unwrap();
    assert!(pinned.revision == north && pinned.provider("north").is_some());
    let beyond = registry.pin(KnownAt::Revision(None, north.next())).await.err();
    assert!(matches!(beyond, Some(PinError::BeyondHead { head, .. }) if head == north), "{beyond:?}");
    let following = tokio::spawn({
        let registry = registry.clone();
        async move { registry.keep_following().await }
    });
    let mut published = registry.shared.published.subscribe();
    let south = ours.record(6, register("south")).revision;
    published.wait_for(|revision| *revision == south).await.unwrap();
    following.abort();
    drop(following.await);
    registry.close().await;
    drop(registry);
    writer.join().unwrap().unwrap();
}

#[test]
fn a_request_that_is_repeated_at_the_other_writer_is_recorded_once() {
    let (_, mut ours, mut theirs) = two();
    let first = ours.record(1, register("east")).revision;
    assert!(matches!(theirs.submit(submission(1, register("east"))), Ok(Outcome::Recorded(at)) if at == first));
    assert_eq!((ours.follow(), theirs.follow()), (first, first));
}

#[test]
fn a_command_is_refused_only_after_another_process_was_first_at_every_try() {
    let engine = MemoryEngine::default();
    let mut ours = Replica::open(&engine);
    engine.fail(Some(Fault::HeadMoved(TRIES - 1)));
    ours.record(1, register("east"));
    engine.fail(Some(Fault::HeadMoved(TRIES)));
    assert!(matches!(ours.submit(submission(2, register("west"))), Err(SubmitError::Busy)));
    ours.record(2, register("west"));
}

#[test]
fn a_civil_day_is_opened_once() {
    let (_, mut ours, mut theirs) = two();
    let before = ours.follow();
    for replica in [&mut ours, &mut theirs] {
        replica.set_clock("2026-03-03T18:00:00Z".parse().unwrap());
        replica.process(|reply| Message::OpenDays(day("2026-03-03"), reply)).unwrap().unwrap();
    }
    assert_eq!((ours.follow(), theirs.follow()), (before.next(), before.next()));
    assert_eq!(ours.answers(), theirs.answers());
}

#[test]
fn an_instant_that_one_writer_answered_for_is_kept_by_the_other() {
    let (_, mut ours, mut theirs) = two();
    let answered = BEGIN.parse::<jiff::Timestamp>().unwrap() + SignedDuration::from_mins(3);
    ours.set_clock(answered);
    ours.record(1, register("east"));
    theirs.process(|reply| Message::Settle(answered, reply)).unwrap().unwrap();
    assert_eq!(theirs.writer.shared.head.load().revision, ours.follow(), "it knows every record up to there");
    ours.record(2, register("west"));
    assert!(ours.writer.shared.head.load().recorded_at > answered, "although it knows of no answer");
}

#[test]
fn a_record_that_changes_something_else_here_stops_the_writer() {
    let (engine, mut ours, mut theirs) = two();
    let at = ours.record(1, register("east")).revision;
    theirs.follow();
    // The same fact, in a record that claims to change someone.
    let mut log = engine.open().unwrap();
    let (_, bytes) = log.reader().read(at, at).next().unwrap().unwrap();
    let mut forged = record::decode(at, &bytes).unwrap();
    forged.revision = at.next();
    forged.recorded_at += SignedDuration::from_secs(1);
    forged.request = None;
    forged.specialist_count += 1;
    log.append(&log.tip(), &[record::encode(&forged, &[1; 16])]).unwrap();
    let stopped = theirs.process(Message::Follow).err();
    assert!(
        matches!(stopped, Some(WriterFailed(SubmitErrorSource::OtherChanges(revision))) if revision == at.next()),
        "{stopped:?}"
    );
    assert_eq!(theirs.writer.shared.head.load().revision, at, "nothing of it is published");
}
