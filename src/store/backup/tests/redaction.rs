//! Backups and copies of a log in which somebody was redacted.

use super::*;
use crate::domain::fact::{Role, SpecialistFact};
use crate::domain::id::SpecialistId;
use crate::domain::name::PersonName;
use crate::store::{Order, plan_redaction, redact};

const PERSON: SpecialistId = SpecialistId::from_number(7);
const TRACE: &[u8] = b"Quillon";

/// A registry of many segments. The person is in an early one.
fn scene() -> Scene {
    let scene = Scene::new();
    let name = PersonName { given: "Quillon".into(), family: "Example-Stone".into(), suffix: String::new() };
    let fact = SpecialistFact::Registered { name, birth_date: Day::from_number(5_000) };
    let registered = Record { facts: vec![Fact::Specialist(PERSON, fact)], ..numbered(HEAD + 1) };
    commit(&scene.data(), &[vec![registered]]);
    let more: Vec<_> = (HEAD + 2..=HEAD + 30).map(|revision| vec![numbered(revision)]).collect();
    commit(&scene.data(), &more);
    scene
}

fn redacted(scene: &Scene) {
    let (log, guard) = log_of_data_dir(&scene.data()).unwrap();
    let plan = plan_redaction(&scene.data(), &*log, PERSON).unwrap();
    drop((log, guard));
    let order = Order { specialist: PERSON, why: "order 26-118".into(), by: "clerk".into() };
    redact(&scene.data(), &options(), &plan, &order, later(), &mut |_| {}).unwrap().unwrap();
}

fn is_named_in(directory: &Path) -> bool {
    files(&directory.join("log"))
        .iter()
        .any(|file| fs::read(file).unwrap().windows(TRACE.len()).any(|part| part == TRACE))
}

#[test]
fn a_backup_into_the_same_directory_takes_over_what_was_redacted() {
    let scene = scene();
    let first = backup(&scene.data(), &scene.at("backup"), &mut |_| {}).unwrap();
    assert!(is_named_in(&scene.at("backup")) && first.copied > 3);
    redacted(&scene);
    let second = backup(&scene.data(), &scene.at("backup"), &mut |_| {}).unwrap();
    assert!(!is_named_in(&scene.at("backup")));
    assert!(second.copied < first.copied && second.kept > 1, "only changed segments are copied");
    assert_eq!(verify(&scene.at("backup"), &mut |_| {}).unwrap(), second.manifest);
    restore(&scene.at("backup"), &scene.at("restored"), Cut::Nowhere, later(), &mut |_| {}).unwrap();
    assert!(!is_named_in(&scene.at("restored")));
    Store::open(&scene.at("restored"), options(), &mut |_| {}).unwrap().close().unwrap();
    assert_eq!(check(&scene.at("restored"), &options(), &mut |_| {}).unwrap().findings, Vec::new());
}

#[test]
fn a_copy_that_follows_the_log_begins_again_after_a_redaction() {
    let scene = scene();
    let mut ship = Ship::begin(&scene.data(), &scene.at("shipped"), &mut |_| {}).unwrap();
    assert!(is_named_in(&scene.at("shipped")));
    redacted(&scene);
    let refused = ship.follow().unwrap_err();
    assert!(matches!(refused, BackupError::RedactedSince | BackupError::Log(ReadError::Damaged(_))), "{refused}");
    drop(ship);
    let mut ship = Ship::begin(&scene.data(), &scene.at("shipped"), &mut |_| {}).unwrap();
    assert!(!is_named_in(&scene.at("shipped")));
    let head = ship.head().0;
    commit(
        &scene.data(),
        &[vec![Record { recorded_at: later() + SignedDuration::from_secs(9), ..numbered(head + 1) }]],
    );
    ship.follow().unwrap();
    assert_eq!(ship.head(), Revision(head + 1));
    verify(&scene.at("shipped"), &mut |_| {}).unwrap();
}

#[test]
fn a_redaction_that_is_not_complete_is_in_no_backup() {
    let scene = scene();
    let taken = backup(&scene.data(), &scene.at("backup"), &mut |_| {}).unwrap();
    let ordered = RegistryFact::SpecialistRedacted { specialist: PERSON, why: "order 26-118".into() };
    let reporter = Reporter { client: "clerk".into(), role: Role::Operator };
    commit(&scene.data(), &[vec![Record { reporter, ..dated(HEAD + 31, ordered) }]]);
    // The record is durable, and nothing else was done.
    let refused = backup(&scene.data(), &scene.at("backup"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::RedactionPending), "{refused}");
    assert_eq!(verify(&scene.at("backup"), &mut |_| {}).unwrap(), taken.manifest);
    let refused = backup(&scene.data(), &scene.at("first"), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::RedactionPending), "{refused}");
    assert!(!scene.at("first").join("log").exists(), "it leaves nothing of what has to go");
    let mut archived = Vec::new();
    let refused = archive(&scene.data(), &[], &mut archived, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, BackupError::RedactionPending), "{refused}");
    Store::open(&scene.data(), options(), &mut |_| {}).unwrap().close().unwrap();
    backup(&scene.data(), &scene.at("backup"), &mut |_| {}).unwrap();
    assert!(!is_named_in(&scene.at("backup")));
    backup(&scene.data(), &scene.at("first"), &mut |_| {}).unwrap();
}
