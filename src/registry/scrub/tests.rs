//! Tests of the scrub: a disk that temporarily cannot be read, a segment that is damaged, and the effect on writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::domain::command::Command;
use crate::domain::fact::{Reporter, Role};
use crate::domain::id::{FactId, Revision};
use crate::registry::{Content, Numbers, Opened, Options, Registry, Submission, SubmitError};
use crate::store::disk::simulated::{Call, Fault, SimulatedDisk};
use crate::store::log::{FileLog, Log as _, LogOptions};
use crate::store::record::sealed;
use crate::store::{OpenMode, StoreOptions};

const PACE: Pace = Pace { bytes_per_second: u64::MAX, rest: Duration::ZERO, rest_after_refusal: Duration::ZERO };

/// The maximum time to wait for a pass or for its effect.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for the next pass with this result.
fn wait_for(passes: &mpsc::Receiver<&str>, result: &str) {
    let next = || passes.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no pass is {result}: {error}"));
    while next() != result {}
}

/// Waits until a condition holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

/// Names the result of a scrub.
fn name_of(scrubbed: Result<(), &ReadError>) -> &'static str {
    match scrubbed {
        Ok(()) => "intact",
        Err(ReadError::Disk { .. }) => "unreadable",
        Err(ReadError::Damaged(_)) => "damaged",
    }
}

