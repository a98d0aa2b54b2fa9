//! What a scrub says of a disk that cannot read for a while, and of a segment that is bent meanwhile; and what becomes of
//! writes then.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::domain::command::Command;
use crate::domain::fact::{Reporter, Role};
use crate::domain::id::{FactId, Revision};
use crate::registry::{Content, Numbers, Opened, Options, Registry, Submission, SubmitError};
use crate::store::disk::simulated::{Call, Fault, SimulatedDisk};
use crate::store::log::{FileLog, Log as _, LogOptions};
use crate::store::{OpenMode, StoreOptions};

const PACE: Pace = Pace { bytes_per_second: u64::MAX, rest: Duration::ZERO, rest_after_refusal: Duration::ZERO };

#[test]
fn a_scrub_goes_on_after_damage_and_says_when_all_is_whole_again() {
    let disk = SimulatedDisk::new(1);
    let options = LogOptions { segment_bytes: 1_000, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let mut log = FileLog::open(Arc::new(disk.clone()), Path::new("/log"), options).unwrap();
    for revision in 0..100 {
        log.append(Revision(revision), &[vec![7; 90]]).unwrap();
    }
    let (tell, told) = mpsc::channel();
    disk.fail(&[Fault::Every(Call::Read, io::ErrorKind::Other, 0)]);
    let scrubber = Scrubber { log: log.reader() };
    let scrub = scrubber.begin(PACE, move |scrubbed| tell.send(scrubbed).unwrap_or_default()).unwrap();
    assert_eq!(told.recv(), Ok(Scrubbed::Unreadable));
    disk.fail(&[]);
    while told.recv() != Ok(Scrubbed::Whole) {}
    let (path, bytes) = disk.files().into_iter().nth(4).unwrap();
    let bent: Vec<_> = bytes.iter().map(|byte| byte ^ u8::from(*byte == 7)).collect();
    disk.put(&path, bent);
    while told.recv() != Ok(Scrubbed::Damaged) {}
    disk.put(&path, bytes);
    while told.recv() != Ok(Scrubbed::Whole) {}
    drop(scrub);
    while told.recv().is_ok() {}
}

#[test]
fn a_scrub_that_is_dropped_ends() {
    let log = FileLog::open(Arc::new(SimulatedDisk::new(1)), Path::new("/log"), LogOptions::default()).unwrap();
    let (tell, told) = mpsc::channel();
    let pace = Pace { rest: Duration::from_secs(3600), ..PACE };
    let scrub = Scrubber { log: log.reader() }.begin(pace, move |scrubbed| tell.send(scrubbed).unwrap()).unwrap();
    assert_eq!(told.recv(), Ok(Scrubbed::Whole));
    drop(scrub);
    assert_eq!(told.recv(), Err(mpsc::RecvError));
}

#[test]
fn a_scrub_that_breaks_off_is_begun_again() {
    let log = FileLog::open(Arc::new(SimulatedDisk::new(1)), Path::new("/log"), LogOptions::default()).unwrap();
    let (tell, told) = mpsc::channel();
    let told_once = AtomicBool::new(false);
    let scrub = Scrubber { log: log.reader() }.begin(PACE, move |scrubbed| {
        tell.send(scrubbed).unwrap_or_default();
        assert!(told_once.swap(true, Ordering::AcqRel), "a test");
    });
    assert_eq!([told.recv(), told.recv()], [Ok(Scrubbed::Whole); 2]);
    drop(scrub);
}

/// A registry whose log has several segments.
async fn registry(directory: &Path) -> Registry {
    let log = LogOptions { segment_bytes: 300, reserve_bytes: 0, reserve_percent: 0, ..LogOptions::default() };
    let options = Options {
        data_dir: directory.to_owned(),
        registry: None,
        rules_dir: None,
        today: Some("2026-01-01".parse().unwrap()),
        open_days_through: None,
        store: StoreOptions { mode: OpenMode::New("test"), log, ..StoreOptions::default() },
    };
    let Opened { registry, .. } = Registry::open(options, &mut |_| {}).unwrap();
    for _ in 0..20 {
        let tomorrow = registry.head().today.next();
        registry.open_days(tomorrow).await.unwrap();
    }
    registry
}

fn second_segment(directory: &Path) -> PathBuf {
    let mut segments: Vec<_> =
        fs::read_dir(directory.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some());
    segments.sort();
    assert!(segments.len() > 3);
    segments.swap_remove(1)
}

/// Whether a write was refused for damage; any other outcome is one that was decided.
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
async fn damage_in_a_closed_segment_refuses_writes_until_a_scrub_has_succeeded_and_no_questions() {
    let directory = tempfile::tempdir().unwrap();
    let registry = registry(directory.path()).await;
    assert!(!is_refused_for_damage(&registry).await && registry.takes_writes().await);
    let segment = second_segment(directory.path());
    let whole = fs::read(&segment).unwrap();
    let mut bent = whole.clone();
    bent[whole.len() / 2] ^= 4;
    fs::write(&segment, bent).unwrap();
    let _scrub = registry.begin_scrub(PACE).unwrap();
    while registry.takes_writes().await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(is_refused_for_damage(&registry).await);
    registry.pin_head().day_asked(None).unwrap();
    fs::write(&segment, whole).unwrap();
    while !registry.takes_writes().await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!is_refused_for_damage(&registry).await);
}