#[test]
fn a_scrub_continues_after_damage_and_reports_when_the_log_is_intact_again() {
    let disk = SimulatedDisk::new(1);
    let options = LogOptions { segment_bytes: 1_000, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let mut log = FileLog::open(Arc::new(disk.clone()), Path::new("/log"), options).unwrap();
    for _ in 0..100 {
        log.append(&log.tip(), &[sealed(vec![7; 90])]).unwrap();
    }
    let (sender, passes) = mpsc::channel();
    disk.fail(&[Fault::Every(Call::Read, io::ErrorKind::Other, 0)]);
    let scrubber = Scrubber { log: log.reader(), pass_bytes: Arc::default() };
    let scrub = scrubber.begin(PACE, move |scrubbed| sender.send(name_of(scrubbed)).unwrap_or_default()).unwrap();
    assert_eq!(passes.recv_timeout(PATIENCE), Ok("unreadable"));
    disk.fail(&[]);
    wait_for(&passes, "intact");
    let (path, bytes) = disk.files().into_iter().nth(4).unwrap();
    let damaged: Vec<_> = bytes.iter().map(|byte| byte ^ u8::from(*byte == 7)).collect();
    disk.put(&path, damaged);
    wait_for(&passes, "damaged");
    disk.put(&path, bytes);
    wait_for(&passes, "intact");
    drop(scrub);
    let end = std::iter::repeat_with(|| passes.recv_timeout(PATIENCE)).find_map(Result::err);
    assert_eq!(end, Some(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_scrub_that_is_dropped_ends() {
    let log = FileLog::open(Arc::new(SimulatedDisk::new(1)), Path::new("/log"), LogOptions::default()).unwrap();
    let (sender, passes) = mpsc::channel();
    let pace = Pace { rest: Duration::from_secs(3600), ..PACE };
    let scrub = Scrubber { log: log.reader(), pass_bytes: Arc::default() }
        .begin(pace, move |scrubbed| sender.send(name_of(scrubbed)).unwrap())
        .unwrap();
    assert_eq!(passes.recv_timeout(PATIENCE), Ok("intact"));
    drop(scrub);
    assert_eq!(passes.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_scrub_that_panics_is_restarted() {
    let log = FileLog::open(Arc::new(SimulatedDisk::new(1)), Path::new("/log"), LogOptions::default()).unwrap();
    let (sender, passes) = mpsc::channel();
    let sent_once = AtomicBool::new(false);
    let scrub = Scrubber { log: log.reader(), pass_bytes: Arc::default() }.begin(PACE, move |scrubbed| {
        sender.send(name_of(scrubbed)).unwrap_or_default();
        assert!(sent_once.swap(true, Ordering::AcqRel), "a test");
    });
    assert_eq!([(); 2].map(|()| passes.recv_timeout(PATIENCE)), [Ok("intact"); 2]);
    drop(scrub);
}

/// Opens the registry in a directory.
fn open(directory: &Path, mode: OpenMode) -> Opened {
    let log = LogOptions { segment_bytes: 700, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let options = Options {
        data_dir: directory.to_owned(),
        registry: None,
        begins_shared_log: false,
        adopts_semantics: false,
        rules_dir: None,
        today: Some("2026-01-01".parse().unwrap()),
        open_days_through: None,
        store: StoreOptions { mode, log, ..StoreOptions::default() },
    };
    Registry::open(options, &mut |_| {}).unwrap()
}

async fn close(Opened { registry, writer }: Opened) {
    registry.close().await;
    drop(registry);
    writer.join().unwrap().unwrap().close().unwrap();
}

/// Creates a registry whose log has several segments.
async fn registry(directory: &Path) -> Opened {
    let opened = open(directory, OpenMode::New("test"));
    for _ in 0..20 {
        let tomorrow = opened.registry.head().today.next();
        opened.registry.open_days(tomorrow).await.unwrap();
    }
    opened
}

/// Waits until writes are accepted, or are refused.
async fn wait_until_writes(registry: &Registry, are_taken: bool) {
    until("writes that change", async || registry.writes_off().await.is_none() == are_taken).await;
}

/// Closes the registry once a scrub has passed: writes are accepted and the damage note is gone.
async fn close_once_a_scrub_has_passed(opened: Opened, note: &Path) {
    // The scrub pauses after the first pass. Further passes could remove the next note after the registry is closed.
    let pace = Pace { rest: Duration::from_secs(3600), ..PACE };
    let scrub = opened.registry.begin_scrub(pace).unwrap();
    wait_until_writes(&opened.registry, true).await;
    until("a note that is removed", async || !note.exists()).await;
    drop(scrub);
    close(opened).await;
}

/// Damages a closed segment before its last frame. Returns its path and the original bytes.
fn damage(directory: &Path) -> (PathBuf, Vec<u8>) {
    let segment = second_segment(directory);
    let intact = fs::read(&segment).unwrap();
    let mut damaged = intact.clone();
    damaged[intact.len() / 4] ^= 4;
    fs::write(&segment, damaged).unwrap();
    (segment, intact)
}

fn second_segment(directory: &Path) -> PathBuf {
    let mut segments: Vec<_> =
        fs::read_dir(directory.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some());
    segments.sort();
    assert!(segments.len() > 3);
    segments.swap_remove(1)
}

/// True if a write was refused for damage; false for any other outcome.
async fn is_refused_for_damage(registry: &Registry) -> bool {
    let submission = Submission {
        reporter: Reporter { client: "a test".into(), role: Role::Registrar },
        method: "/a/test",
        request_id: uuid::Uuid::new_v4(),
        content: Content::default(),
        validate_only: false,
        note: String::new(),
        command: Command::RetractFact { fact: FactId { revision: Revision(1), index: 0 }, reason: "a test".to_owned() },
        numbers: Numbers::Random,
    };
    matches!(registry.submit(submission).await, Err(SubmitError::StoreDamaged))
}

#[tokio::test]
async fn damage_in_a_closed_segment_refuses_writes_but_not_questions_until_a_scrub_passes() {
    let directory = tempfile::tempdir().unwrap();
    let Opened { registry, .. } = registry(directory.path()).await;
    assert!(!is_refused_for_damage(&registry).await && registry.writes_off().await.is_none());
    let (segment, intact) = damage(directory.path());
    let _scrub = registry.begin_scrub(PACE).unwrap();
    wait_until_writes(&registry, false).await;
    assert!(is_refused_for_damage(&registry).await);
    registry.pin_head().day_asked(None).unwrap();
    fs::write(&segment, intact).unwrap();
    wait_until_writes(&registry, true).await;
    assert!(!is_refused_for_damage(&registry).await);
}

#[tokio::test]
async fn a_start_after_damage_was_found_refuses_writes_until_a_scrub_passes() {
    let directory = tempfile::tempdir().unwrap();
    let note = directory.path().join("DAMAGED");
    let opened = registry(directory.path()).await;
    assert!(!note.exists());
    let (segment, intact) = damage(directory.path());
    let scrub = opened.registry.begin_scrub(PACE).unwrap();
    wait_until_writes(&opened.registry, false).await;
    until("a note of the damage", async || note.exists()).await;
    drop(scrub);
    close(opened).await;
    let found = fs::read_to_string(&note).unwrap();
    assert!(found.contains(segment.file_name().unwrap().to_str().unwrap()), "{found}");

    // The scrub has not found it in this process yet.
    let opened = open(directory.path(), OpenMode::Existing);
    assert!(is_refused_for_damage(&opened.registry).await && opened.registry.writes_off().await.is_some());
    opened.registry.pin_head().day_asked(None).unwrap();
    fs::write(&segment, intact).unwrap();
    close_once_a_scrub_has_passed(opened, &note).await;
    let opened = open(directory.path(), OpenMode::Existing);
    assert!(!is_refused_for_damage(&opened.registry).await);
    close(opened).await;
}

#[tokio::test]
async fn an_unreadable_damage_note_counts_as_damage_and_an_unwritable_one_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let note = directory.path().join("DAMAGED");
    close(registry(directory.path()).await).await;
    let unreadable: [&dyn Fn(); 3] =
        [&|| fs::write(&note, [0xff, 0xfe]).unwrap(), &|| fs::write(&note, "").unwrap(), &|| {
            fs::create_dir(&note).unwrap();
        }];
    for make in unreadable {
        make();
        let opened = open(directory.path(), OpenMode::Existing);
        assert!(is_refused_for_damage(&opened.registry).await);
        close_once_a_scrub_has_passed(opened, &note).await;
    }
    // Prevent the note's temporary file from being created.
    fs::create_dir(note.with_extension("tmp")).unwrap();
    let opened = open(directory.path(), OpenMode::Existing);
    damage(directory.path());
    let _scrub = opened.registry.begin_scrub(PACE).unwrap();
    wait_until_writes(&opened.registry, false).await;
    assert!(is_refused_for_damage(&opened.registry).await && !note.exists());
}
